/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Character devices whose other end is the script: "-serial script", "-chardev script,id=X".
 *
 * A stream is what both ends share: it outlives the character device when the script still reads, and the script's
 * object when the guest still writes.
 */

#include "script/script-private.h"

#include "char/char-private.h"
#include <string.h>

/* What is kept of a guest's output; the oldest goes first. */
#define STREAM_MAX (16u << 20)
#define STREAM_TRIM (4u << 20)
/* A trigger looks again at so much before what is new: a match may have begun there. */
#define TRIGGER_OVERLAP 4096u

struct _ScriptStream {
    gatomicrefcount refs;
    char *label;
    GMutex lock; /* a leaf; of what follows */
    GByteArray *out;     /* from the guest */
    guint64 dropped;     /* bytes that were before out */
    guint64 position;    /* up to here the script has read */
    GByteArray *in;      /* to the guest */
    EmuChardev *chardev; /* big lock; NULL once it is gone */
    ScriptStream *other; /* big locks of both machines' order does not matter: under this lock only; weak */
    GPtrArray *triggers; /* borrowed; big lock */
    EmuScriptMachine *machine; /* borrowed: as long as chardev is there */
};

static ScriptStream *
stream_ref(ScriptStream *self)
{
    g_atomic_ref_count_inc(&self->refs);
    return self;
}

void
script_stream_unref(gpointer data)
{
    ScriptStream *self = data;

    if (self && g_atomic_ref_count_dec(&self->refs)) {
        g_free(self->label);
        g_mutex_clear(&self->lock);
        g_byte_array_unref(self->out);
        g_byte_array_unref(self->in);
        g_ptr_array_unref(self->triggers);
        if (self->other) {
            script_stream_unref(self->other);
        }
        g_free(self);
    }
}

static ScriptStream *
stream_new(const char *label)
{
    ScriptStream *self = g_new0(ScriptStream, 1);

    g_atomic_ref_count_init(&self->refs);
    self->label = g_strdup(label);
    g_mutex_init(&self->lock);
    self->out = g_byte_array_sized_new(4096); /* never NULL inside */
    self->in = g_byte_array_new();
    self->triggers = g_ptr_array_new();
    return self;
}

/* Gives the guest what it can take. Big lock held. */
static void
stream_pump(ScriptStream *self)
{
    uint8_t chunk[256];
    gsize room;

    while (self->chardev && (room = emu_chardev_can_receive(self->chardev)) > 0) {
        gsize n;

        g_mutex_lock(&self->lock);
        n = MIN(MIN(room, self->in->len), sizeof(chunk));
        memcpy(chunk, self->in->data, n);
        g_byte_array_remove_range(self->in, 0, (guint)n);
        g_mutex_unlock(&self->lock);
        if (!n) {
            return;
        }
        emu_chardev_receive(self->chardev, chunk, n);
    }
}

static void
stream_pump_cb(gpointer data)
{
    stream_pump(data);
    script_stream_unref(data);
}

/* Any thread, any machine's lock held: the machine's own main loop hands it on. */
static void
stream_feed(ScriptStream *self, const uint8_t *data, gsize len)
{
    EmuContext *ctx;

    g_mutex_lock(&self->lock);
    g_byte_array_append(self->in, data, (guint)len);
    ctx = self->chardev ? emu_chardev_get_context(self->chardev) : NULL;
    if (ctx) {
        emu_context_post(ctx, stream_pump_cb, stream_ref(self));
    }
    g_mutex_unlock(&self->lock);
}

/* ---- the character device ------------------------------------------------------------------------------ */

typedef struct {
    EmuChardev parent_instance;
    ScriptStream *stream;
} CharScript;
typedef struct {
    EmuChardevClass parent_class;
} CharScriptClass;

static GType char_script_get_type(void);
G_DEFINE_TYPE(CharScript, char_script, EMU_TYPE_CHARDEV)

static void text_trigger_look(EmuScriptTrigger *trigger, ScriptStream *stream);

