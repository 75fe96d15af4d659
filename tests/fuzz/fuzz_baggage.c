/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as baggage headers, one a line; the first line is also a key and a value that are set. What is
 * kept is within its bounds and read again as the same. */
#include "base/alloc.h"
#include "trace/baggage.h"
#include "trace/context.h"
#include "trace/header_text.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_again(const char *list)
{
  sd_baggage baggage;
  sd_baggage_init(&baggage);
  if (strlen(list) > SD_BAGGAGE_BYTES_MAX || sd_baggage_add(&baggage, sd_bytes_of(list)) != SD_OK ||
      !sd_bytes_equal(sd_buf_bytes(&baggage.list), sd_bytes_of(list)))
    abort();
  sd_baggage_release(&baggage);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  sd_baggage baggage;
  sd_context context = SD_CONTEXT_NONE;
  sd_context changed = SD_CONTEXT_NONE;
  sd_bytes rest = sd_bytes_make(data, size);
  sd_bytes header;
  static char value[3 * SD_BAGGAGE_BYTES_MAX + 1];
  sd_baggage_init(&baggage);
  while (sd_header_next(&rest, '\n', &header)) {
    if (sd_baggage_add(&baggage, header) != SD_OK)
      abort();
  }
  if (sd_context_data_new(sd_bytes_of(NULL), sd_buf_bytes(&baggage.list), &context.data) != SD_OK)
    abort();
  read_again(sd_context_baggage(&context));

  char *text = sd_strndup((const char *)data, size);
  if (!text)
    abort();
  char *equals = strchr(text, '=');
  const char *set = equals ? equals + 1 : "";
  if (equals)
    *equals = '\0';
  sd_status status = sd_context_baggage_set(&context, text, set, &changed, NULL);
  if (status == SD_OK) {
    read_again(sd_context_baggage(&changed));
    if (sd_context_baggage_get(&changed, text, value, sizeof value) != SD_OK ||
        !sd_utf8_valid((const uint8_t *)value, strlen(value)))
      abort();
    if (sd_utf8_valid((const uint8_t *)set, strlen(set)) && strcmp(set, value) != 0)
      abort();
  } else if (status != SD_INVALID && status != SD_LIMIT) {
    abort();
  }
  sd_free(text);
  sd_context_release(&changed);
  sd_context_release(&context);
  sd_baggage_release(&baggage);
  return 0;
}
