/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Finding an event's traceparent without parsing its JSON: a quote inside a text is escaped, so that a key
 * and its quotes stand nowhere else. */
#include "stream/producer_link.h"

static bool find(sd_bytes json, const char *needle, size_t needle_len, sd_context *ret_context)
{
  const uint8_t *end = json.data + json.len;
  const uint8_t *at = memmem(json.data, json.len, needle, needle_len);
  if (!at)
    return false;
  at += needle_len;
  const uint8_t *quote = memchr(at, '"', (size_t)(end - at));
  return quote && sd_context_parse_traceparent((const char *)at, (size_t)(quote - at), ret_context) == SD_OK;
}

#define FIND(json, key, ret) find(json, "\"" key "\":\"", sizeof "\"" key "\":\"" - 1, ret)

bool sd_producer_link_find(sd_bytes properties, sd_context *ret_context)
{
  return properties.len > 0 &&
         (FIND(properties, "traceparent", ret_context) || FIND(properties, "Diagnostic-Id", ret_context));
}
