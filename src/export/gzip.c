/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* gzip by zlib. */
#include "export/gzip.h"

#include "base/alloc.h"

#include <limits.h>
#define ZLIB_CONST
#include <zlib.h>

/* RFC 1952 by deflateInit2: 15 bits of window, 16 for gzip's header. */
enum { WINDOW_BITS = 15 + 16, MEMORY_LEVEL = 8 };

static voidpf zlib_alloc(voidpf user, uInt items, uInt size)
{
  (void)user;
  return sd_calloc(items, size);
}

static void zlib_free(voidpf user, voidpf memory)
{
  (void)user;
  sd_free(memory);
}

sd_status sd_gzip(sd_bytes data, sd_buf *out)
{
  z_stream stream = {.zalloc = zlib_alloc, .zfree = zlib_free};
  uint8_t *space;
  if (data.len > UINT_MAX / 2)
    return SD_LIMIT;
  /* Level 1 gives most of what telemetry's repeated keys have to give, at a third of the time of level 6. */
  int code = deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
  if (code != Z_OK)
    return SD_NOMEM;
  uLong bound = deflateBound(&stream, data.len);
  sd_status status = sd_buf_reserve(out, bound, &space);
  if (status == SD_OK) {
    stream.next_in = data.data;
    stream.avail_in = (uInt)data.len;
    stream.next_out = space;
    stream.avail_out = (uInt)bound;
    code = deflate(&stream, Z_FINISH);
    if (code == Z_STREAM_END)
      sd_buf_commit(out, stream.total_out);
    else
      status = SD_INTERNAL;
  }
  deflateEnd(&stream);
  return status;
}
