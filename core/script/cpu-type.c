/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * CPUs written in a script. The script's class is a GType of its own, derived from EmuCpu; its instructions are executed by a
 * function of the script's, which is this CPU's interpreter under TCG. Registers are words in memory that the script reads and writes
 * directly, and that debuggers, monitors and snapshots know without asking it:
 *
 *   word 0  halted    word 1  takes interrupts    word 2  levels of the inputs "irq", a bit each    word 3...  the registers
 *
 * There is no MMU: addresses are physical.
 */

#include "script/device-type-private.h"

#include "qom/qom-private.h"
#include <emu/cpu.h>
#include <emu/script/cpu.h>
#include <emu/tcg.h>
#include <inttypes.h>
#include <string.h>

enum { WORD_HALTED, WORD_TAKES_IRQ, WORD_IRQ, N_CONTROL_WORDS };

#define CPU_TYPE_MAX_REGISTERS 512
#define CPU_TYPE_MAX_IRQS 32
#define CPU_TYPE_BATCH 64 /* instructions between two looks at what others want */

typedef struct {
    gpointer func, data;
    GDestroyNotify destroy;
} Function;

struct _EmuScriptCpuType {
    GObject parent_instance;
    GType type;
    char *name, *description;
    GArray *registers; /* EmuCpuRegister; it lives as long as the type, which is for ever */
    guint n_irqs;
    Function run, reset, interrupt, disassemble;
    bool registered;
    EmuTcgFrontend frontend;
    EmuVMState vmstate, inner;
    EmuVMField outer[2], *fields;
    bool (*parent_realize)(EmuDevice *self, GError **error);
};

/**
 * EmuScriptCpuType:
 *
 * A type of CPUs whose class is a script's. Once registered `-cpu` and boards find it like any other.
 */
G_DEFINE_FINAL_TYPE(EmuScriptCpuType, emu_script_cpu_type, G_TYPE_OBJECT)

static G_DEFINE_QUARK(emu-script-cpu-type, script_cpu_type)
static G_DEFINE_QUARK(emu-script-cpu, script_cpu)

/* What an instance has here. */
typedef struct {
    EmuScriptCpuType *type;
    EmuCpu *cpu;
    EmuTcgState *state; /* NULL: it cannot run now */
    bool failed;        /* in an exception of its own: does not go on before the machine is started again */
    uint64_t words[];
} Instance;

typedef struct {
    EmuTcgState tcg; /* first */
    Instance *instance;
} State;

static EmuScriptCpuType *
type_of(gpointer cpu)
{
    EmuScriptCpuType *found = NULL;

    for (GType type = G_OBJECT_TYPE(cpu); type && !found; type = g_type_parent(type)) {
        found = g_type_get_qdata(type, script_cpu_type_quark());
    }
    return found;
}

static Instance *
instance_of(gpointer cpu)
{
    Instance *instance = g_object_get_qdata(cpu, script_cpu_quark());

    if (!instance) {
        EmuScriptCpuType *type = type_of(cpu);

        instance = g_malloc0(sizeof(*instance) + (N_CONTROL_WORDS + type->registers->len) * sizeof(instance->words[0]));
        instance->type = type;
        instance->cpu = cpu;
        g_object_set_qdata_full(cpu, script_cpu_quark(), instance, g_free);
    }
    return instance;
}

static Instance *
instance_of_state(EmuTcgState *s)
{
    return ((State *)s)->instance;
}

static inline uint64_t
word_get(const Instance *instance, unsigned index)
{
    return __atomic_load_n(&instance->words[index], __ATOMIC_RELAXED);
}

/* ---- the front end -------------------------------------------------------------------------------------------- */

static uint64_t
cpu_state_get_pc(EmuTcgState *s)
{
    return instance_of_state(s)->words[N_CONTROL_WORDS]; /* the first register */
}

static void
cpu_state_set_pc(EmuTcgState *s, uint64_t pc)
{
    instance_of_state(s)->words[N_CONTROL_WORDS] = pc;
}

