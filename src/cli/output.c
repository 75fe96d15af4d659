/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Output of commands, always without secrets. */
#include "cli/output.h"

void sd_output_text(const sd_command_context *context, FILE *file, const sd_buf *text)
{
  sd_buf clean;
  sd_buf_init(&clean, SD_OUTPUT_MAX);
  if (sd_scrub(context->scrubber, sd_buf_bytes(text), &clean) == SD_OK && clean.len > 0)
    fwrite(clean.data, 1, clean.len, file);
  sd_buf_release(&clean);
}

bool sd_output_scrub_json(const sd_scrubber *scrubber, json_t *value)
{
  const char *key;
  size_t index;
  json_t *item;
  if (json_is_object(value)) {
    json_object_foreach(value, key, item)
    {
      if (!sd_output_scrub_json(scrubber, item))
        return false;
    }
  } else if (json_is_array(value)) {
    json_array_foreach(value, index, item)
    {
      if (!sd_output_scrub_json(scrubber, item))
        return false;
    }
  } else if (json_is_string(value)) {
    sd_buf clean;
    sd_buf_init(&clean, SD_OUTPUT_MAX);
    sd_bytes text = sd_bytes_make(json_string_value(value), json_string_length(value));
    bool good = sd_scrub(scrubber, text, &clean) == SD_OK;
    if (good && !sd_bytes_equal(text, sd_buf_bytes(&clean)))
      good = json_string_set(value, sd_buf_text(&clean)) == 0;
    sd_buf_release(&clean);
    return good;
  }
  return true;
}

bool sd_output_json(const sd_command_context *context, json_t *value)
{
  sd_buf text;
  sd_buf_init(&text, SD_OUTPUT_MAX);
  bool good = value && sd_output_scrub_json(context->scrubber, value) &&
              sd_json_write(value, &text) == SD_OK && sd_buf_append_byte(&text, '\n') == SD_OK;
  if (good) {
    fwrite(text.data, 1, text.len, context->out);
    fflush(context->out);
  } else {
    sd_command_print_error(context, "out of memory");
  }
  sd_buf_release(&text);
  json_decref(value);
  return good;
}
