/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fuzz-private.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- accesses ------------------------------------------------------------------------------------------ */

static void
note(Fuzz *self, const char *what, uint64_t addr, uint64_t value, unsigned size)
{
    self->accesses++;
    if (self->trace) {
        fprintf(stderr, "%" PRIu64 " %s %" PRIx64 ": %" PRIx64 " (%u)\n", self->accesses, what, addr, value, size);
    }
}

static void
saw(Fuzz *self, uint64_t value)
{
    if (value != 0 && value != UINT64_MAX) {
        self->seen[self->accesses % FUZZ_N_SEEN] = value;
    }
}

void
fuzz_in(Fuzz *self, uint16_t port, unsigned size)
{
    uint64_t value;

    note(self, "in", port, 0, size);
    value = emu_test_in(self->machine, port, size);
    saw(self, value);
}

void
fuzz_out(Fuzz *self, uint16_t port, uint64_t value, unsigned size)
{
    note(self, "out", port, value, size);
    emu_test_out(self->machine, port, value, size);
}

void
fuzz_read(Fuzz *self, uint64_t addr, unsigned size)
{
    uint64_t value;

    note(self, "read", addr, 0, size);
    value = emu_test_read(self->machine, addr, size);
    saw(self, value);
}

void
fuzz_write(Fuzz *self, uint64_t addr, uint64_t value, unsigned size)
{
    note(self, "write", addr, value, size);
    emu_test_write(self->machine, addr, value, size);
}

/* ---- values -------------------------------------------------------------------------------------------- */

static const EmuTestRange *
pick_range(Fuzz *self)
{
    return &g_array_index(self->ranges, EmuTestRange, fuzz_below(&self->in, self->ranges->len));
}

uint64_t
fuzz_value(Fuzz *self)
{
    static const uint32_t edges[] = {0,      1,          2,          3,          7,          8,       0xf,        0x10,       0x7f,       0x80,
                                     0xff,   0x100,      0x1ff,      0x200,      0xfff,      0x1000,  0x7fff,     0x8000,     0xffff,     0x10000,
                                     0xfffff, 0x100000,  0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 0xa0000, 0xfec00000, 0xfed00000, 0xfee00000};
    FuzzInput *in = &self->in;

    switch (fuzz_below(in, 8)) {
    case 0:
    case 1:
        return edges[fuzz_below(in, G_N_ELEMENTS(edges))];
    case 2:
        return fuzz_u8(in);
    case 3:
        return UINT64_C(1) << fuzz_below(in, 64);
    case 4:
        return self->seen[fuzz_below(in, FUZZ_N_SEEN)] ^ (fuzz_one_in(in, 2) ? 0 : 1u << fuzz_below(in, 32));
    case 5:
        return FUZZ_PAGES + (fuzz_below(in, FUZZ_PAGES_SIZE) & ~15u);
    case 6:
        /* Its own registers, as a bus master's target. */
        if (self->ranges->len) {
            const EmuTestRange *range = pick_range(self);

            return range->addr + (fuzz_u8(in) & ~3u) % range->size;
        }
        return 0;
    default:
        return (uint64_t)fuzz_u32(in) << 32 | fuzz_u32(in);
    }
}

uint32_t
fuzz_descriptors(Fuzz *self)
{
    FuzzInput *in = &self->in;
    uint32_t at = FUZZ_PAGES + (fuzz_below(in, FUZZ_PAGES_SIZE - 0x100) & ~3u);
    unsigned n = 1 + fuzz_below(in, 32);

    for (unsigned i = 0; i < n; i++) {
        uint32_t value = (uint32_t)fuzz_value(self);

        /* Formats of the other byte order too. */
        fuzz_write(self, at + 4 * i, fuzz_one_in(in, 4) ? GUINT32_SWAP_LE_BE(value) : value, 4);
    }
    switch (fuzz_below(in, 8)) {
    case 0:
        return (16 << 20) - fuzz_below(in, 64); /* over the end of RAM */
    case 1:
        return at + fuzz_below(in, 16);
    default:
        return at;
    }
}

/* ---- steps ---------------------------------------------------------------------------------------------- */

static void
poke(Fuzz *self, const EmuTestRange *range, uint64_t offset, bool write, unsigned size)
{
    uint64_t addr = range->addr + offset;

    if (range->memory) {
        if (write) {
            fuzz_write(self, addr, fuzz_value(self), size);
        } else {
            fuzz_read(self, addr, size);
        }
        return;
    }
    size = MIN(size, 4u);
    if (write) {
        fuzz_out(self, (uint16_t)addr, fuzz_value(self), size);
    } else {
        fuzz_in(self, (uint16_t)addr, size);
    }
}

static void
step_registers(Fuzz *self)
{
    FuzzInput *in = &self->in;
    const EmuTestRange *range = pick_range(self);
    unsigned how = fuzz_u8(in), size = 1u << (how & 3);
    uint64_t offset = fuzz_below(in, (uint32_t)MIN(range->size, UINT32_MAX));
    unsigned n = 1;

    if (range->size > 0x1000 && (how & 4)) {
        offset &= 0x3ff; /* registers lie at the beginning */
    }
    if (how & 8) {
        offset &= ~(uint64_t)(size - 1);
    }
    if ((how & 0xf0) == 0) {
        n = 1 + fuzz_below(in, 64); /* a data port */
    }
    for (unsigned i = 0; i < n; i++) {
        poke(self, range, offset, how & 0x80 || (n > 1 && fuzz_one_in(in, 4)), size);
    }
}

