/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Registers declared once. A bank is a table of the registers that lie in one region:
 *
 *     static const EmuRegister timer_registers[] = {
 *         EMU_REG32(Timer, control, "CONTROL", 0x00, EMU_RW, 0, .write = timer_write_control,
 *                   .fields = EMU_REG_FIELDS({"ENABLE", 0, 1, .blurb = "counts"}, {"MODE", 1, 2})),
 *         EMU_REG32(Timer, status, "STATUS", 0x04, EMU_W1C, 0, .blurb = "what happened"),
 *         EMU_REG_CONST("ID", 0x08, 4, 0x54494d31),
 *     };
 *     EMU_REGISTER_BANK(timer_bank, "timer", 0x10, timer_registers, .changed = timer_update_irq)
 *
 *     class_init:  emu_device_class_add_registers(klass, &timer_bank, 0);
 *     realize:     region = emu_registers_new_region(self, &timer_bank, self);
 *
 * From it come: dispatch with partial and wide accesses, access rules and masks, reset, saved state (unless the class
 * has a table of its own), the trace points timer_bank_read and timer_bank_write, what inspectors show, documentation.
 */

#include <emu/device.h>
#include <emu/log.h>

G_BEGIN_DECLS

/* What an access does to bits. A field without one of its own has its register's. */
typedef enum {
    EMU_ACCESS_DEFAULT = 0, /* a register's default: EMU_RW */
    EMU_RW,
    EMU_RO,  /* writes change nothing */
    EMU_WO,  /* not kept: the write function sees it; reads as zeroes */
    EMU_W1C, /* ones clear */
    EMU_RC,  /* a read clears; writes change nothing */
} EmuRegisterAccess;

typedef struct {
    const char *name; /* NULL ends the list */
    uint8_t shift, bits;
    uint8_t access;   /* EmuRegisterAccess */
    const char *blurb;
    EMU_RESERVED_SLOTS(2);
} EmuRegisterField;

enum {
    EMU_REGISTER_KEEP = 1 << 0,      /* a reset does not touch it */
    EMU_REGISTER_TRANSIENT = 1 << 1, /* no part of saved state */
    EMU_REGISTER_OPAQUE = 1 << 2,    /* reading has effects, and there is no peek(): inspectors show no value */
};

/*
 * Functions get @self, the struct that the members are in, and @index, 0 unless the register is one of several (num).
 * Big lock held, as for any region.
 */
typedef struct {
    const char *name; /* as the data sheet has it */
    uint64_t offset;  /* in the bank */
    uint8_t width;    /* bytes: 1, 2, 4 or 8 */
    uint8_t access;   /* EmuRegisterAccess */
    uint16_t flags;
    unsigned since;   /* first version of the saved state that has it */
    uint64_t reset;
    /* Bits that a write of EMU_RW keeps, or that ones clear; 0: those of the fields, without fields all. */
    uint64_t writable;
    /* Where the value is: an unsigned integer of 1, 2, 4 or 8 bytes. Size 0: nowhere; read() makes it, or it is @reset. */
    gsize member;
    uint8_t member_size;
    /* @num equal ones, @stride bytes apart in the bank and @member_stride in the struct; 0: one. */
    uint16_t num;
    uint32_t stride;
    uint32_t member_stride;
    const EmuRegisterField *fields;
    const char *blurb;
    /* What a read gives; NULL: the member. */
    uint64_t (*read)(gpointer self, unsigned index);
    /* After the member has changed by the rules. @value: what was written; in bytes that the access did not reach the present
     * bits of EMU_RW and zeroes otherwise. @old: before the write. Not called for EMU_RO and EMU_RC. */
    void (*write)(gpointer self, unsigned index, uint64_t value, uint64_t old);
    /* The value without the effects of a read; NULL: the member, without one read(). */
    uint64_t (*peek)(gpointer self, unsigned index);
    EMU_RESERVED_SLOTS(6);
} EmuRegister;

