/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a list of keys and values, for attributes and for headers. */
#include "base/bytes.h"
#include "trace/key_values.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_text(const char *text)
{
  return sd_utf8_valid((const uint8_t *)text, strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const unsigned flags[] = {0, SD_KEY_VALUES_HEADERS};
  for (size_t turn = 0; turn < 2; turn++) {
    sd_key_values list;
    sd_error error;
    sd_status status = sd_key_values_parse(sd_bytes_make(data, size), flags[turn], &list, &error);
    if (status != SD_OK) {
      if ((status != SD_INVALID && status != SD_LIMIT) || error.message[0] == '\0')
        abort();
      continue;
    }
    size_t bytes = 0;
    for (size_t i = 0; i < list.count; i++) {
      if (list.items[i].key[0] == '\0' || !is_text(list.items[i].key) || !is_text(list.items[i].value))
        abort();
      if (flags[turn] && strpbrk(list.items[i].value, "\r\n"))
        abort();
      bytes += strlen(list.items[i].key) + strlen(list.items[i].value) + 2;
    }
    if (list.count > SD_KEY_VALUES_MAX || bytes > size + 1)
      abort();
    sd_key_values_release(&list);
  }
  return 0;
}
