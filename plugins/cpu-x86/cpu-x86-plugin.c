/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/plugin.h>

#include "x86-cpu.h"

EMU_ACCEL_PLUGIN(.name = "cpu-x86", .version = "1.0", .license = "LGPL-2.1-or-later",
                 .description = "x86 CPUs, 16 to 64 bits, with local APIC",
                 .provides =
                 "x86_64-cpu:cpu max-x86_64-cpu:x86_64-cpu host-x86_64-cpu:x86_64-cpu "
                 "486-x86_64-cpu:x86_64-cpu athlon-x86_64-cpu:x86_64-cpu "
                 "Broadwell-x86_64-cpu:x86_64-cpu Broadwell-IBRS-x86_64-cpu:x86_64-cpu "
                 "Broadwell-noTSX-x86_64-cpu:x86_64-cpu Broadwell-noTSX-IBRS-x86_64-cpu:x86_64-cpu "
                 "Cascadelake-Server-x86_64-cpu:x86_64-cpu "
                 "Cascadelake-Server-noTSX-x86_64-cpu:x86_64-cpu Conroe-x86_64-cpu:x86_64-cpu "
                 "Cooperlake-x86_64-cpu:x86_64-cpu core2duo-x86_64-cpu:x86_64-cpu "
                 "coreduo-x86_64-cpu:x86_64-cpu Denverton-x86_64-cpu:x86_64-cpu "
                 "Dhyana-x86_64-cpu:x86_64-cpu EPYC-x86_64-cpu:x86_64-cpu "
                 "EPYC-IBPB-x86_64-cpu:x86_64-cpu EPYC-Milan-x86_64-cpu:x86_64-cpu "
                 "EPYC-Rome-x86_64-cpu:x86_64-cpu Haswell-x86_64-cpu:x86_64-cpu "
                 "Haswell-IBRS-x86_64-cpu:x86_64-cpu Haswell-noTSX-x86_64-cpu:x86_64-cpu "
                 "Haswell-noTSX-IBRS-x86_64-cpu:x86_64-cpu Icelake-Server-x86_64-cpu:x86_64-cpu "
                 "Icelake-Server-noTSX-x86_64-cpu:x86_64-cpu IvyBridge-x86_64-cpu:x86_64-cpu "
                 "IvyBridge-IBRS-x86_64-cpu:x86_64-cpu KnightsMill-x86_64-cpu:x86_64-cpu "
                 "kvm32-x86_64-cpu:x86_64-cpu kvm64-x86_64-cpu:x86_64-cpu n270-x86_64-cpu:x86_64-cpu "
                 "Nehalem-x86_64-cpu:x86_64-cpu Nehalem-IBRS-x86_64-cpu:x86_64-cpu "
                 "Opteron_G1-x86_64-cpu:x86_64-cpu Opteron_G2-x86_64-cpu:x86_64-cpu "
                 "Opteron_G3-x86_64-cpu:x86_64-cpu Opteron_G4-x86_64-cpu:x86_64-cpu "
                 "Opteron_G5-x86_64-cpu:x86_64-cpu Penryn-x86_64-cpu:x86_64-cpu "
                 "pentium-x86_64-cpu:x86_64-cpu pentium2-x86_64-cpu:x86_64-cpu "
                 "pentium3-x86_64-cpu:x86_64-cpu phenom-x86_64-cpu:x86_64-cpu "
                 "qemu32-x86_64-cpu:x86_64-cpu qemu64-x86_64-cpu:x86_64-cpu "
                 "SandyBridge-x86_64-cpu:x86_64-cpu SandyBridge-IBRS-x86_64-cpu:x86_64-cpu "
                 "Skylake-Client-x86_64-cpu:x86_64-cpu Skylake-Client-IBRS-x86_64-cpu:x86_64-cpu "
                 "Skylake-Client-noTSX-IBRS-x86_64-cpu:x86_64-cpu Skylake-Server-x86_64-cpu:x86_64-cpu "
                 "Skylake-Server-IBRS-x86_64-cpu:x86_64-cpu "
                 "Skylake-Server-noTSX-IBRS-x86_64-cpu:x86_64-cpu Snowridge-x86_64-cpu:x86_64-cpu "
                 "Westmere-x86_64-cpu:x86_64-cpu Westmere-IBRS-x86_64-cpu:x86_64-cpu",
                 .needs = "cpu x86-cpu-control interrupt-ack");

#define X86_MODEL(n, v, f, m, s, l, x, id, ...)                                                    \
    {.name = n "-x86_64-cpu",                                                                      \
     .parent = X86_TYPE_CPU_NAME,                                                                  \
     .class_init = x86_cpu_model_class_init,                                                       \
     .class_data = &(const X86Model){n, v, f, m, s, l, x, id, {__VA_ARGS__}},                      \
     .description = sizeof(id) > 1 ? id : n " (no brand string)"},
static const EmuTypeInfo x86_model_type_infos[] = {
#include "x86-models.inc"
};
#undef X86_MODEL

static void
x86_register_types(void)
{
    type_register_static(&x86_cpu_type_info);
    type_register_static(&x86_cpu_max_type_info);
    type_register_static(&x86_cpu_host_type_info);
    for (gsize i = 0; i < G_N_ELEMENTS(x86_model_type_infos); i++) {
        type_register_static(&x86_model_type_infos[i]);
    }
}
type_init(x86_register_types)