typedef struct {
    /* Set by EMU_REGISTER_BANK: tables of plugins that were built with an older SDK stay readable. */
    gsize struct_size, register_size, field_size;
    const char *name;
    uint64_t size; /* of the region, at most 64 KiB */
    const EmuRegister *registers;
    unsigned n_registers;
    const char *blurb;
    EmuEndian endian;
    /* As in EmuMemoryRegionOps; zeroes: 1 to 8 bytes, aligned. */
    uint8_t valid_min, valid_max;
    bool valid_unaligned;
    uint8_t hole; /* what bytes without a register read as */
    /* After any write, any read that clears, and in a reset's hold phase: drive lines. Optional. */
    void (*changed)(gpointer self);
    /* More of the state, when the table makes it: ends with EMU_VM_END. Its functions need @self to be the device. */
    const EmuVMField *state;
    unsigned version, minimum_version; /* of the saved state; 0: 1 */
    bool (*post_load)(gpointer self, unsigned version, GError **error);
    EmuTracePoint *trace_read, *trace_write;
    EMU_RESERVED_SLOTS(8);
} EmuRegisterBank;

#define EMU_REG_(S, m, w, n, o, a, r, ...) {.name = n, .offset = o, .width = w, .access = a, .reset = r, .member = offsetof(S, m), .member_size = sizeof(((S *)0)->m), ##__VA_ARGS__}
#define EMU_REG8(S, m, n, o, a, r, ...) EMU_REG_(S, m, 1, n, o, a, r, ##__VA_ARGS__)
#define EMU_REG16(S, m, n, o, a, r, ...) EMU_REG_(S, m, 2, n, o, a, r, ##__VA_ARGS__)
#define EMU_REG32(S, m, n, o, a, r, ...) EMU_REG_(S, m, 4, n, o, a, r, ##__VA_ARGS__)
#define EMU_REG64(S, m, n, o, a, r, ...) EMU_REG_(S, m, 8, n, o, a, r, ##__VA_ARGS__)
/* One register per element of an array member; @w bytes each, @s bytes apart. */
#define EMU_REG_ARRAY(S, m, n, o, w, s, a, r, ...) {.name = n, .offset = o, .width = w, .access = a, .reset = r, .member = offsetof(S, m), .member_size = sizeof(((S *)0)->m[0]), .num = G_N_ELEMENTS(((S *)0)->m), .stride = s, .member_stride = sizeof(((S *)0)->m[0]), ##__VA_ARGS__}
/* Without a member: functions only. */
#define EMU_REG_CALL(n, o, w, a, ...) {.name = n, .offset = o, .width = w, .access = a, ##__VA_ARGS__}
#define EMU_REG_CONST(n, o, w, v, ...) {.name = n, .offset = o, .width = w, .access = EMU_RO, .reset = v, ##__VA_ARGS__}
#define EMU_REG_FIELDS(...) (const EmuRegisterField[]){__VA_ARGS__, {.name = NULL}}

