/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The block layer without a machine: completions run in drain and cancel. */

#include "block/backend-private.h"
#include "qom/qom-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    EmuBlockLayer *layer;
    char *dir;
    char *image;
    char *image_option;
} Fixture;

#define IMAGE_SIZE (256 * 1024)

static char *
make_image(Fixture *f, const char *name, gsize size)
{
    char *path = g_build_filename(f->dir, name, NULL);
    g_autofree uint8_t *data = g_malloc(size + 1);

    for (gsize i = 0; i < size; i++) {
        data[i] = (i >> 9) * 7 + i;
    }
    g_assert_true(g_file_set_contents(path, (char *)data, size, NULL));
    return path;
}

static uint8_t
pattern(gsize i)
{
    return (i >> 9) * 7 + i;
}

static void
setup(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    f->layer = emu_block_layer_new(NULL);
    f->dir = g_dir_make_tmp("emu-block-XXXXXX", NULL);
    f->image = make_image(f, "disk.img", IMAGE_SIZE);
    f->image_option = g_strdup_printf("file=%s,format=raw", f->image);
}

static void
teardown(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree char *command = g_strdup_printf("rm -rf '%s'", f->dir);

    if (f->layer) {
        emu_block_layer_free(f->layer);
    }
    g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
    g_free(f->dir);
    g_free(f->image);
    g_free(f->image_option);
}

static EmuBlockBackend *
add_drive(Fixture *f, const char *format, ...)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    va_list ap;

    va_start(ap, format);
    text = g_strdup_vprintf(format, ap);
    va_end(ap);
    emu_block_layer_add_drive(f->layer, text, NULL, &error);
    g_assert_no_error(error);
    return f->layer->backends->pdata[f->layer->backends->len - 1];
}

static void
refuse_drive(Fixture *f, const char *expected, const char *format, ...)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    guint n = f->layer->backends->len;
    va_list ap;

    va_start(ap, format);
    text = g_strdup_vprintf(format, ap);
    va_end(ap);
    g_assert_false(emu_block_layer_add_drive(f->layer, text, NULL, &error));
    g_assert_nonnull(error);
    if (!strstr(error->message, expected)) {
        g_error("'%s': got '%s', expected '%s'", text, error->message, expected);
    }
    g_assert_cmpuint(f->layer->backends->len, ==, n);
}

typedef struct {
    int ret;
    unsigned count;
} Result;

static void
done_cb(gpointer opaque, int ret)
{
    Result *r = opaque;

    r->ret = ret;
    r->count++;
}

static void
test_read_write(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    EmuBlockBackend *blk = add_drive(f, "%s,if=ide,id=d0", f->image_option);
    Result r = {0}, w = {0}, fl = {0};
    uint8_t buf[1500], out[700];
    struct iovec iov[2] = {{buf, 100}, {buf + 100, 900}};

    g_assert_cmpuint(emu_block_backend_get_length(blk), ==, IMAGE_SIZE);
    emu_block_backend_read(blk, 777, buf, sizeof(buf), done_cb, &r);
    g_assert_cmpuint(r.count, ==, 0);
    emu_block_backend_drain(blk);
    g_assert_cmpuint(r.count, ==, 1);
    g_assert_cmpint(r.ret, ==, 0);
    for (gsize i = 0; i < sizeof(buf); i++) {
        g_assert_cmpuint(buf[i], ==, pattern(777 + i));
    }
    memset(out, 0x5a, sizeof(out));
    emu_block_backend_write(blk, 1000, out, sizeof(out), done_cb, &w);
    emu_block_backend_drain(blk);
    emu_block_backend_flush(blk, done_cb, &fl);
    emu_block_backend_readv(blk, 999, iov, 2, done_cb, &r);
    emu_block_backend_drain(blk);
    g_assert_cmpint(w.ret, ==, 0);
    g_assert_cmpuint(fl.count, ==, 1);
    g_assert_cmpint(fl.ret, ==, 0);
    g_assert_cmpuint(buf[0], ==, pattern(999));
    g_assert_cmpuint(buf[1], ==, 0x5a);
    g_assert_cmpuint(buf[700], ==, 0x5a);
    g_assert_cmpuint(buf[701], ==, pattern(1700));
    g_assert_cmpint(emu_block_backend_pread(blk, 1000, buf, 1), ==, 0);
    g_assert_cmpuint(buf[0], ==, 0x5a);
    g_assert_cmpuint(blk->stats.operations[0], ==, 2);
    g_assert_cmpuint(blk->stats.bytes[1], ==, 700);
}

