/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Writing protobuf messages to the end of a growing buffer, others inside them in place. Failures show in the
 * buffer's status. */
#ifndef SD_TRACE_PROTOBUF_BUF_H
#define SD_TRACE_PROTOBUF_BUF_H

#include "base/buf.h"
#include "trace/protobuf.h"

enum { SD_PB_LENGTH_SIZE = 4 /* bytes of a length that is written in place: up to 2^28 */ };

static inline void sd_pb_append_tag(sd_buf *out, uint32_t field, uint32_t wire_type)
{
  uint8_t tag[SD_PB_VARINT_MAX];
  sd_buf_append(out, tag, (size_t)(sd_pb_put_tag(tag, field, wire_type) - tag));
}

/* Begins a length-delimited field. Returns where its content begins, for sd_pb_close. */
static inline size_t sd_pb_open(sd_buf *out, uint32_t field)
{
  static const uint8_t nothing[SD_PB_LENGTH_SIZE];
  sd_pb_append_tag(out, field, SD_PB_BYTES);
  sd_buf_append(out, nothing, sizeof nothing);
  return out->len;
}

static inline sd_status sd_pb_close(sd_buf *out, size_t content)
{
  sd_status status = sd_buf_status(out);
  if (status != SD_OK)
    return status;
  size_t len = out->len - content;
  for (size_t i = 0; i < SD_PB_LENGTH_SIZE; i++, len >>= 7)
    out->data[content - SD_PB_LENGTH_SIZE + i] =
        (uint8_t)((len & 0x7f) | (i + 1 < SD_PB_LENGTH_SIZE ? 0x80 : 0));
  return SD_OK;
}

static inline sd_status sd_pb_append_bytes(sd_buf *out, uint32_t field, sd_bytes bytes)
{
  uint8_t head[2 * SD_PB_VARINT_MAX];
  uint8_t *end = sd_pb_put_varint(sd_pb_put_tag(head, field, SD_PB_BYTES), bytes.len);
  sd_buf_append(out, head, (size_t)(end - head));
  sd_buf_append_bytes(out, bytes);
  return sd_buf_status(out);
}

/* A varint, fixed64 or fixed32. */
static inline sd_status sd_pb_append_number(sd_buf *out, uint32_t field, uint32_t wire_type, uint64_t value)
{
  uint8_t bytes[2 * SD_PB_VARINT_MAX];
  uint8_t *end = sd_pb_put_tag(bytes, field, wire_type);
  if (wire_type == SD_PB_VARINT)
    end = sd_pb_put_varint(end, value);
  else if (wire_type == SD_PB_FIXED64)
    end = sd_pb_put_fixed64(end, value);
  else
    end = sd_pb_put_fixed32(end, (uint32_t)value);
  return sd_buf_append(out, bytes, (size_t)(end - bytes));
}

#endif
