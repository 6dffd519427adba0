/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Line editing for a terminal at the other end of a chardev: cursor keys, history, completion. Programs read this
 * too: what is typed is echoed, the prompt stands at the start of a line.
 */

#include "monitor/qmp-private.h"

#include <string.h>

#define LINE_MAX_BYTES 4096
#define HISTORY_MAX 64

typedef enum { ESC_NONE, ESC_SEEN, ESC_CSI, ESC_SS3 } EscapeState;

struct _EmuReadline {
    const EmuReadlineOps *ops;
    gpointer opaque;
    char *prompt;
    GString *line;
    gsize cursor;
    GPtrArray *history; /* oldest first */
    guint history_index;
    char *draft; /* the line before going back in history */
    EscapeState escape;
    unsigned parameter;
    bool last_cr;
};

static void
put(EmuReadline *self, const char *text)
{
    self->ops->write(self->opaque, text, strlen(text));
}

EmuReadline *
emu_readline_new(const EmuReadlineOps *ops, gpointer opaque, const char *prompt)
{
    EmuReadline *self = g_new0(EmuReadline, 1);

    self->ops = ops;
    self->opaque = opaque;
    self->prompt = g_strdup(prompt);
    self->line = g_string_new(NULL);
    self->history = g_ptr_array_new_with_free_func(g_free);
    return self;
}

void
emu_readline_free(EmuReadline *self)
{
    if (self) {
        g_string_free(self->line, TRUE);
        g_ptr_array_unref(self->history);
        g_free(self->prompt);
        g_free(self->draft);
        g_free(self);
    }
}

void
emu_readline_start(EmuReadline *self)
{
    g_string_truncate(self->line, 0);
    self->cursor = 0;
    self->history_index = self->history->len;
    self->escape = ESC_NONE;
    g_clear_pointer(&self->draft, g_free);
    put(self, self->prompt);
}

/* ---- drawing: the terminal's cursor stands where ours does, before and after --------------------------- */

static void
move_left(EmuReadline *self, gsize n)
{
    while (n--) {
        put(self, "\033[D");
    }
}

/* The line changed from @from on; the terminal's cursor is at @from. */
static void
redraw_tail(EmuReadline *self, gsize from)
{
    put(self, self->line->str + from);
    put(self, "\033[K");
    move_left(self, self->line->len - self->cursor);
}

static void
set_cursor(EmuReadline *self, gsize cursor)
{
    if (cursor < self->cursor) {
        move_left(self, self->cursor - cursor);
    } else {
        self->ops->write(self->opaque, self->line->str + self->cursor, cursor - self->cursor);
    }
    self->cursor = cursor;
}

static void
replace_line(EmuReadline *self, const char *text)
{
    set_cursor(self, 0);
    g_string_assign(self->line, text);
    self->cursor = self->line->len;
    redraw_tail(self, 0);
}

static void
insert(EmuReadline *self, const char *text, gsize len)
{
    gsize from = self->cursor;

    if (self->line->len + len > LINE_MAX_BYTES) {
        return;
    }
    g_string_insert_len(self->line, self->cursor, text, len);
    self->cursor += len;
    if (self->cursor == self->line->len) {
        self->ops->write(self->opaque, text, len);
    } else {
        redraw_tail(self, from);
    }
}

static void
erase(EmuReadline *self, gsize from, gsize to)
{
    if (from < to) {
        set_cursor(self, from);
        g_string_erase(self->line, from, to - from);
        redraw_tail(self, from);
    }
}

/* ---- history ------------------------------------------------------------------------------------------------ */

static void
history_move(EmuReadline *self, int step)
{
    guint target = self->history_index + step;

    if ((step < 0 && self->history_index == 0) || (step > 0 && self->history_index >= self->history->len)) {
        return;
    }
    if (self->history_index == self->history->len) {
        g_free(self->draft);
        self->draft = g_strdup(self->line->str);
    }
    self->history_index = target;
    replace_line(self, target == self->history->len ? self->draft : self->history->pdata[target]);
}

static void
history_add(EmuReadline *self, const char *line)
{
    if (!*line) {
        return;
    }
    for (guint i = 0; i < self->history->len; i++) {
        if (g_str_equal(self->history->pdata[i], line)) {
            g_ptr_array_remove_index(self->history, i);
            break;
        }
    }
    if (self->history->len >= HISTORY_MAX) {
        g_ptr_array_remove_index(self->history, 0);
    }
    g_ptr_array_add(self->history, g_strdup(line));
}

/* ---- completion ----------------------------------------------------------------------------------------------- */

static gsize
common_prefix(GPtrArray *words)
{
    const char *first = words->pdata[0];
    gsize len = strlen(first);

    for (guint i = 1; i < words->len; i++) {
        gsize n = 0;
        while (n < len && first[n] == ((char *)words->pdata[i])[n]) {
            n++;
        }
        len = n;
    }
    return len;
}

static void
list_words(EmuReadline *self, GPtrArray *words)
{
    gsize width = 0, columns;

    for (guint i = 0; i < words->len; i++) {
        width = MAX(width, strlen(words->pdata[i]));
    }
    width = MIN(width + 2, 80);
    columns = MAX(80 / width, 1);
    put(self, "\r\n");
    for (guint i = 0; i < words->len; i++) {
        g_autofree char *cell = g_strdup_printf("%-*s", (int)width, (char *)words->pdata[i]);

        put(self, cell);
        if (i % columns == columns - 1 || i == words->len - 1) {
            put(self, "\r\n");
        }
    }
    put(self, self->prompt);
    put(self, self->line->str);
    move_left(self, self->line->len - self->cursor);
}

