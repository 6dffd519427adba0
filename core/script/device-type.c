/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Devices written in a script. The script's class is a GType of its own, derived from a bus's base class; what C devices do in
 * their class is done here, with functions of the script's in place of the C ones. Regions and inputs belong to the instance,
 * and so do the functions behind them: plain numbers go in and out.
 */

#include "script/device-type-private.h"

#include "device/device-private.h"
#include "qom/qom-private.h"
#include <emu/i2c.h>
#include <emu/isa.h>
#include <emu/log.h>
#include <emu/pci.h>
#include <emu/spi.h>
#include <inttypes.h>
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

/* What an instance has here. */
typedef struct {
    gpointer object; /* whose it is: a device, or a board */
    bool live; /* from the beginning of its realize to its end */
    GPtrArray *regions, *inputs, *timers;
    EmuLine *irq;
    uint8_t *state;
    gsize state_size;
    uint8_t *expires; /* saved state of the timers, 8 bytes each */
    uint32_t expires_size;
} Instance;

typedef struct {
    Instance *instance;
    EmuMemoryRegion *region;
    EmuMemoryRegion *container; /* it was put into by us */
    unsigned number;
    ScriptAccess access;
} Region;

typedef struct {
    Instance *instance;
    unsigned number;
    EmuTimer *timer;
    EmuScriptDeviceFunc func;
    gpointer data;
    GDestroyNotify destroy;
} DeviceTimer;

struct _ScriptInput {
    Instance *instance;
    unsigned number;
    EmuScriptLineFunc func;
    gpointer data;
    GDestroyNotify destroy;
};
typedef ScriptInput Input;

static EmuScriptDeviceType *
type_of(gpointer device)
{
    EmuScriptDeviceType *found = NULL;

    for (GType type = G_OBJECT_TYPE(device); type && !found; type = g_type_parent(type)) {
        found = g_type_get_qdata(type, script_device_type_quark());
    }
    return found;
}

typedef enum { PART_READ, PART_WRITE, PART_INPUT, PART_TIMER } PartEvent;

/* For parts without functions of their own. */
static uint64_t
part_call(const Instance *instance, PartEvent what, unsigned number, uint64_t offset, unsigned size, uint64_t value)
{
    EmuScriptDeviceType *type = instance->live ? type_of(instance->object) : NULL;

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

static Instance *
instance_of(gpointer object)
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
    Instance *instance = instance_of(object);

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

    instance_of(self)->live = true;
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
    EmuScriptDeviceType *type = type_of(self);

    return (!type->parent_realize || type->parent_realize(self, error)) && call_realize(type, self, error);
}

/* Configuration space is there only now. */
static bool
script_pci_realize(EmuPciDevice *self, GError **error)
{
    emu_pci_device_get_config(self)[0x3d] = 1;
    return call_realize(type_of(self), EMU_DEVICE(self), error);
}

static void
script_withdraw(EmuDevice *self)
{
    EmuScriptDeviceType *type = type_of(self);

    if (type->unrealize.func) {
        ((EmuScriptDeviceFunc)type->unrealize.func)(self, type->unrealize.data);
    }
    script_instance_release(self);
}

static void
script_unrealize(EmuDevice *self)
{
    EmuScriptDeviceType *type = type_of(self);

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
    EmuScriptDeviceType *type = type_of(self);

    if (type->reset.func) {
        ((EmuScriptDeviceFunc)type->reset.func)(self, type->reset.data);
    }
}

