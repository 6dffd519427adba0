/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A pc or q35 with a disk, a CD and a floppy, and random steps of a guest that knows where the devices are. */

#include <emu/emu.h>
#include <emu/test.h>

#define GUEST_DISK_SIZE (4 << 20)

typedef struct {
    EmuMachine *machine;
    char *dir, *disk, *cd, *floppy;
    GRand *rand;
    GChecksum *seen; /* NULL, or what all reads gave */
    bool express;    /* a q35 */
    bool quiet;      /* leave out what ends the run or tells this machine from its twin */
} Guest;

void guest_init(Guest *g, const char *board, guint32 seed);
void guest_clear(Guest *g);
void guest_step(Guest *g);
