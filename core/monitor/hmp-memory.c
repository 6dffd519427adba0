/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Commands of the human monitor that look at memory, ports and numbers. */

#include "monitor/hmp-commands.h"

#include <emu/memory.h>
#include <string.h>

#define LINE_BYTES 16
#define MAX_INSTRUCTION 16
/* What one command may read. */
#define MAX_BYTES (16u << 20)

typedef struct {
    EmuCpu *cpu;
    EmuAddressSpace *as; /* physical when not NULL */
    uint64_t address;
    uint8_t *buf;
    gsize len;
    bool ok;
} Access;

static void
access_cb(EmuCpu *cpu, gpointer data)
{
    Access *a = data;

    a->ok = emu_cpu_read_debug(cpu, a->address, a->buf, a->len);
}

/* A virtual read runs on the CPU's thread: only there do its registers stand still. */
static bool
read_memory(EmuCpu *cpu, EmuAddressSpace *as, uint64_t address, uint8_t *buf, gsize len)
{
    Access a = {cpu, as, address, buf, len, false};

    if (as) {
        return emu_address_space_read(as, address, buf, len, EMU_MEM_ATTRS_NONE) == EMU_MEM_OK;
    }
    emu_cpu_run_on(cpu, access_cb, &a);
    return a.ok;
}

static uint64_t
load_le(const uint8_t *p, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = size; i-- > 0;) {
        value = value << 8 | p[i];
    }
    return value;
}

static void
print_char(EmuHmp *hmp, uint8_t c)
{
    static const char escapes[] = "'\\\n\r", names[] = "'\\nr";
    const char *found = c ? strchr(escapes, c) : NULL;

    if (found) {
        hmp_printf(hmp, "'\\%c'", names[found - escapes]);
    } else if (c >= 32 && c <= 126) {
        hmp_printf(hmp, "'%c'", c);
    } else {
        hmp_printf(hmp, "'\\x%02x'", c);
    }
}

static void
print_cell(EmuHmp *hmp, uint64_t value, char format, unsigned size)
{
    unsigned bits = size * 8, shift = 64 - bits;

    switch (format) {
    case 'o':
        hmp_printf(hmp, " %#*" G_GINT64_MODIFIER "o", (int)(bits + 2) / 3, value);
        break;
    case 'u':
        hmp_printf(hmp, " %*" G_GUINT64_FORMAT, (int)(bits * 10 + 32) / 33, value);
        break;
    case 'd':
        hmp_printf(hmp, " %*" G_GINT64_FORMAT, (int)(bits * 10 + 32) / 33, (int64_t)(value << shift) >> shift);
        break;
    case 'c':
        hmp_printf(hmp, " ");
        print_char(hmp, value);
        break;
    default:
        hmp_printf(hmp, " 0x%0*" G_GINT64_MODIFIER "x", (int)bits / 4, value);
        break;
    }
}

typedef struct {
    EmuHmp *hmp;
    EmuAddressSpace *as;
    uint64_t address;
    unsigned count;
} Disassembly;

static void
disassemble_cb(EmuCpu *cpu, gpointer data)
{
    Disassembly *d = data;
    EmuCpuClass *klass = EMU_CPU_GET_CLASS(cpu);

    for (unsigned i = 0; i < d->count && d->hmp->out->len < (1u << 20); i++) {
        uint8_t code[MAX_INSTRUCTION];
        char text[160] = "";
        unsigned avail = 0, len;

        while (avail < sizeof(code) &&
               (d->as ? emu_address_space_read(d->as, d->address + avail, code + avail, 1, EMU_MEM_ATTRS_NONE) == EMU_MEM_OK
                      : emu_cpu_read_debug(cpu, d->address + avail, code + avail, 1))) {
            avail++;
        }
        if (avail == 0) {
            hmp_printf(d->hmp, "0x%08" G_GINT64_MODIFIER "x: unable to read memory\n", d->address);
            break;
        }
        len = klass->disas(cpu, d->address, code, avail, text, sizeof(text));
        len = CLAMP(len, 1, avail);
        hmp_printf(d->hmp, "0x%08" G_GINT64_MODIFIER "x: ", d->address);
        for (unsigned j = 0; j < 8; j++) {
            if (j < len) {
                hmp_printf(d->hmp, " %02x", code[j]);
            } else {
                hmp_printf(d->hmp, "   ");
            }
        }
        hmp_printf(d->hmp, "  %s\n", text);
        d->address += len;
    }
}

static void
dump_memory(EmuHmp *hmp, const EmuHmpValue *args, bool physical)
{
    EmuAddressSpace *as = physical ? emu_machine_get_memory_as(hmp->machine) : NULL;
    unsigned size = args[0].size, line = size == 1 ? 8 : LINE_BYTES;
    uint64_t address = args[1].number;
    uint64_t left = MIN((uint64_t)args[0].count * size, MAX_BYTES);
    EmuCpu *cpu = NULL;

    if (!physical || args[0].format == 'i') {
        cpu = hmp_cpu(hmp);
        if (!cpu) {
            return;
        }
    }
    if (args[0].format == 'i') {
        Disassembly d = {hmp, as, address, args[0].count};

        if (!EMU_CPU_GET_CLASS(cpu)->disas) {
            hmp_printf(hmp, "this CPU has no disassembler\n");
            return;
        }
        emu_cpu_run_on(cpu, disassemble_cb, &d);
        return;
    }
    while (left) {
        uint8_t buf[LINE_BYTES];
        unsigned n = MIN(left, line);

        hmp_printf(hmp, "%016" G_GINT64_MODIFIER "x:", address);
        if (!read_memory(cpu, as, address, buf, n)) {
            hmp_printf(hmp, " Cannot access memory\n");
            break;
        }
        for (unsigned i = 0; i < n; i += size) {
            print_cell(hmp, load_le(buf + i, size), args[0].format, size);
        }
        hmp_printf(hmp, "\n");
        address += n;
        left -= n;
    }
}