#define EMU_REGISTER_BANK(id, bank_name, bytes, regs, ...)                                         \
    EMU_TRACE_DEFINE(id##_read)                                                                    \
    EMU_TRACE_DEFINE(id##_write)                                                                   \
    static const EmuRegisterBank id = {.struct_size = sizeof(EmuRegisterBank),                     \
                                       .register_size = sizeof(EmuRegister),                       \
                                       .field_size = sizeof(EmuRegisterField),                     \
                                       .name = bank_name,                                          \
                                       .size = bytes,                                              \
                                       .registers = regs,                                          \
                                       .n_registers = G_N_ELEMENTS(regs),                          \
                                       .trace_read = &emu_tp_##id##_read,                          \
                                       .trace_write = &emu_tp_##id##_write,                        \
                                       ##__VA_ARGS__};

/*
 * In class_init: devices of this class have the bank; its members are in the struct at @offset of the instance. Reset and
 * inspection follow; saved state too, as long as the class' vmstate is NULL or was made here. (A class that sets a vmstate
 * of its own lists the members there.) @bank stays valid as long as the plugin is open.
 */
EMU_AVAILABLE_IN_1_0 void emu_device_class_add_registers(gpointer device_class, const EmuRegisterBank *bank, gsize offset);
/* The region in which the guest sees the bank, named like it; @self: the struct with the members. As for other regions
 * @owner is the composition parent and the result is borrowed. */
EMU_AVAILABLE_IN_1_0 EmuMemoryRegion *emu_registers_new_region(gpointer owner, const EmuRegisterBank *bank, gpointer self);
/* Without a region: registers behind an index, configuration space, another bus. As the region does it, changed() included. */
EMU_AVAILABLE_IN_1_0 uint64_t emu_registers_read(EmuDevice *dev, const EmuRegisterBank *bank, uint64_t offset, unsigned size);
EMU_AVAILABLE_IN_1_0 void emu_registers_write(EmuDevice *dev, const EmuRegisterBank *bank, uint64_t offset, uint64_t value, unsigned size);

/* ---- inspection --------------------------------------------------------------------------------------- */

#define EMU_TYPE_REGISTER_FIELD_INFO (emu_register_field_info_get_type())
typedef struct {
    char *name;
    char *description; /* may be NULL */
    unsigned shift, bits;
    EmuRegisterAccess access;
    uint64_t value;    /* of the field, when its register has one */
    EMU_RESERVED_SLOTS(2);
} EmuRegisterFieldInfo;
EMU_AVAILABLE_IN_1_0 GType emu_register_field_info_get_type(void); /* for GObject-Introspection */

/* One register; each of several is one ("TIMER[2]"). */
#define EMU_TYPE_REGISTER_INFO (emu_register_info_get_type())
typedef struct {
    char *bank;
    char *name;
    char *description; /* may be NULL */
    uint64_t offset;   /* in the bank */
    unsigned width;    /* bytes */
    EmuRegisterAccess access;
    uint64_t reset, writable;
    bool has_value;    /* false: of a type, or cannot be read without an effect */
    uint64_t value;
    GPtrArray *fields; /* (element-type EmuRegisterFieldInfo) */
    EMU_RESERVED_SLOTS(4);
} EmuRegisterInfo;
EMU_AVAILABLE_IN_1_0 GType emu_register_info_get_type(void); /* for GObject-Introspection */
EMU_AVAILABLE_IN_1_0 const char *emu_register_access_name(EmuRegisterAccess access); /* "RW", "RO", "WO", "W1C", "RC" */

/* Of a type, no values. (transfer container) (element-type EmuRegisterInfo); empty: it declares none */
EMU_AVAILABLE_IN_1_0 GPtrArray *emu_type_list_registers(const char *type_name, GError **error);
/* Of a realized device with the values now, without effects. Big lock held. (transfer container) (element-type EmuRegisterInfo) */
EMU_AVAILABLE_IN_1_0 GPtrArray *emu_device_list_registers(EmuDevice *dev);
/* "NAME", or "BANK.NAME" where several banks have it. Big lock held. */
EMU_AVAILABLE_IN_1_0 bool emu_device_peek_register(EmuDevice *dev, const char *name, uint64_t *value, GError **error);
/* As a guest's access to the whole register. Big lock held. */
EMU_AVAILABLE_IN_1_0 bool emu_device_poke_register(EmuDevice *dev, const char *name, uint64_t value, GError **error);
/* The registers of a type as JSON: a list of banks; as a page in Markdown. (transfer full) */
EMU_AVAILABLE_IN_1_0 char *emu_type_describe_registers(const char *type_name, GError **error);
EMU_AVAILABLE_IN_1_0 char *emu_type_document_registers(const char *type_name, GError **error);

G_END_DECLS