static int
script_i2c(EmuI2cDevice *self, gint what, guint data)
{
    EmuScriptDeviceType *type = type_of(self);

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
    EmuScriptDeviceType *type = type_of(self);

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
    EmuScriptDeviceType *type = type_of(device);
    Instance *instance = instance_of(device);

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
    Instance *instance = instance_of(device);
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
    EmuScriptDeviceType *type = type_of(device);
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
    EmuScriptDeviceType *type = type_of(device);
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

/* ---- what a device makes ------------------------------------------------------------------------------------------ */

static struct {
    EmuScriptThreadFunc func;
    gpointer data;
    GDestroyNotify destroy;
} thread_hook;

/**
 * emu_script_set_thread_hook:
 * @func: (scope notified) (nullable) (closure user_data) (destroy destroy): what to call
 * @user_data: for @func
 * @destroy: called when @func is not needed any more
 *
 * For bindings of languages that want to know threads before they are called on them often.
 */
void
emu_script_set_thread_hook(EmuScriptThreadFunc func, gpointer user_data, GDestroyNotify destroy)
{
    if (thread_hook.destroy) {
        thread_hook.destroy(thread_hook.data);
    }
    thread_hook.func = func;
    thread_hook.data = user_data;
    thread_hook.destroy = destroy;
}

static inline void
enter_thread(void)
{
    static __thread bool known;

    if (G_UNLIKELY(!known)) {
        known = true;
        if (thread_hook.func) {
            thread_hook.func(thread_hook.data);
        }
    }
}

static uint64_t
region_read(gpointer opaque, uint64_t offset, unsigned size)
{
    Region *region = opaque;

    enter_thread();
    return region->access.read ? region->access.read(offset, size, region->access.read_data)
                               : part_call(region->instance, PART_READ, region->number, offset, size, 0);
}

static void
region_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Region *region = opaque;

    enter_thread();
    if (region->access.write) {
        region->access.write(offset, value, size, region->access.write_data);
    } else {
        part_call(region->instance, PART_WRITE, region->number, offset, size, value);
    }
}

static const EmuMemoryRegionOps region_ops = {.read = region_read, .write = region_write};

static bool
region_place(EmuDevice *self, Region *region, bool io, guint64 address, guint64 size, GError **error)
{
    g_autofree char *name = script_object_name(self);

    if (EMU_IS_PCI_DEVICE(self)) {
        if (address > 5 || (size & (size - 1)) || size < (io ? 4 : 16)) {
            script_set_error(error, BAD_VALUE, "%s.%s: BAR %" PRIu64 " of %" PRIu64 " bytes: expected BAR 0 to 5, a power of two", name,
                             emu_memory_region_get_name(region->region), address, size);
            return false;
        }
        emu_pci_device_register_bar(EMU_PCI_DEVICE(self), (unsigned)address, io ? EMU_PCI_BAR_IO : EMU_PCI_BAR_MEM, region->region);
        return true;
    }
    if (address == UINT64_MAX) {
        if (EMU_IS_SYSBUS_DEVICE(self)) {
            emu_sysbus_add_mmio(EMU_SYSBUS_DEVICE(self), region->region);
        }
        return true;
    }
    if (address + (size - 1) < address || (io && address + (size - 1) > 0xffff)) {
        script_set_error(error, BAD_VALUE, "%s.%s: 0x%" PRIx64 " is no address for %" PRIu64 " bytes", name,
                         emu_memory_region_get_name(region->region), address, size);
        return false;
    }
    if (EMU_IS_ISA_DEVICE(self) && io) {
        emu_isa_device_map_io(EMU_ISA_DEVICE(self), region->region, (uint16_t)address);
        return true;
    }
    if (EMU_IS_ISA_DEVICE(self)) {
        region->container = emu_isa_bus_get_memory(emu_isa_device_get_bus(EMU_ISA_DEVICE(self)));
    } else {
        region->container = io ? emu_machine_get_system_io(emu_device_get_machine(self)) : emu_machine_get_system_memory(emu_device_get_machine(self));
    }
    emu_memory_region_add_subregion(region->container, address, region->region, 1);
    return true;
}

bool
script_device_need_machine(EmuDevice *self, const char *what, GError **error)
{
    g_autofree char *name = NULL;

    if (emu_device_get_machine(self) && type_of(self) && instance_of(self)->live) {
        return true;
    }
    name = script_object_name(self);
    script_set_error(error, WRONG_STATE, "%s: not part of a machine: no %s", name, what);
    return false;
}

void
script_access_drop(const ScriptAccess *access)
{
    if (access->read_destroy) {
        access->read_destroy(access->read_data);
    }
    if (access->write_destroy) {
        access->write_destroy(access->write_data);
    }
}

EmuMemoryRegion *
script_region_new(gpointer owner, const char *name, guint64 size, const ScriptAccess *access, GError **error)
{
    Region *region;

    if (!size) {
        g_autofree char *path = script_object_name(owner);

        script_set_error(error, BAD_VALUE, "%s.%s: a region of 0 bytes", path, name);
        script_access_drop(access);
        return NULL;
    }
    region = g_new0(Region, 1);
    region->access = *access;
    region->instance = instance_of(owner);
    region->number = region->instance->regions->len;
    region->region = emu_memory_region_new_io(owner, name, size, &region_ops, region);
    g_ptr_array_add(region->instance->regions, region);
    return region->region;
}

