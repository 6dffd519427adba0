/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "ps2.h"

void
ps2_queue_clear_data(Ps2Queue *q)
{
    q->data_head = 0;
    q->data_count = 0;
}

void
ps2_queue_reset(Ps2Queue *q)
{
    ps2_queue_clear_data(q);
    q->reply_head = 0;
    q->reply_count = 0;
}

void
ps2_queue_reply(Ps2Queue *q, uint8_t byte)
{
    /* A host that sends commands without reading loses the newest answers, as the line would be busy. */
    if (q->reply_count < PS2_REPLY_SIZE) {
        q->reply[(q->reply_head + q->reply_count) % PS2_REPLY_SIZE] = byte;
        q->reply_count++;
    }
}

bool
ps2_queue_push(Ps2Queue *q, const uint8_t *bytes, unsigned n)
{
    if (n > (unsigned)(PS2_DATA_SIZE - q->data_count)) {
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        q->data[(q->data_head + q->data_count) % PS2_DATA_SIZE] = bytes[i];
        q->data_count++;
    }
    return true;
}

bool
ps2_queue_is_empty(const Ps2Queue *q)
{
    return q->reply_count == 0 && q->data_count == 0;
}

uint8_t
ps2_queue_pop(Ps2Queue *q)
{
    if (q->reply_count) {
        q->last = q->reply[q->reply_head];
        q->reply_head = (q->reply_head + 1) % PS2_REPLY_SIZE;
        q->reply_count--;
    } else if (q->data_count) {
        q->last = q->data[q->data_head];
        q->data_head = (q->data_head + 1) % PS2_DATA_SIZE;
        q->data_count--;
    }
    return q->last;
}

static bool
ps2_queue_post_load(gpointer opaque, unsigned version, GError **error)
{
    Ps2Queue *q = opaque;

    if (q->data_head >= PS2_DATA_SIZE || q->data_count > PS2_DATA_SIZE || q->reply_head >= PS2_REPLY_SIZE ||
        q->reply_count > PS2_REPLY_SIZE) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "ps2: saved queue has %u and %u bytes at %u and %u, expected at most %d and %d", q->data_count,
                    q->reply_count, q->data_head, q->reply_head, PS2_DATA_SIZE, PS2_REPLY_SIZE);
        return false;
    }
    return true;
}

static const EmuVMField ps2_queue_fields[] = {
    EMU_VM_U8_ARRAY(Ps2Queue, data),
    EMU_VM_U8(Ps2Queue, data_head),
    EMU_VM_U8(Ps2Queue, data_count),
    EMU_VM_U8_ARRAY(Ps2Queue, reply),
    EMU_VM_U8(Ps2Queue, reply_head),
    EMU_VM_U8(Ps2Queue, reply_count),
    EMU_VM_U8(Ps2Queue, last),
    EMU_VM_END,
};
const EmuVMState ps2_queue_vmstate = {
    .name = "ps2-queue",
    .version = 1,
    .minimum_version = 1,
    .fields = ps2_queue_fields,
    .post_load = ps2_queue_post_load,
};
