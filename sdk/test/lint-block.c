/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What holds for any block driver: what is written is read, many requests at once; an image keeps it; a damaged image is refused
 * or read, and breaks nothing. A format gets a file in the temporary folder, empty or of 1 MiB, to lie on.
 */

#include "lint-private.h"

#include <emu/block-driver.h>
#include <emu/block.h>

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_FILE_SIZE (1 << 20)
#define BLOCK_MODEL_MAX (4u << 20) /* of a longer disk the first bytes are written */
#define BLOCK_REQUEST_MAX 70000
#define BLOCK_AT_ONCE 8
#define BLOCK_DAMAGE_HEAD 8192

typedef struct {
    Lint *lint;
    const EmuBlockDriver *driver;
    char *path; /* of the file that a format lies on; NULL: a protocol, which needs none */
    EmuBlockBackend *blk;
    uint64_t length;
    uint8_t *model;
} LintBlock;

/* ---- opening --------------------------------------------------------------------------------------------------- */

static void
block_close(LintBlock *self)
{
    lint_close(self->lint);
    self->blk = NULL;
}

static bool
block_open(LintBlock *self, GError **error)
{
    const char *given = self->lint->options.properties;
    g_autofree char *file = self->path ? g_strdup_printf(",file.driver=file,file.filename=%s", self->path) : g_strdup("");
    g_autofree char *drive = g_strdup_printf("if=none,id=lint,driver=%s%s%s%s", self->driver->name, file, given ? "," : "", given ? given : "");
    EmuMachine *machine;

    block_close(self);
    machine = self->lint->machine = emu_test_machine_new_unbuilt("none", error);
    if (!machine || !emu_test_add_drive(machine, drive, error) || !emu_test_machine_start(machine, error)) {
        block_close(self);
        return false;
    }
    self->blk = emu_machine_find_block_backend(machine, "lint");
    self->length = emu_block_backend_get_length(self->blk);
    return true;
}

static bool
block_set_up(LintBlock *self, Lint *lint)
{
    g_autoptr(GError) error = NULL;
    int fd;

    *self = (LintBlock){.lint = lint, .driver = emu_block_driver_find(lint->type + strlen(EMU_BLOCK_DRIVER_TYPE("")), NULL)};
    if (self->driver->kind != EMU_BLOCK_DRIVER_PROTOCOL) {
        fd = g_file_open_tmp("emu-lint-XXXXXX", &self->path, &error);
        g_assert_no_error(error);
        close(fd);
    }
    if (block_open(self, &error) && self->length) {
        return true;
    }
    g_clear_error(&error);
    if (self->path && truncate(self->path, BLOCK_FILE_SIZE) == 0 && block_open(self, &error) && self->length) {
        return true;
    }
    if (!self->blk && !lint_has_reason(error)) {
        lint_fail(lint, "it does not open and gives no reason");
    } else {
        lint->skipped = true;
        lint_fail(lint, "it does not open by itself: %s", error ? error->message : "the disk has no bytes");
    }
    return false;
}

static void
block_finish(LintBlock *self)
{
    block_close(self);
    if (self->path) {
        g_unlink(self->path);
    }
    g_free(self->path);
    g_free(self->model);
}

/* ---- a model of the disk --------------------------------------------------------------------------------------- */

typedef struct {
    enum { BLOCK_READ, BLOCK_WRITE, BLOCK_ZERO, BLOCK_FLUSH, BLOCK_N_KINDS } kind;
    uint64_t offset, len;
    uint8_t *buf;
    bool done;
    int ret;
} BlockStep;

static void
block_step_cb(gpointer opaque, int ret)
{
    BlockStep *step = opaque;

    step->ret = ret;
    step->done = true;
}

static bool
steps_overlap(const BlockStep *a, const BlockStep *b)
{
    return a->offset < b->offset + b->len && b->offset < a->offset + a->len;
}

/* A place anywhere, at the edges of sectors and of larger pieces more often. */
static void
block_choose(LintBlock *self, BlockStep *step, const BlockStep *others, unsigned n)
{
    uint64_t limit = MIN(self->length, BLOCK_MODEL_MAX), mask = ~(UINT64_C(0));
    bool again = true;

    step->kind = lint_below(self->lint, 8) == 0 ? BLOCK_FLUSH : lint_below(self->lint, BLOCK_FLUSH);
    while (again) {
        mask = lint_below(self->lint, 3) ? ~((UINT64_C(1) << lint_below(self->lint, 17)) - 1) : mask;
        step->offset = (lint_random(self->lint) % limit) & mask;
        step->len = 1 + lint_random(self->lint) % MIN(limit - step->offset, BLOCK_REQUEST_MAX);
        if (lint_below(self->lint, 8) == 0) {
            step->offset = limit - step->len;
        }
        again = false;
        for (unsigned i = 0; i < n; i++) {
            again |= steps_overlap(step, &others[i]);
        }
    }
    step->buf = g_malloc(step->len);
    for (uint64_t i = 0; i < step->len; i++) {
        step->buf[i] = (uint8_t)lint_random(self->lint);
    }
    step->done = false;
}

