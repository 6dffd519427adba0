/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Devices written in a script. The script's class is a GType of its own, derived from a bus's base class; what C devices do in
 * their class is done here, with functions of the script's in place of the C ones. Regions and inputs belong to the instance,
 * and so do the functions behind them: plain numbers go in and out.
 */

#include "script/device-parts.h"

#include "device/device-private.h"
#include "qom/qom-private.h"
#include <emu/i2c.h>
#include <emu/log.h>
#include <emu/pci.h>
#include <emu/spi.h>
#include <string.h>

typedef struct {
    gpointer func, data;
    GDestroyNotify destroy;
} Function;

struct _EmuScriptDeviceType {
    GObject parent_instance;
    GType type;
    char *name, *description, *category;
    bool hotpluggable, registered, has_ids;
    guint vendor, device, class_id, revision;
    Function realize, unrealize, reset, save, load, i2c, spi, parts;
    guint spi_word_bits;
    bool spi_select_high;
    /* Saved state: a table that lives as long as the type, which is for ever. */
    GArray *fields; /* EmuVMField */
    gsize state_size;
    EmuVMState *vmstate, *inner;
    void (*parent_unrealize)(EmuDevice *self);
    bool (*parent_realize)(EmuDevice *self, GError **error);
};

/**
 * EmuScriptDeviceType:
 *
 * A type of devices whose class is a script's. Once registered it is a type like any other.
 */
G_DEFINE_FINAL_TYPE(EmuScriptDeviceType, emu_script_device_type, G_TYPE_OBJECT)

static G_DEFINE_QUARK(emu-script-device-type, script_device_type)
static G_DEFINE_QUARK(emu-script-device, script_device)

EmuScriptDeviceType *
script_device_type_of(gpointer device)
{
    EmuScriptDeviceType *found = NULL;

    for (GType type = G_OBJECT_TYPE(device); type && !found; type = g_type_parent(type)) {
        found = g_type_get_qdata(type, script_device_type_quark());
    }
    return found;
}

/* For parts without functions of their own. */
uint64_t
script_part_call(const Instance *instance, PartEvent what, unsigned number, uint64_t offset, unsigned size, uint64_t value)
{
    EmuScriptDeviceType *type = instance->live ? script_device_type_of(instance->object) : NULL;

    return type && type->parts.func ? ((EmuScriptPartFunc)type->parts.func)(instance->object, what, number, offset, size, value, type->parts.data)
                                    : UINT64_MAX;
}

/* The functions hold the script's object, and that the device: they go when the device leaves its machine. */

static void
region_release(Region *region)
{
    ScriptAccess access = region->access;

    region->access = (ScriptAccess){0};
    script_access_drop(&access);
}

static void
region_free(gpointer data)
{
    region_release(data);
    g_free(data);
}

static void
input_release(Input *input)
{
    input->func = NULL;
    if (input->destroy) {
        g_steal_pointer(&input->destroy)(input->data);
    }
}

static void
input_free(gpointer data)
{
    input_release(data);
    g_free(data);
}

static void
timer_release(DeviceTimer *timer)
{
    emu_timer_free(g_steal_pointer(&timer->timer));
    timer->func = NULL;
    if (timer->destroy) {
        g_steal_pointer(&timer->destroy)(timer->data);
    }
}

static void
timer_free(gpointer data)
{
    timer_release(data);
    g_free(data);
}

static void
instance_free(gpointer data)
{
    Instance *instance = data;

    g_ptr_array_unref(instance->regions);
    g_ptr_array_unref(instance->inputs);
    g_ptr_array_unref(instance->timers);
    g_free(instance->state);
    g_free(instance->expires);
    g_free(instance);
}

Instance *
script_instance_of(gpointer object)
{
    Instance *instance = g_object_get_qdata(object, script_device_quark());

    if (!instance) {
        instance = g_new0(Instance, 1);
        instance->object = object;
        instance->regions = g_ptr_array_new_with_free_func(region_free);
        instance->inputs = g_ptr_array_new_with_free_func(input_free);
        instance->timers = g_ptr_array_new_with_free_func(timer_free);
        g_object_set_qdata_full(object, script_device_quark(), instance, instance_free);
    }
    return instance;
}

/* ---- the class's functions ---------------------------------------------------------------------------------- */