static EmuTcgExit
cpu_interp(EmuTcgState *s, unsigned max_insns, unsigned *executed)
{
    Instance *self = instance_of_state(s);
    const Function *run = &self->type->run;

    *executed = 0;
    while (*executed < max_insns && !word_get(self, WORD_HALTED) && !__atomic_load_n(&s->exit_request, __ATOMIC_RELAXED)) {
        gint n = run->func ? ((EmuScriptCpuRunFunc)run->func)(self->cpu, MIN(max_insns - *executed, CPU_TYPE_BATCH), run->data) : -1;

        if (n < 0) {
            __atomic_store_n(&self->failed, true, __ATOMIC_RELAXED);
            return EMU_TCG_EXIT_DEBUG;
        }
        *executed += (unsigned)n;
        if (!n || (word_get(self, WORD_IRQ) && word_get(self, WORD_TAKES_IRQ))) {
            break;
        }
    }
    return word_get(self, WORD_HALTED) ? EMU_TCG_EXIT_HALT : EMU_TCG_EXIT_NONE;
}

static bool
cpu_walk(EmuTcgState *s G_GNUC_UNUSED, uint64_t vaddr, EmuTcgAccess access G_GNUC_UNUSED, unsigned mmu_mode G_GNUC_UNUSED, bool record G_GNUC_UNUSED,
         EmuTcgTranslation *out)
{
    *out = (EmuTcgTranslation){
        .phys = vaddr,
        .page_size = 4096,
        .prot = EMU_TCG_PROT_READ | EMU_TCG_PROT_WRITE | EMU_TCG_PROT_FETCH,
        .global = true,
    };
    return true;
}

static EmuTcgExit
cpu_nothing(EmuTcgState *s G_GNUC_UNUSED)
{
    return EMU_TCG_EXIT_NONE;
}

static bool
cpu_interrupt_wanted(EmuTcgState *s)
{
    const Instance *self = instance_of_state(s);

    return word_get(self, WORD_IRQ) && word_get(self, WORD_TAKES_IRQ) && !__atomic_load_n(&self->failed, __ATOMIC_RELAXED);
}

static EmuTcgExit
cpu_deliver_interrupt(EmuTcgState *s)
{
    Instance *self = instance_of_state(s);
    const Function *interrupt = &self->type->interrupt;

    /* Without a function of its own it only wakes up. */
    self->words[WORD_HALTED] = 0;
    self->words[WORD_TAKES_IRQ] = 0;
    if (interrupt->func) {
        ((EmuScriptCpuFunc)interrupt->func)(self->cpu, interrupt->data);
    }
    return EMU_TCG_EXIT_NONE;
}

static unsigned
cpu_lift(EmuTcgState *s G_GNUC_UNUSED, EmuTcgIr *ir G_GNUC_UNUSED, uint64_t pc G_GNUC_UNUSED, const uint8_t *code G_GNUC_UNUSED,
         unsigned avail G_GNUC_UNUSED, uint64_t mode_key G_GNUC_UNUSED, unsigned max_insns G_GNUC_UNUSED)
{
    return 0;
}

/* ---- the class's functions ------------------------------------------------------------------------------------- */

static void
cpu_attach_state(EmuCpu *cpu, gpointer state)
{
    Instance *self = instance_of(cpu);

    self->state = state;
    if (state) {
        ((State *)state)->instance = self;
    }
}

static uint64_t
cpu_get_pc(EmuCpu *cpu)
{
    return instance_of(cpu)->words[N_CONTROL_WORDS];
}

static bool
cpu_is_halted(EmuCpu *cpu)
{
    const Instance *self = instance_of(cpu);

    return word_get(self, WORD_HALTED) || __atomic_load_n(&self->failed, __ATOMIC_RELAXED);
}

static char *
cpu_describe_registers(EmuCpu *cpu)
{
    const Instance *self = instance_of(cpu);
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < self->type->registers->len; i++) {
        const EmuCpuRegister *reg = &g_array_index(self->type->registers, EmuCpuRegister, i);

        g_string_append_printf(out, "%-4s=%0*" PRIx64 "%c", reg->name, (int)reg->size * 2, self->words[N_CONTROL_WORDS + i], i % 4 == 3 ? '\n' : ' ');
    }
    g_string_append(out, word_get(self, WORD_HALTED) ? "halted\n" : "\n");
    return g_string_free(out, FALSE);
}

