/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Parallel NOR flash with the Intel command set (CFI primary command set 0001h; Intel 28F640J5 and
 * "Common Flash Memory Interface Publication 100").
 *
 * The array lies in a ROM device region: while the chip is in read-array mode the guest reads host memory
 * directly; the first command takes the region out of that mode, and every access comes here until a "read
 * array" puts it back.
 *
 * Programming and erasing are done at once in the array and reach the image behind the guest's back: the
 * changed stretch is written by one request at a time, so that writes never overtake each other.
 */

#include "pflash.h"

#include <emu/block.h>
#include <emu/log.h>
#include <emu/machine.h>

#include <inttypes.h>
#include <string.h>

#define PFLASH_STATUS_READY 0x80
#define PFLASH_STATUS_ERASE_ERROR 0x20
#define PFLASH_STATUS_PROGRAM_ERROR 0x10
#define PFLASH_STATUS_LOCKED 0x02

#define PFLASH_CFI_SIZE 0x40
#define PFLASH_BUFFER_SHIFT 8 /* bytes of the write buffer per lane of 8 bits, as a power of two */
#define PFLASH_BUFFER_MAX (4u << PFLASH_BUFFER_SHIFT)

enum {
    PFLASH_CMD_READ_ARRAY = 0xff,
    PFLASH_CMD_READ_ARRAY_AMD = 0xf0, /* the other command set's reset: drivers that probe try it */
    PFLASH_CMD_READ_ARRAY_ZERO = 0x00,
    PFLASH_CMD_BLOCK_ERASE = 0x20,
    PFLASH_CMD_BLOCK_ERASE_STATUS = 0x28, /* drivers poll with it; the lower bits do not matter to the chip */
    PFLASH_CMD_PROGRAM = 0x40,
    PFLASH_CMD_PROGRAM_ALT = 0x10,
    PFLASH_CMD_CLEAR_STATUS = 0x50,
    PFLASH_CMD_LOCK = 0x60,
    PFLASH_CMD_READ_STATUS = 0x70,
    PFLASH_CMD_READ_ID = 0x90,
    PFLASH_CMD_QUERY = 0x98,
    PFLASH_CMD_SUSPEND = 0xb0,
    PFLASH_CMD_CONFIRM = 0xd0, /* also: resume */
    PFLASH_CMD_WRITE_BUFFER = 0xe8,
};

/* What the next write means. */
enum {
    PFLASH_STEP_COMMAND,
    PFLASH_STEP_PROGRAM,       /* data */
    PFLASH_STEP_ERASE,         /* confirmation */
    PFLASH_STEP_LOCK,          /* which kind */
    PFLASH_STEP_BUFFER_COUNT,  /* words - 1 */
    PFLASH_STEP_BUFFER_DATA,
    PFLASH_STEP_BUFFER_CONFIRM,
    PFLASH_STEP_MAX = PFLASH_STEP_BUFFER_CONFIRM,
};

typedef struct {
    EmuSysbusDevice parent_instance;

    char *drive_id;
    char *name;
    uint32_t num_blocks;
    uint64_t sector_length;
    uint8_t width;
    bool secure;
    uint16_t id[4];

    EmuMemoryRegion *region;
    EmuBlockBackend *blk; /* NULL: contents are lost */
    uint8_t *array;
    uint64_t size;
    bool read_only;
    uint8_t cfi[PFLASH_CFI_SIZE];

    uint8_t step;
    uint8_t command; /* what reads show */
    uint8_t status;
    uint32_t buffer_left;  /* words to come */
    uint32_t buffer_base;  /* offset of the write buffer's first byte in the array */
    uint8_t buffer[PFLASH_BUFFER_MAX]; /* ones where nothing was written */
    uint8_t *locks;        /* one per block: its lock bit. A reset does not change them; the image has no place for them */

    /* The stretch that the image does not have yet; empty when equal. */
    uint64_t dirty_start, dirty_end;
    uint8_t *in_flight;
} Pflash;

EMU_TRACE_DEFINE(pflash_read)
EMU_TRACE_DEFINE(pflash_write)

/* ---- the image ------------------------------------------------------------------------------------- */

static void pflash_write_back(Pflash *self);

static void
pflash_written_cb(gpointer opaque, int ret)
{
    Pflash *self = opaque;

    g_clear_pointer(&self->in_flight, g_free);
    if (ret < 0) {
        emu_warn_report("%s: could not write to drive '%s': %s", self->name, self->drive_id, g_strerror(-ret));
    }
    pflash_write_back(self);
}

