/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a traceparent: what is accepted is written as version 00 and read again as the same. */
#include <streamduck/trace.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_same(const sd_context *a, const sd_context *b)
{
  return memcmp(a->trace_id, b->trace_id, sizeof a->trace_id) == 0 &&
         memcmp(a->span_id, b->span_id, sizeof a->span_id) == 0 && a->flags == b->flags &&
         a->remote == b->remote && a->data == b->data;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  sd_context context = SD_CONTEXT_NONE;
  sd_context again = SD_CONTEXT_NONE;
  char text[SD_TRACEPARENT_SIZE];
  if (sd_context_parse_traceparent((const char *)data, size, &context) != SD_OK) {
    if (!is_same(&context, &again))
      abort();
    return 0;
  }
  if (!sd_context_is_valid(&context) || strlen(sd_context_traceparent(&context, text)) != sizeof text - 1 ||
      sd_context_parse_traceparent(text, sizeof text - 1, &again) != SD_OK || !is_same(&context, &again))
    abort();
  return 0;
}
