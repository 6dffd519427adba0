/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <emu/device.h>
#include <emu/x86-pc.h>

#define IOAPIC_N_PINS 24

typedef struct {
    EmuSysbusDevice parent;

    uint8_t version;

    uint8_t id;
    uint8_t select;
    uint32_t levels;  /* the pins now */
    uint32_t pending; /* requests not yet sent */
    uint64_t table[IOAPIC_N_PINS];

    uint64_t counts[IOAPIC_N_PINS]; /* rising edges since the start, for "info irq"; no guest sees them */
} Ioapic;

typedef struct {
    EmuSysbusDeviceClass parent_class;
    /* For a chip whose registers live elsewhere, or that has others to tell of them; NULL: they are the ones above. */
    void (*fetch)(Ioapic *self); /* makes the ones above current */
    void (*store)(Ioapic *self); /* after a change */
    void (*set_pin)(Ioapic *self, unsigned pin, int level);
} IoapicClass;

/* What the pin's entry would send. */
void ioapic_get_message(const Ioapic *self, unsigned pin, uint64_t *address, uint32_t *data);
bool ioapic_is_masked(const Ioapic *self, unsigned pin);

extern const EmuTypeInfo ioapic_type_info;
extern const EmuTypeInfo ioapic_kvm_type_info;
extern const EmuTypeInfo ioapic_kvm_split_type_info;
