/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Messages: to the user on stderr, and the log of -d / -D with its trace points.
 *
 * The log belongs to the process, not to a machine: -D names one file.  Any thread may write; a line
 * is written in one piece.
 */

#include <emu/log.h>
#include <emu/object.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

uint32_t emu_log_mask;

static GMutex log_lock;
static FILE *log_file; /* NULL: stderr */
static bool log_timestamp;
static EmuTracePoint *trace_points;
static GPtrArray *trace_patterns; /* char *; "-x" switches off */

static const struct {
    const char *name;
    uint32_t bit;
    const char *help;
} log_items[] = {
    {"out_asm", EMU_LOG_OUT_ASM, "show generated host assembly code for each compiled block"},
    {"in_asm", EMU_LOG_IN_ASM, "show target assembly code for each compiled block"},
    {"op", EMU_LOG_OP, "show micro ops for each compiled block"},
    {"int", EMU_LOG_INT, "show interrupts and exceptions in short format"},
    {"exec", EMU_LOG_EXEC, "show each block before it is executed (lots of logs)"},
    {"cpu", EMU_LOG_CPU, "show CPU registers before entering a block (lots of logs)"},
    {"page", EMU_LOG_PAGE, "show pages that are dropped from the code cache"},
    {"cpu_reset", EMU_LOG_CPU_RESET, "show CPU state before CPU resets"},
    {"unimp", EMU_LOG_UNIMP, "show unimplemented functionality"},
    {"guest_errors", EMU_LOG_GUEST_ERRORS, "show when the guest does something invalid"},
    {"nochain", EMU_LOG_NOCHAIN, "do not chain compiled blocks, so that exec and cpu show complete traces"},
};

/* ---- items ------------------------------------------------------------------------------------- */

static void
log_apply_patterns_locked(EmuTracePoint *tp)
{
    for (guint i = 0; trace_patterns && i < trace_patterns->len; i++) {
        const char *pattern = g_ptr_array_index(trace_patterns, i);
        bool off = *pattern == '-';

        if (g_pattern_match_simple(pattern + off, tp->name)) {
            __atomic_store_n(&tp->enabled, !off, __ATOMIC_RELAXED);
        }
    }
}

static bool
log_add_pattern_locked(const char *pattern)
{
    bool matched = false;

    if (!trace_patterns) {
        trace_patterns = g_ptr_array_new_with_free_func(g_free);
    }
    g_ptr_array_add(trace_patterns, g_strdup(pattern));
    for (EmuTracePoint *tp = trace_points; tp; tp = tp->next) {
        log_apply_patterns_locked(tp);
        matched |= g_pattern_match_simple(pattern + (*pattern == '-'), tp->name);
    }
    return matched;
}

/**
 * emu_log_set_items:
 * @items: comma-separated names of `-d`, "all", "none", "trace:PATTERN"
 *
 * Replaces the set of items; patterns add up.  A pattern also applies to trace points of plugins that
 * are opened later, so one that matches nothing is no mistake.
 *
 * Since: 1.0
 */
bool
emu_log_set_items(const char *items, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(items, ",", -1);
    uint32_t mask = 0;
    bool known;

    for (char **p = parts; *p; p++) {
        known = strcmp(*p, "none") == 0 || (g_str_has_prefix(*p, "trace:") && (*p)[6]);
        if (strcmp(*p, "all") == 0) {
            for (gsize i = 0; i < G_N_ELEMENTS(log_items); i++) {
                mask |= log_items[i].bit;
            }
            mask &= ~EMU_LOG_NOCHAIN;
            known = true;
        }
        for (gsize i = 0; i < G_N_ELEMENTS(log_items); i++) {
            if (strcmp(*p, log_items[i].name) == 0) {
                mask |= log_items[i].bit;
                known = true;
            }
        }
        if (!known) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                        "log item '%s' is unknown, expected one of those that '-d help' lists", *p);
            return false;
        }
    }
    g_mutex_lock(&log_lock);
    for (char **p = parts; *p; p++) {
        if (g_str_has_prefix(*p, "trace:")) {
            log_add_pattern_locked(*p + 6);
            mask |= EMU_LOG_TRACE;
        }
    }
    emu_log_mask = mask;
    g_mutex_unlock(&log_lock);
    return true;
}

