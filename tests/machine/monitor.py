#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The monitors on their sockets, with a machine that runs firmware: life of a machine, events, many clients, media, any bytes."""

import json
import os
import random
import socket
import subprocess
import tempfile
import time

import harness
from harness import EMU, PLUGINS, Emu, Failure, firmware


def returned(reply):
    if "return" not in reply:
        raise Failure(f"an error: {reply}")
    return reply["return"]


def refused(reply, text):
    if text not in reply.get("error", {}).get("desc", ""):
        raise Failure(f"expected an error with '{text}': {reply}")


def same(got, wanted):
    if got != wanted:
        raise Failure(f"got {got!r}, expected {wanted!r}")


def life_of_a_machine():
    firmware("bios-256k.bin")
    with Emu("-M", "pc", "-m", "64", "-smp", "2", "-S", "-name", "one", "-uuid", "6f0d1c9e-35bb-4d3c-9a3e-1f2c0a1b2c3d") as emu:
        qmp = emu.qmp()
        same(returned(qmp.command("query-status"))["status"], "prelaunch")
        same(returned(qmp.command("query-name")), {"name": "one"})
        same(returned(qmp.command("query-uuid")), {"UUID": "6f0d1c9e-35bb-4d3c-9a3e-1f2c0a1b2c3d"})
        same([c["cpu-index"] for c in returned(qmp.command("query-cpus-fast"))], [0, 1])
        returned(qmp.command("cont"))
        qmp.wait_event("RESUME")
        returned(qmp.command("stop"))
        qmp.wait_event("STOP")
        same(returned(qmp.command("query-status")), {"running": False, "singlestep": False, "status": "paused"})
        same(emu.hmp("info status"), "VM status: paused\n")
        returned(qmp.command("cont"))
        returned(qmp.command("system_reset"))
        same(qmp.wait_event("RESET")["data"], {"guest": False, "reason": "host-qmp-system-reset"})
        returned(qmp.command("system_powerdown"))
        qmp.wait_event("POWERDOWN")
        refused(qmp.command("query-vm-generation-id"), "VM Generation ID device not found")
        refused(qmp.command("system_wakeup"), "not in suspended state")
        same(returned(qmp.command("quit")), {})
        same(qmp.wait_event("SHUTDOWN")["data"], {"guest": False, "reason": "host-qmp-quit"})
        same(emu.wait(20), 0)


def generation_id():
    with Emu("-M", "pc", "-m", "64", "-S", "-device", "vmgenid,guid=6F0D1C9E-35bb-4d3c-9a3e-1f2c0a1b2c3d") as emu:
        same(returned(emu.qmp().command("query-vm-generation-id")), {"guid": "6f0d1c9e-35bb-4d3c-9a3e-1f2c0a1b2c3d"})
        same(emu.hmp("info vm-generation-id"), "6f0d1c9e-35bb-4d3c-9a3e-1f2c0a1b2c3d\n")


def shutdown_that_waits():
    """-no-shutdown: SIGTERM ends it all the same, and says why."""
    with Emu("-M", "pc", "-m", "64", "-no-shutdown") as emu:
        qmp = emu.qmp()
        emu.process.terminate()
        same(qmp.wait_event("SHUTDOWN")["data"]["reason"], "host-signal")
        same(emu.wait(20), 0)


def objects_and_properties():
    with Emu("-M", "pc", "-m", "64") as emu:
        qmp = emu.qmp()
        names = {p["name"] for p in returned(qmp.command("qom-list", path="/machine"))}
        if not {"unattached", "peripheral", "peripheral-anon"} <= names:
            raise Failure(f"/machine has {sorted(names)}")
        same(returned(qmp.command("qom-get", path="/machine", property="type")), "pc-i440fx-7.2-machine")
        same(returned(qmp.command("qom-get", path="/machine", property="ram-size")), 64 << 20)
        types = {t["name"] for t in returned(qmp.command("qom-list-types", implements="device", abstract=False))}
        if not {"isa-serial", "ide-hd", "VGA", "isa-i8259"} <= types:
            raise Failure(f"device types are {sorted(types)}")
        returned(qmp.command("object-add", **{"qom-type": "iothread", "id": "io1"}))
        same([t["id"] for t in returned(qmp.command("query-iothreads"))], ["io1"])
        refused(qmp.command("object-add", **{"qom-type": "iothread", "id": "io1"}), "duplicate")
        returned(qmp.command("object-del", id="io1"))
        refused(qmp.command("device_add", driver="zzz"), "'zzz' is not a valid device model name")
        refused(qmp.command("device_add", driver="isa-serial"), "can not be hotplugged")


