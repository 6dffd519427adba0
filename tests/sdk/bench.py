#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""bench.py BUILD: what the border to plugins costs. 300 plugins read cold and warm, and a call into the core beside a direct one."""
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent.parent
BUILD = Path(sys.argv[1]).resolve()
FLAGS = subprocess.run(["pkg-config", "--cflags", "glib-2.0", "gobject-2.0"], capture_output=True, text=True, check=True).stdout.split()
LINK = [f"-I{SOURCE}/sdk", *FLAGS, f"-L{BUILD}", "-lemu-core-1", "-lglib-2.0", "-lgobject-2.0"]
PLUGIN = """
#include <emu/device.h>
#include <emu/plugin.h>
EMU_PLUGIN(.name = "%(n)s", .version = "1", .license = "MIT", .description = "one of many", .provides = "%(n)s:device");
"""
CALL = r"""
#include <emu/memory.h>
#include <stdio.h>
typedef struct { uint64_t size; } Local;
static uint64_t __attribute__((noinline)) local_get_size(Local *l) { __asm__ volatile("" : : "r"(l) : "memory"); return l->size; }
static double ns(gint64 us, unsigned n) { return us * 1000.0 / n; }
int main(void)
{
    EmuMemoryRegion *r = emu_memory_region_new_container(NULL, "x", 4096);
    Local l = {4096};
    const unsigned n = 50000000;
    uint64_t sum = 0;
    double best_direct = 1e9, best_border = 1e9;
    for (int round = 0; round < 5; round++) {
        gint64 t0 = g_get_monotonic_time();
        for (unsigned i = 0; i < n; i++) sum += local_get_size(&l);
        gint64 t1 = g_get_monotonic_time();
        for (unsigned i = 0; i < n; i++) sum += emu_memory_region_get_size(r);
        gint64 t2 = g_get_monotonic_time();
        best_direct = MIN(best_direct, ns(t1 - t0, n));
        best_border = MIN(best_border, ns(t2 - t1, n));
    }
    printf("a direct call %.2f ns, through the border %.2f ns, difference %.2f ns (%lu)\n", best_direct, best_border, best_border - best_direct,
           (unsigned long)(sum & 1));
    return 0;
}
"""


def scan():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plugins = folder / "plugins"
        plugins.mkdir()
        (folder / "p.c").write_text(PLUGIN % {"n": "many-00000"})
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-w", "-o", str(folder / "p.so"), str(folder / "p.c"), *LINK], check=True)
        data = (folder / "p.so").read_bytes()
        for i in range(300):
            (plugins / f"{i:03}.so").write_bytes(data.replace(b"many-00000", f"many-{i:05}".encode()))
        time.sleep(2.2)  # younger files are not cached
        env = {**os.environ, "XDG_CACHE_HOME": f"{folder}/cache", "EMU_PLUGIN_SYSTEM_PATH": str(plugins), "EMU_PLUGIN_PATH": "", "LD_LIBRARY_PATH": str(BUILD)}
        command = [str(BUILD / "emu"), "-plugin-list"]

        def run(path):
            start = time.monotonic()
            lines = subprocess.run(command, env={**env, "EMU_PLUGIN_SYSTEM_PATH": path}, capture_output=True, text=True, check=True).stdout.count("\n")
            return (time.monotonic() - start) * 1000, lines

        nothing = statistics.median(run("")[0] for _ in range(7))
        cold, warm = [], []
        for _ in range(7):
            subprocess.run(["rm", "-rf", env["XDG_CACHE_HOME"]], check=True)
            elapsed, lines = run(str(plugins))
            cold.append(elapsed)
            warm.append(run(str(plugins))[0])
        print(f"300 plugins ({lines // 2} listed): cold {statistics.median(cold) - nothing:.1f} ms, warm {statistics.median(warm) - nothing:.1f} ms more than the "
              f"{nothing:.1f} ms of a start without any")


def border():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "b.c").write_text(CALL)
        subprocess.run(["cc", "-O2", "-o", str(folder / "b"), str(folder / "b.c"), *LINK], check=True)
        print(subprocess.run([str(folder / "b")], env={**os.environ, "LD_LIBRARY_PATH": str(BUILD)}, capture_output=True, text=True, check=True).stdout, end="")


scan()
border()