/**
 * emu_script_device_add_region:
 * @self: a device in its realize function
 * @name: what to call the region
 * @size: bytes, or ports
 * @io: ports, not memory
 * @address: where it goes: an address; for PCI devices the number of the BAR; G_MAXUINT64: nowhere yet
 * @read: (scope notified) (nullable) (closure read_data) (destroy read_destroy): answers reads
 * @read_data: for @read
 * @read_destroy: called when @read is not needed any more
 * @write: (scope notified) (nullable) (closure write_data) (destroy write_destroy): takes writes
 * @write_data: for @write
 * @write_destroy: called when @write is not needed any more
 * @error: return location
 *
 * Registers that the guest can reach. Without functions the type's is called: emu_script_device_type_set_parts().
 *
 * Returns: whether it could be placed
 */
gboolean
emu_script_device_add_region(EmuDevice *self, const char *name, guint64 size, gboolean io, guint64 address, EmuScriptReadFunc read,
                             gpointer read_data, GDestroyNotify read_destroy, EmuScriptWriteFunc write, gpointer write_data,
                             GDestroyNotify write_destroy, GError **error)
{
    const ScriptAccess access = {read, read_data, read_destroy, write, write_data, write_destroy};
    Region *region;

    if (!script_device_need_machine(self, "regions", error) || !script_check_name(self, name, error)) {
        script_access_drop(&access);
        return FALSE;
    }
    if (!script_region_new(self, name, size, &access, error)) {
        return FALSE;
    }
    region = g_ptr_array_index(instance_of(self)->regions, instance_of(self)->regions->len - 1);
    return region_place(self, region, io, address, size, error);
}

#define LINES_MAX 1024u

/* What a part of the tree can be called. */
bool
script_check_name(gpointer owner, const char *name, GError **error)
{
    g_autofree char *path = NULL;

    if (*name && !strchr(name, '/') && g_utf8_validate(name, -1, NULL)) {
        return true;
    }
    path = script_object_name(owner);
    script_set_error(error, BAD_VALUE, "%s: \"%s\" is no name for a part of it", path, name);
    return false;
}

bool
script_check_type_name(const char *name, const char *of_what, const char *suffix, GError **error)
{
    const char *p;

    for (p = name; g_ascii_isalnum(*p) || (p > name && *p && strchr("-_.", *p)); p++) {
    }
    if (!*p && g_str_has_suffix(name, suffix) && strlen(name) > strlen(suffix)) {
        return true;
    }
    script_set_error(error, BAD_VALUE, "/%s: no name for a type of %s, expected \"NAME%s\" of letters, digits, \"-\", \"_\" and \".\"", name,
                     of_what, suffix);
    return false;
}

static bool
check_lines(EmuDevice *self, const char *name, guint n, GError **error)
{
    g_autofree char *path = NULL;

    if (n <= LINES_MAX) {
        return !name || script_check_name(self, name, error);
    }
    path = script_object_name(self);
    script_set_error(error, BAD_VALUE, "%s.%s: %u lines, expected at most %u", path, name ? name : "lines", n, LINES_MAX);
    return false;
}

/**
 * emu_script_device_add_outputs:
 * @self: a device in its realize function
 * @name: (nullable): what to call them
 * @n: how many
 * @error: return location
 *
 * Lines that the device drives.
 *
 * Returns: whether they are there
 */
gboolean
emu_script_device_add_outputs(EmuDevice *self, const char *name, guint n, GError **error)
{
    g_autofree EmuLine **lines = NULL;

    if (!script_device_need_machine(self, "outputs", error) || !check_lines(self, name, n, error)) {
        return FALSE;
    }
    lines = g_new0(EmuLine *, n + 1);
    emu_device_add_lines_out(self, name, n, lines);
    return TRUE;
}

ScriptInput *
script_input_new(gpointer owner, EmuScriptLineFunc func, gpointer user_data, GDestroyNotify destroy)
{
    Input *input = g_new0(Input, 1);

    *input = (Input){instance_of(owner), instance_of(owner)->inputs->len, func, user_data, destroy};
    g_ptr_array_add(input->instance->inputs, input);
    return input;
}

