/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Exits that end a machine, in words (Linux, Documentation/virt/kvm/api.rst, section 5). */

#include "kvm-private.h"

static const char *
internal_error_name(uint32_t suberror)
{
    switch (suberror) {
    case KVM_INTERNAL_ERROR_EMULATION:
        return "instruction that the host's KVM cannot emulate";
    case KVM_INTERNAL_ERROR_SIMUL_EX:
        return "simultaneous exceptions";
    case KVM_INTERNAL_ERROR_DELIVERY_EV:
        return "exit while an event was being delivered";
    default:
        return "unknown internal error";
    }
}

char *
kvm_describe_exit(const struct kvm_run *run)
{
    GString *text = g_string_new(NULL);

    switch (run->exit_reason) {
    case KVM_EXIT_INTERNAL_ERROR:
        g_string_append_printf(text, "internal error %u: %s", run->internal.suberror, internal_error_name(run->internal.suberror));
        if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION && run->internal.ndata >= 3) {
            const uint8_t *bytes = (const uint8_t *)&run->internal.data[1];
            unsigned n = MIN(bytes[0], 15);

            g_string_append(text, "; bytes:");
            for (unsigned i = 0; i < n; i++) {
                g_string_append_printf(text, " %02x", bytes[1 + i]);
            }
        }
        break;
    case KVM_EXIT_FAIL_ENTRY:
        g_string_append_printf(text, "entry into the guest failed, hardware reason 0x%llx",
                               (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
        break;
    case KVM_EXIT_UNKNOWN:
        g_string_append_printf(text, "unknown hardware exit, reason 0x%llx", (unsigned long long)run->hw.hardware_exit_reason);
        break;
    case KVM_EXIT_EXCEPTION:
        g_string_append_printf(text, "exception %u, error code 0x%x", run->ex.exception, run->ex.error_code);
        break;
    case KVM_EXIT_SYSTEM_EVENT:
        g_string_append_printf(text, "system event %u", run->system_event.type);
        break;
    default:
        g_string_append_printf(text, "exit reason %u", run->exit_reason);
        break;
    }
    return g_string_free(text, FALSE);
}