static void
pflash_write_back(Pflash *self)
{
    uint64_t start = self->dirty_start, end = self->dirty_end;

    if (self->in_flight || start == end) {
        return;
    }
    self->dirty_start = self->dirty_end = 0;
    self->in_flight = g_memdup2(self->array + start, end - start);
    emu_block_backend_write(self->blk, start, self->in_flight, end - start, pflash_written_cb, self);
}

static void
pflash_changed(Pflash *self, uint64_t offset, uint64_t len)
{
    emu_memory_region_set_dirty(self->region, offset, len);
    if (!self->blk) {
        return;
    }
    if (self->dirty_start == self->dirty_end) {
        self->dirty_start = offset;
        self->dirty_end = offset + len;
    } else {
        self->dirty_start = MIN(self->dirty_start, offset);
        self->dirty_end = MAX(self->dirty_end, offset + len);
    }
    pflash_write_back(self);
}

static void
pflash_flush(Pflash *self)
{
    while (self->in_flight) {
        emu_block_backend_drain(self->blk);
    }
}

/* ---- the array ------------------------------------------------------------------------------------- */

static void
pflash_read_array(Pflash *self)
{
    self->step = PFLASH_STEP_COMMAND;
    self->command = PFLASH_CMD_READ_ARRAY;
    emu_memory_region_set_rom_mode(self->region, true);
}

/* False, with the error in the status, when the block's lock bit is set. */
static bool
pflash_check_lock(Pflash *self, uint64_t offset, uint64_t len, uint8_t error)
{
    if (self->locks[offset / self->sector_length] || self->locks[(offset + len - 1) / self->sector_length]) {
        self->status |= PFLASH_STATUS_READY | PFLASH_STATUS_LOCKED | error;
        return false;
    }
    return true;
}

/* Cells go from one to zero only. */
static void
pflash_program(Pflash *self, uint64_t offset, const uint8_t *data, uint64_t len)
{
    if (!pflash_check_lock(self, offset, len, PFLASH_STATUS_PROGRAM_ERROR)) {
        return;
    }
    for (uint64_t i = 0; i < len; i++) {
        self->array[offset + i] &= data[i];
    }
    self->status |= PFLASH_STATUS_READY;
    pflash_changed(self, offset, len);
}

static void
pflash_erase_block(Pflash *self, uint64_t offset)
{
    uint64_t start = offset - offset % self->sector_length;

    if (!pflash_check_lock(self, start, 1, PFLASH_STATUS_ERASE_ERROR)) {
        return;
    }
    memset(self->array + start, 0xff, self->sector_length);
    self->status |= PFLASH_STATUS_READY;
    pflash_changed(self, start, self->sector_length);
}

/* ---- queries ------------------------------------------------------------------------------------------ */

/* Chips of 8 or 16 bits side by side make the bank; each answers on its own lane. Addresses count words of the bank. */
static uint64_t
pflash_word(Pflash *self, uint64_t offset, unsigned size, uint16_t (*get)(Pflash *self, uint64_t word))
{
    unsigned chip_width = MIN(self->width, 2);
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        uint64_t at = offset + i;

        value |= (uint64_t)(uint8_t)(get(self, at / self->width) >> (8 * (at % chip_width))) << (8 * i);
    }
    return value;
}

static uint16_t
pflash_get_status(Pflash *self, uint64_t word G_GNUC_UNUSED)
{
    return self->status;
}

static uint16_t
pflash_get_id(Pflash *self, uint64_t word)
{
    if (word % (self->sector_length / self->width) == 2) {
        return self->locks[word * self->width / self->sector_length]; /* block lock configuration */
    }
    switch (word & 0xff) {
    case 0:
        return (uint16_t)(self->id[0] << 8 | self->id[1]);
    case 1:
        return (uint16_t)(self->id[2] << 8 | self->id[3]);
    default:
        return 0;
    }
}

static uint16_t
pflash_get_cfi(Pflash *self, uint64_t word)
{
    return word < PFLASH_CFI_SIZE ? self->cfi[word] : 0;
}