void
script_input_cb(gpointer opaque, unsigned index, int level)
{
    Input *input = opaque;

    if (input->func) {
        input->func(index, level, input->data);
    } else {
        part_call(input->instance, PART_INPUT, input->number, index, 0, (uint64_t)(int64_t)level);
    }
}

/**
 * emu_script_device_add_inputs:
 * @self: a device in its realize function
 * @name: (nullable): what to call them
 * @n: how many
 * @func: (scope notified) (nullable) (closure user_data) (destroy destroy): called when one is driven; %NULL: the type's
 * @user_data: for @func
 * @destroy: called when @func is not needed any more
 * @error: return location
 *
 * Lines that others drive.
 *
 * Returns: whether they are there
 */
gboolean
emu_script_device_add_inputs(EmuDevice *self, const char *name, guint n, EmuScriptLineFunc func, gpointer user_data, GDestroyNotify destroy,
                             GError **error)
{
    ScriptInput *input;

    if (!script_device_need_machine(self, "inputs", error) || !check_lines(self, name, n, error)) {
        if (destroy) {
            destroy(user_data);
        }
        return FALSE;
    }
    input = script_input_new(self, func, user_data, destroy);
    for (guint i = 0; i < n; i++) {
        emu_line_new_in(self, name, script_input_cb, input, i);
    }
    return TRUE;
}

/**
 * emu_script_device_connect_irq:
 * @self: an ISA device in its realize function
 * @irq: number of the request, 0 to 15
 * @error: return location
 *
 * Wires an interrupt request, for set_irq().
 *
 * Returns: whether there is such a request
 */
gboolean
emu_script_device_connect_irq(EmuDevice *self, guint irq, GError **error)
{
    Instance *instance = instance_of(self);
    g_autofree char *name = script_object_name(self);
    GError *core = NULL;

    if (!EMU_IS_ISA_DEVICE(self)) {
        script_set_error(error, BAD_VALUE, "%s.irq: only ISA devices choose one", name);
        return FALSE;
    }
    if (!script_device_need_machine(self, "interrupt requests", error)) {
        return FALSE;
    }
    emu_device_add_lines_out(self, "irq", 1, &instance->irq);
    return emu_isa_device_connect_irq(EMU_ISA_DEVICE(self), instance->irq, irq, &core) || script_error_take(error, core, name, "irq");
}

/**
 * emu_script_device_set_irq:
 * @self: a device
 * @level: 1 to ask for an interrupt, 0 to take it back
 *
 * Drives its interrupt request: of a PCI device INTA, of others what connect_irq() wired.
 */
void
emu_script_device_set_irq(EmuDevice *self, gint level)
{
    ScriptScope scope = script_object_enter(self);

    if (EMU_IS_PCI_DEVICE(self)) {
        if (emu_device_is_realized(self)) {
            emu_pci_device_set_irq(EMU_PCI_DEVICE(self), level != 0);
        }
    } else {
        emu_line_set(instance_of(self)->irq, level != 0);
    }
    script_scope_leave(&scope);
}

static EmuAddressSpace *
dma_as(EmuDevice *self)
{
    return EMU_IS_PCI_DEVICE(self) ? emu_pci_device_get_dma_as(EMU_PCI_DEVICE(self)) : emu_machine_get_memory_as(emu_device_get_machine(self));
}

static bool
dma_failed(EmuDevice *self, guint64 address, GError **error)
{
    g_autofree char *name = script_object_name(self);

    script_set_error(error, BAD_ADDRESS, "%s: DMA at 0x%" PRIx64 " reaches no memory, or is not allowed", name, address);
    return false;
}

/**
 * emu_script_device_dma_read:
 * @self: a device
 * @address: in the guest's memory
 * @size: how many bytes
 * @n_data: (out): as many
 * @error: return location
 *
 * Reads the guest's memory, as a bus master.
 *
 * Returns: (array length=n_data) (element-type guint8) (transfer full): the bytes
 */
guint8 *
emu_script_device_dma_read(EmuDevice *self, guint64 address, gsize size, gsize *n_data, GError **error)
{
    guint8 *data;

    *n_data = 0;
    if (!script_device_need_machine(self, "transfers", error)) {
        return NULL;
    }
    data = size > (1u << 30) ? NULL : g_try_malloc(size ? size : 1);
    if (!data || emu_dma_read(dma_as(self), address, data, size) != EMU_MEM_OK) {
        g_free(data);
        dma_failed(self, address, error);
        return NULL;
    }
    *n_data = size;
    return data;
}

