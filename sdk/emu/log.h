/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* -d items, trace points, messages to the user. */

#include <emu/macros.h>

G_BEGIN_DECLS

enum {
    EMU_LOG_IN_ASM = 1 << 0, EMU_LOG_OP = 1 << 1, EMU_LOG_OUT_ASM = 1 << 2, EMU_LOG_INT = 1 << 3, EMU_LOG_CPU_RESET = 1 << 4,
    EMU_LOG_GUEST_ERRORS = 1 << 5, EMU_LOG_UNIMP = 1 << 6, EMU_LOG_EXEC = 1 << 7, EMU_LOG_CPU = 1 << 8, EMU_LOG_PAGE = 1 << 9,
    EMU_LOG_NOCHAIN = 1 << 10, EMU_LOG_TRACE = 1 << 11
};
EMU_AVAILABLE_IN_1_0 uint32_t emu_log_mask; /* read-only for users; set through emu_log_set_items */
EMU_AVAILABLE_IN_1_0 bool emu_log_set_items(const char *items, GError **error); /* "int,guest_errors,trace:PATTERN" */
EMU_AVAILABLE_IN_1_0 bool emu_log_set_file(const char *path, GError **error);
EMU_AVAILABLE_IN_1_0 void emu_log_printf(const char *format, ...) G_GNUC_PRINTF(1, 2); /* to the log file or stderr */
EMU_AVAILABLE_IN_1_0 char *emu_log_help(void);       /* the text of "-d help" */
EMU_AVAILABLE_IN_1_0 char *emu_log_trace_help(void); /* names of trace points, one a line */
EMU_AVAILABLE_IN_1_0 bool emu_trace_enable(const char *pattern); /* "-PATTERN" disables; false: matches nothing yet */
EMU_AVAILABLE_IN_1_0 void emu_log_set_timestamps(bool on); /* -msg timestamp=on */

#define emu_log(item, ...)                                                                         \
    do {                                                                                           \
        if (G_UNLIKELY(emu_log_mask & (item))) {                                                   \
            emu_log_printf(__VA_ARGS__);                                                           \
        }                                                                                          \
    } while (0)
/* A guest's mistake: "pit: write 0x13 to port 0x43: counter 3 cannot be latched". One line, no newline at the end. */
#define emu_guest_error(fmt, ...) emu_log(EMU_LOG_GUEST_ERRORS, fmt "\n", ##__VA_ARGS__)
#define emu_unimp(fmt, ...) emu_log(EMU_LOG_UNIMP, fmt "\n", ##__VA_ARGS__)

/* Trace points: one static flag each, switched by "-d trace:PATTERN" / -trace; nothing but a load and a
 * predicted branch when off.   EMU_TRACE(pit_load, "counter %u value %u", n, v); */
typedef struct _EmuTracePoint {
    const char *name;
    uint32_t enabled;
    struct _EmuTracePoint *next;
    EMU_RESERVED_SLOTS(1);
} EmuTracePoint;
EMU_AVAILABLE_IN_1_0 void emu_trace_point_register(EmuTracePoint *tp); /* EMU_TRACE_DEFINE does it */
EMU_AVAILABLE_IN_1_0 void emu_trace_point_unregister(EmuTracePoint *tp); /* EMU_TRACE_DEFINE does it */
#define EMU_TRACE_DEFINE(id)                                                                       \
    static EmuTracePoint emu_tp_##id = {.name = #id};                                              \
    static void __attribute__((constructor)) emu_tp_ctor_##id(void) { emu_trace_point_register(&emu_tp_##id); } \
    static void __attribute__((destructor)) emu_tp_dtor_##id(void) { emu_trace_point_unregister(&emu_tp_##id); }
#define EMU_TRACE(id, fmt, ...)                                                                    \
    do {                                                                                           \
        if (G_UNLIKELY(emu_tp_##id.enabled)) {                                                     \
            emu_log_printf("%s " fmt "\n", #id, ##__VA_ARGS__);                                    \
        }                                                                                          \
    } while (0)

/* Messages to the user on stderr, "emu: ..." with a timestamp under -msg timestamp=on. */
EMU_AVAILABLE_IN_1_0 void emu_error_report(const char *format, ...) G_GNUC_PRINTF(1, 2);
EMU_AVAILABLE_IN_1_0 void emu_warn_report(const char *format, ...) G_GNUC_PRINTF(1, 2);

G_END_DECLS