static void
pflash_fill_cfi(Pflash *self)
{
    static const uint8_t head[] = {
        'Q', 'R', 'Y', 0x01, 0x00, 0x31, 0x00, 0x00, 0x00, 0x00, 0x00, /* command set 1, its table at 31h; no other */
        0x45, 0x55, 0x00, 0x00,                                        /* 4.5 to 5.5 V; no programming voltage */
        0x07, 0x07, 0x0a, 0x00,                                        /* typical: 128 us word, 128 us buffer, 1 s block */
        0x04, 0x04, 0x04, 0x00,                                        /* at most 16 times as long */
    };
    static const uint8_t extended[] = {'P', 'R', 'I', '1', '0', 0x08, 0, 0, 0, 0, 0x01}; /* lock bits, which the block status shows */
    uint64_t sector = self->sector_length / 256;

    memcpy(self->cfi + 0x10, head, sizeof head);
    self->cfi[0x27] = (uint8_t)(63 - __builtin_clzll(self->size) + (self->size & (self->size - 1) ? 1 : 0));
    self->cfi[0x28] = self->width == 1 ? 0x00 : self->width == 2 ? 0x01 : 0x03;
    self->cfi[0x2a] = (uint8_t)(PFLASH_BUFFER_SHIFT + (self->width == 4 ? 2 : self->width == 2 ? 1 : 0));
    self->cfi[0x2c] = 1; /* one region of equal blocks */
    self->cfi[0x2d] = (uint8_t)(self->num_blocks - 1);
    self->cfi[0x2e] = (uint8_t)((self->num_blocks - 1) >> 8);
    self->cfi[0x2f] = (uint8_t)sector;
    self->cfi[0x30] = (uint8_t)(sector >> 8);
    memcpy(self->cfi + 0x31, extended, sizeof extended);
    self->cfi[0x3d] = 0x50; /* logic supply of 5 V is best */
}

/* ---- accesses ------------------------------------------------------------------------------------------ */

static uint64_t
pflash_load_array(Pflash *self, uint64_t offset, unsigned size)
{
    uint64_t value = 0;

    memcpy(&value, self->array + offset, MIN(size, self->size - offset));
    return GUINT64_FROM_LE(value);
}

static EmuMemResult
pflash_read(gpointer opaque, uint64_t offset, uint64_t *value, unsigned size, EmuMemAttrs attrs)
{
    Pflash *self = opaque;

    if (self->secure && !attrs.smm) {
        *value = pflash_load_array(self, offset, size);
        return EMU_MEM_OK;
    }
    switch (self->command) {
    case PFLASH_CMD_READ_ARRAY:
        *value = pflash_load_array(self, offset, size);
        break;
    case PFLASH_CMD_READ_ID:
        *value = pflash_word(self, offset, size, pflash_get_id);
        break;
    case PFLASH_CMD_QUERY:
        *value = pflash_word(self, offset, size, pflash_get_cfi);
        break;
    default:
        *value = pflash_word(self, offset, size, pflash_get_status);
        break;
    }
    EMU_TRACE(pflash_read, "%s: 0x%" PRIx64 " is 0x%" PRIx64 " (%u), mode 0x%02x", self->name, offset, *value, size, self->command);
    return EMU_MEM_OK;
}

static void
pflash_command(Pflash *self, uint64_t offset, uint8_t command)
{
    /* Whatever comes now, reads no longer show the array. */
    emu_memory_region_set_rom_mode(self->region, false);
    switch (command) {
    case PFLASH_CMD_READ_ARRAY:
    case PFLASH_CMD_READ_ARRAY_AMD:
    case PFLASH_CMD_READ_ARRAY_ZERO:
        pflash_read_array(self);
        return;
    case PFLASH_CMD_PROGRAM:
    case PFLASH_CMD_PROGRAM_ALT:
        self->step = PFLASH_STEP_PROGRAM;
        break;
    case PFLASH_CMD_BLOCK_ERASE:
    case PFLASH_CMD_BLOCK_ERASE_STATUS:
        self->step = PFLASH_STEP_ERASE;
        break;
    case PFLASH_CMD_CLEAR_STATUS:
        /* All bits, until the next operation sets "ready": firmware knows flash from RAM and ROM by this zero. */
        self->status = 0;
        pflash_read_array(self);
        return;
    case PFLASH_CMD_LOCK:
        self->step = PFLASH_STEP_LOCK;
        break;
    case PFLASH_CMD_WRITE_BUFFER:
        self->status |= PFLASH_STATUS_READY; /* a buffer is free */
        self->step = PFLASH_STEP_BUFFER_COUNT;
        break;
    case PFLASH_CMD_READ_STATUS:
    case PFLASH_CMD_READ_ID:
    case PFLASH_CMD_QUERY:
        break;
    case PFLASH_CMD_SUSPEND: /* nothing is under way, ever */
    case PFLASH_CMD_CONFIRM:
        command = PFLASH_CMD_READ_STATUS;
        break;
    default:
        emu_guest_error("%s: unknown command 0x%02x at 0x%" PRIx64, self->name, command, offset);
        pflash_read_array(self);
        return;
    }
    self->command = command;
}

