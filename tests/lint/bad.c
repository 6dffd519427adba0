/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Devices with one mistake each, for emu-lint to find. */

#include <emu/emu.h>

#include <stdlib.h>
#include <unistd.h>

EMU_PLUGIN(.name = "bad", .version = "1.0", .license = "LGPL-2.1-or-later", .description = "mistakes",
           .provides = "bad-none:isa-device bad-leak:isa-device bad-held:isa-device bad-child:isa-device bad-crash:isa-device bad-hang:isa-device "
                       "bad-state:isa-device bad-look:isa-device bad-mute:isa-device bad-still-mapped:isa-device bad-undescribed:isa-device");

typedef struct {
    EmuIsaDevice parent_instance;
    uint32_t setting;
    uint8_t value, reads;
} Bad;

typedef enum { NONE, LEAK, HELD, CHILD, CRASH, HANG, STATE, LOOK, MUTE, STILL_MAPPED, UNDESCRIBED } Mistake;

static Mistake
bad_mistake(gpointer self)
{
    static const char *const names[] = {"bad-none", "bad-leak", "bad-held", "bad-child", "bad-crash", "bad-hang", "bad-state", "bad-look", "bad-mute", "bad-still-mapped", "bad-undescribed"};
    Mistake mistake = NONE;

    while (!g_str_equal(names[mistake], emu_object_get_type_name(self))) {
        mistake++;
    }
    return mistake;
}

static void
bad_write(gpointer self, unsigned index, uint64_t value, uint64_t old)
{
    if (bad_mistake(self) == CRASH && value == 0x7f) {
        abort();
    }
    while (bad_mistake(self) == HANG && value == 0x7f) {
        sleep(1);
    }
}

static uint64_t
bad_read_count(gpointer self, unsigned index)
{
    return bad_mistake(self) == LOOK ? ++((Bad *)self)->reads : ((Bad *)self)->reads;
}

static const EmuRegister bad_registers[] = {
    EMU_REG8(Bad, value, "VALUE", 0, EMU_RW, 0, .write = bad_write),
    EMU_REG8(Bad, reads, "COUNT", 1, EMU_RO, 0, .read = bad_read_count),
};

static bool
bad_post_load(gpointer self, unsigned version, GError **error)
{
    ((Bad *)self)->value += bad_mistake(self) == STATE;
    return true;
}
EMU_REGISTER_BANK(bad_bank, "bad", 2, bad_registers, .post_load = bad_post_load)

static const EmuMemoryRegionOps nothing_ops = {.valid_max = 1};

static bool
bad_realize(EmuDevice *dev, GError **error)
{
    Bad *self = (Bad *)dev;
    static EmuMemoryRegion *alone;

    if (self->setting == 255) {
        if (bad_mistake(dev) != MUTE) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "setting is 255, expected less");
        } else {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "no");
        }
        return false;
    }
    switch (bad_mistake(dev)) {
    case LEAK: {
        /* Not to be seen through by a compiler. */
        char *volatile lost = g_malloc(64);

        lost[0] = 1;
        break;
    }
    case HELD:
        g_object_ref(dev);
        break;
    case CHILD:
        emu_object_add_child(emu_device_get_machine(dev), "left[*]", emu_object_new("container", NULL), NULL);
        break;
    case STILL_MAPPED:
        alone = emu_memory_region_new_io(emu_device_get_machine(dev), "left[*]", 1, &nothing_ops, NULL);
        emu_memory_region_add_subregion(emu_isa_bus_get_io(emu_isa_device_get_bus(EMU_ISA_DEVICE(dev))), 0x400 + g_random_int_range(0, 0x1000), alone, 0);
        break;
    default:
        break;
    }
    emu_isa_device_map_io(EMU_ISA_DEVICE(dev), emu_registers_new_region(dev, &bad_bank, dev), 0x300);
    return true;
}

static const EmuProperty bad_properties[] = {EMU_PROP_UINT32("setting", Bad, setting, 0, "a number")};
static const EmuProperty undescribed_properties[] = {EMU_PROP_UINT32("setting", Bad, setting, 0, NULL)};

static void
bad_class_init(gpointer klass, gconstpointer undescribed)
{
    EMU_DEVICE_CLASS(klass)->realize = bad_realize;
    EMU_DEVICE_CLASS(klass)->hotpluggable = true;
    emu_object_class_add_properties(klass, undescribed ? undescribed_properties : bad_properties, 1);
    emu_device_class_add_registers(klass, &bad_bank, 0);
}

#define BAD(id, name) EMU_DEFINE_TYPE(Bad, id, name, "isa-device", "a device with one mistake")
#define none_class_init bad_class_init
#define leak_class_init bad_class_init
#define held_class_init bad_class_init
#define child_class_init bad_class_init
#define crash_class_init bad_class_init
#define hang_class_init bad_class_init
#define state_class_init bad_class_init
#define look_class_init bad_class_init
#define mute_class_init bad_class_init
#define still_mapped_class_init bad_class_init
BAD(none, "bad-none")
BAD(leak, "bad-leak")
BAD(held, "bad-held")
BAD(child, "bad-child")
BAD(crash, "bad-crash")
BAD(hang, "bad-hang")
BAD(state, "bad-state")
BAD(look, "bad-look")
BAD(mute, "bad-mute")
BAD(still_mapped, "bad-still-mapped")

static const EmuTypeInfo undescribed_type_info = {
    .name = "bad-undescribed", .parent = "isa-device", .instance_size = sizeof(Bad), .class_init = bad_class_init, .class_data = "yes"};
EMU_REGISTER_TYPE(undescribed_type_info)
