/* SPDX-License-Identifier: @LICENSE@ */

/*
 * @TYPE@: a CPU of six instructions, and a board `emu -M @TYPE@` that runs it from address 0.
 *
 * Sixteen registers of 32 bits; an instruction is four bytes: opcode, register r, 16 bits i (little-endian).
 *
 *   0 HALT                        3 LOAD   r = memory[reg i]
 *   1 SET   r = i                 4 STORE  memory[reg i] = r
 *   2 ADD   r = r + reg i         5 LOOP   r = r - 1; when it is not 0: pc = pc + i * 4 (signed)
 *
 * Everything runs in @FUNC@_interp().
 */

#include <emu/cpu.h>
#include <emu/log.h>
#include <emu/plugin.h>
#include <emu/tcg.h>

#include <string.h>

enum { OP_HALT, OP_SET, OP_ADD, OP_LOAD, OP_STORE, OP_LOOP };

typedef struct {
    EmuTcgState tcg; /* first */
    uint32_t pc, regs[16];
    bool halted;
} @CLASS@State;

typedef struct {
    EmuCpu parent_instance;

    @CLASS@State *state;
} @CLASS@;

/* ---- the front end --------------------------------------------------------------------------------------- */

static uint64_t
@FUNC@_get_pc(EmuTcgState *s)
{
    return ((@CLASS@State *)s)->pc;
}

static void
@FUNC@_set_pc(EmuTcgState *s, uint64_t pc)
{
    ((@CLASS@State *)s)->pc = (uint32_t)pc;
}

static void
@FUNC@_step(@CLASS@State *s)
{
    uint8_t code[4];
    uint32_t *r, i, *other;

    if (emu_tcg_fetch(&s->tcg, s->pc, code, 4) < 4) {
        s->halted = true;
        return;
    }
    r = &s->regs[code[1] & 15];
    i = (uint32_t)(code[2] | code[3] << 8);
    other = &s->regs[i & 15];
    switch (code[0]) {
    case OP_HALT:
        s->halted = true;
        break;
    case OP_SET:
        *r = i;
        break;
    case OP_ADD:
        *r += *other;
        break;
    case OP_LOAD:
        emu_tcg_read(&s->tcg, *other, r, 4, 0);
        break;
    case OP_STORE:
        emu_tcg_write(&s->tcg, *other, r, 4, 0);
        break;
    case OP_LOOP:
        if (--*r) {
            s->pc += (uint32_t)((int16_t)i * 4);
            return;
        }
        break;
    default:
        emu_guest_error("@TYPE@: unknown opcode %u at 0x%x", code[0], s->pc);
        s->halted = true;
    }
    s->pc += 4;
}

static EmuTcgExit
@FUNC@_interp(EmuTcgState *tcg, unsigned max_insns, unsigned *executed)
{
    @CLASS@State *s = (@CLASS@State *)tcg;
    unsigned n = 0;

    while (n < max_insns && !s->halted && !__atomic_load_n(&tcg->exit_request, __ATOMIC_RELAXED)) {
        @FUNC@_step(s);
        n++;
    }
    *executed = n;
    return s->halted ? EMU_TCG_EXIT_HALT : EMU_TCG_EXIT_NONE;
}

/* No MMU: addresses are physical. */
static bool
@FUNC@_walk(EmuTcgState *s, uint64_t vaddr, EmuTcgAccess access, unsigned mmu_mode, bool record, EmuTcgTranslation *out)
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
@FUNC@_raise_recorded(EmuTcgState *s)
{
    return EMU_TCG_EXIT_NONE;
}

static bool
@FUNC@_no_interrupt(EmuTcgState *s)
{
    return false;
}

static EmuTcgExit
@FUNC@_deliver_interrupt(EmuTcgState *s)
{
    return EMU_TCG_EXIT_NONE;
}

static unsigned
@FUNC@_disas_code(uint64_t pc, const uint8_t *code, unsigned avail, uint64_t mode_key, char *buf, gsize buf_size)
{
    static const char *const names[] = {"halt", "set", "add", "load", "store", "loop"};

    if (avail < 4) {
        g_snprintf(buf, buf_size, "?");
        return avail;
    }
    g_snprintf(buf, buf_size, "%s r%u, %u", code[0] < G_N_ELEMENTS(names) ? names[code[0]] : "?", code[1] & 15u,
               code[2] | (unsigned)code[3] << 8);
    return 4;
}

static const EmuTcgFrontend @FUNC@_frontend = {
    .struct_size = sizeof(EmuTcgFrontend),
    .name = "@TYPE@",
    .isa = "@TYPE@",
    .state_size = sizeof(@CLASS@State),
    .get_pc = @FUNC@_get_pc,
    .set_pc = @FUNC@_set_pc,
    .interp = @FUNC@_interp,
    .walk = @FUNC@_walk,
    .raise_recorded = @FUNC@_raise_recorded,
    .interrupt_wanted = @FUNC@_no_interrupt,
    .deliver_interrupt = @FUNC@_deliver_interrupt,
    .has_work = @FUNC@_no_interrupt,
    .disas = @FUNC@_disas_code,
};

/* ---- the CPU as a device ------------------------------------------------------------------------------------- */

static void
@FUNC@_attach_state(EmuCpu *cpu, gpointer state)
{
    ((@CLASS@ *)cpu)->state = state;
}