static bool
cpu_translate_debug(EmuCpu *cpu G_GNUC_UNUSED, uint64_t vaddr, uint64_t *phys)
{
    *phys = vaddr;
    return true;
}

static void
cpu_read_register(EmuCpu *cpu, unsigned index, void *buf)
{
    const Instance *self = instance_of(cpu);

    memcpy(buf, &self->words[N_CONTROL_WORDS + index], g_array_index(self->type->registers, EmuCpuRegister, index).size);
}

static bool
cpu_write_register(EmuCpu *cpu, unsigned index, const void *buf)
{
    Instance *self = instance_of(cpu);

    self->words[N_CONTROL_WORDS + index] = 0;
    memcpy(&self->words[N_CONTROL_WORDS + index], buf, g_array_index(self->type->registers, EmuCpuRegister, index).size);
    return true;
}

static unsigned
cpu_disas(EmuCpu *cpu, uint64_t pc, const uint8_t *code, unsigned avail, char *buf, gsize buf_size)
{
    const Function *disassemble = &type_of(cpu)->disassemble;
    g_autoptr(GBytes) bytes = g_bytes_new(code, avail);
    g_autofree char *said = NULL;
    char *text = NULL;
    guint64 length = 0;

    if (disassemble->func) {
        said = ((EmuScriptCpuDisassembleFunc)disassemble->func)(cpu, pc, bytes, disassemble->data);
    }
    if (said) {
        length = g_ascii_strtoull(said, &text, 10);
    }
    if (!length || length > avail) {
        g_snprintf(buf, buf_size, ".byte 0x%02x", avail ? code[0] : 0);
        return MIN(avail, 1);
    }
    g_strlcpy(buf, g_strchug(text), buf_size);
    return (unsigned)length;
}

static void
cpu_irq_cb(gpointer opaque, unsigned index, int level)
{
    Instance *self = instance_of(opaque);
    uint64_t bit = UINT64_C(1) << index;

    if (level) {
        __atomic_or_fetch(&self->words[WORD_IRQ], bit, __ATOMIC_RELAXED);
        emu_cpu_kick(opaque);
    } else {
        __atomic_and_fetch(&self->words[WORD_IRQ], ~bit, __ATOMIC_RELAXED);
    }
}

static void
cpu_run_state_cb(EmuMachine *machine G_GNUC_UNUSED, int state, gpointer cpu)
{
    if (state == EMU_RUN_STATE_RUNNING) {
        __atomic_store_n(&instance_of(cpu)->failed, false, __ATOMIC_RELAXED);
    }
}

static bool
cpu_realize(EmuDevice *dev, GError **error)
{
    EmuScriptCpuType *type = type_of(dev);

    emu_device_add_lines_in(dev, "irq", type->n_irqs, cpu_irq_cb);
    g_signal_connect_object(emu_device_get_machine(dev), "run-state-changed", G_CALLBACK(cpu_run_state_cb), dev, 0);
    return !type->parent_realize || type->parent_realize(dev, error);
}

static void
cpu_reset_enter(EmuDevice *dev)
{
    Instance *self = instance_of(dev);
    const Function *reset = &self->type->reset;

    memset(self->words, 0, (N_CONTROL_WORDS + self->type->registers->len) * sizeof(self->words[0]));
    __atomic_store_n(&self->failed, false, __ATOMIC_RELAXED);
    if (reset->func) {
        ((EmuScriptCpuFunc)reset->func)(EMU_CPU(dev), reset->data);
    }
}

static gpointer
cpu_words(gpointer cpu)
{
    return instance_of(cpu)->words;
}

/* ---- describing a type ------------------------------------------------------------------------------------------ */

static void
set_function(Function *function, gpointer func, gpointer data, GDestroyNotify destroy)
{
    if (function->destroy) {
        function->destroy(function->data);
    }
    *function = (Function){func, data, destroy};
}