static void
step_config(Fuzz *self)
{
    FuzzInput *in = &self->in;
    EmuPciDevice *dev = EMU_PCI_DEVICE(EMU_IS_PCI_DEVICE(self->dev) ? self->dev : self->front);
    uint32_t reg = fuzz_one_in(in, 4) ? 4 : fuzz_u8(in), address = 0x80000000 | fuzz_config_address(dev, reg & 0xfc);
    unsigned size = 1u << fuzz_below(in, 3);

    fuzz_out(self, 0xcf8, address, 4);
    if (fuzz_one_in(in, 2)) {
        fuzz_in(self, (uint16_t)(0xcfc + (reg & 3)), size);
    } else {
        fuzz_out(self, (uint16_t)(0xcfc + (reg & 3)), reg == 4 ? 7 : fuzz_value(self), size);
    }
}

/* A channel of the 8237 pair gets an address, a length and a mode: what ISA devices have for descriptors. */
static void
step_isa_dma(Fuzz *self)
{
    static const uint16_t pages[] = {0x87, 0x83, 0x81, 0x82, 0x8f, 0x8b, 0x89, 0x8a};
    FuzzInput *in = &self->in;
    unsigned channel = fuzz_u8(in) & 7, wide = channel >= 4 ? 2 : 1;
    uint16_t base = channel >= 4 ? 0xc0 : 0, at = (uint16_t)(base + (channel & 3) * 2 * wide);

    fuzz_out(self, (uint16_t)(base + 12 * wide), 0, 1);
    for (unsigned i = 0; i < 2; i++) {
        fuzz_out(self, at, fuzz_value(self), 1);
    }
    for (unsigned i = 0; i < 2; i++) {
        fuzz_out(self, (uint16_t)(at + wide), fuzz_value(self), 1);
    }
    fuzz_out(self, pages[channel], fuzz_one_in(in, 2) ? 1 : fuzz_u8(in), 1);
    fuzz_out(self, (uint16_t)(base + 11 * wide), (fuzz_u8(in) & 0xfc) | (channel & 3), 1);
    fuzz_out(self, (uint16_t)(base + 10 * wide), channel & 3, 1);
}

static void
step_state(Fuzz *self)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) state = NULL;

    emu_test_settle(self->machine);
    state = emu_test_save(self->machine, &error);
    g_assert_no_error(error);
    emu_test_load(self->machine, state, &error);
    g_assert_no_error(error);
}

static void
step_rare(Fuzz *self)
{
    FuzzInput *in = &self->in;
    uint8_t text[32];

    switch (fuzz_below(in, 16)) {
    case 0:
        if (fuzz_one_in(in, 16)) {
            emu_test_reset(self->machine);
        }
        break;
    case 1:
        if (fuzz_one_in(in, 16)) {
            step_state(self);
        }
        break;
    case 2:
    case 3:
        if (self->lines->len) {
            EmuLine *line = g_ptr_array_index(self->lines, fuzz_below(in, self->lines->len));

            emu_machine_lock(self->machine);
            emu_line_set(line, fuzz_u8(in) & 1);
            emu_machine_unlock(self->machine);
        }
        break;
    case 4:
        if (self->chardev) {
            for (unsigned i = 0; i < sizeof(text); i++) {
                text[i] = fuzz_u8(in);
            }
            emu_test_chardev_send(self->chardev, text, 1 + text[0] % sizeof(text));
            g_bytes_unref(emu_test_chardev_take(self->chardev));
        }
        break;
    case 5:
    case 6:
        emu_test_settle(self->machine);
        break;
    case 7:
        if (fuzz_one_in(in, 16)) {
            emu_test_advance(self->machine, (int64_t)fuzz_below(in, 1000) * 1000000);
        }
        break;
    case 8:
        emu_test_advance(self->machine, 1 + fuzz_below(in, 1000000));
        break;
    default:
        emu_test_advance(self->machine, 1 + fuzz_below(in, 10000));
    }
}

void
fuzz_step(Fuzz *self)
{
    FuzzInput *in = &self->in;
    FuzzRecipe recipe = fuzz_recipe_of(emu_object_get_type_name(self->front));
    int64_t start = g_get_monotonic_time();

    switch (fuzz_below(in, 32)) {
    case 0:
        step_rare(self);
        break;
    case 1:
    case 2:
        if (EMU_IS_PCI_DEVICE(self->dev) || EMU_IS_PCI_DEVICE(self->front)) {
            step_config(self);
        }
        break;
    case 3:
        if (fuzz_one_in(in, 4)) {
            fuzz_descriptors(self);
        }
        break;
    case 4:
        if (emu_object_is_a(self->front, "isa-device") && fuzz_one_in(in, 4)) {
            step_isa_dma(self);
        }
        break;
    case 5:
    case 6:
    case 7:
        if (recipe) {
            recipe(self);
            break;
        }
        /* fall through */
    default:
        if (self->ranges->len) {
            step_registers(self);
        } else {
            self->accesses++;
        }
    }
    self->longest_us = MAX(self->longest_us, g_get_monotonic_time() - start);
}