static uint64_t
@FUNC@_cpu_get_pc(EmuCpu *cpu)
{
    @CLASS@ *self = (@CLASS@ *)cpu;

    return self->state ? self->state->pc : 0;
}

static bool
@FUNC@_is_halted(EmuCpu *cpu)
{
    @CLASS@ *self = (@CLASS@ *)cpu;

    return self->state && self->state->halted;
}

static char *
@FUNC@_describe_registers(EmuCpu *cpu)
{
    @CLASS@ *self = (@CLASS@ *)cpu;
    GString *out = g_string_new(NULL);

    for (unsigned i = 0; self->state && i < 16; i++) {
        g_string_append_printf(out, "r%-2u=%08x%c", i, self->state->regs[i], i % 4 == 3 ? '\n' : ' ');
    }
    g_string_append_printf(out, "pc =%08x%s\n", (unsigned)@FUNC@_cpu_get_pc(cpu), @FUNC@_is_halted(cpu) ? " halted" : "");
    return g_string_free(out, FALSE);
}

static bool
@FUNC@_translate_debug(EmuCpu *cpu, uint64_t vaddr, uint64_t *phys)
{
    *phys = vaddr;
    return true;
}

static unsigned
@FUNC@_disas(EmuCpu *cpu, uint64_t pc, const uint8_t *code, unsigned avail, char *buf, gsize buf_size)
{
    return @FUNC@_disas_code(pc, code, avail, 0, buf, buf_size);
}

static void
@FUNC@_reset_enter(EmuDevice *dev)
{
    @CLASS@State *s = ((@CLASS@ *)dev)->state;

    if (s) {
        s->pc = 0;
        s->halted = false;
        memset(s->regs, 0, sizeof(s->regs));
    }
}

static const EmuVMField @FUNC@_state_fields[] = {
    EMU_VM_U32(@CLASS@State, pc),
    EMU_VM_U32_ARRAY(@CLASS@State, regs),
    EMU_VM_BOOL(@CLASS@State, halted),
    EMU_VM_END,
};
static const EmuVMState @FUNC@_state_vmstate = {
    .name = "@TYPE@-registers", .version = 1, .minimum_version = 1, .fields = @FUNC@_state_fields,
};
static const EmuVMField @FUNC@_fields[] = {
    EMU_VM_POINTER(@CLASS@, state, &@FUNC@_state_vmstate),
    EMU_VM_END,
};
static const EmuVMState @FUNC@_vmstate = {.name = "@TYPE@", .version = 1, .minimum_version = 1, .fields = @FUNC@_fields};

static void
@FUNC@_class_init(gpointer klass, gconstpointer class_data)
{
    EmuDeviceClass *device = klass;
    EmuCpuClass *cpu = klass;

    cpu->tcg = &@FUNC@_frontend;
    cpu->attach_state = @FUNC@_attach_state;
    cpu->get_pc = @FUNC@_cpu_get_pc;
    cpu->is_halted = @FUNC@_is_halted;
    cpu->describe_registers = @FUNC@_describe_registers;
    cpu->translate_debug = @FUNC@_translate_debug;
    cpu->disas = @FUNC@_disas;
    device->reset_enter = @FUNC@_reset_enter;
    device->vmstate = &@FUNC@_vmstate;
    device->category = "cpu";
    device->user_creatable = false;
}

static const EmuTypeInfo @FUNC@_info = {
    .name = "@TYPE@-cpu",
    .parent = "cpu",
    .instance_size = sizeof(@CLASS@),
    .class_init = @FUNC@_class_init,
    .description = "@NAME@: a CPU",
};

/* ---- a board for it ---------------------------------------------------------------------------------------------- */

static bool
@FUNC@_board_build(EmuMachine *machine, GError **error)
{
    EmuMemoryRegion *ram = emu_machine_get_ram(machine, error);

    if (!ram) {
        return false;
    }
    emu_memory_region_add_subregion(emu_machine_get_system_memory(machine), 0, ram, 0);
    return emu_machine_create_cpu(machine, 0, error) != NULL;
}

static void
@FUNC@_board_class_init(gpointer klass, gconstpointer class_data)
{
    EmuMachineClass *machine = klass;

    machine->description = "@NAME@: RAM and one @TYPE@";
    machine->init = @FUNC@_board_build;
    machine->default_cpu_type = "@TYPE@-cpu";
    machine->default_ram_size = 16 << 20;
    machine->default_ram_id = "@NAME@.ram";
    machine->default_cpus = 1;
    machine->max_cpus = 1;
}

static const EmuTypeInfo @FUNC@_board_info = {
    .name = "@TYPE@-machine",
    .parent = "machine",
    .class_init = @FUNC@_board_class_init,
    .description = "@NAME@: RAM and one @TYPE@",
};

EMU_ACCEL_PLUGIN(.name = "@NAME@", .version = "0.1.0", .license = "@LICENSE@", .description = "@NAME@: a CPU",
                 .provides = "@TYPE@-cpu:cpu @TYPE@-machine:machine");

static void
@FUNC@_register(void)
{
    emu_type_register_static(&@FUNC@_info);
    emu_type_register_static(&@FUNC@_board_info);
}
type_init(@FUNC@_register)