static void
block_begin(LintBlock *self, BlockStep *step)
{
    switch (step->kind) {
    case BLOCK_READ:
        emu_block_backend_read(self->blk, step->offset, step->buf, step->len, block_step_cb, step);
        break;
    case BLOCK_WRITE:
        memcpy(self->model + step->offset, step->buf, step->len);
        emu_block_backend_write(self->blk, step->offset, step->buf, step->len, block_step_cb, step);
        break;
    case BLOCK_ZERO:
        memset(self->model + step->offset, 0, step->len);
        emu_block_backend_write_zeroes(self->blk, step->offset, step->len, block_step_cb, step);
        break;
    default:
        emu_block_backend_flush(self->blk, block_step_cb, step);
    }
}

/* Several at once, at places that do not touch. */
static void
block_round(LintBlock *self)
{
    static const char *const names[] = {"reading", "writing", "writing zeroes to", "flushing"};
    BlockStep steps[BLOCK_AT_ONCE];
    unsigned n = 1 + lint_below(self->lint, BLOCK_AT_ONCE);

    for (unsigned i = 0; i < n; i++) {
        block_choose(self, &steps[i], steps, i);
    }
    emu_machine_lock(self->lint->machine);
    for (unsigned i = 0; i < n; i++) {
        block_begin(self, &steps[i]);
    }
    emu_block_backend_drain(self->blk);
    emu_machine_unlock(self->lint->machine);
    for (unsigned i = 0; i < n; i++) {
        BlockStep *step = &steps[i];

        if (step->ret < 0) {
            lint_fail(self->lint, "%s %" G_GUINT64_FORMAT " bytes at %" G_GUINT64_FORMAT " fails: %s", names[step->kind], step->len, step->offset, g_strerror(-step->ret));
        } else if (step->kind == BLOCK_READ && memcmp(step->buf, self->model + step->offset, step->len) != 0) {
            lint_fail(self->lint, "%" G_GUINT64_FORMAT " bytes at %" G_GUINT64_FORMAT " are not what was written", step->len, step->offset);
        }
        g_free(step->buf);
    }
}

static int
block_read_all(LintBlock *self, uint8_t *to)
{
    int ret;

    emu_machine_lock(self->lint->machine);
    ret = emu_block_backend_pread(self->blk, 0, to, MIN(self->length, BLOCK_MODEL_MAX));
    emu_machine_unlock(self->lint->machine);
    return ret;
}

/* The model is what the disk holds. */
static bool
block_start_model(LintBlock *self)
{
    int ret;

    self->model = g_malloc(BLOCK_MODEL_MAX);
    ret = block_read_all(self, self->model);
    if (ret < 0) {
        lint_fail(self->lint, "a new disk cannot be read: %s", g_strerror(-ret));
    } else if (emu_block_backend_is_read_only(self->blk)) {
        self->lint->skipped = true;
        lint_fail(self->lint, "it is read-only");
    }
    return !self->lint->problem;
}

/* ---- claims ---------------------------------------------------------------------------------------------------- */

static bool
one_block_life(Lint *lint)
{
    LintBlock self;
    uint8_t byte;
    bool ok = block_set_up(&self, lint);

    if (ok) {
        emu_machine_lock(lint->machine);
        emu_block_backend_pread(self.blk, 0, &byte, 1);
        emu_machine_unlock(lint->machine);
    }
    block_finish(&self);
    return ok;
}

void
lint_block_life(Lint *lint)
{
    unsigned before;
    gint64 leak;

    if (!one_block_life(lint)) {
        return;
    }
    before = lint_count_fds();
    leak = lint_leak_of(lint, one_block_life, MAX(lint->options.rounds / 20, 2));
    if (lint_count_fds() > before) {
        lint_fail(lint, "the rounds leave %u file descriptors open", lint_count_fds() - before);
    }
    if (leak >= LINT_LEAK_MIN) {
        lint_fail(lint, "each round leaves %" G_GINT64_FORMAT " bytes behind", leak);
    }
}

void
lint_block_options(Lint *lint)
{
    static const char *const wrong[] = {"lint-no-such-option=1", "size=-1", "size=x", "size=99999999999999999999"};
    const char *given = lint->options.properties;
    LintBlock self;

    if (block_set_up(&self, lint)) {
        for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++) {
            g_autofree char *with = g_strdup_printf("%s%s%s", given ? given : "", given ? "," : "", wrong[i]);
            g_autoptr(GError) error = NULL;

            if (given && strstr(given, "size=") && i) {
                break;
            }
            lint->options.properties = with;
            if (block_open(&self, &error)) {
                lint_fail(lint, "%s is taken", wrong[i]);
            } else if (!lint_has_reason(error)) {
                lint_fail(lint, "%s is refused without a reason", wrong[i]);
            }
            lint->options.properties = given;
        }
    }
    block_finish(&self);
}

void
lint_block_contents(Lint *lint)
{
    LintBlock self;

    if (block_set_up(&self, lint) && block_start_model(&self)) {
        for (unsigned i = 0; i < MAX(lint->options.accesses / 20, 10) && !lint->problem; i++) {
            block_round(&self);
        }
    }
    block_finish(&self);
}