/* A command that was not followed by what it needs: both error bits, as the status register's text has it. */
static void
pflash_sequence_error(Pflash *self)
{
    emu_guest_error("%s: command 0x%02x was not followed by its confirmation", self->name, self->command);
    self->status |= PFLASH_STATUS_READY | PFLASH_STATUS_ERASE_ERROR | PFLASH_STATUS_PROGRAM_ERROR;
    self->step = PFLASH_STEP_COMMAND;
}

/* 01h (2fh with other chips) sets the block's lock bit, D0h clears those of all blocks. */
static void
pflash_lock(Pflash *self, uint64_t offset, uint8_t command)
{
    self->step = PFLASH_STEP_COMMAND;
    if (command == 0x01 || command == 0x2f) {
        self->locks[offset / self->sector_length] = 1;
        self->status |= PFLASH_STATUS_READY;
    } else if (command == PFLASH_CMD_CONFIRM) {
        memset(self->locks, 0, self->num_blocks);
        self->status |= PFLASH_STATUS_READY;
    } else if (command == PFLASH_CMD_READ_ARRAY) {
        pflash_read_array(self);
    } else {
        pflash_sequence_error(self);
    }
}

static void
pflash_begin_buffer(Pflash *self, uint64_t offset, uint64_t value)
{
    uint32_t buffer_size = (uint32_t)self->width << PFLASH_BUFFER_SHIFT;

    self->buffer_left = (uint32_t)(value & (self->width == 1 ? 0xff : 0xffff)) + 1;
    self->buffer_base = (uint32_t)(offset & ~(uint64_t)(buffer_size - 1));
    memset(self->buffer, 0xff, sizeof self->buffer);
    if (self->buffer_left * self->width > buffer_size) {
        pflash_sequence_error(self);
        return;
    }
    self->step = PFLASH_STEP_BUFFER_DATA;
}

static void
pflash_fill_buffer(Pflash *self, uint64_t offset, const uint8_t *data, unsigned size)
{
    uint32_t buffer_size = (uint32_t)self->width << PFLASH_BUFFER_SHIFT;
    uint32_t words = MAX(size / self->width, 1);

    if (offset < self->buffer_base || offset + size > self->buffer_base + buffer_size) {
        pflash_sequence_error(self);
        return;
    }
    memcpy(self->buffer + (offset - self->buffer_base), data, size);
    self->buffer_left -= MIN(words, self->buffer_left);
    if (self->buffer_left == 0) {
        self->step = PFLASH_STEP_BUFFER_CONFIRM;
    }
}

static EmuMemResult
pflash_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size, EmuMemAttrs attrs)
{
    Pflash *self = opaque;
    uint64_t le = GUINT64_TO_LE(value);
    const uint8_t *data = (const uint8_t *)&le;
    uint8_t command = (uint8_t)value;

    EMU_TRACE(pflash_write, "%s: 0x%" PRIx64 " := 0x%" PRIx64 " (%u), step %u", self->name, offset, value, size, self->step);
    if ((self->secure && !attrs.smm) || self->read_only) {
        return EMU_MEM_OK; /* write enable is not asserted */
    }
    switch (self->step) {
    case PFLASH_STEP_PROGRAM:
        pflash_program(self, offset, data, MIN(size, self->size - offset));
        self->step = PFLASH_STEP_COMMAND;
        break;
    case PFLASH_STEP_ERASE:
        if (command == PFLASH_CMD_CONFIRM) {
            pflash_erase_block(self, offset);
            self->step = PFLASH_STEP_COMMAND;
        } else if (command == PFLASH_CMD_READ_ARRAY) {
            pflash_read_array(self);
        } else {
            pflash_sequence_error(self);
        }
        break;
    case PFLASH_STEP_LOCK:
        pflash_lock(self, offset, command);
        break;
    case PFLASH_STEP_BUFFER_COUNT:
        pflash_begin_buffer(self, offset, value);
        break;
    case PFLASH_STEP_BUFFER_DATA:
        pflash_fill_buffer(self, offset, data, size);
        break;
    case PFLASH_STEP_BUFFER_CONFIRM:
        if (command == PFLASH_CMD_CONFIRM) {
            uint64_t room = self->size - self->buffer_base;

            pflash_program(self, self->buffer_base, self->buffer, MIN((uint64_t)self->width << PFLASH_BUFFER_SHIFT, room));
            self->step = PFLASH_STEP_COMMAND;
        } else {
            pflash_sequence_error(self);
        }
        break;
    default:
        pflash_command(self, offset, command);
        break;
    }
    return EMU_MEM_OK;
}