/* Takes back what its realize made. */
void
script_instance_release(gpointer object)
{
    Instance *instance = script_instance_of(object);

    instance->live = false;
    instance->irq = NULL;
    for (guint i = 0; i < instance->regions->len; i++) {
        Region *region = g_ptr_array_index(instance->regions, i);

        if (region->container && emu_memory_region_get_container(region->region) == region->container) {
            emu_memory_region_del_subregion(region->container, region->region);
        }
        region_release(region);
    }
    for (guint i = 0; i < instance->inputs->len; i++) {
        input_release(g_ptr_array_index(instance->inputs, i));
    }
    for (guint i = 0; i < instance->timers->len; i++) {
        timer_release(g_ptr_array_index(instance->timers, i));
    }
}

static bool
call_realize(EmuScriptDeviceType *type, EmuDevice *self, GError **error)
{
    g_autofree char *why = NULL;

    script_instance_of(self)->live = true;
    if (type->realize.func) {
        why = ((EmuScriptRealizeFunc)type->realize.func)(self, type->realize.data);
    }
    if (why) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "%s: %s", emu_device_get_label(self), why);
        script_instance_release(self);
        return false;
    }
    return true;
}

static bool
script_realize(EmuDevice *self, GError **error)
{
    EmuScriptDeviceType *type = script_device_type_of(self);

    return (!type->parent_realize || type->parent_realize(self, error)) && call_realize(type, self, error);
}

/* Configuration space is there only now. */
static bool
script_pci_realize(EmuPciDevice *self, GError **error)
{
    emu_pci_device_get_config(self)[0x3d] = 1;
    return call_realize(script_device_type_of(self), EMU_DEVICE(self), error);
}

static void
script_withdraw(EmuDevice *self)
{
    EmuScriptDeviceType *type = script_device_type_of(self);

    if (type->unrealize.func) {
        ((EmuScriptDeviceFunc)type->unrealize.func)(self, type->unrealize.data);
    }
    script_instance_release(self);
}

static void
script_unrealize(EmuDevice *self)
{
    EmuScriptDeviceType *type = script_device_type_of(self);

    script_withdraw(self);
    if (type->parent_unrealize) {
        type->parent_unrealize(self);
    }
}

static void
script_pci_unrealize(EmuPciDevice *self)
{
    script_withdraw(EMU_DEVICE(self));
}

static void
script_reset(EmuDevice *self)
{
    EmuScriptDeviceType *type = script_device_type_of(self);

    if (type->reset.func) {
        ((EmuScriptDeviceFunc)type->reset.func)(self, type->reset.data);
    }
}

static int
script_i2c(EmuI2cDevice *self, gint what, guint data)
{
    EmuScriptDeviceType *type = script_device_type_of(self);

    return type->i2c.func ? ((EmuScriptI2cFunc)type->i2c.func)(EMU_DEVICE(self), what, data, type->i2c.data) : what == 5 ? 0xff : 0;
}

static int
script_i2c_event(EmuI2cDevice *self, EmuI2cEvent event)
{
    return script_i2c(self, (gint)event, 0);
}

static int
script_i2c_send(EmuI2cDevice *self, uint8_t data)
{
    return script_i2c(self, 4, data);
}

static uint8_t
script_i2c_recv(EmuI2cDevice *self)
{
    return (uint8_t)script_i2c(self, 5, 0);
}

static guint
script_spi(EmuSpiDevice *self, gint what, guint value)
{
    EmuScriptDeviceType *type = script_device_type_of(self);

    return type->spi.func ? ((EmuScriptSpiFunc)type->spi.func)(EMU_DEVICE(self), what, value, type->spi.data) : 0;
}

static uint32_t
script_spi_transfer(EmuSpiDevice *self, uint32_t value)
{
    return script_spi(self, 2, value);
}

static void
script_spi_select(EmuSpiDevice *self, bool active)
{
    script_spi(self, active, 0);
}

/* ---- saved state ----------------------------------------------------------------------------------------------- */

static gpointer
state_of(gpointer device)
{
    EmuScriptDeviceType *type = script_device_type_of(device);
    Instance *instance = script_instance_of(device);

    if (!instance->state) {
        instance->state_size = type->state_size;
        instance->state = g_malloc0(type->state_size ? type->state_size : 1);
    }
    return instance->state;
}

