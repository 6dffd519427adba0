# SPDX-License-Identifier: LGPL-2.1-or-later
"""TAP for scripts: functions named test_*, in the order of the file."""

import os
import sys
import traceback

BUILD = os.environ["EMU_BUILD"]


class Skip(Exception):
    pass


def guest(name):
    path = os.path.join(BUILD, "guest", name)
    if not os.path.exists(path):
        raise Skip(f"{name} is not there (./test fetches it)")
    return path


def linux(Emu, memory="256M", append="", **options):
    return Emu.Machine.new("pc", memory=memory, kernel=guest("vmlinuz"), initrd=guest("initrd.gz"),
                           append=f"console=ttyS0 panic=-1 no_timer_check quiet {append}", **options)


def equal(got, expected):
    if got != expected:
        raise AssertionError(f"got {got!r}, expected {expected!r}")


def raises(kind, code, *words):
    """with raises(Emu.Error, Emu.Error.NOT_FOUND, "net0"): ..."""

    class Context:
        def __enter__(self):
            return self

        def __exit__(self, exc_type, exc, _tb):
            if exc_type is None:
                raise AssertionError(f"no exception, expected {code}")
            if not issubclass(exc_type, kind):
                return False
            self.error = exc
            if code is not None and exc.code != code:
                raise AssertionError(f"got {exc!r}, expected {code}")
            for word in words:
                if word not in str(exc):
                    raise AssertionError(f"{exc!r} does not name {word!r}")
            return True

    return Context()


def main(module):
    tests = [value for name, value in vars(module).items() if name.startswith("test_")]
    only = sys.argv[1:]
    tests = [t for t in tests if not only or t.__name__ in only]
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for number, test in enumerate(tests, 1):
        name = test.__name__[len("test_"):].replace("_", "-")
        try:
            test()
        except Skip as why:
            print(f"ok {number} {name} # SKIP {why}", flush=True)
            continue
        except BaseException:
            failed += 1
            print("".join("# " + line + "\n" for line in traceback.format_exc().splitlines()), end="")
            print(f"not ok {number} {name}", flush=True)
            continue
        print(f"ok {number} {name}", flush=True)
    sys.exit(1 if failed else 0)