static void
complete(EmuReadline *self)
{
    g_autofree char *text = g_strndup(self->line->str, self->cursor);
    g_autoptr(GPtrArray) words = NULL;
    gsize replaces = 0, prefix;

    if (!self->ops->complete) {
        return;
    }
    words = self->ops->complete(self->opaque, text, &replaces);
    if (!words || words->len == 0) {
        return;
    }
    prefix = common_prefix(words);
    if (prefix > replaces) {
        insert(self, (char *)words->pdata[0] + replaces, prefix - replaces);
    }
    if (words->len == 1) {
        if (prefix == 0 || ((char *)words->pdata[0])[prefix - 1] != '/') {
            insert(self, " ", 1);
        }
    } else if (prefix <= replaces) {
        list_words(self, words);
    }
}

/* ---- input ------------------------------------------------------------------------------------------------------ */

static void
finish_line(EmuReadline *self)
{
    g_autofree char *line = g_strdup(self->line->str);

    set_cursor(self, self->line->len);
    put(self, "\r\n");
    history_add(self, line);
    g_string_truncate(self->line, 0);
    self->cursor = 0;
    self->history_index = self->history->len;
    g_clear_pointer(&self->draft, g_free);
    /* The owner shows the prompt again when it is done. */
    self->ops->line(self->opaque, line);
}

static gsize
word_start(EmuReadline *self)
{
    gsize at = self->cursor;

    while (at > 0 && self->line->str[at - 1] == ' ') {
        at--;
    }
    while (at > 0 && self->line->str[at - 1] != ' ') {
        at--;
    }
    return at;
}

static void
control_key(EmuReadline *self, char c)
{
    switch (c) {
    case 1: /* ^A */
        set_cursor(self, 0);
        break;
    case 2: /* ^B */
        set_cursor(self, self->cursor ? self->cursor - 1 : 0);
        break;
    case 4: /* ^D */
        erase(self, self->cursor, MIN(self->cursor + 1, self->line->len));
        break;
    case 5: /* ^E */
        set_cursor(self, self->line->len);
        break;
    case 6: /* ^F */
        set_cursor(self, MIN(self->cursor + 1, self->line->len));
        break;
    case 8:
    case 127:
        erase(self, self->cursor ? self->cursor - 1 : 0, self->cursor);
        break;
    case 9:
        complete(self);
        break;
    case 11: /* ^K */
        erase(self, self->cursor, self->line->len);
        break;
    case 14: /* ^N */
        history_move(self, 1);
        break;
    case 16: /* ^P */
        history_move(self, -1);
        break;
    case 21: /* ^U */
        erase(self, 0, self->cursor);
        break;
    case 23: /* ^W */
        erase(self, word_start(self), self->cursor);
        break;
    case 3: /* ^C: a new line */
        put(self, "\r\n");
        emu_readline_start(self);
        break;
    case 12: /* ^L */
        put(self, "\033[H\033[2J");
        put(self, self->prompt);
        put(self, self->line->str);
        move_left(self, self->line->len - self->cursor);
        break;
    case 27:
        self->escape = ESC_SEEN;
        break;
    default:
        break;
    }
}

static void
csi_key(EmuReadline *self, char c)
{
    self->escape = ESC_NONE;
    switch (c) {
    case 'A':
        history_move(self, -1);
        break;
    case 'B':
        history_move(self, 1);
        break;
    case 'C':
        set_cursor(self, MIN(self->cursor + 1, self->line->len));
        break;
    case 'D':
        set_cursor(self, self->cursor ? self->cursor - 1 : 0);
        break;
    case 'H':
        set_cursor(self, 0);
        break;
    case 'F':
        set_cursor(self, self->line->len);
        break;
    case '~':
        if (self->parameter == 1 || self->parameter == 7) {
            set_cursor(self, 0);
        } else if (self->parameter == 4 || self->parameter == 8) {
            set_cursor(self, self->line->len);
        } else if (self->parameter == 3) {
            erase(self, self->cursor, MIN(self->cursor + 1, self->line->len));
        }
        break;
    default:
        break;
    }
}

static void
escape_byte(EmuReadline *self, char c)
{
    if (self->escape == ESC_SEEN) {
        self->parameter = 0;
        self->escape = c == '[' ? ESC_CSI : c == 'O' ? ESC_SS3 : ESC_NONE;
    } else if (self->escape == ESC_CSI && g_ascii_isdigit(c)) {
        self->parameter = MIN(self->parameter * 10 + (c - '0'), 1000);
    } else if (self->escape == ESC_CSI && c == ';') {
        self->parameter = 0;
    } else {
        csi_key(self, c);
    }
}

void
emu_readline_feed(EmuReadline *self, const char *data, gsize len)
{
    for (gsize i = 0; i < len; i++) {
        char c = data[i];
        bool was_cr = self->last_cr;

        self->last_cr = false;
        if (self->escape) {
            escape_byte(self, c);
        } else if (c == '\r' || c == '\n') {
            /* Telnet and some terminals send both. */
            if (!(c == '\n' && was_cr)) {
                finish_line(self);
            }
            self->last_cr = c == '\r';
        } else if ((uint8_t)c < 0x20 || c == 127) {
            control_key(self, c);
        } else {
            insert(self, &c, 1);
        }
    }
}