static const EmuMemoryRegionOps pflash_ops = {
    .read_attrs = pflash_read,
    .write_attrs = pflash_write,
    .valid_min = 1,
    .valid_max = 8,
    .impl_min = 1,
    .impl_max = 8,
};

/* ---- life ------------------------------------------------------------------------------------------------ */

static bool
pflash_find_drive(Pflash *self, GError **error)
{
    if (!self->drive_id) {
        return true;
    }
    self->blk = emu_machine_find_block_backend(emu_device_get_machine((EmuDevice *)self), self->drive_id);
    if (!self->blk) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_NOT_FOUND, "%s: there is no drive '%s'", self->name, self->drive_id);
        return false;
    }
    if (!emu_block_backend_attach(self->blk, (EmuDevice *)self, NULL, self, error)) {
        self->blk = NULL;
        return false;
    }
    return true;
}

static bool
pflash_check(Pflash *self, GError **error)
{
    uint64_t length = self->blk ? emu_block_backend_get_length(self->blk) : 0;

    if (self->width != 1 && self->width != 2 && self->width != 4) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "%s: width is %u, expected 1, 2 or 4", self->name, self->width);
        return false;
    }
    /* What the query table can say: blocks of up to 16 MiB in units of 256 bytes. */
    if (self->sector_length < 4096 || self->sector_length >= 0x1000000 || self->sector_length % 4096) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "%s: sector-length is %" PRIu64 ", expected a multiple of 4096 below 16 MiB", self->name, self->sector_length);
        return false;
    }
    if (self->blk && (length == 0 || length % self->sector_length)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "%s: drive '%s' has %" PRIu64 " bytes, expected a multiple of the erase block's %" PRIu64, self->name, self->drive_id,
                    length, self->sector_length);
        return false;
    }
    if (self->num_blocks == 0 && self->blk) {
        self->num_blocks = (uint32_t)MIN(length / self->sector_length, UINT32_MAX);
    }
    if (self->num_blocks == 0 || self->num_blocks > 65536) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "%s: num-blocks is %u, expected 1 to 65536", self->name,
                    self->num_blocks);
        return false;
    }
    self->size = self->num_blocks * self->sector_length;
    if (self->blk && length != self->size) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "%s: drive '%s' has %" PRIu64 " bytes, expected %" PRIu64 " (%u blocks of %" PRIu64 ")", self->name,
                    self->drive_id, length, self->size, self->num_blocks, self->sector_length);
        return false;
    }
    return true;
}

static bool
pflash_load(Pflash *self, GError **error)
{
    int ret;

    self->array = emu_memory_region_get_ram_pointer(self->region);
    if (!self->blk) {
        memset(self->array, 0xff, self->size);
        return true;
    }
    ret = emu_block_backend_pread(self->blk, 0, self->array, self->size);
    if (ret < 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "%s: could not read drive '%s': %s", self->name, self->drive_id,
                    g_strerror(-ret));
        return false;
    }
    self->read_only = emu_block_backend_is_read_only(self->blk);
    return true;
}

static bool
pflash_make(Pflash *self, GError **error)
{
    if (!pflash_check(self, error)) {
        return false;
    }
    self->locks = g_malloc0(self->num_blocks);
    self->region = emu_memory_region_new_rom_device(self, self->name, self->size, &pflash_ops, self, error);
    return self->region && pflash_load(self, error);
}

static bool
pflash_realize(EmuDevice *dev, GError **error)
{
    Pflash *self = (Pflash *)dev;

    if (!self->name) {
        self->name = g_strdup("cfi.pflash01");
    }
    if (!pflash_find_drive(self, error)) {
        return false;
    }
    if (!pflash_make(self, error)) {
        if (self->blk) {
            emu_block_backend_detach(self->blk);
            self->blk = NULL;
        }
        g_clear_pointer(&self->locks, g_free);
        return false;
    }
    emu_memory_region_set_dirty(self->region, 0, self->size);
    emu_memory_region_set_readonly(self->region, self->read_only);
    self->status = PFLASH_STATUS_READY;
    self->command = PFLASH_CMD_READ_ARRAY;
    pflash_fill_cfi(self);
    emu_sysbus_add_mmio((EmuSysbusDevice *)self, self->region);
    return true;
}

