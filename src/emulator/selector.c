/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The selector filter of receivers. */
#include "emulator/selector.h"

#include "amqp/value.h"

#define SELECTOR_SYMBOL "apache.org:selector-filter:string"

static const uint64_t selector_code = 0x0000468c00000004u;

static void skip_blanks(sd_bytes *text)
{
  while (text->len > 0 && (text->data[0] == ' ' || text->data[0] == '\t')) {
    text->data++;
    text->len--;
  }
}

static bool skip_word(sd_bytes *text, const char *word)
{
  if (!sd_bytes_starts_with_nocase(*text, word))
    return false;
  size_t len = strlen(word);
  text->data += len;
  text->len -= len;
  return true;
}

static sd_status refuse(sd_bytes text, sd_error *error)
{
  char shown[128];
  (void)sd_bytes_to_text(text, shown, sizeof shown);
  sd_utf8_repair(shown, strlen(shown));
  return sd_error_set(error, SD_INVALID, "The supplied selector expression is invalid: \"%s\".", shown);
}

/* 'quoted', or a bare word to the end. */
static bool take_value(sd_bytes *text, sd_bytes *ret_value)
{
  if (text->len == 0)
    return false;
  if (text->data[0] == '\'') {
    const uint8_t *end = memchr(text->data + 1, '\'', text->len - 1);
    if (!end)
      return false;
    *ret_value = sd_bytes_make(text->data + 1, (size_t)(end - text->data) - 1);
    text->len -= ret_value->len + 2;
    text->data = end + 1;
    return true;
  }
  size_t len = 0;
  while (len < text->len && text->data[len] != ' ' && text->data[len] != '\'')
    len++;
  *ret_value = sd_bytes_make(text->data, len);
  text->data += len;
  text->len -= len;
  return len > 0;
}

sd_status emu_selector_parse(sd_bytes text, emu_selector *ret_selector, sd_error *error)
{
  sd_bytes at = text;
  emu_selector selector = {.start = EMU_START_EARLIEST};
  skip_blanks(&at);
  if (!skip_word(&at, "amqp.annotation.x-opt-"))
    return refuse(text, error);
  if (skip_word(&at, "offset"))
    selector.start = EMU_START_OFFSET;
  else if (skip_word(&at, "sequence-number"))
    selector.start = EMU_START_SEQUENCE;
  else if (skip_word(&at, "enqueued-time"))
    selector.start = EMU_START_TIME;
  else
    return refuse(text, error);
  skip_blanks(&at);
  if (!skip_word(&at, ">"))
    return refuse(text, error);
  selector.inclusive = skip_word(&at, "=");
  skip_blanks(&at);
  sd_bytes value;
  if (!take_value(&at, &value))
    return refuse(text, error);
  skip_blanks(&at);
  if (at.len > 0)
    return refuse(text, error);
  if (selector.start == EMU_START_OFFSET) {
    if (sd_bytes_equal_text(value, "@latest"))
      selector.start = EMU_START_LATEST;
    else if (sd_bytes_equal_text(value, "-1"))
      selector.start = EMU_START_EARLIEST;
    selector.offset = value;
  } else if (!sd_bytes_to_int64(value, &selector.number)) {
    return refuse(text, error);
  }
  *ret_selector = selector;
  return SD_OK;
}

static bool is_selector(const sd_amqp_value *value)
{
  uint64_t code = 0;
  sd_bytes symbol;
  if (sd_amqp_descriptor_code(value, &code))
    return code == selector_code;
  return sd_amqp_descriptor_symbol(value, &symbol) && sd_bytes_equal_text(symbol, SELECTOR_SYMBOL);
}

sd_status emu_selector_from_filter(sd_bytes filter_raw, emu_selector *ret_selector, sd_error *error)
{
  emu_selector from_start = {.start = EMU_START_EARLIEST};
  if (filter_raw.len == 0) {
    *ret_selector = from_start;
    return SD_OK;
  }
  sd_amqp_cursor cursor = sd_amqp_cursor_of(filter_raw);
  sd_amqp_value map;
  if (sd_amqp_decode(&cursor, &map) != SD_OK || (map.type != SD_AMQP_MAP && map.type != SD_AMQP_NULL))
    return sd_error_set(error, SD_INVALID, "The supplied filter is malformed.");
  if (map.type == SD_AMQP_NULL) {
    *ret_selector = from_start;
    return SD_OK;
  }
  sd_amqp_items items;
  sd_amqp_items_init(&items, &map);
  for (;;) {
    sd_amqp_value key;
    sd_amqp_value value;
    sd_status status = sd_amqp_items_next(&items, &key);
    if (status == SD_NOT_FOUND)
      break;
    if (status != SD_OK || sd_amqp_items_next(&items, &value) != SD_OK)
      return sd_error_set(error, SD_INVALID, "The supplied filter is malformed.");
    sd_bytes name;
    sd_bytes text;
    bool named = sd_amqp_as_text(&key, &name) && sd_bytes_equal_text(name, SELECTOR_SYMBOL);
    if (!named && !is_selector(&value))
      continue;
    if (!sd_amqp_as_text(&value, &text))
      return sd_error_set(error, SD_INVALID, "The supplied selector expression is not a string.");
    return emu_selector_parse(text, ret_selector, error);
  }
  *ret_selector = from_start;
  return SD_OK;
}