/* Timers are known to the instance only: a buffer of as many expiry times as it has, ~0 for those that are not set. */
static gpointer
timers_of(gpointer device)
{
    Instance *instance = script_instance_of(device);
    uint32_t size = instance->timers->len * 8;

    if (instance->expires_size != size || !instance->expires) {
        instance->expires = g_realloc(instance->expires, size + 8);
        memset(instance->expires, 0xff, size + 8);
        instance->expires_size = size;
    }
    return instance;
}

static void
timers_pre_save(gpointer opaque)
{
    Instance *instance = opaque;

    for (guint i = 0; i < instance->timers->len; i++) {
        const DeviceTimer *timer = g_ptr_array_index(instance->timers, i);
        uint64_t expires = timer->timer && emu_timer_is_set(timer->timer) ? (uint64_t)emu_timer_expires_ns(timer->timer) : UINT64_MAX;

        expires = GUINT64_TO_LE(expires);
        memcpy(instance->expires + 8 * i, &expires, 8);
    }
}

static bool
timers_post_load(gpointer opaque, unsigned version G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    Instance *instance = opaque;

    for (guint i = 0; i < instance->timers->len; i++) {
        const DeviceTimer *timer = g_ptr_array_index(instance->timers, i);
        uint64_t expires;

        memcpy(&expires, instance->expires + 8 * i, 8);
        expires = GUINT64_FROM_LE(expires);
        if (timer->timer && expires <= INT64_MAX) {
            emu_timer_set(timer->timer, (int64_t)expires);
        } else if (timer->timer) {
            emu_timer_cancel(timer->timer);
        }
    }
    return true;
}

static void
state_pre_save(gpointer device)
{
    EmuScriptDeviceType *type = script_device_type_of(device);
    uint8_t *state = state_of(device);
    g_autoptr(GBytes) data = NULL;

    if (type->save.func) {
        data = ((EmuScriptSaveFunc)type->save.func)(device, type->save.data);
    }
    if (data) {
        memcpy(state, g_bytes_get_data(data, NULL), MIN(g_bytes_get_size(data), type->state_size));
    }
}

static bool
state_post_load(gpointer device, unsigned version G_GNUC_UNUSED, GError **error)
{
    EmuScriptDeviceType *type = script_device_type_of(device);
    g_autoptr(GBytes) data = g_bytes_new(state_of(device), type->state_size);
    g_autofree char *why = NULL;

    if (type->load.func) {
        why = ((EmuScriptLoadFunc)type->load.func)(device, data, type->load.data);
    }
    if (why) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "%s", why);
    }
    return !why;
}

static const EmuVMState *
make_vmstate(EmuScriptDeviceType *self)
{
    static const EmuVMField timer_fields[] = {EMU_VM_VBUFFER(Instance, expires, expires_size), EMU_VM_END};
    static const EmuVMState timers = {.name = "timers", .version = 1, .fields = timer_fields, .pre_save = timers_pre_save, .post_load = timers_post_load};
    EmuVMField *outer = g_new0(EmuVMField, 4), *next = outer;
    EmuVMField end = EMU_VM_END;

    if (g_type_is_a(self->type, EMU_TYPE_PCI_DEVICE)) {
        *next++ = (EmuVMField){.name = "pci", .kind = EMU_VM_KIND_STRUCT, .num = 1, .sub = &emu_vmstate_pci_device};
    } else if (g_type_is_a(self->type, EMU_TYPE_SPI_DEVICE)) {
        *next++ = (EmuVMField){.name = "spi", .kind = EMU_VM_KIND_STRUCT, .num = 1, .sub = &emu_vmstate_spi_device};
    }
    if (self->fields->len) {
        g_array_append_val(self->fields, end);
        self->inner = g_new0(EmuVMState, 1);
        self->inner->name = g_intern_string("script-state");
        self->inner->version = 1;
        self->inner->fields = (const EmuVMField *)(gconstpointer)self->fields->data;
        *next++ = (EmuVMField){.name = "state", .kind = EMU_VM_KIND_POINTER, .num = 1, .sub = self->inner, .resolve = state_of};
    }
    *next++ = (EmuVMField){.name = "timers", .kind = EMU_VM_KIND_POINTER, .num = 1, .sub = &timers, .resolve = timers_of};
    self->vmstate = g_new0(EmuVMState, 1);
    self->vmstate->name = g_intern_string(self->name);
    self->vmstate->version = 1;
    self->vmstate->fields = outer;
    if (self->fields->len) {
        self->vmstate->pre_save = state_pre_save;
        self->vmstate->post_load = state_post_load;
    }
    return self->vmstate;
}