static void
pflash_unrealize(EmuDevice *dev)
{
    Pflash *self = (Pflash *)dev;

    if (self->blk) {
        pflash_flush(self);
        emu_block_backend_detach(self->blk);
        self->blk = NULL;
    }
    g_clear_pointer(&self->locks, g_free);
}

static void
pflash_reset_enter(EmuDevice *dev)
{
    Pflash *self = (Pflash *)dev;

    self->status = PFLASH_STATUS_READY;
    self->buffer_left = 0;
    self->buffer_base = 0;
    memset(self->buffer, 0xff, sizeof self->buffer);
    pflash_read_array(self);
}

static void
pflash_pre_save(gpointer opaque)
{
    pflash_flush(opaque);
}

static bool
pflash_post_load(gpointer opaque, unsigned version G_GNUC_UNUSED, GError **error)
{
    Pflash *self = opaque;
    uint32_t buffer_size = (uint32_t)self->width << PFLASH_BUFFER_SHIFT;

    if (self->step > PFLASH_STEP_MAX || self->buffer_left * self->width > buffer_size || self->buffer_base >= self->size ||
        self->buffer_base % buffer_size) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "%s: the write buffer of the saved state does not fit", self->name);
        return false;
    }
    emu_memory_region_set_rom_mode(self->region, self->command == PFLASH_CMD_READ_ARRAY && self->step == PFLASH_STEP_COMMAND);
    return true;
}

static const EmuVMField pflash_fields[] = {
    EMU_VM_U8(Pflash, step),         EMU_VM_U8(Pflash, command),      EMU_VM_U8(Pflash, status),
    EMU_VM_U32(Pflash, buffer_left), EMU_VM_U32(Pflash, buffer_base), EMU_VM_BUFFER(Pflash, buffer),
    EMU_VM_VBUFFER(Pflash, locks, num_blocks), EMU_VM_END,
};

static const EmuVMState pflash_vmstate = {
    .name = "cfi.pflash01",
    .version = 2,
    .minimum_version = 2,
    .fields = pflash_fields,
    .pre_save = pflash_pre_save,
    .post_load = pflash_post_load,
};

static const EmuProperty pflash_properties[] = {
    EMU_PROP_STRING("drive", Pflash, drive_id, NULL, "id of the block back end with the contents; none: erased"),
    EMU_PROP_STRING("name", Pflash, name, NULL, "name of the memory region"),
    EMU_PROP_UINT32("num-blocks", Pflash, num_blocks, 0, "number of erase blocks, 0: as many as the drive has"),
    EMU_PROP_UINT64("sector-length", Pflash, sector_length, 4096, "bytes of an erase block"),
    EMU_PROP_UINT8("width", Pflash, width, 1, "bytes of a word: 1, 2 or 4"),
    EMU_PROP_BOOL("secure", Pflash, secure, false, "only system management mode may write"),
    EMU_PROP_UINT16("id0", Pflash, id[0], 0, "manufacturer, high byte"),
    EMU_PROP_UINT16("id1", Pflash, id[1], 0x89, "manufacturer"),
    EMU_PROP_UINT16("id2", Pflash, id[2], 0, "device, high byte"),
    EMU_PROP_UINT16("id3", Pflash, id[3], 0x18, "device"),
};

static void
pflash_class_init(gpointer klass, gconstpointer data G_GNUC_UNUSED)
{
    EmuDeviceClass *device = klass;

    device->realize = pflash_realize;
    device->unrealize = pflash_unrealize;
    device->reset_enter = pflash_reset_enter;
    device->vmstate = &pflash_vmstate;
    device->category = "storage";
    device->user_creatable = false; /* the board maps it */
    emu_object_class_add_properties(klass, pflash_properties, G_N_ELEMENTS(pflash_properties));
}

const EmuTypeInfo pflash_cfi01_type_info = {
    .name = "cfi.pflash01",
    .parent = "sysbus-device",
    .instance_size = sizeof(Pflash),
    .class_init = pflash_class_init,
    .description = "parallel flash memory, Intel command set",
};
