/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* About how much memory values hold. */
#include "pipeline/value.h"

enum { HEAP_OVERHEAD = 16, OPAQUE_MEMORY = 64 };

static sd_status count_bytes(void *user, const void *data, size_t len)
{
  (void)data;
  *(size_t *)user += len;
  return SD_OK;
}

static size_t opaque_memory(sd_value value)
{
  const sd_value_type *type = value.type;
  size_t bytes = 0;
  if (SD_VALUE_TYPE_HAS(type, memory))
    return type->memory(value.as.object);
  if (!SD_VALUE_TYPE_HAS(type, serialize) ||
      type->serialize(value.as.object, count_bytes, &bytes, NULL) != SD_OK || bytes < OPAQUE_MEMORY)
    return OPAQUE_MEMORY;
  return bytes;
}

size_t sd_value_memory(sd_value value)
{
  size_t count = sd_value_count(value);
  size_t bytes = 0;
  switch (sd_value_kind_of(value)) {
  case SD_VALUE_STRING:
  case SD_VALUE_BYTES:
    return HEAP_OVERHEAD + sizeof(sd_text_object) + sd_value_text_object(value)->len + 1;
  case SD_VALUE_LIST:
    bytes = HEAP_OVERHEAD + sizeof(sd_list_object) + count * sizeof(sd_value);
    break;
  case SD_VALUE_MAP:
    bytes = HEAP_OVERHEAD + sizeof(sd_map_object) +
            count * (sizeof(sd_value) + sizeof(char *) + sizeof(uint32_t));
    for (size_t i = 0; i < count; i++)
      bytes += strlen(sd_value_key_at(value, i)) + 1;
    break;
  case SD_VALUE_OPAQUE:
    return opaque_memory(value);
  case SD_VALUE_NULL:
  case SD_VALUE_BOOL:
  case SD_VALUE_INT:
  case SD_VALUE_DOUBLE:
  default:
    return 0;
  }
  for (size_t i = 0; i < count; i++)
    bytes += sd_value_memory(sd_value_at(value, i));
  return bytes;
}