/* ---- describing a type ------------------------------------------------------------------------------------------ */

static void
emu_script_device_type_finalize(GObject *object)
{
    EmuScriptDeviceType *self = EMU_SCRIPT_DEVICE_TYPE(object);
    Function *const functions[] = {&self->realize, &self->unrealize, &self->reset, &self->save, &self->load, &self->i2c, &self->spi, &self->parts};

    for (guint i = 0; i < G_N_ELEMENTS(functions); i++) {
        if (functions[i]->destroy) {
            functions[i]->destroy(functions[i]->data);
        }
    }
    g_array_unref(self->fields);
    g_free(self->name);
    g_free(self->description);
    g_free(self->category);
    G_OBJECT_CLASS(emu_script_device_type_parent_class)->finalize(object);
}

static void
emu_script_device_type_class_init(EmuScriptDeviceTypeClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = emu_script_device_type_finalize;
}

static void
emu_script_device_type_init(EmuScriptDeviceType *self)
{
    self->fields = g_array_new(FALSE, TRUE, sizeof(EmuVMField));
}

/**
 * emu_script_device_type_new: (constructor)
 * @type: the script's class, derived from a device's
 * @name: name of the type, as the command line says it: "demo-beeper"
 * @error: return location
 *
 * Begins to describe a type.
 *
 * Returns: (transfer full): to be filled in and registered
 */
EmuScriptDeviceType *
emu_script_device_type_new(GType type, const char *name, GError **error)
{
    EmuScriptDeviceType *self;

    emu_module_run_core();
    if (!g_type_is_a(type, EMU_TYPE_DEVICE) || g_type_get_qdata(type, g_quark_from_string("emu-type-entry"))) {
        script_set_error(error, BAD_VALUE, "/%s: %s is no class of a script's that is derived from a device's", name, g_type_name(type));
        return NULL;
    }
    if (!script_check_type_name(name, "devices", "", error)) {
        return NULL;
    }
    self = g_object_new(EMU_SCRIPT_TYPE_DEVICE_TYPE, NULL);
    self->type = type;
    self->name = g_strdup(name);
    return self;
}

/**
 * emu_script_device_type_set_description:
 * @self: a type
 * @text: a phrase
 *
 * What devices of this type are.
 */
void
emu_script_device_type_set_description(EmuScriptDeviceType *self, const char *text)
{
    g_free(self->description);
    self->description = g_strdup(text);
}

/**
 * emu_script_device_type_set_category:
 * @self: a type
 * @category: "input", "storage", "network", "display", "misc"
 *
 * Where lists show it.
 */
void
emu_script_device_type_set_category(EmuScriptDeviceType *self, const char *category)
{
    g_free(self->category);
    self->category = g_strdup(category);
}

/**
 * emu_script_device_type_set_hotpluggable:
 * @self: a type
 * @hotpluggable: whether its devices can come and go while the machine runs
 *
 * By default they cannot.
 */
void
emu_script_device_type_set_hotpluggable(EmuScriptDeviceType *self, gboolean hotpluggable)
{
    self->hotpluggable = hotpluggable;
}

/**
 * emu_script_device_type_set_pci_ids:
 * @self: a type of PCI devices
 * @vendor: vendor ID
 * @device: device ID
 * @class_id: class and subclass, 0x0200 for an Ethernet controller
 * @revision: revision ID
 * @error: return location
 *
 * What the guest finds it by.
 *
 * Returns: whether it is a PCI device
 */