static void
emu_script_cpu_type_finalize(GObject *object)
{
    EmuScriptCpuType *self = EMU_SCRIPT_CPU_TYPE(object);

    set_function(&self->run, NULL, NULL, NULL);
    set_function(&self->reset, NULL, NULL, NULL);
    set_function(&self->interrupt, NULL, NULL, NULL);
    set_function(&self->disassemble, NULL, NULL, NULL);
    g_array_unref(self->registers);
    g_free(self->fields);
    g_free(self->name);
    g_free(self->description);
    G_OBJECT_CLASS(emu_script_cpu_type_parent_class)->finalize(object);
}

static void
emu_script_cpu_type_class_init(EmuScriptCpuTypeClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = emu_script_cpu_type_finalize;
}

static void
emu_script_cpu_type_init(EmuScriptCpuType *self)
{
    self->registers = g_array_new(FALSE, TRUE, sizeof(EmuCpuRegister));
    self->n_irqs = 1;
}

/**
 * emu_script_cpu_type_new: (constructor)
 * @type: the script's class, derived from Emu.Cpu
 * @name: name of the type: "tiny-cpu"
 * @error: return location
 *
 * Begins to describe a type.
 *
 * Returns: (transfer full): to be filled in and registered
 */
EmuScriptCpuType *
emu_script_cpu_type_new(GType type, const char *name, GError **error)
{
    EmuScriptCpuType *self;

    emu_module_run_core();
    if (!g_type_is_a(type, EMU_TYPE_CPU) || type == EMU_TYPE_CPU || g_type_get_qdata(type, g_quark_from_string("emu-type-entry"))) {
        script_set_error(error, BAD_VALUE, "/%s: %s is no class of a script's that is derived from Emu.Cpu", name, g_type_name(type));
        return NULL;
    }
    if (!script_check_type_name(name, "CPUs", "-cpu", error)) {
        return NULL;
    }
    self = g_object_new(EMU_SCRIPT_TYPE_CPU_TYPE, NULL);
    self->type = type;
    self->name = g_strdup(name);
    return self;
}

/**
 * emu_script_cpu_type_set_description:
 * @self: a type
 * @text: a phrase
 *
 * What CPUs of this type are.
 */
void
emu_script_cpu_type_set_description(EmuScriptCpuType *self, const char *text)
{
    g_free(self->description);
    self->description = g_strdup(text);
}

/**
 * emu_script_cpu_type_set_irqs:
 * @self: a type
 * @number: how many inputs "irq" it has, 0 to 32; by default there is one
 *
 * What can interrupt it.
 */
void
emu_script_cpu_type_set_irqs(EmuScriptCpuType *self, guint number)
{
    self->n_irqs = MIN(number, CPU_TYPE_MAX_IRQS);
}

/**
 * emu_script_cpu_type_add_register:
 * @self: a type that is not registered yet
 * @name: name of a register; the first one is the program counter
 * @size: 1, 2, 4 or 8 bytes
 * @error: return location
 *
 * The registers, in the order of the calls: what debuggers show and snapshots keep.
 *
 * Returns: whether there can be such a register
 */
gboolean
emu_script_cpu_type_add_register(EmuScriptCpuType *self, const char *name, guint size, GError **error)
{
    EmuCpuRegister reg = {.name = g_intern_string(name), .group = "general", .size = size};

    if (self->registered || !*name || (size != 1 && size != 2 && size != 4 && size != 8) || self->registers->len >= CPU_TYPE_MAX_REGISTERS) {
        script_set_error(error, BAD_VALUE, "/%s.%s: a register of %u bytes: expected at most %u of 1, 2, 4 or 8 bytes, before the type is registered",
                         self->name, name, size, CPU_TYPE_MAX_REGISTERS);
        return FALSE;
    }
    for (guint i = 0; i < self->registers->len; i++) {
        if (g_array_index(self->registers, EmuCpuRegister, i).name == reg.name) {
            script_set_error(error, DUPLICATE, "/%s.%s: there are two registers of this name", self->name, name);
            return FALSE;
        }
    }
    g_array_append_val(self->registers, reg);
    return TRUE;
}

