/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The VEX encoding against the host: what must hold before it, and which encodings exist. */

#include "oracle-state.h"

/* What must hold before a VEX-encoded instruction; no prefix that has a place in VEX may stand before it. */
static void
test_vex_conditions(void)
{
    static const Mode mode = {"64-bit", X86_MODE_CODE64 | X86_MODE_CODE64 << X86_MODE_STACK_SHIFT, 64, 0, 0, 0x33, 0, 0xffffffffu};
    static const uint8_t vaddps[] = {0xc5, 0xf4, 0x58, 0xc2}, andn[] = {0xc4, 0xe2, 0x70, 0xf2, 0xc2};
    static const uint8_t prefixes[] = {0x66, 0xf2, 0xf3, 0xf0, 0x40, 0x48};
    uint8_t b[16] = {0};
    X86State *s = guest;
    X86Insn insn;
    Cpu in, out;

    if (!x86_host_has(X86_FEAT_AVX)) {
        g_test_skip("the host has no AVX");
        return;
    }
    guest_segments(&mode);
    memcpy(b, vaddps, sizeof(vaddps));
    g_assert_cmpint(x86_decode(b, 15, mode.mode_key, s->features, &insn), ==, sizeof(vaddps));
    for (unsigned i = 0; i < 5; i++) {
        static const int expected[5] = {-1, X86_EXC_UD, X86_EXC_UD, X86_EXC_NM, -1};

        make_state(&in, &insn, &mode);
        in.fx.mxcsr = 0x1f80;
        in.rip = CODE + 0x800;
        s->cr4 = (s->cr4 & ~X86_CR4_OSXSAVE) | (i == 1 ? 0 : X86_CR4_OSXSAVE);
        s->xcr0 = i == 2 ? 3 : 7;
        /* EM and OSFXSR are no business of VEX */
        s->cr0 = (s->cr0 & ~(X86_CR0_TS | X86_CR0_EM)) | (i == 3 ? X86_CR0_TS : i == 4 ? X86_CR0_EM : 0);
        load_guest(&in, &mode);
        g_assert_true(!(s->tcg.mode_key & X86_MODE_AVX) == (expected[i] >= 0));
        run_guest(&insn, &mode, &out);
        g_assert_cmpint(out.vector, ==, expected[i]);
    }
    guest_segments(&mode);
    for (unsigned i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        b[0] = prefixes[i];
        memcpy(b + 1, andn, sizeof(andn));
        g_assert_cmpint(x86_decode(b, 15, mode.mode_key, s->features, &insn), ==, X86_DECODE_UD);
    }
    /* Outside 64-bit code it is LDS where ModRM names memory. */
    b[0] = 0xc5;
    b[1] = 0x06;
    g_assert_cmpint(x86_decode(b, 15, X86_MODE_CODE32, s->features, &insn), ==, 2);
    g_assert_cmpint(insn.row->op, ==, X86_OP_lds);
}

/*
 * Which encodings exist: every opcode, prefix, length and width of the VEX maps, with a register and with memory. What the
 * decoder knows the host must know, and the other way round, but for AVX-512's mask instructions.
 */
static bool
vex_is_mask_instruction(unsigned map, unsigned opcode)
{
    return (map == 1 && ((opcode >= 0x41 && opcode <= 0x4b) || (opcode >= 0x90 && opcode <= 0x93) || opcode == 0x98 || opcode == 0x99)) ||
           (map == 3 && opcode >= 0x30 && opcode <= 0x33);
}

/* VPERMQ and VPERMPD with W = 0: the manuals know none, AMD's CPUs do not look. */
static bool
vex_is_lenient(unsigned map, unsigned opcode, unsigned w)
{
    return map == 3 && opcode <= 1 && !w;
}

static void
test_vex_space(void)
{
    static const Mode mode = {"64-bit", X86_MODE_CODE64 | X86_MODE_CODE64 << X86_MODE_STACK_SHIFT, 64, 0, 0, 0x33, 0, 0xffffffffu};
    unsigned wrong = 0, known = 0, total = 0;

    if (!x86_host_has(X86_FEAT_AVX)) {
        g_test_skip("the host has no AVX");
        return;
    }
    guest_segments(&mode);
    for (unsigned n = 0; n < 3u << 17; n++) {
        unsigned map = 1 + (n >> 17), opcode = n & 255, pp = n >> 8 & 3, l = n >> 10 & 1, w = n >> 11 & 1, digit = n >> 12 & 7;
        unsigned vvvv = n >> 15 & 1 ? 3 : 0, memory = n >> 16 & 1;
        uint8_t b[16] = {0xc4, (uint8_t)(0xe0 | map), (uint8_t)(w << 7 | (~vvvv & 15) << 3 | l << 2 | pp), (uint8_t)opcode,
                         (uint8_t)(memory ? digit << 3 | 4 : 0xc0 | digit << 3 | 2), 0x08 /* SIB: [rax + rcx] */, 0, 0};
        uint8_t *code = code_view + 0x800;
        X86Insn insn;
        bool ours, hosts;

        bool is_group = (map == 1 && ((opcode >= 0x71 && opcode <= 0x73) || opcode == 0xae)) || (map == 2 && opcode == 0xf3);

        if (vex_is_mask_instruction(map, opcode) || vex_is_lenient(map, opcode, w) || (!is_group && digit != 5)) {
            continue;
        }
        ours = x86_decode(b, 15, mode.mode_key, guest->features, &insn) > 0 && x86_has_feature(guest, insn.row->feature) &&
               !((insn.row->attr & X86_A_VSIB) && (vvvv == digit || vvvv == 1 || digit == 1)); /* three different vectors */
        memset(oracle_entry.gpr, 0, sizeof(oracle_entry.gpr));
        memset(&oracle_entry.fx, 0, sizeof(oracle_entry.fx));
        oracle_entry.fx.fcw = 0x37f;
        oracle_entry.fx.mxcsr = 0x1f80;
        oracle_entry.gpr[X86_RAX] = ARENA + 0x800;
        oracle_entry.gpr[X86_RDI] = ARENA + 0x400;
        oracle_entry.gpr[X86_RSP] = ARENA + 0x1000;
        oracle_entry.eflags = 0x202;
        oracle_entry.rip = CODE + 0x800;
        oracle_entry.cs = mode.cs;
        oracle_entry.ds = 0;
        memset((void *)ARENA, 0, ARENA_SIZE);
        memcpy(code, b, sizeof(b));
        memset(code + (ours ? insn.length : 4u), 0xcc, 16u - (ours ? insn.length : 4u));
        if (!ours) {
            memcpy(code, b, 8);
        }
        native_running = 1;
        oracle_run();
        memset(code, 0xcc, 16);
        hosts = native.vector != X86_EXC_UD;
        total++;
        known += ours;
        if (ours != hosts && wrong++ < 20) {
            g_printerr("%s, but the host %s: map %u pp %u opcode %02x L%u W%u digit %u vvvv %u %s (vector %d)\n",
                       ours ? insn.row->name : "unknown", hosts ? "has it" : "does not", map, pp, opcode, l, w, digit, vvvv,
                       memory ? "memory" : "register", native.vector);
        }
    }
    g_test_message("%u encodings, %u of them known, %u wrong", total, known, wrong);
    g_assert_cmpuint(wrong, ==, 0);
}

void
add_vex_tests(void)
{
    g_test_add_func("/x86/oracle/vex-conditions", test_vex_conditions);
    g_test_add_func("/x86/oracle/vex-space", test_vex_space);
}
