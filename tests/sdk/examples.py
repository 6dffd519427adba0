#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The worked examples as their readers build them: copied out of the installed SDK, alone, with the source tree out of sight.
Each passes its own tests and emu-lint, and emu takes it on a command line."""

from tree import Failure, Tree, harness

# In this order: the SPI controller's test wants the EEPROM beside it.
EXAMPLES = {
    "hello": "hello",
    "i2c-lm75": "lm75",
    "spi-eeprom": "spi-eeprom",
    "pci-spi": "pci-spi",
    "sysbus-countdown": "countdown",
}

tree = Tree()


def example(name, type_name):
    def test():
        folder = tree.run("pkg-config --variable=exampledir emu-sdk-1").stdout.strip() + f"/{name}"
        tree.run(f"cp -r '{folder}' {name} && cd {name} && meson setup build && meson test -C build --print-errorlogs")
        lint = tree.run(f"emu-lint --rounds 200 --accesses 2000 {name}/build/{name}.so", ok=False)
        if lint.returncode or "not ok" in lint.stdout:
            raise Failure(f"emu-lint: {lint.stdout}{lint.stderr}")
        text = tree.run(f"emu-inspect --plugin-dir {name}/build {type_name}").stdout
        if type_name not in text:
            raise Failure(f"emu-inspect says {text}")
        page = tree.run(f"emu-inspect --plugin-dir {name}/build --register-page {type_name}").stdout
        if not page.startswith(f"# Registers of {type_name}") or (name == "hello" and "| 0x02 | HELLO | 8 | RW | 0x0 | greetings, one a bit |" not in page):
            raise Failure(f"emu-inspect --register-page says {page}")
    return test


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
                 ("sdk/examples/machine-with-all", machine_with_all)])
finally:
    tree.close()