def two_clients_hear_the_same():
    """A monitor that nobody reads does not hold up the machine or the other monitor."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "second")
        with Emu("-M", "pc", "-m", "64", "-chardev", f"socket,id=s,path={path},server=on,wait=off",
                 "-mon", "chardev=s,mode=control,pretty=on") as emu:
            first = emu.qmp()
            silent = socket.socket(socket.AF_UNIX)
            silent.connect(path)
            silent.sendall(b'{"execute":"qmp_capabilities"}' + b'{"execute":"query-qmp-schema"}' * 100)
            for _ in range(20):
                returned(first.command("stop"))
                first.wait_event("STOP")
                returned(first.command("cont"))
                first.wait_event("RESUME")
            silent.close()
            time.sleep(0.1)
            second = emu._connect(path)
            data = second.recv(100)
            if not data.startswith(b'{\n    "QMP": {\n        "version": {'):
                raise Failure(f"the greeting is {data!r}")
            second.close()


def answers_under_load():
    """A guest that never stops does not make the monitor wait."""
    firmware("bios-256k.bin")
    with tempfile.NamedTemporaryFile(suffix=".img") as image:
        image.write(bytes.fromhex("ebfe").ljust(510, b"\0") + b"\x55\xaa")
        image.flush()
        with Emu("-M", "pc", "-m", "64", "-drive", f"file={image.name},format=raw,if=floppy,readonly=on") as emu:
            qmp = emu.qmp()
            time.sleep(2)
            start = time.monotonic()
            for _ in range(100):
                returned(qmp.command("query-status"))
                emu.hmp("p/x 1")
            each = (time.monotonic() - start) / 200
            print(f"# a command takes {each * 1000:.1f} ms")
            if each > 1 * harness.PATIENCE:
                raise Failure(f"a command takes {each:.1f} s")


def media():
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("a.iso", "b.iso")]
        for i, path in enumerate(paths):
            with open(path, "wb") as f:
                f.truncate((i + 1) << 20)
        with Emu("-M", "pc", "-m", "64", "-drive", f"file={paths[0]},format=raw,media=cdrom,if=ide,index=2,id=cd0") as emu:
            qmp = emu.qmp()

            def size():
                for drive in returned(qmp.command("query-block")):
                    if drive["device"] == "cd0":
                        return drive.get("inserted", {}).get("image", {}).get("virtual-size")
                raise Failure("no drive cd0")

            same(size(), 1 << 20)
            same(emu.hmp(f"change cd0 {paths[1]} raw"), "")
            same(size(), 2 << 20)
            same(emu.hmp("change cd0 /nonexistent raw"), "Error: Could not open '/nonexistent': No such file or directory\n")
            same(size(), 2 << 20)
            returned(qmp.command("eject", device="cd0"))
            same(size(), None)
            returned(qmp.command("blockdev-add", **{"driver": "raw", "node-name": "n", "read-only": True, "file": {"driver": "file", "filename": paths[0]}}))
            returned(qmp.command("blockdev-open-tray", device="cd0"))
            drive = next(d for d in returned(qmp.command("query-block")) if d["device"] == "cd0")
            returned(qmp.command("blockdev-insert-medium", **{"id": drive["qdev"], "node-name": "n"}))
            returned(qmp.command("blockdev-close-tray", id=drive["qdev"]))
            same(size(), 1 << 20)
            refused(qmp.command("blockdev-del", **{"node-name": "n"}), "is in use")


def memory_to_files():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "m")
        with Emu("-M", "pc", "-m", "64") as emu:
            qmp = emu.qmp()
            returned(qmp.command("pmemsave", val=0xfffffff0, size=16, filename=path))
            same(open(path, "rb").read(1), b"\xea")
            same(emu.hmp("xp /1bx 0xfffffff0"), "00000000fffffff0: 0xea\n")
            refused(qmp.command("pmemsave", val=0, size=16, filename="/nonexistent/m"), "/nonexistent/m")


def any_bytes():
    """Random bytes on both kinds of monitor, with the guest running; then they still answer."""
    random.seed(int(os.environ.get("EMU_TEST_SEED", "1")))
    words = [b'{"execute":"', b'query-status"', b"}", b"{", b"[", b'"', b",", b":", b'"arguments"', b"\n", b"\x1b[A", b"info ", b"x/", b"p ", b"\xff", b"help\n", b"\t"]
    with Emu("-M", "pc", "-m", "64") as emu:
        for _ in range(30):
            for path in (emu.qmp_path, emu.monitor_path):
                s = emu._connect(path)
                data = b"".join(random.choice(words) if random.random() < 0.7 else bytes([random.randrange(256)]) for _ in range(300))
                # A line of chance must not end the emulator.
                data = data.replace(b"q\n", b"\n").replace(b"q\r", b"\r")
                try:
                    s.sendall(data)
                    s.settimeout(0.02)
                    while s.recv(65536):
                        pass
                except OSError:
                    pass
                s.close()
        same(returned(emu.qmp().command("query-status"))["running"], True)
        same(emu.hmp("p/x 1"), "0x1\n")


def stdio_and_exit():
    command = [EMU, "--plugin-dir", PLUGINS, "-M", "none", "-display", "none", "-nodefaults", "-qmp", "stdio"]
    done = subprocess.run(command, input=b'{"execute":"qmp_capabilities"}\n{"execute":"quit"}\n', capture_output=True, timeout=20 * harness.PATIENCE, check=False)
    lines = done.stdout.decode().splitlines()
    if "QMP" not in json.loads(lines[0]) or json.loads(lines[1]) != {"return": {}}:
        raise Failure(f"it said {lines}")
    same(done.returncode, 0)


harness.run([
    ("life-of-a-machine", life_of_a_machine),
    ("generation-id", generation_id),
    ("a-signal-ends-it", shutdown_that_waits),
    ("objects-and-properties", objects_and_properties),
    ("two-clients-hear-the-same", two_clients_hear_the_same),
    ("answers-under-load", answers_under_load),
    ("media", media),
    ("memory-to-files", memory_to_files),
    ("any-bytes", any_bytes),
    ("stdio-and-exit", stdio_and_exit),
])