char *
emu_log_help(void)
{
    GString *s = g_string_new("Log items (comma separated):\n");

    for (gsize i = 0; i < G_N_ELEMENTS(log_items); i++) {
        g_string_append_printf(s, "%-15s %s\n", log_items[i].name, log_items[i].help);
    }
    g_string_append(s, "trace:PATTERN   enable trace events\n"
                       "\nUse \"-d trace:help\" to get a list of trace events.\n");
    return g_string_free(s, FALSE);
}

static gint
log_compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char *
emu_log_trace_help(void)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    GString *s = g_string_new(NULL);

    g_mutex_lock(&log_lock);
    for (EmuTracePoint *tp = trace_points; tp; tp = tp->next) {
        g_ptr_array_add(names, (gpointer)tp->name);
    }
    g_ptr_array_sort(names, log_compare_names);
    for (guint i = 0; i < names->len; i++) {
        g_string_append_printf(s, "%s\n", (char *)g_ptr_array_index(names, i));
    }
    g_mutex_unlock(&log_lock);
    return g_string_free(s, FALSE);
}

/**
 * emu_log_set_file:
 * @path: (nullable): a file, made or emptied; "%d" in it is the process id; %NULL: stderr
 *
 * Since: 1.0
 */
bool
emu_log_set_file(const char *path, GError **error)
{
    g_autofree char *full = NULL;
    FILE *f = NULL;
    const char *pid = path ? strstr(path, "%d") : NULL;

    if (path) {
        full = pid ? g_strdup_printf("%.*s%d%s", (int)(pid - path), path, (int)getpid(), pid + 2) : g_strdup(path);
        f = fopen(full, "we");
        if (!f) {
            g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "log file '%s' cannot be written: %s", full,
                        g_strerror(errno));
            return false;
        }
        setvbuf(f, NULL, _IOLBF, 1 << 16);
    }
    g_mutex_lock(&log_lock);
    if (log_file) {
        fclose(log_file);
    }
    log_file = f;
    g_mutex_unlock(&log_lock);
    return true;
}

void
emu_log_printf(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    g_mutex_lock(&log_lock);
    vfprintf(log_file ? log_file : stderr, format, ap);
    g_mutex_unlock(&log_lock);
    va_end(ap);
}

/* ---- trace points ------------------------------------------------------------------------------ */

void
emu_trace_point_register(EmuTracePoint *tp)
{
    g_mutex_lock(&log_lock);
    tp->next = trace_points;
    trace_points = tp;
    log_apply_patterns_locked(tp);
    g_mutex_unlock(&log_lock);
}

void
emu_trace_point_unregister(EmuTracePoint *tp)
{
    g_mutex_lock(&log_lock);
    for (EmuTracePoint **p = &trace_points; *p; p = &(*p)->next) {
        if (*p == tp) {
            *p = tp->next;
            break;
        }
    }
    g_mutex_unlock(&log_lock);
}

bool
emu_trace_enable(const char *pattern)
{
    bool matched;

    g_mutex_lock(&log_lock);
    matched = log_add_pattern_locked(pattern);
    g_mutex_unlock(&log_lock);
    return matched;
}

/* ---- messages to the user ------------------------------------------------------------------------ */

void
emu_log_set_timestamps(bool on)
{
    log_timestamp = on;
}

static void G_GNUC_PRINTF(2, 0)
report(const char *kind, const char *format, va_list ap)
{
    g_autofree char *text = g_strdup_vprintf(format, ap);
    g_autofree char *stamp = NULL;

    if (log_timestamp) {
        g_autoptr(GDateTime) now = g_date_time_new_now_utc();

        stamp = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S.%fZ ");
    }
    fprintf(stderr, "%semu: %s%s\n", stamp ? stamp : "", kind, text);
}

void
emu_error_report(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    report("", format, ap);
    va_end(ap);
}

void
emu_warn_report(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    report("warning: ", format, ap);
    va_end(ap);
}
