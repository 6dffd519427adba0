#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The worked examples as their readers build them: copied out of the installed SDK, alone, with the source tree out of sight.
Each passes its own tests and emu-lint, and emu takes it on a command line."""

from tree import Failure, Tree, harness

# In this order: the SPI controller's test wants the EEPROM beside it.
EXAMPLES = {
    "block-sparse": "block-driver-sparse",
    "chardev-exec": "chardev-exec",
    "hello": "hello",
    "i2c-lm75": "lm75",
    "spi-eeprom": "spi-eeprom",
    "pci-spi": "pci-spi",
    "sysbus-countdown": "countdown",
}

# What some do not come up without.
SETTINGS = {"block-sparse": "--set block-driver-sparse:size=1M", "chardev-exec": "--set chardev-exec:command=cat"}

tree = Tree()


def example(name, type_name):
    def test():
        folder = tree.run("pkg-config --variable=exampledir emu-sdk-1").stdout.strip() + f"/{name}"
        tree.run(f"cp -r '{folder}' {name} && cd {name} && meson setup build && meson test -C build --print-errorlogs")
        lint = tree.run(f"emu-lint --rounds 200 --accesses 2000 {SETTINGS.get(name, '')} {name}/build/{name}.so", ok=False)
        if lint.returncode or "not ok" in lint.stdout:
            raise Failure(f"emu-lint: {lint.stdout}{lint.stderr}")
        text = tree.run(f"emu-inspect --plugin-dir {name}/build {type_name}").stdout
        if type_name not in text:
            raise Failure(f"emu-inspect says {text}")
        if type_name.startswith(("block-driver-", "chardev-")):
            return
        page = tree.run(f"emu-inspect --plugin-dir {name}/build --register-page {type_name}").stdout
        if not page.startswith(f"# Registers of {type_name}") or (name == "hello" and "| 0x02 | HELLO | 8 | RW | 0x0 | greetings, one a bit |" not in page):
            raise Failure(f"emu-inspect --register-page says {page}")
    return test


def back_ends():
    """A plugin that brings a block driver or a character back end only is opened when its driver is named, and when a
    probe wants to know what it says to an image; one that is refused is named with the reason."""
    dirs = "--plugin-dir block-sparse/build --plugin-dir chardev-exec/build"
    quiet = "-M pc -m 64 -S -display none -vga none"
    tree.run(": >disk.sparse")
    for option in ("-drive file=disk.sparse,format=sparse,size=64M,if=none,id=d", "-drive file=disk.sparse,if=none,id=d",
                   "-blockdev driver=sparse,node-name=n,file.driver=file,file.filename=disk.sparse -device ide-hd,drive=n",
                   "-blockdev driver=raw,node-name=n,file.driver=sparse,file.file.driver=file,file.file.filename=disk.sparse -device ide-hd,drive=n"):
        done = tree.run(f"printf 'info block\ninfo chardev\nquit\n' | emu {quiet} {dirs} -monitor stdio -serial none {option} "
                        "-chardev exec,id=e,command=cat")
        if "disk.sparse" not in done.stdout or "e: filename=exec:cat" not in done.stdout:
            raise Failure(f"{option}: {done.stdout}{done.stderr}")
    for arguments, text in (("-drive format=help", "sparse"), ("-chardev help", "exec")):
        if text not in tree.run(f"emu {dirs} {arguments}").stdout.split():
            raise Failure(f"{arguments} does not list {text}")
    # Nobody has it; somebody has it, who is refused.
    for option, texts in (("-drive driver=sparse,file.filename=disk.sparse,if=none", ["Unknown driver 'sparse'"]),
                          ("-chardev exec,id=e,command=cat", ["'exec' is not a valid char driver"])):
        done = tree.run(f"emu {quiet} {option}", ok=False)
        if done.returncode != 1 or not all(text in done.stderr for text in texts):
            raise Failure(f"{option}: status {done.returncode}, said {done.stderr}")
    tree.run("mkdir -p refused && python3 - <<'END'\n"
             "for name in ('block-sparse', 'chardev-exec'):\n"
             "    data = bytearray(open(f'{name}/build/{name}.so', 'rb').read())\n"
             "    at = data.index(b'EMUPLUG1' + (8192 + 2048 + 48 + 32 + 48 + 160 + 20).to_bytes(4, 'little'))\n"
             "    data[at + 14:at + 16] = (77).to_bytes(2, 'little')\n"
             "    open(f'refused/{name}.so', 'wb').write(data)\n"
             "END")
    for option, driver in (("-drive driver=sparse,file.filename=disk.sparse,if=none", "driver 'sparse'"), ("-chardev exec,id=e,command=cat", "char driver 'exec'")):
        done = tree.run(f"emu {quiet} --plugin-dir refused {option}", ok=False)
        if done.returncode != 1 or f"{driver}: type '" not in done.stderr or "was built for SDK 1.77" not in done.stderr:
            raise Failure(f"{option}: status {done.returncode}, said {done.stderr}")


def machine_with_all():
    """-device finds them, the SPI bus of one takes the other."""
    done = tree.run("printf 'info qtree\\nquit\\n' | emu -M pc -m 64 -S -display none -monitor stdio --plugin-dir hello/build "
                    "--plugin-dir i2c-lm75/build --plugin-dir spi-eeprom/build --plugin-dir pci-spi/build -device hello "
                    "-device lm75,address=0x48 -device pci-spi -device spi-eeprom,cs=2")
    for text in ("dev: hello", "dev: lm75", "dev: pci-spi", "dev: spi-eeprom", "at cs2"):
        if text not in done.stdout:
            raise Failure(f"'{text}' is not in\n{done.stdout}")


print(f"# the source tree is {'hidden' if tree.hide else 'in sight: not root, or no mount namespaces'}")
try:
    harness.run([*((f"sdk/examples/{name}", example(name, type_name)) for name, type_name in EXAMPLES.items()),
                 ("sdk/examples/back-ends", back_ends),
                 ("sdk/examples/machine-with-all", machine_with_all)])
finally:
    tree.close()
