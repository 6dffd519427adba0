/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* 8259A, one chip; a PC has two. */

#include <emu/isa.h>
#include <emu/x86-pc.h>

#define PIC_N_INPUTS 8

typedef struct {
    EmuIsaDevice parent;

    /* Properties. */
    uint32_t iobase;
    uint32_t elcr_addr;
    uint8_t elcr_mask; /* inputs whose trigger mode the guest may choose */
    bool master;
    EmuObject *slave; /* the other 8259, behind input 2 */

    EmuLine *int_out;

    uint8_t levels; /* the input pins now */
    uint8_t irr;
    uint8_t imr;
    uint8_t isr;
    uint8_t elcr;
    uint8_t priority_add; /* the input of highest priority */
    uint8_t vector_base;
    uint8_t init_state;
    bool init_wants_icw4;
    bool single;
    bool level_triggered; /* ICW1 LTIM: all inputs */
    bool read_isr;
    bool poll;
    bool special_mask;
    bool auto_eoi;
    bool rotate_on_auto_eoi;
    bool special_fully_nested;

    uint64_t counts[PIC_N_INPUTS]; /* rising edges since the start, for "info irq"; no guest sees them */
} Pic;

typedef struct {
    EmuIsaDeviceClass parent_class;
    /* For a chip whose registers live elsewhere; NULL: they are the ones above. */
    void (*fetch)(Pic *self); /* makes the ones above current */
    void (*store)(Pic *self); /* takes them there */
    void (*set_input)(Pic *self, unsigned index, int level);
} PicClass;

extern const EmuTypeInfo pic_type_info;
extern const EmuTypeInfo pic_kvm_type_info;