static void
test_bounds(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    EmuBlockBackend *blk = add_drive(f, "%s,if=none,id=d0,readonly=on", f->image_option);
    EmuBlockBackend *empty = add_drive(f, "if=ide,media=cdrom,index=2");
    Result r = {0};
    uint8_t buf[1024];

    emu_block_backend_read(blk, IMAGE_SIZE - 512, buf, 513, done_cb, &r);
    emu_block_backend_drain(blk);
    g_assert_cmpint(r.ret, ==, -EIO);
    emu_block_backend_read(blk, UINT64_MAX - 100, buf, 512, done_cb, &r);
    emu_block_backend_drain(blk);
    g_assert_cmpint(r.ret, ==, -EIO);
    emu_block_backend_write(blk, 0, buf, 512, done_cb, &r);
    emu_block_backend_drain(blk);
    g_assert_cmpint(r.ret, ==, -EROFS);
    emu_block_backend_read(empty, 0, buf, 512, done_cb, &r);
    emu_block_backend_drain(empty);
    g_assert_cmpint(r.ret, ==, -ENOMEDIUM);
    g_assert_cmpuint(r.count, ==, 4);
    g_assert_false(emu_block_backend_has_medium(empty));
    g_assert_true(emu_block_backend_is_read_only(blk));
    g_assert_cmpstr(emu_block_backend_get_id(empty), ==, "ide1-cd0");
}

static void
test_odd_length(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree char *path = make_image(f, "odd.img", 1000);
    EmuBlockBackend *blk = add_drive(f, "file=%s,format=raw,snapshot=on", path);
    uint8_t buf[1024];

    g_assert_cmpuint(emu_block_backend_get_length(blk), ==, 1024);
    g_assert_cmpint(emu_block_backend_pread(blk, 0, buf, 1024), ==, 0);
    g_assert_cmpuint(buf[999], ==, pattern(999));
    g_assert_cmpuint(buf[1000], ==, 0);
    g_assert_cmpint(emu_block_backend_pwrite(blk, 1023, "x", 1), ==, 0);
    g_assert_cmpint(emu_block_backend_pread(blk, 0, buf, 1024), ==, 0);
    g_assert_cmpuint(buf[999], ==, pattern(999));
    g_assert_cmpuint(buf[1023], ==, 'x');
}

/* Random writes to an overlay against a copy in memory; the image stays as it was. */
static void
test_snapshot(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree uint8_t *model = g_malloc(IMAGE_SIZE), *buf = g_malloc(IMAGE_SIZE);
    EmuBlockBackend *blk = add_drive(f, "%s,snapshot=on", f->image_option);
    g_autofree char *contents = NULL;
    gsize len;

    for (gsize i = 0; i < IMAGE_SIZE; i++) {
        model[i] = pattern(i);
    }
    for (unsigned i = 0; i < 300; i++) {
        gsize at = g_test_rand_int_range(0, IMAGE_SIZE), n = g_test_rand_int_range(1, 100000);
        uint8_t value = g_test_rand_int();

        n = MIN(n, IMAGE_SIZE - at);
        memset(model + at, value, n);
        if (i % 2) {
            struct iovec iov[3] = {{model + at, n / 3}, {model + at + n / 3, n / 5}, {model + at + n / 3 + n / 5, n - n / 3 - n / 5}};
            Result r = {0};

            emu_block_backend_writev(blk, at, iov, 3, done_cb, &r);
            emu_block_backend_drain(blk);
            g_assert_cmpint(r.ret, ==, 0);
        } else {
            g_assert_cmpint(emu_block_backend_pwrite(blk, at, model + at, n), ==, 0);
        }
        at = g_test_rand_int_range(0, IMAGE_SIZE);
        n = g_test_rand_int_range(1, 200000);
        n = MIN(n, IMAGE_SIZE - at);
        g_assert_cmpint(emu_block_backend_pread(blk, at, buf, n), ==, 0);
        g_assert_cmpmem(buf, n, model + at, n);
    }
    g_assert_true(g_file_get_contents(f->image, &contents, &len, NULL));
    for (gsize i = 0; i < len; i++) {
        g_assert_cmpuint((uint8_t)contents[i], ==, pattern(i));
    }
}

