#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Linux' own drivers at the floppy controller, the parallel port and the serial ports: what they find, and that data arrives."""

import os
import tempfile

import harness
from harness import Failure, Guest

# Of Debian's full kernel; the cloud kernel, which the other tests boot, has none of them.
MODULES = ["drivers/block/floppy", "drivers/parport/parport", "drivers/parport/parport_pc", "drivers/char/lp", "drivers/char/ppdev"]


def boot(*args):
    return Guest(MODULES, "-M", "pc", "-m", "256", "-no-reboot", *args)


def image(guest_folder, name, size, byte):
    path = os.path.join(guest_folder, name)
    with open(path, "wb") as f:
        f.write(bytes(((i >> 9) * 7 + byte) & 0xff for i in range(size)))
    return path


def floppy(options=""):
    """Linux' floppy driver writes and reads two drives, and notices another disk."""
    with tempfile.TemporaryDirectory() as folder:
        first, second = image(folder, "a.img", 1440 << 10, 1), image(folder, "b.img", 720 << 10, 2)
        other = image(folder, "c.img", 1440 << 10, 3)
        with boot("-drive", f"file={first},format=raw,if=floppy", "-drive", f"file={second},format=raw,if=floppy,index=1") as guest:
            guest.must(f"insmod /modules/floppy.ko {options}; sleep 1; dmesg | grep -e 'Floppy drive' -e FDC",
                       "fd0 is 1.44M, fd1 is 720k", "FDC 0 is a S82078B")
            guest.must("for i in $(seq 1 240); do dd if=/dev/zero bs=1k count=1 2>/dev/null | tr '\\000' $((i % 10)); done > /tmp/f; wc -c < /tmp/f",
                       "245760")
            for drive in "01":
                guest.must(f"dd if=/tmp/f of=/dev/fd{drive} bs=4k seek=20 conv=fsync 2>/dev/null && echo 3 > /proc/sys/vm/drop_caches && "
                           f"dd if=/dev/fd{drive} bs=4k skip=20 count=60 2>/dev/null | cmp - /tmp/f && echo sa''me", "same", timeout=300)
            for path, start in ((first, 1), (second, 2)):
                with open(path, "rb") as f:
                    data = f.read()
                if data[80 << 10:320 << 10] != b"".join(bytes([0x30 + i % 10]) * 1024 for i in range(1, 241)):
                    raise Failure(f"{path} does not have what the guest wrote")
                if data[:512] != bytes([start]) * 512 or data[320 << 10] != (640 * 7 + start) & 0xff:
                    raise Failure(f"{path}: the guest wrote elsewhere too")
            guest.emu.hmp(f"change floppy0 {other} raw")
            guest.must("dd if=/dev/fd0 bs=512 count=1 2>/dev/null | hexdump -C | head -1", "00000000  03 03 03 03")
            text = guest.run("dmesg | grep -i -e floppy")
            if "error" in text or "timeout" in text:
                raise Failure(text)
            guest.emu.hmp("eject floppy0")
            guest.must("dd if=/dev/fd0 bs=512 count=1", "No such device")


def prints(parameters, *wanted):
    """A file through lp."""
    with boot("-parallel", "file:@/paper") as guest:
        guest.must(f"insmod /modules/parport.ko; insmod /modules/parport_pc.ko {parameters}; insmod /modules/lp.ko; dmesg | grep -e parport0 -e lp0",
                   *wanted)
        guest.must("seq 1 2000 > /tmp/f; cat /tmp/f > /dev/lp0 && echo pri''nted", "printed", timeout=400)
        if guest.read("paper") != b"".join(b"%d\n" % i for i in range(1, 2001)):
            raise Failure(f"{len(guest.read('paper'))} bytes were printed, and not those that were sent")


def serial_ports():
    """Four ports with the usual resources, each found to be a 16550A; what goes to the second one's end arrives."""
    ports = [a for i in (1, 2, 3) for a in ("-chardev", f"file,id=c{i},path=@/s{i}", "-device", f"isa-serial,chardev=c{i},index={i}")]
    with boot(*ports) as guest:
        guest.must("dmesg | grep 16550A", *[f"ttyS{i} at I/O {port} (irq = {irq}, base_baud = 115200) is a 16550A"
                                            for i, (port, irq) in enumerate((("0x3f8", 4), ("0x2f8", 3), ("0x3e8", 4), ("0x2e8", 3)))])
        for i in (1, 2, 3):
            guest.must(f"stty -F /dev/ttyS{i} raw 115200; seq 1 1000 > /dev/ttyS{i} && echo se''nt", "sent")
        for i in (1, 2, 3):
            if guest.read(f"s{i}") != b"".join(b"%d\n" % n for n in range(1, 1001)):
                raise Failure(f"{len(guest.read(f's{i}'))} bytes came out of port {i + 1}, and not those that were sent")


harness.run([
    ("isa/floppy/by-dma", floppy),
    ("isa/floppy/without-dma", lambda: floppy("floppy=nodma")),
    ("isa/parallel/prints-by-interrupt", lambda: prints("io=0x378 io_hi=0x778 irq=auto", "PC-style at 0x378 (0x778), irq 7 [PCSPP,TRISTATE,",
                                                        "EPP", "lp0: using parport0 (interrupt-driven)")),
    ("isa/parallel/prints-by-polling", lambda: prints("io=0x378 irq=none", "PC-style at 0x378", "lp0: using parport0 (polling)")),
    ("isa/serial/four-ports", serial_ports),
])