gboolean
emu_script_device_type_set_pci_ids(EmuScriptDeviceType *self, guint vendor, guint device, guint class_id, guint revision, GError **error)
{
    if (!g_type_is_a(self->type, EMU_TYPE_PCI_DEVICE) || vendor > 0xffff || device > 0xffff || class_id > 0xffff || revision > 0xff) {
        script_set_error(error, BAD_VALUE, "/%s.pci_ids: %x:%x class %x revision %x: for PCI devices, 16 bits each, 8 for the revision", self->name,
                         vendor, device, class_id, revision);
        return FALSE;
    }
    self->has_ids = true;
    self->vendor = vendor;
    self->device = device;
    self->class_id = class_id;
    self->revision = revision;
    return TRUE;
}

/**
 * emu_script_device_type_add_saved:
 * @self: a type that is not registered yet
 * @name: name of a field of saved state
 * @size: 0: an integer of 8 bytes; else so many bytes
 *
 * The state that snapshots keep is these fields, in the order of the calls.
 */
void
emu_script_device_type_add_saved(EmuScriptDeviceType *self, const char *name, guint size)
{
    EmuVMField field = {.name = g_intern_string(name), .kind = size ? EMU_VM_KIND_BUFFER : EMU_VM_KIND_U64, .offset = self->state_size,
                        .size = size ? size : 8, .num = 1};

    g_return_if_fail(!self->registered);
    g_array_append_val(self->fields, field);
    self->state_size += field.size;
}

static void
set_function(Function *function, gpointer func, gpointer data, GDestroyNotify destroy)
{
    if (function->destroy) {
        function->destroy(function->data);
    }
    *function = (Function){func, data, destroy};
}

/**
 * emu_script_device_type_set_realize:
 * @self: a type
 * @func: (scope notified) (closure user_data) (destroy destroy): makes a device's regions and lines
 * @user_data: for @func
 * @destroy: called when @func is not needed any more
 *
 * What is called when a device becomes part of a machine.
 */
void
emu_script_device_type_set_realize(EmuScriptDeviceType *self, EmuScriptRealizeFunc func, gpointer user_data, GDestroyNotify destroy)
{
    set_function(&self->realize, func, user_data, destroy);
}

/**
 * emu_script_device_type_set_unrealize:
 * @self: a type
 * @func: (scope notified) (closure user_data) (destroy destroy): undoes what realize did
 * @user_data: for @func
 * @destroy: called when @func is not needed any more
 *
 * What is called when a device leaves its machine. Regions and lines go by themselves.
 */
void
emu_script_device_type_set_unrealize(EmuScriptDeviceType *self, EmuScriptDeviceFunc func, gpointer user_data, GDestroyNotify destroy)
{
    set_function(&self->unrealize, func, user_data, destroy);
}

/**
 * emu_script_device_type_set_reset:
 * @self: a type
 * @func: (scope notified) (closure user_data) (destroy destroy): sets state to what it is after power on
 * @user_data: for @func
 * @destroy: called when @func is not needed any more
 *
 * What is called when a device is reset.
 */
void
emu_script_device_type_set_reset(EmuScriptDeviceType *self, EmuScriptDeviceFunc func, gpointer user_data, GDestroyNotify destroy)
{
    set_function(&self->reset, func, user_data, destroy);
}

/**
 * emu_script_device_type_set_save:
 * @self: a type
 * @func: (scope notified) (closure user_data) (destroy destroy): gives the state
 * @user_data: for @func
 * @destroy: called when @func is not needed any more
 *
 * What is called for a snapshot.
 */
void
emu_script_device_type_set_save(EmuScriptDeviceType *self, EmuScriptSaveFunc func, gpointer user_data, GDestroyNotify destroy)
{
    set_function(&self->save, func, user_data, destroy);
}

/**
 * emu_script_device_type_set_load:
 * @self: a type
 * @func: (scope notified) (closure user_data) (destroy destroy): takes the state back
 * @user_data: for @func
 * @destroy: called when @func is not needed any more
 *
 * What is called when a snapshot is restored.
 */
void
emu_script_device_type_set_load(EmuScriptDeviceType *self, EmuScriptLoadFunc func, gpointer user_data, GDestroyNotify destroy)
{
    set_function(&self->load, func, user_data, destroy);
}

/**
 * emu_script_device_type_set_i2c:
 * @self: a type of I2C devices
 * @func: (scope notified) (closure user_data) (destroy destroy): answers the bus master
 * @user_data: for @func
 * @destroy: called when @func is not needed any more
 *
 * What is called when the device is addressed.
 */