static void
test_concurrent_overlay(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    EmuBlockBackend *blk = add_drive(f, "%s,snapshot=on", f->image_option);
    static uint8_t blocks[512][512];
    Result r = {0};
    uint8_t buf[512];

    for (unsigned i = 0; i < 512; i++) {
        memset(blocks[i], i, 512);
        emu_block_backend_write(blk, i * 512, blocks[i], i % 2 ? 512 : 200, done_cb, &r);
    }
    emu_block_backend_drain(blk);
    g_assert_cmpuint(r.count, ==, 512);
    g_assert_cmpint(r.ret, ==, 0);
    for (unsigned i = 0; i < 512; i++) {
        g_assert_cmpint(emu_block_backend_pread(blk, i * 512, buf, 512), ==, 0);
        g_assert_cmpuint(buf[199], ==, i & 0xff);
        g_assert_cmpuint(buf[511], ==, i % 2 ? i & 0xff : pattern(i * 512 + 511));
    }
}

/* Cancels the last of @n requests, after a while; false when it had begun, and ended as the others did. */
static bool
cancel_last(EmuBlockBackend *blk, unsigned n, gulong after_us)
{
    EmuBlockRequest *req = NULL;
    Result r[40] = {0};
    uint8_t buf[512];

    g_assert_cmpuint(n, <=, G_N_ELEMENTS(r));
    for (unsigned i = 0; i < n; i++) {
        req = emu_block_backend_read(blk, 0, buf, 512, done_cb, &r[i]);
    }
    g_usleep(after_us);
    emu_block_request_cancel(req);
    g_assert_cmpuint(r[n - 1].count, ==, 1);
    emu_block_backend_drain(blk);
    for (unsigned i = 0; i < n; i++) {
        g_assert_cmpuint(r[i].count, ==, 1);
        g_assert_true(r[i].ret == 0 || (i == n - 1 && r[i].ret == -ECANCELED));
    }
    return r[n - 1].ret == -ECANCELED;
}

/* Whether a request has begun when it is cancelled is up to the host: asked again until it was as wanted. */
static void
test_cancel(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    EmuBlockBackend *blk = add_drive(f, "driver=null-co,size=1M,latency-ns=20000000,if=none,id=n");
    unsigned i;

    /* There are fewer workers than requests: the last one waits. */
    for (i = 0; i < 1000 && !cancel_last(blk, 40, 0); i++) {
    }
    g_assert_cmpuint(i, <, 1000);
    for (i = 0; i < 1000 && cancel_last(blk, 1, 5000); i++) {
    }
    g_assert_cmpuint(i, <, 1000);
}

static void
test_placement(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    EmuBlockBackend *a = add_drive(f, "driver=null-co"), *b = add_drive(f, "driver=null-co,index=3"), *c = add_drive(f, "driver=null-co,media=cdrom");
    EmuBlockBackend *fl = add_drive(f, "if=floppy"), *v = add_drive(f, "driver=null-co,if=virtio");

    g_assert_cmpstr(a->id, ==, "ide0-hd0");
    g_assert_cmpstr(b->id, ==, "ide1-hd1");
    g_assert_cmpstr(c->id, ==, "ide0-cd1");
    g_assert_cmpstr(fl->id, ==, "floppy0");
    g_assert_cmpstr(v->id, ==, "virtio0");
    g_assert_true(emu_block_layer_find_drive(f->layer, EMU_DRIVE_IF_IDE, 1, 1) == b);
    g_assert_null(emu_block_layer_find_drive(f->layer, EMU_DRIVE_IF_IDE, 1, 0));
    g_assert_true(emu_block_layer_add_drive_file(f->layer, f->image, "format=raw,index=2,if=ide", NULL));
    g_assert_nonnull(emu_block_layer_find_drive(f->layer, EMU_DRIVE_IF_IDE, 1, 0));
    refuse_drive(f, "drive with bus=1, unit=1 (index=3) exists", "driver=null-co,index=3");
    refuse_drive(f, "unit 2 too big (max is 1)", "driver=null-co,bus=0,unit=2");
    refuse_drive(f, "index cannot be used with bus and unit", "driver=null-co,index=0,bus=0");
}