static gssize
char_script_write(EmuChardev *chardev, const uint8_t *buf, gsize len)
{
    ScriptStream *stream = ((CharScript *)chardev)->stream;
    ScriptStream *other;

    g_mutex_lock(&stream->lock);
    if (stream->out->len + len > STREAM_MAX) {
        g_byte_array_remove_range(stream->out, 0, STREAM_TRIM);
        stream->dropped += STREAM_TRIM;
    }
    g_byte_array_append(stream->out, buf, (guint)len);
    other = stream->other ? stream_ref(stream->other) : NULL;
    g_mutex_unlock(&stream->lock);
    if (other) {
        stream_feed(other, buf, len);
        script_stream_unref(other);
    }
    for (guint i = 0; i < stream->triggers->len; i++) {
        text_trigger_look(g_ptr_array_index(stream->triggers, i), stream);
    }
    g_mutex_lock(&stream->machine->lock);
    script_machine_wake(stream->machine);
    g_mutex_unlock(&stream->machine->lock);
    return (gssize)len;
}

static bool
char_script_open(EmuChardev *chardev, EmuContext *ctx G_GNUC_UNUSED, GError **error)
{
    CharScript *self = (CharScript *)chardev;
    EmuScriptMachine *machine = script_machine_of_thread();

    if (!machine) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "there is no script that holds the other end: only for machines of scripts");
        return false;
    }
    self->stream = stream_new(emu_chardev_get_label(chardev));
    self->stream->chardev = chardev;
    self->stream->machine = machine;
    g_mutex_lock(&machine->lock);
    g_hash_table_replace(machine->streams, self->stream->label, stream_ref(self->stream));
    g_mutex_unlock(&machine->lock);
    emu_chardev_set_filename(chardev, "script");
    emu_chardev_event(chardev, EMU_CHARDEV_OPENED);
    return true;
}

static void
char_script_accept_input(EmuChardev *chardev)
{
    stream_pump(((CharScript *)chardev)->stream);
}

static void
char_script_close(EmuChardev *chardev)
{
    CharScript *self = (CharScript *)chardev;

    g_mutex_lock(&self->stream->lock);
    self->stream->chardev = NULL;
    g_mutex_unlock(&self->stream->lock);
}

static void
char_script_finalize(GObject *object)
{
    script_stream_unref(((CharScript *)object)->stream);
    G_OBJECT_CLASS(char_script_parent_class)->finalize(object);
}

static void
char_script_init(CharScript *self G_GNUC_UNUSED)
{
}

static void
char_script_class_init(CharScriptClass *klass)
{
    EmuChardevClass *chardev_class = EMU_CHARDEV_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = char_script_finalize;
    chardev_class->open = char_script_open;
    chardev_class->close = char_script_close;
    chardev_class->write = char_script_write;
    chardev_class->accept_input = char_script_accept_input;
}

static void
char_script_register_types(void)
{
    emu_type_register_gtype("chardev-script", char_script_get_type());
}
type_init(char_script_register_types)

/* ---- the script's end ------------------------------------------------------------------------------------- */

struct _EmuScriptConsole {
    GObject parent_instance;
    EmuScriptMachine *machine;
    ScriptStream *stream;
};

/**
 * EmuScriptConsole:
 *
 * The script's end of a serial line: what the guest prints, and what it reads.
 */
G_DEFINE_FINAL_TYPE(EmuScriptConsole, emu_script_console, G_TYPE_OBJECT)

static void
emu_script_console_finalize(GObject *object)
{
    EmuScriptConsole *self = EMU_SCRIPT_CONSOLE(object);

    script_stream_unref(self->stream);
    g_object_unref(self->machine);
    G_OBJECT_CLASS(emu_script_console_parent_class)->finalize(object);
}

static void
emu_script_console_class_init(EmuScriptConsoleClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = emu_script_console_finalize;
}

static void
emu_script_console_init(EmuScriptConsole *self G_GNUC_UNUSED)
{
}

static ScriptStream *
machine_find_stream(EmuScriptMachine *self, const char *id, GError **error)
{
    ScriptStream *stream;

    g_mutex_lock(&self->lock);
    stream = g_hash_table_lookup(self->streams, id);
    if (stream) {
        stream_ref(stream);
    }
    g_mutex_unlock(&self->lock);
    if (!stream && script_machine_check(self, error)) {
        script_set_error(error, NOT_FOUND, "/machine.console: there is no console \"%s\"", id);
    }
    return stream;
}

/**
 * emu_script_machine_get_console:
 * @self: a machine that is realized
 * @id: id of a character device of kind "script"; "serial0" is the first serial line if nothing else was asked for
 * @error: return location
 *
 * The script's end of a serial line.
 *
 * Returns: (transfer full): the console
 */