/* An image that is closed and opened holds what it held. */
void
lint_block_keeps(Lint *lint)
{
    g_autofree uint8_t *now = g_malloc(BLOCK_MODEL_MAX);
    g_autoptr(GError) error = NULL;
    uint64_t length;
    LintBlock self;

    if (block_set_up(&self, lint) && !self.path) {
        lint->skipped = true;
        lint_fail(lint, "what a protocol holds is for itself to say");
    }
    length = self.length;
    if (!lint->problem && block_start_model(&self)) {
        for (unsigned i = 0; i < 10 && !lint->problem; i++) {
            for (unsigned j = 0; j < 20; j++) {
                block_round(&self);
            }
            if (!block_open(&self, &error)) {
                lint_fail_error(lint, "the image does not open again", error);
            } else if (self.length != length) {
                lint_fail(lint, "the disk has %" G_GUINT64_FORMAT " bytes now, and had %" G_GUINT64_FORMAT, self.length, length);
            } else if (block_read_all(&self, now) < 0 || memcmp(now, self.model, MIN(length, BLOCK_MODEL_MAX)) != 0) {
                lint_fail(lint, "the image does not hold what was written before it was closed");
            }
        }
    }
    block_finish(&self);
}

/* Some bytes of it made others. */
static void
damage_file(LintBlock *self, const char *good, gsize len)
{
    g_autofree char *bad = g_memdup2(good, len);
    gsize reach = lint_below(self->lint, 4) ? MIN(len, BLOCK_DAMAGE_HEAD) : len;
    static const uint32_t edges[] = {0, 0x7fffffff, 0x80000000, 0xffffffff};

    reach = lint_below(self->lint, 2) ? MIN(reach, 128) : reach;
    for (unsigned i = 1 + lint_below(self->lint, 4); i > 0 && reach > 4; i--) {
        uint32_t value = lint_below(self->lint, 2) ? edges[lint_below(self->lint, G_N_ELEMENTS(edges))] : (uint32_t)lint_random(self->lint);
        gsize n = 1 + lint_below(self->lint, 4);

        memcpy(bad + lint_random(self->lint) % (reach - n), &value, n);
    }
    len = lint_below(self->lint, 8) ? len : lint_random(self->lint) % len;
    g_file_set_contents_full(self->path, bad, (gssize)len, G_FILE_SET_CONTENTS_NONE, 0600, NULL);
}

void
lint_block_damage(Lint *lint)
{
    g_autofree char *good = NULL;
    g_autofree uint8_t *buf = g_malloc0(BLOCK_REQUEST_MAX);
    gsize len = 0;
    LintBlock self;

    if (block_set_up(&self, lint) && !self.path) {
        lint->skipped = true;
        lint_fail(lint, "a protocol lies on nothing that could be damaged");
    }
    if (!lint->problem && block_start_model(&self)) {
        for (unsigned i = 0; i < 20; i++) {
            block_round(&self);
        }
        block_close(&self);
        g_file_get_contents(self.path, &good, &len, NULL);
    }
    for (unsigned i = 0; good && i < MAX(lint->options.accesses / 100, 10) && !lint->problem; i++) {
        g_autoptr(GError) error = NULL;

        damage_file(&self, good, len);
        if (!block_open(&self, &error)) {
            if (!lint_has_reason(error)) {
                lint_fail(lint, "a damaged image is refused without a reason");
            }
            continue;
        }
        emu_machine_lock(lint->machine);
        for (unsigned j = 0; j < 20 && self.length; j++) {
            uint64_t n = 1 + lint_random(lint) % MIN(self.length, BLOCK_REQUEST_MAX), offset = lint_random(lint) % (self.length - n + 1);

            if (lint_below(lint, 2)) {
                emu_block_backend_pread(self.blk, offset, buf, n);
            } else {
                emu_block_backend_pwrite(self.blk, offset, buf, n);
            }
        }
        emu_machine_unlock(lint->machine);
    }
    block_finish(&self);
}

/* A probe says 0 to 100 to anything, and recognizes its own. */
void
lint_block_probe(Lint *lint)
{
    g_autofree char *own = NULL;
    gsize len = 0;
    LintBlock self;

    if (block_set_up(&self, lint) && !self.driver->probe) {
        lint->skipped = true;
        lint_fail(lint, "it is never probed");
    }
    block_close(&self);
    for (unsigned i = 0; !lint->problem && i < 10000; i++) {
        gsize n = lint_below(lint, 4) ? 2048 : lint_below(lint, 2048);
        g_autofree uint8_t *head = g_malloc(n + 1);
        int score;

        for (gsize j = 0; j < n; j++) {
            head[j] = (uint8_t)lint_random(lint);
        }
        score = self.driver->probe(head, n, "");
        if (score < 0 || score > 100) {
            lint_fail(lint, "a probe says %d, expected 0 to 100", score);
        }
    }
    if (!lint->problem && g_file_get_contents(self.path, &own, &len, NULL) && self.driver->probe((const uint8_t *)own, MIN(len, 2048), self.path) <= 0) {
        lint_fail(lint, "its probe does not recognize its own image");
    }
    block_finish(&self);
}
