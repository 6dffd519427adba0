/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every exit that ends a machine says in words what it was. */

#include "accel-kvm/kvm-private.h"

#include <string.h>

typedef struct {
    const char *path;
    struct kvm_run run;
    const char *text;
} Case;

static const Case cases[] = {
    {"/kvm/report/unknown", {.exit_reason = KVM_EXIT_UNKNOWN, .hw.hardware_exit_reason = 0x4b}, "unknown hardware exit (KVM exit 0), hardware reason 0x4b"},
    {"/kvm/report/exception", {.exit_reason = KVM_EXIT_EXCEPTION, .ex = {.exception = 14, .error_code = 2}}, "exception (KVM exit 1) 14, error code 0x2"},
    {"/kvm/report/hypercall",
     {.exit_reason = KVM_EXIT_HYPERCALL, .hypercall = {.nr = 12, .args = {1, 2, 3, 4, 5, 6}}},
     "hypercall (KVM exit 3) 12; arguments 0x1, 0x2, 0x3, 0x4, 0x5, 0x6"},
    {"/kvm/report/shutdown", {.exit_reason = KVM_EXIT_SHUTDOWN}, "shutdown (KVM exit 8)"},
    {"/kvm/report/entry",
     {.exit_reason = KVM_EXIT_FAIL_ENTRY, .fail_entry = {.hardware_entry_failure_reason = 0x80000021, .cpu = 3}},
     "entry into the guest failed (KVM exit 9), hardware reason 0x80000021 on host CPU 3"},
    {"/kvm/report/tpr", {.exit_reason = KVM_EXIT_TPR_ACCESS, .tpr_access.rip = 0x1000}, "task priority access (KVM exit 12) at 0x1000"},
    {"/kvm/report/emulation",
     {.exit_reason = KVM_EXIT_INTERNAL_ERROR,
      .internal = {.suberror = KVM_INTERNAL_ERROR_EMULATION, .ndata = 3, .data = {0, 0x000000000000f2c70f03, 0}}},
     "internal error 1, an instruction that the host's KVM cannot emulate; bytes: 0f c7 f2"},
    {"/kvm/report/simultaneous", {.exit_reason = KVM_EXIT_INTERNAL_ERROR, .internal.suberror = KVM_INTERNAL_ERROR_SIMUL_EX}, "internal error 2, simultaneous exceptions"},
    {"/kvm/report/delivery",
     {.exit_reason = KVM_EXIT_INTERNAL_ERROR, .internal = {.suberror = KVM_INTERNAL_ERROR_DELIVERY_EV, .ndata = 2, .data = {0x80000b0e, 0x30}}},
     "internal error 3, an exit while an event was being delivered; data 0x80000b0e, 0x30"},
    {"/kvm/report/unexpected",
     {.exit_reason = KVM_EXIT_INTERNAL_ERROR, .internal = {.suberror = KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON, .ndata = 1, .data = {0x41}}},
     "internal error 4, an exit of the processor that KVM does not know; data 0x41"},
    {"/kvm/report/later-error", {.exit_reason = KVM_EXIT_INTERNAL_ERROR, .internal.suberror = 99}, "internal error 99, an error that is not known here"},
    /* What the kernel says of lengths is not trusted. */
    {"/kvm/report/too-much-data",
     {.exit_reason = KVM_EXIT_INTERNAL_ERROR, .internal = {.suberror = KVM_INTERNAL_ERROR_EMULATION, .ndata = UINT32_MAX, .data = {0, 0xf4ff, 0}}},
     "internal error 1, an instruction that the host's KVM cannot emulate; bytes: f4 00 00 00 00 00 00 00 00 00 00 00 00 00 00"},
    {"/kvm/report/system-event",
     {.exit_reason = KVM_EXIT_SYSTEM_EVENT, .system_event = {.type = 6, .ndata = 2, .data = {7, 8}}},
     "system event (KVM exit 24) 6; data 0x7, 0x8"},
    {"/kvm/report/hyperv", {.exit_reason = KVM_EXIT_HYPERV, .hyperv.type = 3}, "Hyper-V request (KVM exit 27) 3"},
    {"/kvm/report/rdmsr", {.exit_reason = KVM_EXIT_X86_RDMSR, .msr = {.index = 0x10a}}, "MSR read (KVM exit 29) of 0x10a, value 0x0"},
    {"/kvm/report/wrmsr", {.exit_reason = KVM_EXIT_X86_WRMSR, .msr = {.index = 0x10a, .data = 0x69}}, "MSR write (KVM exit 30) of 0x10a, value 0x69"},
    {"/kvm/report/bus-lock", {.exit_reason = KVM_EXIT_X86_BUS_LOCK}, "bus lock (KVM exit 33)"},
    {"/kvm/report/no-progress", {.exit_reason = KVM_EXIT_NOTIFY, .notify.flags = 1}, "no progress inside the guest (KVM exit 37), flags 0x1"},
    {"/kvm/report/later-exit", {.exit_reason = 999}, "an exit that is not known here (KVM exit 999)"},
};

static void
test_report(gconstpointer data)
{
    const Case *c = data;
    g_autofree char *text = kvm_describe_exit(&c->run);

    g_assert_cmpstr(text, ==, c->text);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_add_data_func(cases[i].path, &cases[i], test_report);
    }
    return g_test_run();
}