void
emu_script_device_type_set_i2c(EmuScriptDeviceType *self, EmuScriptI2cFunc func, gpointer user_data, GDestroyNotify destroy)
{
    set_function(&self->i2c, func, user_data, destroy);
}

/**
 * emu_script_device_type_set_spi:
 * @self: a type of SPI devices
 * @word_bits: length of a word, 1 to 32; 0: 8
 * @select_high: whether the chip select is active high
 * @func: (scope notified) (closure user_data) (destroy destroy): answers the bus master
 * @user_data: for @func
 * @destroy: called when @func is not needed any more
 *
 * What is called when the device is selected, and for each word.
 */
void
emu_script_device_type_set_spi(EmuScriptDeviceType *self, guint word_bits, gboolean select_high, EmuScriptSpiFunc func, gpointer user_data,
                               GDestroyNotify destroy)
{
    self->spi_word_bits = MIN(word_bits, 32);
    self->spi_select_high = select_high;
    set_function(&self->spi, func, user_data, destroy);
}

/**
 * emu_script_device_type_set_parts:
 * @self: a type
 * @func: (scope notified) (closure user_data) (destroy destroy): answers for regions, inputs and timers
 * @user_data: for @func
 * @destroy: called when @func is not needed any more
 *
 * What is called for parts that are made without a function: one for all devices of the type, where a binding has to make
 * something for each function that it passes.
 */
void
emu_script_device_type_set_parts(EmuScriptDeviceType *self, EmuScriptPartFunc func, gpointer user_data, GDestroyNotify destroy)
{
    set_function(&self->parts, func, user_data, destroy);
}

/**
 * emu_script_device_type_register:
 * @self: a type that is described
 * @error: return location
 *
 * Makes it known: to the command line, lists, machines. It stays known as long as the process lives.
 *
 * Returns: whether the name was free
 */
gboolean
emu_script_device_type_register(EmuScriptDeviceType *self, GError **error)
{
    EmuDeviceClass *klass;
    EmuTypeModule *module;

    /* A name that a plugin promises is what this is called for, when the plugin is a script. */
    if (self->registered || emu_type_find_module(self->name, &module)) {
        script_set_error(error, DUPLICATE, "/%s: there is a type of this name already", self->name);
        return FALSE;
    }
    klass = g_type_class_ref(self->type); /* kept */
    self->registered = true;
    g_type_set_qdata(self->type, script_device_type_quark(), g_object_ref(self));
    if (g_type_is_a(self->type, EMU_TYPE_PCI_DEVICE)) {
        EmuPciDeviceClass *pci = (EmuPciDeviceClass *)klass;

        pci->realize = script_pci_realize;
        pci->unrealize = script_pci_unrealize;
        if (self->has_ids) {
            pci->vendor_id = (uint16_t)self->vendor;
            pci->device_id = (uint16_t)self->device;
            pci->class_id = (uint16_t)self->class_id;
            pci->revision = (uint8_t)self->revision;
        }
    } else {
        self->parent_realize = klass->realize;
        self->parent_unrealize = klass->unrealize;
        klass->realize = script_realize;
        klass->unrealize = script_unrealize;
    }
    if (g_type_is_a(self->type, EMU_TYPE_I2C_DEVICE)) {
        EmuI2cDeviceClass *i2c = (EmuI2cDeviceClass *)klass;

        i2c->event = script_i2c_event;
        i2c->send = script_i2c_send;
        i2c->recv = script_i2c_recv;
    }
    if (g_type_is_a(self->type, EMU_TYPE_SPI_DEVICE)) {
        EmuSpiDeviceClass *spi = (EmuSpiDeviceClass *)klass;

        spi->transfer = script_spi_transfer;
        spi->select = script_spi_select;
        spi->word_bits = (uint8_t)self->spi_word_bits;
        spi->select_high = self->spi_select_high;
    }
    klass->reset_enter = script_reset;
    klass->vmstate = make_vmstate(self);
    klass->user_creatable = true;
    klass->hotpluggable = self->hotpluggable;
    klass->category = g_intern_string(self->category ? self->category : "misc");
    klass->model_name = self->description ? g_intern_string(self->description) : NULL;
    emu_type_register_gtype(self->name, self->type);
    emu_type_describe_gtype(self->type, self->description);
    return TRUE;
}
