/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Any text as a connection string: what is accepted is within its bounds, what is refused has a message. */
#include "base/alloc.h"
#include "eventhubs/connection_string.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  sd_connection_string parsed;
  sd_error error;
  char *text = sd_strndup((const char *)data, size);
  if (!text)
    return 0;
  if (sd_connection_string_parse(text, &parsed, &error) == SD_OK) {
    bool key = parsed.key[0] != '\0';
    if (parsed.host[0] == '\0' || key != (parsed.key_name[0] != '\0') ||
        (key && parsed.signature[0] != '\0') ||
        (!key && parsed.signature[0] == '\0' && !parsed.development_emulator))
      abort();
  } else if (error.code != SD_CONFIG || error.message[0] == '\0') {
    abort();
  }
  sd_free(text);
  return 0;
}
