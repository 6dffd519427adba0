/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "block/block-private.h"

G_BEGIN_DECLS

struct _EmuBlockLayer {
    EmuContext *ctx;
    EmuMachine *machine; /* borrowed, NULL in tests */
    GPtrArray *backends;
    GPtrArray *nodes;
    unsigned next_node;
    bool snapshot;
    EmuBlockEventFunc event_func;
    gpointer event_opaque;
    EmuBlockHistory *history;

    GThreadPool *pool;
    EmuBh *bh;
    GMutex lock; /* guards what the workers touch: */
    GCond cond;  /*   something has finished */
    GQueue finished;
};

GThreadPool *emu_block_worker_pool_new(void);
void emu_block_backend_cancel_stalled(EmuBlockBackend *blk);

G_END_DECLS
