/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/plugin.h>

#include "x86-cpu.h"

#define TYPE(name) name "-x86_64-cpu:x86_64-cpu "
/* A model that has so many versions. */
#define TYPES_1(name) TYPE(name) TYPE(name "-v1")
#define TYPES_2(name) TYPES_1(name) TYPE(name "-v2")
#define TYPES_3(name) TYPES_2(name) TYPE(name "-v3")
#define TYPES_4(name) TYPES_3(name) TYPE(name "-v4")
#define TYPES_5(name) TYPES_4(name) TYPE(name "-v5")
#define TYPES_6(name) TYPES_5(name) TYPE(name "-v6")
#define TYPES_7(name) TYPES_6(name) TYPE(name "-v7")

EMU_ACCEL_PLUGIN(.name = "cpu-x86", .version = "1.0", .license = "LGPL-2.1-or-later",
                 .description = "x86 CPUs, 16 to 64 bits, with local APIC",
                 .provides =
                 "x86_64-cpu:cpu " TYPE("max") TYPE("host") TYPE("base")
                 TYPES_1("486") TYPES_1("athlon") TYPES_4("Broadwell") TYPE("Broadwell-noTSX")
                 TYPE("Broadwell-IBRS") TYPE("Broadwell-noTSX-IBRS") TYPES_5("Cascadelake-Server")
                 TYPE("Cascadelake-Server-noTSX") TYPES_3("ClearwaterForest") TYPES_1("Conroe")
                 TYPES_2("Cooperlake") TYPES_1("core2duo") TYPES_1("coreduo") TYPES_3("Denverton")
                 TYPES_2("Dhyana") TYPES_5("EPYC") TYPE("EPYC-IBPB") TYPES_2("EPYC-Genoa")
                 TYPES_3("EPYC-Milan") TYPES_5("EPYC-Rome") TYPES_1("EPYC-Turin") TYPES_5("GraniteRapids")
                 TYPES_4("Haswell") TYPE("Haswell-noTSX") TYPE("Haswell-IBRS") TYPE("Haswell-noTSX-IBRS")
                 TYPES_7("Icelake-Server") TYPE("Icelake-Server-noTSX") TYPES_2("IvyBridge")
                 TYPE("IvyBridge-IBRS") TYPES_1("KnightsMill") TYPES_1("kvm32") TYPES_1("kvm64")
                 TYPES_1("n270") TYPES_2("Nehalem") TYPE("Nehalem-IBRS") TYPES_1("Opteron_G1")
                 TYPES_1("Opteron_G2") TYPES_1("Opteron_G3") TYPES_1("Opteron_G4") TYPES_1("Opteron_G5")
                 TYPES_1("Penryn") TYPES_1("pentium") TYPES_1("pentium2") TYPES_1("pentium3")
                 TYPES_1("phenom") TYPES_1("qemu32") TYPES_1("qemu64") TYPES_2("SandyBridge")
                 TYPE("SandyBridge-IBRS") TYPES_6("SapphireRapids") TYPES_5("SierraForest")
                 TYPES_4("Skylake-Client") TYPE("Skylake-Client-IBRS") TYPE("Skylake-Client-noTSX-IBRS")
                 TYPES_5("Skylake-Server") TYPE("Skylake-Server-IBRS") TYPE("Skylake-Server-noTSX-IBRS")
                 TYPES_4("Snowridge") TYPES_2("Westmere") TYPE("Westmere-IBRS") TYPES_3("YongFeng"),
                 .needs = "cpu x86-cpu-control interrupt-ack");

static void
x86_register_types(void)
{
    type_register_static(&x86_cpu_type_info);
    x86_special_models_register();
    x86_models_register();
}
type_init(x86_register_types)
