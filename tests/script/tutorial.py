# SPDX-License-Identifier: LGPL-2.1-or-later
"""What docs/device-in-python.md says, done: its files are written, its commands run."""

import os
import re
import subprocess
import sys
import tempfile

import tap

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "device-in-python.md")


def blocks():
    with open(PAGE) as f:
        text = f.read()
    return re.findall(r"```(\w+)(?: ([\w.]+))?\n(.*?)```", text, re.S)


def run(folder, command):
    env = {**os.environ, "PATH": f"{tap.BUILD}:{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-ec", command], cwd=folder, env=env, capture_output=True, text=True, timeout=1200)
    print("".join(f"# {line}\n" for line in (done.stdout + done.stderr).splitlines()), end="")
    if done.returncode:
        raise AssertionError(f"{command.strip()}: exit status {done.returncode}")


def test_page():
    with tempfile.TemporaryDirectory() as folder:
        for kind, name, text in blocks():
            if kind == "python":
                with open(os.path.join(folder, name), "w") as f:
                    f.write(text)
            elif "boot_counter" in text:
                tap.guest("vmlinuz")
                run(folder, text)
            else:
                run(folder, text)


TEMPLATES = os.path.join(os.path.dirname(PAGE), "..", "sdk", "templates")


def template(bus):
    with tempfile.TemporaryDirectory() as folder:
        emu_sdk = os.path.join(os.path.dirname(PAGE), "..", "tools", "emu-sdk.py")
        env = f"EMU_SDK_TEMPLATES={TEMPLATES}"
        run(folder, f"{env} {sys.executable} {emu_sdk} new my-{bus} --lang python --bus {bus} -C {folder}/new")
        run(f"{folder}/new", f"python3 test_my-{bus}.py && emu --plugin-dir . -device my-{bus},help")


def test_template_isa():
    template("isa")


def test_template_pci():
    template("pci")


def test_template_sysbus():
    template("sysbus")


def test_template_i2c():
    template("i2c")


if __name__ == "__main__":
    tap.main(sys.modules[__name__])
