/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* JSON through jansson. */
#include "json/json.h"

sd_status sd_json_parse(sd_bytes text, json_t **ret, sd_error *error)
{
  json_error_t why;
  json_t *value =
      json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
  if (!value) {
    return sd_error_set(error, SD_INVALID, "malformed JSON at line %d, column %d: %s", why.line, why.column,
                        why.text);
  }
  *ret = value;
  return SD_OK;
}

static int append(const char *data, size_t len, void *user)
{
  return sd_buf_append(user, data, len) == SD_OK ? 0 : -1;
}

sd_status sd_json_write(const json_t *value, sd_buf *out)
{
  if (json_dump_callback(value, append, out, JSON_COMPACT | JSON_ENCODE_ANY) != 0) {
    return sd_buf_status(out) != SD_OK ? sd_buf_status(out) : SD_NOMEM;
  }
  return SD_OK;
}
