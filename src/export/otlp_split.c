/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests are trees: resources hold scopes, scopes hold records, and metrics hold data that hold points. A
 * part of a request is what is left when only some of the leaves are kept; everything beside the way down to
 * the leaves is copied as it stands.
 */
#include "export/otlp_split.h"

#include "export/otlp_common.h"

/* The bits of field numbers that lead down a level. */
#define FIELD(number) (1u << (number))
static const uint32_t record_path[] = {FIELD(1), FIELD(2), FIELD(2)};
static const uint32_t point_path[] = {FIELD(1), FIELD(2), FIELD(2),
                                      FIELD(5) | FIELD(7) | FIELD(9) | FIELD(10) | FIELD(11), FIELD(1)};

typedef struct leaf_path {
  const uint32_t *levels;
  size_t depth;
} leaf_path;

static leaf_path path_of(int signal)
{
  if (signal == SD_SIGNAL_METRICS)
    return (leaf_path){point_path, sizeof point_path / sizeof *point_path};
  return (leaf_path){record_path, sizeof record_path / sizeof *record_path};
}

static bool leads_down(const leaf_path *path, size_t level, const sd_pb_field *field)
{
  return field->wire_type == SD_PB_BYTES && field->number < 32 &&
         (path->levels[level] & FIELD(field->number));
}

/* A walk that stopped at malformed bytes leaves no data behind. */
static sd_status end_of(sd_bytes message, const sd_bytes *rest)
{
  return message.len == 0 || rest->data ? SD_OK : SD_INVALID;
}

static sd_status count_leaves(const leaf_path *path, size_t level, sd_bytes message, size_t *count)
{
  sd_bytes rest = message;
  sd_pb_field field;
  while (sd_pb_next(&rest, &field)) {
    if (!leads_down(path, level, &field))
      continue;
    sd_status status = SD_OK;
    if (level + 1 == path->depth)
      ++*count;
    else
      status = count_leaves(path, level + 1, field.bytes, count);
    if (status != SD_OK)
      return status;
  }
  return end_of(message, &rest);
}

sd_status sd_otlp_count(int signal, sd_bytes request, size_t *ret_count)
{
  leaf_path path = path_of(signal);
  size_t count = 0;
  sd_status status = count_leaves(&path, 0, request, &count);
  if (status == SD_OK)
    *ret_count = count;
  return status;
}

/* Which leaves, by their number in the request, go where. */
typedef struct request_part {
  leaf_path path;
  size_t from, to;
  size_t seen; /* leaves so far */
  sd_buf *out;
} request_part;

static sd_status copy_part(request_part *part, size_t level, sd_bytes message);

/* A message on the way down, left out when none of its leaves is kept. */
static sd_status copy_nested(request_part *part, size_t level, const sd_pb_field *field)
{
  size_t start = part->out->len, first = part->seen;
  uint8_t *at;
  sd_status status = sd_buf_reserve(part->out, SD_NEST_SIZE, &at);
  if (status != SD_OK)
    return status;
  sd_nest_open(at, field->number);
  sd_buf_commit(part->out, SD_NEST_SIZE);
  status = copy_part(part, level + 1, field->bytes);
  if (status != SD_OK)
    return status;
  if (part->seen <= part->from || first >= part->to || part->seen == first)
    sd_buf_truncate(part->out, start);
  else
    sd_nest_close(part->out->data + start + SD_NEST_SIZE, part->out->data + part->out->len);
  return SD_OK;
}

static sd_status copy_part(request_part *part, size_t level, sd_bytes message)
{
  sd_bytes rest = message;
  sd_pb_field field;
  for (const uint8_t *start = rest.data; sd_pb_next(&rest, &field); start = rest.data) {
    bool is_down = leads_down(&part->path, level, &field), is_leaf = is_down && level + 1 == part->path.depth;
    sd_status status = SD_OK;
    if (is_down && !is_leaf)
      status = copy_nested(part, level, &field);
    else if (!is_leaf || (part->seen >= part->from && part->seen < part->to))
      status = sd_buf_append(part->out, start, (size_t)(rest.data - start));
    if (status != SD_OK)
      return status;
    part->seen += is_leaf;
  }
  return end_of(message, &rest);
}

sd_status sd_otlp_split(int signal, sd_bytes request, sd_buf *first, sd_buf *second)
{
  size_t count;
  if (request.len > SD_OTLP_REQUEST_MAX)
    return SD_LIMIT;
  sd_status status = sd_otlp_count(signal, request, &count);
  if (status != SD_OK)
    return status;
  if (count < 2)
    return SD_LIMIT;
  request_part part = {.path = path_of(signal), .from = 0, .to = count / 2, .out = first};
  status = copy_part(&part, 0, request);
  if (status != SD_OK)
    return status;
  part.from = count / 2;
  part.to = count;
  part.seen = 0;
  part.out = second;
  return copy_part(&part, 0, request);
}
