/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Exits in words (Linux, Documentation/virt/kvm/api.rst, section 5). */

#include "kvm-private.h"


/* Names for a report; what KVM defines later than our headers is known by its number. */
static const char *const exit_names[] = {
    [KVM_EXIT_UNKNOWN] = "unknown hardware exit",
    [KVM_EXIT_EXCEPTION] = "exception",
    [KVM_EXIT_IO] = "port access",
    [KVM_EXIT_HYPERCALL] = "hypercall",
    [KVM_EXIT_DEBUG] = "debug stop",
    [KVM_EXIT_HLT] = "halt",
    [KVM_EXIT_MMIO] = "memory access",
    [KVM_EXIT_IRQ_WINDOW_OPEN] = "interrupt window",
    [KVM_EXIT_SHUTDOWN] = "shutdown",
    [KVM_EXIT_FAIL_ENTRY] = "entry into the guest failed",
    [KVM_EXIT_INTR] = "interrupted",
    [KVM_EXIT_SET_TPR] = "task priority lowered",
    [KVM_EXIT_TPR_ACCESS] = "task priority access",
    [KVM_EXIT_NMI] = "NMI",
    [KVM_EXIT_INTERNAL_ERROR] = "internal error",
    [KVM_EXIT_SYSTEM_EVENT] = "system event",
    [KVM_EXIT_IOAPIC_EOI] = "end of interrupt",
    [KVM_EXIT_HYPERV] = "Hyper-V request",
    [KVM_EXIT_X86_RDMSR] = "MSR read",
    [KVM_EXIT_X86_WRMSR] = "MSR write",
    [KVM_EXIT_DIRTY_RING_FULL] = "dirty ring full",
    [KVM_EXIT_AP_RESET_HOLD] = "processor held in reset",
    [KVM_EXIT_X86_BUS_LOCK] = "bus lock",
    [KVM_EXIT_XEN] = "Xen hypercall",
    [KVM_EXIT_NOTIFY] = "no progress inside the guest",
};

static const char *
internal_error_name(uint32_t suberror)
{
    switch (suberror) {
    case KVM_INTERNAL_ERROR_EMULATION:
        return "an instruction that the host's KVM cannot emulate";
    case KVM_INTERNAL_ERROR_SIMUL_EX:
        return "simultaneous exceptions";
    case KVM_INTERNAL_ERROR_DELIVERY_EV:
        return "an exit while an event was being delivered";
    case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON:
        return "an exit of the processor that KVM does not know";
    default:
        return "an error that is not known here";
    }
}

static void
append_data(GString *text, const char *name, const __u64 *data, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        g_string_append_printf(text, "%s%s 0x%llx", i ? "," : "; ", i ? "" : name, (unsigned long long)data[i]);
    }
}

static void
describe_internal_error(GString *text, const struct kvm_run *run)
{
    unsigned n = MIN(run->internal.ndata, G_N_ELEMENTS(run->internal.data));

    g_string_append_printf(text, "internal error %u, %s", run->internal.suberror, internal_error_name(run->internal.suberror));
    if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION && n >= 3) {
        const uint8_t *bytes = (const uint8_t *)&run->internal.data[1];

        g_string_append(text, "; bytes:");
        for (unsigned i = 0; i < MIN(bytes[0], 15u); i++) {
            g_string_append_printf(text, " %02x", bytes[1 + i]);
        }
    } else {
        append_data(text, "data", run->internal.data, n);
    }
}

char *
kvm_describe_exit(const struct kvm_run *run)
{
    GString *text = g_string_new(NULL);
    const char *name = run->exit_reason < G_N_ELEMENTS(exit_names) ? exit_names[run->exit_reason] : NULL;

    if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR) {
        describe_internal_error(text, run);
        return g_string_free(text, FALSE);
    }
    g_string_append_printf(text, "%s (KVM exit %u)", name ? name : "an exit that is not known here", run->exit_reason);
    switch (run->exit_reason) {
    case KVM_EXIT_FAIL_ENTRY:
        g_string_append_printf(text, ", hardware reason 0x%llx on host CPU %u", (unsigned long long)run->fail_entry.hardware_entry_failure_reason,
                               run->fail_entry.cpu);
        break;
    case KVM_EXIT_UNKNOWN:
        g_string_append_printf(text, ", hardware reason 0x%llx", (unsigned long long)run->hw.hardware_exit_reason);
        break;
    case KVM_EXIT_EXCEPTION:
        g_string_append_printf(text, " %u, error code 0x%x", run->ex.exception, run->ex.error_code);
        break;
    case KVM_EXIT_HYPERCALL:
        g_string_append_printf(text, " %llu", (unsigned long long)run->hypercall.nr);
        append_data(text, "arguments", run->hypercall.args, G_N_ELEMENTS(run->hypercall.args));
        break;
    case KVM_EXIT_TPR_ACCESS:
        g_string_append_printf(text, " at 0x%llx", (unsigned long long)run->tpr_access.rip);
        break;
    case KVM_EXIT_X86_RDMSR:
    case KVM_EXIT_X86_WRMSR:
        g_string_append_printf(text, " of 0x%x, value 0x%llx", run->msr.index, (unsigned long long)run->msr.data);
        break;
    case KVM_EXIT_SYSTEM_EVENT:
        g_string_append_printf(text, " %u", run->system_event.type);
        append_data(text, "data", run->system_event.data, MIN(run->system_event.ndata, G_N_ELEMENTS(run->system_event.data)));
        break;
    case KVM_EXIT_HYPERV:
        g_string_append_printf(text, " %u", run->hyperv.type);
        break;
    case KVM_EXIT_NOTIFY:
        g_string_append_printf(text, ", flags 0x%x", run->notify.flags);
        break;
    default:
        break;
    }
    return g_string_free(text, FALSE);
}
