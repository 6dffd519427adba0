/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Devices and CPUs that come and go, while a guest looks at the registers that tell of it. */

#include "fuzz-private.h"

#define PCIHP 0xae00
#define CPUHP 0xaf00
#define MEMHP 0x0a00
#define N_SLOTS 4 /* of fuzz-machine.c */
#define N_PLACES 4

/* Plugs a device under @id, or asks for the one that is there back. */
static void
plug(Fuzz *self, const char *type, const char *id, const char *properties)
{
    EmuObject *there = emu_object_resolve_path(emu_machine_get_root(self->machine), id, NULL);
    g_autoptr(GError) error = NULL;

    if (!there) {
        emu_test_add_device(self->machine, type, properties, &error);
        g_assert_no_error(error);
        return;
    }
    emu_machine_lock(self->machine);
    emu_device_request_unplug(EMU_DEVICE(there), &error);
    emu_machine_unlock(self->machine);
}

void
fuzz_recipe_pcihp(Fuzz *self)
{
    FuzzInput *in = &self->in;
    unsigned slot = 8 + fuzz_below(in, N_PLACES);
    g_autofree char *id = g_strdup_printf("fuzz%u", slot), *properties = g_strdup_printf("id=%s,addr=%u", id, slot);

    if (fuzz_one_in(in, 8)) {
        plug(self, fuzz_one_in(in, 2) ? "pci-testdev" : "edu", id, properties);
    }
    fuzz_out(self, PCIHP + 0x10, fuzz_one_in(in, 8) ? fuzz_value(self) : 0, 4);
    for (unsigned n = fuzz_below(in, 8); n > 0; n--) {
        fuzz_in(self, (uint16_t)(PCIHP + 4 * fuzz_below(in, 5)), 4);
    }
    fuzz_out(self, PCIHP + 8, fuzz_one_in(in, 4) ? fuzz_u32(in) : 1u << slot, 4);
    if (fuzz_one_in(in, 2)) {
        emu_test_settle(self->machine);
    }
}

/* The memory object for the module in @slot, unless it is there. */
static void
add_memory_object(EmuMachine *machine, unsigned slot)
{
    g_autofree char *id = g_strdup_printf("fuzz-memory%u", slot);
    EmuObject *objects = emu_object_get_container(emu_machine_get_root(machine), "/objects");
    g_autoptr(GError) error = NULL;
    EmuObject *object;

    if (emu_object_get_child(objects, id)) {
        return;
    }
    object = emu_object_new("memory-backend-ram", &error);
    g_assert_no_error(error);
    emu_machine_lock(machine);
    emu_object_set_from_string(object, "size", "16M", &error);
    emu_object_add_child(objects, id, object, &error);
    emu_user_creatable_complete(object, &error);
    emu_machine_unlock(machine);
    g_assert_no_error(error);
    g_object_unref(object);
}

/* Modules that come and go, with whatever the guest says in between. */
void
fuzz_recipe_memhp(Fuzz *self)
{
    FuzzInput *in = &self->in;
    unsigned slot = fuzz_below(in, N_SLOTS);
    g_autofree char *id = g_strdup_printf("fuzz%u", slot), *properties = g_strdup_printf("id=%s,slot=%u,memdev=fuzz-memory%u", id, slot, slot);

    if (fuzz_one_in(in, 8)) {
        add_memory_object(self->machine, slot);
        plug(self, "pc-dimm", id, properties);
    }
    fuzz_out(self, MEMHP, fuzz_one_in(in, 4) ? fuzz_value(self) : fuzz_below(in, N_SLOTS + 1), 4);
    for (unsigned n = fuzz_below(in, 8); n > 0; n--) {
        fuzz_in(self, (uint16_t)(MEMHP + fuzz_below(in, 0x18)), 1u << fuzz_below(in, 3));
        fuzz_out(self, (uint16_t)(MEMHP + (fuzz_one_in(in, 2) ? 4 : 8)), fuzz_value(self), 4);
    }
    fuzz_out(self, MEMHP, slot, 4);
    fuzz_out(self, MEMHP + 0x14, fuzz_one_in(in, 4) ? fuzz_u8(in) : fuzz_one_in(in, 2) ? 0x08 : 0x06, 1);
    fuzz_write(self, UINT64_C(0x100000000) + fuzz_below(in, 64 << 20), fuzz_value(self), 1u << fuzz_below(in, 4));
    if (fuzz_one_in(in, 2)) {
        emu_test_settle(self->machine);
    }
}

void
fuzz_recipe_cpuhp(Fuzz *self)
{
    FuzzInput *in = &self->in;
    unsigned index = 1 + fuzz_below(in, N_PLACES - 1);
    g_autofree char *id = g_strdup_printf("fuzz%u", index), *properties = g_strdup_printf("id=%s,apic-id=%u", id, index);

    if (fuzz_one_in(in, 8)) {
        plug(self, "qemu64-x86_64-cpu", id, properties);
    }
    fuzz_out(self, CPUHP, fuzz_one_in(in, 4) ? fuzz_value(self) : fuzz_below(in, N_PLACES + 1), 4);
    for (unsigned n = fuzz_below(in, 8); n > 0; n--) {
        fuzz_in(self, (uint16_t)(CPUHP + 4 * fuzz_below(in, 3)), 4);
        fuzz_out(self, CPUHP + 5, fuzz_below(in, 4), 1);
    }
    fuzz_out(self, CPUHP, index, 4);
    fuzz_out(self, CPUHP + 4, fuzz_one_in(in, 4) ? fuzz_u8(in) : fuzz_one_in(in, 2) ? 0x08 : 0x06, 1);
    if (fuzz_one_in(in, 2)) {
        emu_test_settle(self->machine);
    }
}