static void
test_refusals(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree char *empty = make_image(f, "empty.img", 0), *small = make_image(f, "small.img", 4096), *qcow = g_build_filename(f->dir, "q.img", NULL);
    g_autofree char *fifo = g_build_filename(f->dir, "fifo", NULL), *loop = g_build_filename(f->dir, "loop", NULL);

    refuse_drive(f, "Could not open '/nonexistent/x.img': No such file or directory", "file=/nonexistent/x.img,format=raw");
    refuse_drive(f, "Is a directory", "file=%s,format=raw", f->dir);
    refuse_drive(f, "/dev/null': it is neither", "file=/dev/null,format=raw");
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    refuse_drive(f, "fifo': it is neither", "file=%s,format=raw", fifo);
    refuse_drive(f, "fifo': it is neither", "file=%s,format=raw,readonly=on", fifo);
    g_assert_cmpint(symlink("loop", loop), ==, 0);
    refuse_drive(f, "Too many levels", "file=%s,format=raw", loop);
    refuse_drive(f, "too large for a temporary overlay", "driver=null-co,size=8191P,snapshot=on");
    refuse_drive(f, "0 bytes", "file=%s,format=raw,if=ide", empty);
    refuse_drive(f, "too short", "file=%s,format=raw,offset=1M", small);
    refuse_drive(f, "Unknown driver 'qcow9'", "file=%s,format=qcow9", small);
    refuse_drive(f, "Unknown protocol 'nbd'", "file=nbd://localhost,format=raw");
    refuse_drive(f, "does not support the option 'colour'", "file=%s,format=raw,colour=red", small);
    refuse_drive(f, "does not accept value 'scuzzy'", "file=%s,format=raw,if=scuzzy", small);
    refuse_drive(f, "expects 'on' or 'off', not 'maybe'", "file=%s,format=raw,snapshot=maybe", small);
    refuse_drive(f, "expects a number from 0 to", "file=%s,format=raw,index=x", small);
    refuse_drive(f, "expects an identifier", "file=%s,format=raw,id=1x", small);
    refuse_drive(f, "needs file=", "if=ide");
    refuse_drive(f, "does not accept value 'fast'", "file=%s,format=raw,cache=fast", small);
    refuse_drive(f, "Cannot specify both", "file=%s,format=raw,driver=raw", small);
    g_assert_true(g_file_set_contents(qcow, "QFI\xfb more and more and more", 20, NULL));
    refuse_drive(f, "looks like qcow2", "file=%s", qcow);
    add_drive(f, "file=%s,format=raw,id=same,if=none", small);
    refuse_drive(f, "Duplicate ID 'same'", "driver=null-co,id=same,if=none");
    g_assert_cmpuint(f->layer->nodes->len, ==, 2);
}

static void
test_probed_raw_keeps_its_format(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    EmuBlockBackend *blk;
    uint8_t block[512] = "QFI\xfb";
    Result r = {0};

    blk = add_drive(f, "file=%s,if=none,id=p", f->image);
    g_assert_true(blk->root->probed);
    g_assert_cmpint(emu_block_backend_pwrite(blk, 0, block, 512), ==, -EPERM);
    g_assert_cmpint(emu_block_backend_pwrite(blk, 512, block, 512), ==, 0);
    block[0] = 'X';
    g_assert_cmpint(emu_block_backend_pwrite(blk, 0, block, 512), ==, 0);
    /* Piece by piece. */
    g_assert_cmpint(emu_block_backend_pwrite(blk, 0, "Q", 1), ==, -EPERM);
    g_assert_cmpint(emu_block_backend_pwrite(blk, 2, "ED", 2), ==, 0);
    g_assert_cmpint(emu_block_backend_pwrite(blk, 0, "QEDx", 4), ==, 0);
    g_assert_cmpint(emu_block_backend_pwrite(blk, 3, "", 1), ==, -EPERM);
    emu_block_backend_write_zeroes(blk, 3, 1, done_cb, &r);
    emu_block_backend_drain(blk);
    g_assert_cmpint(r.ret, ==, -EPERM);
    blk->root->discard_unmap = true;
    emu_block_backend_discard(blk, 3, 1, done_cb, &r);
    emu_block_backend_write_zeroes(blk, 0, 4096, done_cb, &r);
    emu_block_backend_drain(blk);
    g_assert_cmpint(r.ret, ==, 0);
    g_assert_cmpuint(r.count, ==, 3);
    g_assert_cmpint(emu_block_backend_pread(blk, 0, block, 512), ==, 0);
    g_assert_cmpuint(block[0] | block[3], ==, 0);
}

