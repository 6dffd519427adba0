/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * JSON as QMP has it on the wire: a stream of values, read as the bytes come, with bounds on size and depth;
 * strings in double or single quotes. Values are json-glib's nodes.
 */

#include <json-glib/json-glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

typedef struct _EmuJsonStream EmuJsonStream;

/* One of @node (transfer full) and @error (transfer none) is not NULL. */
typedef void (*EmuJsonStreamFunc)(gpointer opaque, JsonNode *node, const GError *error);

EmuJsonStream *emu_json_stream_new(EmuJsonStreamFunc fn, gpointer opaque);
void emu_json_stream_free(EmuJsonStream *stream);
void emu_json_stream_reset(EmuJsonStream *stream); /* forgets what is incomplete */
/* Calls back for each value that became complete. The callback must not free or feed the stream. */
void emu_json_stream_feed(EmuJsonStream *stream, const char *data, gsize len);
/* Memory that an incomplete value may take, brackets that may be open. */
#define EMU_JSON_MAX_BYTES (64u << 20)
#define EMU_JSON_MAX_DEPTH 1024

/* A whole text. (transfer full) */
JsonNode *emu_json_parse(const char *text, gsize len, GError **error);
/* Separators as QEMU prints them; @pretty: four spaces a level. Characters beyond ASCII are escaped. */
void emu_json_write(GString *out, JsonNode *node, bool pretty);

G_END_DECLS
