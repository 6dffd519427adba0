/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The XSAVE family against the host. */

#include "oracle-state.h"

static unsigned n_cases, n_faults, failures;

/*
 * The XSAVE family: images of random states and states out of random images, whole and broken ones. Components that the
 * host may hold to be in their initial state, or not, are kept from being so when they are saved.
 */
static void
xsave_case(const Mode *mode)
{
    static const uint8_t encodings[4][2] = {{0xae, 4}, {0xae, 6}, {0xc7, 4}, {0xae, 5}};
    static const char *const names[4] = {"xsave", "xsaveopt", "xsavec", "xrstor"};
    static uint8_t before[ARENA_SIZE], after_interp[ARENA_SIZE];
    uint8_t b[16] = {0}, *code = code_view + 0x800, *area = (uint8_t *)ARENA + 0x400;
    unsigned which = rnd_below(4), n = 0;
    const char *bad = NULL;
    Cpu in, interp;
    X86Insn insn;

    if (mode->bits == 64 && rnd_below(2)) {
        b[n++] = 0x48;
    }
    b[n++] = 0x0f;
    b[n++] = encodings[which][0];
    b[n++] = (uint8_t)(encodings[which][1] << 3 | 6); /* [rsi] */
    if (x86_decode(b, 15, mode->mode_key, guest->features, &insn) <= 0 || !x86_has_feature(guest, insn.row->feature)) {
        return;
    }
    make_state(&in, &insn, mode);
    in.rip = CODE + 0x800;
    memset(&in.fx, 0, sizeof(in.fx));
    in.fx.fcw = 0x27f;
    in.fx.fsw = (uint16_t)(rnd() & 0x7f00);
    in.fx.ftw = 0xff;
    in.fx.mxcsr = 0x1f80 | (rnd() & 0x3f) | 0x8000;
    for (unsigned i = 0; i < 16; i++) {
        rnd_bytes(in.fx.xmm[i], 16);
        rnd_bytes(in.high[i], 16);
    }
    for (unsigned i = 0; i < 8; i++) {
        rnd_x87(in.fx.st[i]);
    }
    in.gpr[X86_RSI] = ARENA + 0x400 + (rnd_below(20) == 0 ? rnd_below(64) : 0);
    in.gpr[X86_RAX] = rnd() & 7;
    in.gpr[X86_RDX] = 0;
    rnd_bytes((void *)ARENA, ARENA_SIZE);
    memset(area + 512, 0, 64);
    area[512] = (uint8_t)(rnd() & 7);
    if (which == 3) {
        uint32_t mxcsr = (uint32_t)rnd() & (rnd_below(8) ? 0xffbf : 0x1ffbf);

        memcpy(area + 24, &mxcsr, 4);
        memset(area + 2, 0, 22); /* no pending exception, no pointers */
        area[4] = (uint8_t)rnd();
        area[3] = (uint8_t)rnd() & 0x7f;
        area[0] = 0x7f;
        area[1] = 3;
        for (unsigned i = 0; i < 8; i++) {
            rnd_x87(area + 32 + 16 * i);
        }
        if (rnd_below(2)) {
            area[520] = area[512] | (uint8_t)(rnd() & 7);
            area[527] = 0x80;
        }
        if (rnd_below(8) == 0) {
            area[512 + rnd_below(64)] ^= (uint8_t)(1u << rnd_below(8));
            area[513] &= 1; /* what the host has beyond AVX is its own business */
            area[521] &= 1;
            area[512] &= 0x1f;
            area[520] &= 0x1f;
        }
    }
    memcpy(before, (void *)ARENA, ARENA_SIZE);
    load_guest(&in, mode);
    run_guest(&insn, mode, &interp);
    memcpy(after_interp, (void *)ARENA, ARENA_SIZE);
    memcpy((void *)ARENA, before, ARENA_SIZE);

    memcpy(code, b, n);
    memset(code + n, 0xcc, 8);
    native_run(&in, mode);
    memset(code, 0xcc, 16);
    for (unsigned i = 0; which != 3 && i < 32; i++) {
        if ((i >= 6 && i < 24) || i >= 28) {
            area[i] = after_interp[0x400 + i] = 0; /* pointers, MXCSR_MASK */
        }
    }
    n_cases++;
    n_faults += interp.vector >= 0;
    if (native.vector != interp.vector) {
        bad = "fault";
    } else if (memcmp(after_interp, (void *)ARENA, ARENA_SIZE)) {
        bad = "memory";
    } else if (memcmp(interp.fx.xmm, native.fx.xmm, mode->bits == 64 ? 256 : 128)) {
        bad = "xmm";
    } else if (memcmp(interp.high, native.high, mode->bits == 64 ? 256 : 128)) {
        bad = "ymm";
    } else if (interp.fx.mxcsr != native.fx.mxcsr || interp.fx.fcw != native.fx.fcw || interp.fx.fsw != native.fx.fsw ||
               interp.fx.ftw != native.fx.ftw) {
        bad = "control word";
    }
    for (unsigned i = 0; i < 8 && !bad; i++) {
        if (memcmp(interp.fx.st[i], native.fx.st[i], 10)) {
            bad = "st";
        }
    }
    if (bad && failures++ < 10) {
        g_printerr("%s %s: %s differs: mask %x address %lx header %016lx %016lx, vector %d %d, mxcsr %x %x\n", mode->name, names[which],
                   bad, (unsigned)in.gpr[X86_RAX], in.gpr[X86_RSI], *(uint64_t *)(before + 0x600), *(uint64_t *)(before + 0x608),
                   interp.vector, native.vector, interp.fx.mxcsr, native.fx.mxcsr);
        for (unsigned i = 0; i < ARENA_SIZE; i++) {
            if (after_interp[i] != ((uint8_t *)ARENA)[i]) {
                g_printerr("  first at offset %d\n", (int)i - 0x400);
                break;
            }
        }
    }
}

static void
test_xsave(void)
{
    static const Mode modes[] = {
        {"64-bit", X86_MODE_CODE64 | X86_MODE_CODE64 << X86_MODE_STACK_SHIFT, 64, 0, 0, 0x33, 0, 0xffffffffu},
        {"32-bit", X86_MODE_CODE32 | X86_MODE_CODE32 << X86_MODE_STACK_SHIFT, 32, 0, 0, 0x23, 0x2b, 0xffffffffu},
    };

    if (!x86_host_has(X86_FEAT_AVX)) {
        g_test_skip("the host has no AVX");
        return;
    }
    failures = 0;
    for (unsigned m = 0; m < G_N_ELEMENTS(modes); m++) {
        n_cases = n_faults = 0;
        guest_segments(&modes[m]);
        for (unsigned i = 0; i < 20000; i++) {
            xsave_case(&modes[m]);
        }
        g_test_message("%s: %u cases, %u of them fault, %u differences", modes[m].name, n_cases, n_faults, failures);
    }
    g_assert_cmpuint(failures, ==, 0);
}

void
add_xsave_tests(void)
{
    g_test_add_func("/x86/oracle/xsave", test_xsave);
}