static void
test_locking(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    EmuBlockBackend *blk = add_drive(f, "%s,id=w", f->image_option);

    refuse_drive(f, "Failed to get", "%s,if=none", f->image_option);
    refuse_drive(f, "Failed to get", "%s,if=none,readonly=on", f->image_option);
    emu_block_backend_free(blk);
    add_drive(f, "%s,id=r1,readonly=on", f->image_option);
    add_drive(f, "%s,id=r2,readonly=on", f->image_option);
    add_drive(f, "%s,id=r3,snapshot=on", f->image_option);
    refuse_drive(f, "is another process using the image", "%s,if=none", f->image_option);
    add_drive(f, "%s,id=w2,if=none,file.locking=off", f->image_option);
}

static void
test_blockdev(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree char *json = g_strdup_printf("{\"driver\":\"raw\",\"node-name\":\"fmt\",\"offset\":512,\"size\":1024,\"file\":{\"driver\":\"file\",\"filename\":\"%s\",\"node-name\":\"prot\"}}", f->image);
    g_autofree char *keys = g_strdup_printf("driver=file,node-name=prot2,filename=%s,read-only=on", f->image);
    g_autoptr(GError) error = NULL;
    EmuBlockBackend *blk;
    uint8_t c;

    g_assert_true(emu_block_layer_add_blockdev(f->layer, json, &error));
    g_assert_no_error(error);
    blk = emu_block_layer_find_for_device(f->layer, "fmt");
    g_assert_nonnull(blk);
    g_assert_cmpuint(emu_block_backend_get_length(blk), ==, 1024);
    g_assert_cmpint(emu_block_backend_pread(blk, 3, &c, 1), ==, 0);
    g_assert_cmpuint(c, ==, pattern(515));
    g_assert_false(emu_block_layer_del_blockdev(f->layer, "fmt", &error));
    g_assert_cmpstr(error->message, ==, "Node fmt is in use");
    g_clear_error(&error);
    g_assert_null(emu_block_layer_find_for_device(f->layer, "fmt"));
    emu_block_backend_free(blk);
    g_assert_true(emu_block_layer_del_blockdev(f->layer, "fmt", &error));
    g_assert_cmpuint(f->layer->nodes->len, ==, 0);
    g_assert_true(emu_block_layer_add_blockdev(f->layer, keys, &error));
    g_assert_true(emu_block_layer_add_blockdev(f->layer, "raw,node-name=top,file=prot2,read-only=on", &error));
    g_assert_false(emu_block_layer_add_blockdev(f->layer, "raw,node-name=top,file=prot2,read-only=on", &error));
    g_assert_cmpstr(error->message, ==, "Duplicate nodes with node-name='top'");
    g_clear_error(&error);
    g_assert_false(emu_block_layer_add_blockdev(f->layer, "raw,node-name=t2,file=nope", &error));
    g_clear_error(&error);
    g_assert_false(emu_block_layer_add_blockdev(f->layer, "raw,node-name=t2", &error));
    g_assert_cmpstr(error->message, ==, "A block device must be specified for \"file\"");
}

typedef struct {
    bool open, locked;
    unsigned changes, requests;
    bool loaded;
} Tray;

static void
tray_change(gpointer opaque, bool loaded)
{
    Tray *t = opaque;

    t->changes++;
    t->loaded = loaded;
    t->open = !loaded;
}

static void
tray_request(gpointer opaque, bool force G_GNUC_UNUSED)
{
    ((Tray *)opaque)->requests++;
}