/**
 * emu_script_device_dma_write:
 * @self: a device
 * @address: in the guest's memory
 * @data: (array length=n_data) (element-type guint8): bytes
 * @n_data: how many
 * @error: return location
 *
 * Writes the guest's memory, as a bus master.
 *
 * Returns: whether it could
 */
gboolean
emu_script_device_dma_write(EmuDevice *self, guint64 address, const guint8 *data, gsize n_data, GError **error)
{
    if (!script_device_need_machine(self, "transfers", error)) {
        return FALSE;
    }
    return emu_dma_write(dma_as(self), address, data, n_data) == EMU_MEM_OK || dma_failed(self, address, error);
}

static void
device_timer_cb(gpointer opaque)
{
    DeviceTimer *timer = opaque;

    if (timer->func) {
        timer->func(timer->instance->object, timer->data);
    } else {
        part_call(timer->instance, PART_TIMER, timer->number, 0, 0, 0);
    }
}

/**
 * emu_script_device_add_timer:
 * @self: a device in its realize function
 * @func: (scope notified) (nullable) (closure user_data) (destroy destroy): what to call when the timer has run down; %NULL: the type's
 * @user_data: for @func
 * @destroy: called when @func is not needed any more
 *
 * A timer on the machine's virtual clock, not set yet. On the machine's thread, its lock held.
 *
 * Returns: its number, for set_timer()
 */
guint
emu_script_device_add_timer(EmuDevice *self, EmuScriptDeviceFunc func, gpointer user_data, GDestroyNotify destroy)
{
    Instance *instance = instance_of(self);
    DeviceTimer *timer = g_new0(DeviceTimer, 1);

    timer->instance = instance;
    timer->number = instance->timers->len;
    timer->func = func;
    timer->data = user_data;
    timer->destroy = destroy;
    if (instance->live) {
        timer->timer = emu_timer_new(emu_device_get_clock(self, EMU_CLOCK_VIRTUAL), device_timer_cb, timer);
    }
    g_ptr_array_add(instance->timers, timer);
    return instance->timers->len - 1;
}

/**
 * emu_script_device_set_timer:
 * @self: a device
 * @timer: number of one of its timers
 * @delay_ns: virtual nanoseconds from now; below 0: cancels it
 *
 * Sets a timer; what it was set to before is forgotten.
 */
void
emu_script_device_set_timer(EmuDevice *self, guint timer, gint64 delay_ns)
{
    ScriptScope scope = script_object_enter(self);
    Instance *instance = instance_of(self);
    DeviceTimer *t = timer < instance->timers->len ? g_ptr_array_index(instance->timers, timer) : NULL;

    if (t && t->timer && delay_ns >= 0) {
        emu_timer_set(t->timer, emu_clock_get_ns(emu_device_get_clock(self, EMU_CLOCK_VIRTUAL)) + delay_ns);
    } else if (t && t->timer) {
        emu_timer_cancel(t->timer);
    }
    script_scope_leave(&scope);
}

/**
 * emu_script_device_get_virtual_ns:
 * @self: a device
 *
 * The machine's virtual time.
 *
 * Returns: nanoseconds; 0 outside of machines
 */
gint64
emu_script_device_get_virtual_ns(EmuDevice *self)
{
    return instance_of(self)->live ? emu_clock_get_ns(emu_device_get_clock(self, EMU_CLOCK_VIRTUAL)) : 0;
}

void
script_report_exception(gpointer object, EmuMachine *machine, const char *text)
{
    g_autoptr(EmuScriptMachine) script = script_machine_of(machine);
    g_autofree char *name = script_object_name(object);

    emu_error_report("%s: exception:\n%s", name, text);
    if (script) {
        script_machine_stop_for(script, script_stop_new(EMU_SCRIPT_STOP_REASON_EXCEPTION, NULL, -1, 0, text));
    } else if (machine && emu_machine_get_run_state(machine) == EMU_RUN_STATE_RUNNING) {
        emu_machine_request_stop(machine, EMU_RUN_STATE_PAUSED);
    }
}

/**
 * emu_script_device_report_exception:
 * @self: a device
 * @text: the trace of calls
 *
 * A function of the device failed: prints the text and pauses the machine, which can go on.
 */
void
emu_script_device_report_exception(EmuDevice *self, const char *text)
{
    script_report_exception(self, emu_device_get_machine(self), text);
}