EmuScriptConsole *
emu_script_machine_get_console(EmuScriptMachine *self, const char *id, GError **error)
{
    ScriptStream *stream = machine_find_stream(self, id, error);
    EmuScriptConsole *console;

    if (!stream) {
        return NULL;
    }
    console = g_object_new(EMU_SCRIPT_TYPE_CONSOLE, NULL);
    console->machine = g_object_ref(self);
    console->stream = stream;
    return console;
}

/**
 * emu_script_machine_list_consoles:
 * @self: a machine
 *
 * Ids of its consoles.
 *
 * Returns: (transfer full) (array zero-terminated=1): the ids
 */
char **
emu_script_machine_list_consoles(EmuScriptMachine *self)
{
    GPtrArray *names = g_ptr_array_new();
    GHashTableIter iter;
    gpointer name;

    g_mutex_lock(&self->lock);
    g_hash_table_iter_init(&iter, self->streams);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        g_ptr_array_add(names, g_strdup(name));
    }
    g_mutex_unlock(&self->lock);
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

/**
 * emu_script_console_get_id:
 * @self: a console
 *
 * Its id.
 *
 * Returns: "serial0"
 */
const char *
emu_script_console_get_id(EmuScriptConsole *self)
{
    return self->stream->label;
}

/**
 * emu_script_console_send:
 * @self: a console
 * @data: (array length=n_data) (element-type guint8): bytes for the guest
 * @n_data: how many
 * @error: return location
 *
 * Types. What the guest cannot take yet waits.
 *
 * Returns: whether there is a guest
 */
gboolean
emu_script_console_send(EmuScriptConsole *self, const guint8 *data, gsize n_data, GError **error)
{
    if (!script_machine_check(self->machine, error)) {
        return FALSE;
    }
    stream_feed(self->stream, data, n_data);
    return TRUE;
}

static char *
make_text(const guint8 *data, gsize len)
{
    /* Zero bytes would end the string for whoever gets it. */
    g_autofree char *copy = g_malloc(len + 1);
    gsize n = 0;

    for (gsize i = 0; i < len; i++) {
        if (data[i]) {
            copy[n++] = (char)data[i];
        }
    }
    return g_utf8_make_valid(copy, (gssize)n);
}

/**
 * emu_script_console_get_text:
 * @self: a console
 *
 * All that the guest has printed, read or not (the last 16 MiB of it).
 *
 * Returns: (transfer full): the text
 */
char *
emu_script_console_get_text(EmuScriptConsole *self)
{
    char *text;

    g_mutex_lock(&self->stream->lock);
    text = make_text(self->stream->out->data, self->stream->out->len);
    g_mutex_unlock(&self->stream->lock);
    return text;
}

static gsize
stream_unread(ScriptStream *self)
{
    if (self->position < self->dropped) {
        self->position = self->dropped;
    }
    return (gsize)(self->position - self->dropped);
}

/**
 * emu_script_console_read:
 * @self: a console
 * @n_data: (out): how many bytes there are
 *
 * What the guest has printed since the last read() or expect().
 *
 * Returns: (array length=n_data) (element-type guint8) (transfer full): the bytes
 */
guint8 *
emu_script_console_read(EmuScriptConsole *self, gsize *n_data)
{
    guint8 *data;
    gsize start;

    g_mutex_lock(&self->stream->lock);
    start = stream_unread(self->stream);
    *n_data = self->stream->out->len - start;
    data = g_memdup2(self->stream->out->data + start, *n_data);
    self->stream->position += *n_data;
    g_mutex_unlock(&self->stream->lock);
    return data;
}

/* ---- waiting for text ---------------------------------------------------------------------------------------- */

static GRegex *
compile(const char *pattern, GError **error)
{
    GError *core = NULL;
    GRegex *regex = g_regex_new(pattern, G_REGEX_RAW | G_REGEX_MULTILINE | G_REGEX_NEWLINE_LF, 0, &core);

    if (!regex) {
        script_set_error(error, BAD_VALUE, "/machine.pattern: %s", core->message);
        g_error_free(core);
    }
    return regex;
}

/* The first match from @from on; moves the position behind it. */
static char **
stream_match(ScriptStream *self, GRegex *regex)
{
    g_autoptr(GMatchInfo) match = NULL;
    char **groups = NULL;
    gsize start;
    gint end;

    g_mutex_lock(&self->lock);
    start = stream_unread(self);
    if (g_regex_match_full(regex, (const char *)self->out->data + start, (gssize)(self->out->len - start), 0, 0, &match, NULL)) {
        gint n = g_match_info_get_match_count(match);

        groups = g_new0(char *, n + 1);
        for (gint i = 0; i < n; i++) {
            g_autofree char *group = g_match_info_fetch(match, i);

            groups[i] = make_text((const guint8 *)(group ? group : ""), group ? strlen(group) : 0);
        }
        g_match_info_fetch_pos(match, 0, NULL, &end);
        self->position += (guint64)end;
    }
    g_mutex_unlock(&self->lock);
    return groups;
}

