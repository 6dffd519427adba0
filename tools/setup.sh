# SPDX-License-Identifier: LGPL-2.1-or-later
# Sourced by ./run and ./test: packages, build folder, the guest that both boot.
# Expects $top (the source tree); sets $build; honours BUILD_DIR.

build=${BUILD_DIR:-$top/build}
packages_build="gcc pkg-config python3 meson ninja-build nasm acpica-tools libglib2.0-dev libltdl-dev libpixman-1-dev
    liburcu-dev libjson-glib-dev libcapstone-dev libpng-dev zlib1g-dev libgirepository1.0-dev gobject-introspection
    libgtk-3-dev python3-gi"
packages_guest="seabios ovmf busybox-static cpio"
packages_test="g++ git abigail-tools gi-docgen gir1.2-glib-2.0 gjs valac"

say() {
    printf '%s\n' "$*" >&2
}

# as_root COMMAND...: as the administrator; false where that cannot be.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else return 1; fi
}

# insist COMMAND...: up to three times: another process may hold apt's lock, a mirror may not answer at once.
insist() {
    for pause in 10 30 0; do
        "$@" >/dev/null && return 0
        [ $pause = 0 ] || sleep $pause
    done
    return 1
}

# Further options of apt-get: how long it waits for dpkg's lock, how often it asks a mirror.
apt_patience="-qq -o DPkg::Lock::Timeout=600 -o Acquire::Retries=5"

# need_packages NAME...: installs those that dpkg does not know as installed.
need_packages() {
    missing=
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p')
    for p in "$@"; do
        printf '%s\n' "$installed" | grep -qx "$p" || missing="$missing $p"
    done
    [ -n "$missing" ] || return 0
    if ! as_root true; then
        say "these Debian packages are missing, and neither root nor sudo is at hand:$missing"
        exit 1
    fi
    say "installing:$missing"
    insist as_root apt-get update $apt_patience || true
    insist as_root env DEBIAN_FRONTEND=noninteractive apt-get install $apt_patience -y --no-install-recommends $missing || {
        say "apt-get could not install:$missing"
        exit 1
    }
}

# The package of Python's library, which devices written in Python run in; Debian names it by its version.
python_library() {
    /usr/bin/python3 -c 'import sys; print("libpython%d.%d" % sys.version_info[:2])'
}

build_all() {
    if [ ! -f "$build/build.ninja" ]; then
        meson setup "$build" "$top" >"$top/.setup.log" 2>&1 || {
            cat "$top/.setup.log" >&2
            exit 1
        }
        rm -f "$top/.setup.log"
    fi
    ninja -C "$build" >"$build/ninja.log" 2>&1 || {
        tail -n 60 "$build/ninja.log" >&2
        exit 1
    }
}

# unpack_kernel META FOLDER: the package of the kernel that META stands for, unpacked (nothing is installed) in $build/guest/FOLDER.
unpack_kernel() {
    find_kernel "$1"
    if [ -z "$name" ]; then
        insist as_root apt-get update $apt_patience || true
        find_kernel "$1"
    fi
    say "fetching ${name:-a kernel for $1}"
    rm -rf "$build/guest/$2" "$build/guest/download"
    mkdir -p "$build/guest/download"
    (cd "$build/guest/download" && insist apt-get download $apt_patience "$name" 2>/dev/null && dpkg-deb -x "$name"_*.deb tree) || {
        rm -rf "$build/guest/download"
        say "could not get the kernel package ${name:-that $1 depends on}"
        return 1
    }
    mv "$build/guest/download/tree" "$build/guest/$2"
    rm -rf "$build/guest/download"
}

find_kernel() {
    name=$(apt-cache depends "$1" 2>/dev/null | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
}

# get_kernel: Debian's cloud kernel as $build/guest/vmlinuz, its modules beside it.
get_kernel() {
    mkdir -p "$build/guest"
    [ -s "$build/guest/vmlinuz" ] && return 0
    for k in /boot/vmlinuz-*-cloud-amd64; do
        if [ -r "$k" ]; then
            cp "$k" "$build/guest/vmlinuz"
            return 0
        fi
    done
    unpack_kernel linux-image-cloud-amd64 kernel || exit 1
    cp "$build"/guest/kernel/boot/vmlinuz-* "$build/guest/vmlinuz"
    rm -rf "$build/guest/modules"
    mv "$build/guest/kernel/lib/modules" "$build/guest/modules"
    rm -rf "$build/guest/kernel"
}

# get_full_kernel: Debian's kernel with drivers for what PCs had, in $build/guest/linux. Tests that want it skip without.
get_full_kernel() {
    [ -d "$build/guest/linux" ] || unpack_kernel linux-image-amd64 linux || true
}

get_initramfs() {
    if [ ! -s "$build/guest/initrd.gz" ] || [ "$top/tests/guest/init" -nt "$build/guest/initrd.gz" ]; then
        sh "$top/tests/guest/build-initramfs.sh" "$build/guest/initrd.gz"
    fi
}