static bool
tray_is_open(gpointer opaque)
{
    return ((Tray *)opaque)->open;
}

static bool
tray_is_locked(gpointer opaque)
{
    return ((Tray *)opaque)->locked;
}

static void
test_medium(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    static const EmuBlockDeviceOps ops = {.change_media = tray_change, .eject_request = tray_request, .is_tray_open = tray_is_open, .is_medium_locked = tray_is_locked};
    g_autofree char *other = make_image(f, "other.iso", 8192);
    EmuBlockBackend *blk = add_drive(f, "%s,media=cdrom,id=cd0", f->image_option);
    EmuBlockBackend *disk = add_drive(f, "driver=null-co,id=d0,if=none");
    g_autoptr(GError) error = NULL;
    Tray tray = {0};
    int fake;

    g_assert_true(emu_block_backend_attach(blk, (EmuDevice *)&fake, &ops, &tray, &error));
    g_assert_false(emu_block_backend_attach(blk, (EmuDevice *)&fake, &ops, &tray, &error));
    g_clear_error(&error);
    tray.locked = true;
    g_assert_false(emu_block_backend_monitor_eject(blk, false, &error));
    g_assert_cmpstr(error->message, ==, "Device 'cd0' is locked and force was not specified, wait for tray to open and try again");
    g_clear_error(&error);
    g_assert_cmpuint(tray.requests, ==, 1);
    tray.locked = false;
    g_assert_false(emu_block_backend_monitor_change(blk, "/nonexistent", "raw", 0, false, &error));
    g_clear_error(&error);
    g_assert_cmpuint(tray.changes, ==, 0);
    g_assert_true(emu_block_backend_monitor_change(blk, other, "raw", 0, false, &error));
    g_assert_cmpuint(tray.changes, ==, 2);
    g_assert_true(tray.loaded);
    g_assert_cmpuint(emu_block_backend_get_length(blk), ==, 8192);
    g_assert_true(emu_block_backend_is_read_only(blk));
    g_assert_true(emu_block_backend_monitor_eject(blk, false, &error));
    g_assert_false(emu_block_backend_has_medium(blk));
    g_assert_false(tray.loaded);
    g_assert_false(emu_block_backend_monitor_eject(disk, false, &error));
    g_assert_cmpstr(error->message, ==, "Device 'd0' is not removable");
    blk->dev = NULL;
}

typedef struct {
    unsigned events;
    bool stopped;
} Errors;

static void
error_event(gpointer opaque, const EmuBlockEvent *event)
{
    Errors *e = opaque;

    g_assert_cmpint(event->kind, ==, EMU_BLOCK_EVENT_IO_ERROR);
    e->events++;
    e->stopped = event->stopped;
}

static void
test_error_policy(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    EmuBlockBackend *stop = add_drive(f, "file=%s,if=none,id=s,werror=stop", f->image);
    EmuBlockBackend *ignore = add_drive(f, "file=%s,if=none,id=i,werror=ignore,file.locking=off", f->image);
    uint8_t bad[512] = "QFI\xfb";
    Result r = {0};
    Errors e = {0};

    emu_block_layer_set_event_func(f->layer, error_event, &e);
    emu_block_backend_write(ignore, 0, bad, 512, done_cb, &r);
    emu_block_backend_drain(ignore);
    g_assert_cmpuint(r.count, ==, 1);
    g_assert_cmpint(r.ret, ==, 0);
    g_assert_false(e.stopped);
    emu_block_backend_write(stop, 0, bad, 512, done_cb, &r);
    emu_block_backend_drain(stop);
    g_assert_cmpuint(e.events, ==, 2);
    g_assert_true(e.stopped);
    g_assert_cmpuint(r.count, ==, 1);
    bad[0] = 'x';
    emu_block_layer_retry_stalled(f->layer);
    emu_block_backend_drain(stop);
    g_assert_cmpuint(r.count, ==, 2);
    g_assert_cmpint(r.ret, ==, 0);
    bad[0] = 'Q';
    emu_block_backend_write(stop, 0, bad, 512, done_cb, &r);
    emu_block_backend_drain(stop);
    emu_block_layer_free(f->layer);
    f->layer = NULL;
    g_assert_cmpuint(r.count, ==, 3);
    g_assert_cmpint(r.ret, ==, -ECANCELED);
}