/**
 * emu_script_cpu_type_set_run:
 * @self: a type
 * @func: (scope notified) (closure user_data) (destroy destroy): executes instructions
 * @user_data: for @func
 * @destroy: called when @func is not needed any more
 *
 * What the CPU does all the time.
 */
void
emu_script_cpu_type_set_run(EmuScriptCpuType *self, EmuScriptCpuRunFunc func, gpointer user_data, GDestroyNotify destroy)
{
    set_function(&self->run, func, user_data, destroy);
}

/**
 * emu_script_cpu_type_set_reset:
 * @self: a type
 * @func: (scope notified) (closure user_data) (destroy destroy): sets the registers
 * @user_data: for @func
 * @destroy: called when @func is not needed any more
 *
 * What is called at a reset; all registers are 0 then.
 */
void
emu_script_cpu_type_set_reset(EmuScriptCpuType *self, EmuScriptCpuFunc func, gpointer user_data, GDestroyNotify destroy)
{
    set_function(&self->reset, func, user_data, destroy);
}

/**
 * emu_script_cpu_type_set_interrupt:
 * @self: a type
 * @func: (scope notified) (closure user_data) (destroy destroy): goes to the handler
 * @user_data: for @func
 * @destroy: called when @func is not needed any more
 *
 * What is called when an interrupt is taken: the CPU is awake and takes none until it says so again.
 */
void
emu_script_cpu_type_set_interrupt(EmuScriptCpuType *self, EmuScriptCpuFunc func, gpointer user_data, GDestroyNotify destroy)
{
    set_function(&self->interrupt, func, user_data, destroy);
}

/**
 * emu_script_cpu_type_set_disassemble:
 * @self: a type
 * @func: (scope notified) (closure user_data) (destroy destroy): says what an instruction is
 * @user_data: for @func
 * @destroy: called when @func is not needed any more
 *
 * For monitors and debuggers.
 */
void
emu_script_cpu_type_set_disassemble(EmuScriptCpuType *self, EmuScriptCpuDisassembleFunc func, gpointer user_data, GDestroyNotify destroy)
{
    set_function(&self->disassemble, func, user_data, destroy);
}

static const EmuVMState *
make_vmstate(EmuScriptCpuType *self)
{
    static const char *const control[N_CONTROL_WORDS] = {"halted", "takes-interrupts", "irq-levels"};
    EmuVMField end = EMU_VM_END;
    guint n = N_CONTROL_WORDS + self->registers->len;

    self->fields = g_new0(EmuVMField, n + 1);
    for (guint i = 0; i < n; i++) {
        self->fields[i] = (EmuVMField){
            .name = i < N_CONTROL_WORDS ? control[i] : g_array_index(self->registers, EmuCpuRegister, i - N_CONTROL_WORDS).name,
            .kind = EMU_VM_KIND_U64, .offset = i * sizeof(uint64_t), .size = sizeof(uint64_t), .num = 1};
    }
    self->fields[n] = end;
    self->inner = (EmuVMState){.name = "script-cpu", .version = 1, .minimum_version = 1, .fields = self->fields};
    self->outer[0] = (EmuVMField){.name = "registers", .kind = EMU_VM_KIND_POINTER, .num = 1, .sub = &self->inner, .resolve = cpu_words};
    self->outer[1] = end;
    self->vmstate = (EmuVMState){.name = self->name, .version = 1, .minimum_version = 1, .fields = self->outer};
    return &self->vmstate;
}

/**
 * emu_script_cpu_type_register:
 * @self: a type that is described
 * @error: return location
 *
 * Makes it known. It stays known as long as the process lives.
 *
 * Returns: whether it could
 */
