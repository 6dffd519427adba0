/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One device of a pc under fire. Every decision is taken from an input: a generator with a seed, or bytes that libFuzzer
 * or AFL chose; the same input gives the same accesses.
 */

#include <emu/emu.h>
#include <emu/test-kit.h>

/* ---- input -------------------------------------------------------------------------------------------- */

typedef struct {
    uint64_t state;      /* of the generator */
    uint64_t pool;       /* bytes made and not used yet */
    unsigned left;
    const uint8_t *data; /* NULL: the generator */
    gsize len, pos;
} FuzzInput;

void fuzz_input_init_seed(FuzzInput *in, uint64_t seed);
void fuzz_input_init_bytes(FuzzInput *in, const uint8_t *data, gsize len);
bool fuzz_input_ended(const FuzzInput *in);
uint8_t fuzz_u8(FuzzInput *in);
uint32_t fuzz_u32(FuzzInput *in);
/* 0 to n - 1. */
uint32_t fuzz_below(FuzzInput *in, uint32_t n);
static inline bool
fuzz_one_in(FuzzInput *in, uint32_t n)
{
    return fuzz_below(in, n) == 0;
}

/* ---- a device ------------------------------------------------------------------------------------------- */

#define FUZZ_N_SEEN 8
#define FUZZ_PAGES 0x10000u     /* guest memory that descriptors and buffers are taken from */
#define FUZZ_PAGES_SIZE 0x8000u

typedef struct {
    char *type;
    FuzzInput in;
    bool trace;

    char *dir, *disk, *cd, *floppy;
    EmuMachine *machine;
    EmuDevice *dev;     /* of the type */
    EmuDevice *front;   /* whose registers lead to it: itself, or the device that provides its bus */
    EmuChardev *chardev; /* NULL: it has none */
    GArray *ranges;      /* EmuTestRange, of the front */
    GPtrArray *lines;   /* inputs */
    uint64_t seen[FUZZ_N_SEEN]; /* values that were read last */
    uint64_t accesses;
    unsigned machines;  /* made so far */
    int64_t longest_us; /* step */
} Fuzz;

/* A machine with a device of the type in it; NULL and @error when it cannot be made. */
Fuzz *fuzz_new(const char *type, const FuzzInput *in, GError **error);
void fuzz_free(Fuzz *self);
/* One access or a few that belong together. */
void fuzz_step(Fuzz *self);
/* Between stretches of steps: the device is put back where its registers can be reached; a machine that ended is made anew. */
void fuzz_settle(Fuzz *self);

void fuzz_in(Fuzz *self, uint16_t port, unsigned size);
void fuzz_out(Fuzz *self, uint16_t port, uint64_t value, unsigned size);
void fuzz_read(Fuzz *self, uint64_t addr, unsigned size);
void fuzz_write(Fuzz *self, uint64_t addr, uint64_t value, unsigned size);
/* A value that limits are made of, an address that the device should not touch, something that it said before. */
uint64_t fuzz_value(Fuzz *self);
/* Fills some of the guest memory at FUZZ_PAGES with nonsense descriptors; returns an address in it, or near. */
uint32_t fuzz_descriptors(Fuzz *self);

/* ---- recipes: what only a guest that knows the device would do -------------------------------------------- */

typedef void (*FuzzRecipe)(Fuzz *self);
/* NULL: none for this type. */
FuzzRecipe fuzz_recipe_of(const char *type);
