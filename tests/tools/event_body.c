/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Bodies of test events. */
#include "event_body.h"

#include <inttypes.h>
#include <stdio.h>

enum { LETTERS = 20, TAIL = 2 /* the quote and the brace at the end */ };

/* harness.body_sql says the same in SQL. */
static void put_pad(sd_buf *out, uint64_t i, size_t len)
{
  char digits[9];
  snprintf(digits, sizeof digits, "%08" PRIx32, (uint32_t)(i * 2654435761u));
  for (size_t k = 0; k < len; k += 8)
    sd_buf_append(out, digits, len - k < 8 ? len - k : 8);
}

static void put_letters(sd_buf *out, uint64_t i, size_t len)
{
  uint8_t *space = NULL;
  if (sd_buf_reserve(out, len, &space) != SD_OK)
    return;
  uint64_t x = i * UINT64_C(0x9e3779b97f4a7c15) + 1;
  for (size_t k = 0; k < len; k++) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    space[k] = (uint8_t)('a' + x % LETTERS);
  }
  sd_buf_commit(out, len);
}

size_t event_body_put(sd_buf *out, event_body_kind kind, uint64_t i, size_t size)
{
  size_t start = out->len;
  if (kind == EVENT_BODY_PAD)
    sd_buf_appendf(out, "{\"i\":%" PRIu64 ",\"pad\":\"", i);
  else
    sd_buf_appendf(out,
                   "{\"i\":%" PRIu64 ",\"device\":\"d-%" PRIu64 "\",\"value\":%" PRIu64 ".%02u,\"text\":\"",
                   i, i % 1009, i * 7919 % 100000, (unsigned)(i % 100));
  size_t used = out->len - start;
  size_t rest = size > used + TAIL ? size - used - TAIL : 0;
  if (kind == EVENT_BODY_PAD)
    put_pad(out, i, rest);
  else
    put_letters(out, i, rest);
  sd_buf_append_text(out, "\"}");
  return out->len - start;
}

bool event_body_kind_of(const char *name, event_body_kind *ret_kind)
{
  bool pad = strcmp(name, "pad") == 0;
  if (!pad && strcmp(name, "text") != 0)
    return false;
  *ret_kind = pad ? EVENT_BODY_PAD : EVENT_BODY_TEXT;
  return true;
}