void
hmp_x(EmuHmp *hmp, const EmuHmpValue *args)
{
    dump_memory(hmp, args, false);
}

void
hmp_xp(EmuHmp *hmp, const EmuHmpValue *args)
{
    dump_memory(hmp, args, true);
}

void
hmp_print(EmuHmp *hmp, const EmuHmpValue *args)
{
    int64_t value = args[1].number;

    switch (args[0].format) {
    case 'o':
        hmp_printf(hmp, "%#" G_GINT64_MODIFIER "o", (uint64_t)value);
        break;
    case 'u':
        hmp_printf(hmp, "%" G_GUINT64_FORMAT, (uint64_t)value);
        break;
    case 'd':
        hmp_printf(hmp, "%" G_GINT64_FORMAT, value);
        break;
    case 'c':
        print_char(hmp, value);
        break;
    default:
        hmp_printf(hmp, "%#" G_GINT64_MODIFIER "x", (uint64_t)value);
        break;
    }
    hmp_printf(hmp, "\n");
}

void
hmp_sum(EmuHmp *hmp, const EmuHmpValue *args)
{
    uint64_t address = args[0].number, left = MIN((uint64_t)args[1].number, MAX_BYTES);
    uint16_t sum = 0;

    /* The BSD algorithm. */
    for (; left; left--, address++) {
        uint8_t byte = 0xff;

        emu_address_space_read(emu_machine_get_memory_as(hmp->machine), address, &byte, 1, EMU_MEM_ATTRS_NONE);
        sum = (uint16_t)((sum >> 1 | sum << 15) + byte);
    }
    hmp_printf(hmp, "%05d\n", sum);
}

static unsigned
port_size(const EmuHmpValue *format)
{
    return format->size == 2 || format->size == 4 ? format->size : 1;
}

void
hmp_port_in(EmuHmp *hmp, const EmuHmpValue *args)
{
    static const char letters[] = {[1] = 'b', [2] = 'w', [4] = 'l'};
    unsigned size = port_size(&args[0]);
    uint64_t address = args[1].number & 0xffff;
    EmuMemResult result;
    uint64_t value = emu_address_space_load(emu_machine_get_io_as(hmp->machine), address, size, EMU_MEM_ATTRS_NONE, &result);

    hmp_printf(hmp, "port%c[0x%04x] = 0x%0*" G_GINT64_MODIFIER "x\n", letters[size], (unsigned)address, (int)size * 2, value);
}

void
hmp_port_out(EmuHmp *hmp, const EmuHmpValue *args)
{
    EmuMemResult result;

    emu_address_space_store(emu_machine_get_io_as(hmp->machine), args[1].number & 0xffff, args[2].number, port_size(&args[0]), EMU_MEM_ATTRS_NONE, &result);
}

void
hmp_gpa2hva(EmuHmp *hmp, const EmuHmpValue *args)
{
    uint64_t address = args[0].number;
    EmuMemorySection section;

    if (!emu_address_space_find(emu_machine_get_memory_as(hmp->machine), address, &section)) {
        hmp_printf(hmp, "Error: No memory is mapped at address 0x%" G_GINT64_MODIFIER "x\n", address);
    } else if (!section.ram || !section.host) {
        hmp_printf(hmp, "Error: Memory at address 0x%" G_GINT64_MODIFIER "x is not RAM\n", address);
    } else {
        hmp_printf(hmp, "Host virtual address for 0x%" G_GINT64_MODIFIER "x (%s) is %p\n", address, emu_memory_region_get_name(section.region),
                   (void *)((uint8_t *)section.host + (address - section.addr)));
    }
}

typedef struct {
    uint64_t virtual, physical;
    bool ok;
} Translation;

static void
translate_cb(EmuCpu *cpu, gpointer data)
{
    Translation *t = data;

    t->ok = EMU_CPU_GET_CLASS(cpu)->translate_debug && EMU_CPU_GET_CLASS(cpu)->translate_debug(cpu, t->virtual, &t->physical);
}

void
hmp_gva2gpa(EmuHmp *hmp, const EmuHmpValue *args)
{
    EmuCpu *cpu = hmp_cpu(hmp);
    Translation t = {.virtual = args[0].number};

    if (!cpu) {
        return;
    }
    emu_cpu_run_on(cpu, translate_cb, &t);
    if (t.ok) {
        hmp_printf(hmp, "gpa: %#" G_GINT64_MODIFIER "x\n", t.physical);
    } else {
        hmp_printf(hmp, "Unmapped\n");
    }
}