typedef struct {
    ScriptStream *stream;
    GRegex *regex;
    char **groups;
    guint64 seen;
    bool stopped;
} Expect;

static bool
expect_done(EmuScriptMachine *machine, gpointer data)
{
    Expect *expect = data;
    guint64 end;

    g_mutex_lock(&expect->stream->lock);
    end = expect->stream->dropped + expect->stream->out->len;
    g_mutex_unlock(&expect->stream->lock);
    if (end != expect->seen) {
        expect->seen = end;
        expect->groups = stream_match(expect->stream, expect->regex);
    }
    expect->stopped = machine->run_state != EMU_RUN_STATE_RUNNING && machine->run_state != EMU_RUN_STATE_SUSPENDED;
    return expect->groups || expect->stopped;
}

static char *
stream_tail(ScriptStream *self)
{
    gsize n;
    char *text;
    g_autofree char *escaped = NULL;

    g_mutex_lock(&self->lock);
    n = MIN(self->out->len, 200);
    text = make_text(self->out->data + self->out->len - n, n);
    g_mutex_unlock(&self->lock);
    escaped = text;
    return g_strescape(escaped, NULL);
}

/**
 * emu_script_console_expect:
 * @self: a console
 * @pattern: a regular expression (PCRE; ^ and $ match at lines)
 * @timeout_ms: host time to wait for; 0: any
 * @cancellable: (nullable): to give up
 * @error: return location
 *
 * Waits until the guest prints what matches, beginning with what was not read yet. A machine that stands is let run while
 * this waits. Reading goes on behind the match.
 *
 * Returns: (transfer full) (array zero-terminated=1): the match, and its groups
 */
char **
emu_script_console_expect(EmuScriptConsole *self, const char *pattern, gint64 timeout_ms, GCancellable *cancellable, GError **error)
{
    g_autoptr(GRegex) regex = compile(pattern, error);
    Expect expect = {.stream = self->stream, .regex = regex, .seen = UINT64_MAX};
    GError *failure = NULL;
    bool was_running;

    if (!regex || !script_machine_check(self->machine, error)) {
        return NULL;
    }
    if (!script_machine_may_wait(self->machine, error)) {
        return NULL;
    }
    expect.groups = stream_match(self->stream, regex);
    if (expect.groups) {
        return expect.groups;
    }
    was_running = emu_script_machine_is_running(self->machine);
    if (!was_running && !emu_script_machine_start(self->machine, error)) {
        return NULL;
    }
    script_machine_wait(self->machine, expect_done, &expect, timeout_ms, cancellable, &failure);
    if (!was_running && !g_error_matches(failure, EMU_SCRIPT_ERROR, EMU_SCRIPT_ERROR_CLOSED)) {
        emu_script_machine_pause(self->machine, NULL);
    }
    if (!expect.groups) {
        g_autofree char *tail = stream_tail(self->stream);

        if (failure && !g_error_matches(failure, EMU_SCRIPT_ERROR, EMU_SCRIPT_ERROR_TIMEOUT)) {
            g_propagate_error(error, failure);
            return NULL;
        }
        if (failure) {
            script_set_error(error, TIMEOUT, "/chardevs/%s: \"%s\" was not printed within %" G_GINT64_FORMAT " ms; last: \"%s\"", self->stream->label,
                             pattern, timeout_ms, tail);
        } else {
            script_set_error(error, WRONG_STATE, "/chardevs/%s: the machine stopped (%s) before it printed \"%s\"; last: \"%s\"", self->stream->label,
                             emu_script_machine_get_state(self->machine), pattern, tail);
        }
        g_clear_error(&failure);
    }
    return expect.groups;
}

/* The feed of each side is the output of the other. */
static void
stream_set_other(ScriptStream *self, ScriptStream *other)
{
    g_mutex_lock(&self->lock);
    if (self->other) {
        script_stream_unref(self->other);
    }
    self->other = other ? stream_ref(other) : NULL;
    g_mutex_unlock(&self->lock);
}

