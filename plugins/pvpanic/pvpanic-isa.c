/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* On the ISA bus: a port that the firmware's tables and the file "etc/pvpanic-port" name. */

#include "pvpanic.h"

#include <emu/fw-cfg.h>
#include <emu/isa.h>

typedef struct {
    EmuIsaDevice parent_instance;

    uint16_t ioport;
    uint8_t events;
} PvpanicIsa;

static bool
pvpanic_isa_realize(EmuDevice *dev, GError **error G_GNUC_UNUSED)
{
    PvpanicIsa *self = (PvpanicIsa *)dev;
    EmuFwCfg *fw_cfg = emu_machine_find_fw_cfg(emu_device_get_machine(dev));
    uint16_t port = GUINT16_TO_LE(self->ioport);

    self->events &= PVPANIC_ALL;
    emu_isa_device_map_io((EmuIsaDevice *)self, pvpanic_new_region(self, 1, &self->events), self->ioport);
    if (fw_cfg) {
        emu_fw_cfg_add_file(fw_cfg, "etc/pvpanic-port", &port, sizeof port);
    }
    return true;
}

static const EmuProperty pvpanic_isa_properties[] = {
    EMU_PROP_UINT16("ioport", PvpanicIsa, ioport, 0x505, "the port"),
    EMU_PROP_UINT8("events", PvpanicIsa, events, PVPANIC_ALL, "what the guest may report: 1 panic, 2 crash kernel loaded, 4 shutdown"),
};

static const EmuVMField pvpanic_isa_fields[] = {EMU_VM_END};
static const EmuVMState pvpanic_isa_vmstate = {.name = "pvpanic", .version = 1, .minimum_version = 1, .fields = pvpanic_isa_fields};

static void
pvpanic_isa_class_init(gpointer klass, gconstpointer data G_GNUC_UNUSED)
{
    EmuDeviceClass *device = klass;

    device->realize = pvpanic_isa_realize;
    device->vmstate = &pvpanic_isa_vmstate;
    device->category = "misc";
    device->user_creatable = true;
    emu_object_class_add_properties(klass, pvpanic_isa_properties, G_N_ELEMENTS(pvpanic_isa_properties));
}

const EmuTypeInfo pvpanic_isa_type_info = {
    .name = "pvpanic",
    .parent = "isa-device",
    .instance_size = sizeof(PvpanicIsa),
    .class_init = pvpanic_isa_class_init,
    .description = "tells the host that the guest panicked (ISA)",
};