/* Options of chance: a drive or a sentence, and the layer is whole at the end. */
static void
test_fuzz_options(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    static const char *const keys[] = {"file", "if", "format", "driver", "media", "index", "bus", "unit", "id", "readonly", "snapshot", "cache", "aio", "werror",
                                       "size", "offset", "file.driver", "file.filename", "file.size", "node-name", "read-only", "locking", "read-zeroes", "x", ""};
    static const char *const values[] = {"raw", "file", "null-co", "ide", "floppy", "none", "disk", "cdrom", "0", "1", "99999999999999999999", "-1", "on", "off",
                                         "IMAGE", "8E", "512", "a", "fmt", "", "json:{}", "nbd://x", "stop", ",,", "temporary-overlay"};

    for (unsigned round = 0; round < 3000; round++) {
        g_autoptr(GString) text = g_string_new(NULL);
        g_autoptr(GError) error = NULL;
        guint before = f->layer->backends->len;

        for (int n = g_test_rand_int_range(1, 6); n > 0; n--) {
            const char *value = values[g_test_rand_int_range(0, G_N_ELEMENTS(values))];

            g_string_append_printf(text, "%s=%s,", keys[g_test_rand_int_range(0, G_N_ELEMENTS(keys))], g_str_equal(value, "IMAGE") ? f->image : value);
        }
        if (round % 3 == 0) {
            g_assert_true(emu_block_layer_add_blockdev(f->layer, text->str, &error) == !error);
        } else {
            g_assert_true(emu_block_layer_add_drive(f->layer, text->str, NULL, &error) == !error);
            g_assert_cmpuint(f->layer->backends->len, ==, before + !error);
        }
        if (f->layer->backends->len > 20) {
            emu_block_backend_free(f->layer->backends->pdata[g_test_rand_int_range(0, f->layer->backends->len)]);
        }
    }
}

static void
test_option_text(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EmuBlockOptions) o = emu_block_options_parse("file=a,,b=c,snapshot,x.y=1", NULL, &error);
    g_autoptr(EmuBlockOptions) sub = emu_block_options_take_prefix(o, "x");
    uint64_t size;

    g_assert_cmpstr(emu_block_options_peek(o, "file"), ==, "a,b=c");
    g_assert_cmpstr(emu_block_options_peek(o, "snapshot"), ==, "on");
    g_assert_cmpstr(emu_block_options_peek(sub, "y"), ==, "1");
    g_assert_null(emu_block_options_peek(o, "x.y"));
    g_assert_null(emu_block_options_parse("=x", NULL, &error));
    g_assert_true(emu_block_parse_size("10M", &size) && size == 10 << 20);
    g_assert_true(emu_block_parse_size("0x200", &size) && size == 512);
    g_assert_false(emu_block_parse_size("-1", &size));
    g_assert_false(emu_block_parse_size("1X", &size));
    g_assert_false(emu_block_parse_size("99999999T", &size));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    emu_module_run_core();
#define CASE(name, fn) g_test_add("/block/" name, Fixture, NULL, setup, fn, teardown)
    CASE("requests/read-and-write-any-length", test_read_write);
    CASE("requests/out-of-range-is-an-io-error", test_bounds);
    CASE("requests/last-sector-is-filled-with-zeroes", test_odd_length);
    CASE("requests/cancel-ends-what-has-not-begun", test_cancel);
    CASE("requests/error-policy", test_error_policy);
    CASE("snapshot/random-writes-stay-above", test_snapshot);
    CASE("snapshot/concurrent-parts-of-clusters", test_concurrent_overlay);
    CASE("drive/placement-and-names", test_placement);
    CASE("drive/refusals-name-the-reason", test_refusals);
    CASE("drive/probed-raw-keeps-its-format", test_probed_raw_keeps_its_format);
    CASE("drive/two-writers-are-refused", test_locking);
    CASE("blockdev/graph-of-named-nodes", test_blockdev);
    CASE("drive/options-of-chance", test_fuzz_options);
    CASE("medium/eject-and-change", test_medium);
    g_test_add_func("/block/options/text", test_option_text);
    return g_test_run();
}