/**
 * emu_script_console_link:
 * @self: a console
 * @other: (nullable): another, of another machine perhaps; %NULL cuts the wire
 * @error: return location
 *
 * A null modem cable: what either guest prints, the other reads from now on. The script goes on seeing both.
 *
 * Returns: whether both machines are there
 */
gboolean
emu_script_console_link(EmuScriptConsole *self, EmuScriptConsole *other, GError **error)
{
    ScriptStream *old;

    if (!script_machine_check(self->machine, error) || (other && !script_machine_check(other->machine, error))) {
        return FALSE;
    }
    g_mutex_lock(&self->stream->lock);
    old = self->stream->other ? stream_ref(self->stream->other) : NULL;
    g_mutex_unlock(&self->stream->lock);
    if (old) {
        stream_set_other(old, NULL);
        script_stream_unref(old);
    }
    stream_set_other(self->stream, other ? other->stream : NULL);
    if (other) {
        stream_set_other(other->stream, self->stream);
    }
    return TRUE;
}

/* ---- a trigger ------------------------------------------------------------------------------------------------- */

typedef struct {
    EmuScriptTrigger parent_instance;
    GRegex *regex;
    ScriptStream *stream;
    guint64 from;
} TextTrigger;
typedef EmuScriptTriggerClass TextTriggerClass;

#define text_trigger_get_type script_text_trigger_get_type
G_DEFINE_TYPE(TextTrigger, text_trigger, EMU_SCRIPT_TYPE_TRIGGER)

static void
text_trigger_look(EmuScriptTrigger *trigger, ScriptStream *stream)
{
    TextTrigger *self = (TextTrigger *)trigger;
    gsize start;
    bool found;

    g_mutex_lock(&stream->lock);
    start = self->from > stream->dropped ? (gsize)(self->from - stream->dropped) : 0;
    found = g_regex_match_full(self->regex, (const char *)stream->out->data + start, (gssize)(stream->out->len - start), 0, 0, NULL, NULL);
    if (found) {
        self->from = stream->dropped + stream->out->len;
    } else if (stream->out->len - start > TRIGGER_OVERLAP) {
        self->from = stream->dropped + stream->out->len - TRIGGER_OVERLAP;
    }
    g_mutex_unlock(&stream->lock);
    if (found) {
        script_trigger_fire(trigger, -1, 0);
    }
}

static bool
text_trigger_arm(EmuScriptTrigger *trigger, EmuScriptMachine *machine G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    TextTrigger *self = (TextTrigger *)trigger;

    g_mutex_lock(&self->stream->lock);
    self->from = self->stream->dropped + stream_unread(self->stream);
    g_mutex_unlock(&self->stream->lock);
    g_ptr_array_add(self->stream->triggers, self);
    return true;
}

static void
text_trigger_disarm(EmuScriptTrigger *trigger, EmuScriptMachine *machine G_GNUC_UNUSED)
{
    TextTrigger *self = (TextTrigger *)trigger;

    g_ptr_array_remove(self->stream->triggers, self);
}

static void
text_trigger_finalize(GObject *object)
{
    TextTrigger *self = (TextTrigger *)object;

    g_regex_unref(self->regex);
    script_stream_unref(self->stream);
    G_OBJECT_CLASS(text_trigger_parent_class)->finalize(object);
}

static void
text_trigger_class_init(TextTriggerClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = text_trigger_finalize;
    klass->arm = text_trigger_arm;
    klass->disarm = text_trigger_disarm;
}

static void
text_trigger_init(TextTrigger *self G_GNUC_UNUSED)
{
}

/**
 * emu_script_trigger_new_text: (constructor)
 * @machine: a machine that is realized
 * @console: id of a console
 * @pattern: a regular expression
 * @error: return location
 *
 * Stops the machine when the guest prints what matches, from the first byte on that was not read when run() begins.
 *
 * Returns: (transfer full): for run()
 */
EmuScriptTrigger *
emu_script_trigger_new_text(EmuScriptMachine *machine, const char *console, const char *pattern, GError **error)
{
    ScriptStream *stream = machine_find_stream(machine, console, error);
    EmuScriptTrigger *self = NULL;
    GRegex *regex = stream ? compile(pattern, error) : NULL;

    if (regex) {
        self = script_trigger_new(text_trigger_get_type(), machine, EMU_SCRIPT_STOP_REASON_TEXT, g_strdup_printf("text \"%s\" on %s", pattern, console));
        ((TextTrigger *)self)->regex = regex;
        ((TextTrigger *)self)->stream = stream;
    } else {
        script_stream_unref(stream);
    }
    return self;
}