gboolean
emu_script_cpu_type_register(EmuScriptCpuType *self, GError **error)
{
    EmuTypeModule *module;
    EmuDeviceClass *device;
    EmuCpuClass *cpu;

    if (self->registered || emu_type_find_module(self->name, &module)) {
        script_set_error(error, DUPLICATE, "/%s: there is a type of this name already", self->name);
        return FALSE;
    }
    if (!self->registers->len || !self->run.func) {
        script_set_error(error, BAD_VALUE, "/%s: a CPU has registers, the first of which is its program counter, and executes instructions", self->name);
        return FALSE;
    }
    cpu = g_type_class_ref(self->type); /* kept */
    device = &cpu->parent_class;
    self->registered = true;
    g_type_set_qdata(self->type, script_cpu_type_quark(), g_object_ref(self));
    self->frontend = (EmuTcgFrontend){
        .struct_size = sizeof(EmuTcgFrontend),
        .name = self->name,
        .isa = self->name,
        .state_size = sizeof(State),
        .get_pc = cpu_state_get_pc,
        .set_pc = cpu_state_set_pc,
        .interp = cpu_interp,
        .walk = cpu_walk,
        .raise_recorded = cpu_nothing,
        .interrupt_wanted = cpu_interrupt_wanted,
        .deliver_interrupt = cpu_deliver_interrupt,
        .has_work = cpu_interrupt_wanted,
        .lift = cpu_lift,
    };
    cpu->tcg = &self->frontend;
    cpu->attach_state = cpu_attach_state;
    cpu->get_pc = cpu_get_pc;
    cpu->is_halted = cpu_is_halted;
    cpu->describe_registers = cpu_describe_registers;
    cpu->translate_debug = cpu_translate_debug;
    cpu->disas = cpu_disas;
    cpu->registers = (const EmuCpuRegister *)(gconstpointer)self->registers->data;
    cpu->n_registers = self->registers->len;
    cpu->read_register = cpu_read_register;
    cpu->write_register = cpu_write_register;
    self->parent_realize = device->realize;
    device->realize = cpu_realize;
    device->reset_enter = cpu_reset_enter;
    device->vmstate = make_vmstate(self);
    device->category = "cpu";
    device->user_creatable = false;
    device->model_name = g_intern_string(self->description ? self->description : self->name);
    emu_type_register_gtype(self->name, self->type);
    emu_type_describe_gtype(self->type, self->description);
    return TRUE;
}

/* ---- for the CPU itself -------------------------------------------------------------------------------------------- */

/**
 * emu_script_cpu_get_words:
 * @self: a CPU of a script's type
 *
 * Where its words are: three for control (halted, takes interrupts, levels of the inputs) and one for each register, 8 bytes each, for languages
 * that reach memory by address. They are there as long as the CPU.
 *
 * Returns: an address; 0 when it is no such CPU
 */
guint64
emu_script_cpu_get_words(EmuCpu *self)
{
    return type_of(self) ? (guint64)(uintptr_t)instance_of(self)->words : 0;
}

/**
 * emu_script_cpu_load:
 * @self: a CPU of a script's type, on its thread
 * @address: of at most 8 bytes
 * @size: how many
 *
 * Reads memory, as an instruction does.
 *
 * Returns: the value, the first byte the least significant; 0 when the CPU does not run now
 */
guint64
emu_script_cpu_load(EmuCpu *self, guint64 address, guint size)
{
    guint64 value = 0;

    if (type_of(self) && emu_cpu_is_self(self) && instance_of(self)->state && size <= sizeof(value)) {
        emu_tcg_read(instance_of(self)->state, address, &value, size, 0);
    }
    return GUINT64_FROM_LE(value);
}

/**
 * emu_script_cpu_store:
 * @self: a CPU of a script's type, on its thread
 * @address: of at most 8 bytes
 * @size: how many
 * @value: what to write, the least significant byte first
 *
 * Writes memory, as an instruction does.
 */
void
emu_script_cpu_store(EmuCpu *self, guint64 address, guint size, guint64 value)
{
    value = GUINT64_TO_LE(value);
    if (type_of(self) && emu_cpu_is_self(self) && instance_of(self)->state && size <= sizeof(value)) {
        emu_tcg_write(instance_of(self)->state, address, &value, size, 0);
    }
}

/**
 * emu_script_cpu_report_exception:
 * @self: a CPU
 * @text: the trace of calls
 *
 * An instruction of the script's failed: prints the text and pauses the machine, which can go on.
 */
void
emu_script_cpu_report_exception(EmuCpu *self, const char *text)
{
    script_report_exception(self, emu_device_get_machine(EMU_DEVICE(self)), text);
}
