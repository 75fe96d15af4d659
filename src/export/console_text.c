/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* One record as text for the console. */
#include "export/console_text.h"

#include "export/message.h"
#include "trace/otlp_fields.h"

#include <inttypes.h>

enum { NO_CHARACTER = 0x110000 };

static const sd_console_palette no_colors = {"", "", "", "", "", "", "", "", ""};
static const sd_console_palette colors = {
    .frame = "\x1b[2m",
    .key = "\x1b[34m",
    .time = "\x1b[32m",
    .note = "\x1b[36m",
    .quiet = "\x1b[2m",
    .plain = "\x1b[1m",
    .warn = "\x1b[33m",
    .error = "\x1b[31m",
    .end = "\x1b[0m",
};

const sd_console_palette *sd_console_palette_of(bool has_colors)
{
  return has_colors ? &colors : &no_colors;
}

int sd_console_level(const sd_record *record)
{
  if (record->level != SD_LEVEL_NONE)
    return record->level;
  return record->status == SD_SPAN_ERROR ? SD_LEVEL_ERROR : SD_LEVEL_INFO;
}

const char *sd_console_marker(const sd_record *record)
{
  if (!record->is_log)
    return "▶ ";
  int level = sd_console_level(record);
  return level >= SD_LEVEL_ERROR ? "❌ " : level >= SD_LEVEL_WARN ? "⚠️  " : "• ";
}

static const char *title_color(const sd_record *record, const sd_console_palette *palette)
{
  int level = sd_console_level(record);
  if (level >= SD_LEVEL_ERROR || record->status == SD_SPAN_ERROR)
    return palette->error;
  return level >= SD_LEVEL_WARN ? palette->warn : level >= SD_LEVEL_INFO ? palette->plain : palette->quiet;
}

/* ---- Clean text
 * ------------------------------------------------------------------------------------------------- */

/* Length of the character at the text's start; *ret_character is NO_CHARACTER for a byte that belongs to
 * none. */
static size_t take_character(sd_bytes text, uint32_t *ret_character)
{
  uint8_t first = text.data[0];
  size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (len > text.len || !sd_utf8_valid(text.data, len)) {
    *ret_character = NO_CHARACTER;
    return 1;
  }
  uint32_t character = len == 1 ? first : first & (0x7fu >> len);
  for (size_t i = 1; i < len; i++)
    character = character << 6 | (text.data[i] & 0x3f);
  *ret_character = character;
  return len;
}

/* Characters that a terminal acts on, or that change the order of what it shows. */
static bool is_acted_on(uint32_t c)
{
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || c == NO_CHARACTER;
}

static void put_escaped(uint32_t c, sd_buf *out)
{
  if (c == '\n' || c == '\r' || c == '\t')
    sd_buf_append_text(out, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
  else if (c == NO_CHARACTER)
    sd_buf_append_text(out, "?");
  else
    sd_buf_appendf(out, c < 0x100 ? "\\x%02x" : "\\u%04x", c);
}

void sd_console_put_clean(sd_bytes text, size_t max, sd_buf *out)
{
  size_t from = out->len;
  while (text.len > 0) {
    uint32_t character;
    size_t len = take_character(text, &character);
    if (out->len - from + len > max || sd_buf_status(out) != SD_OK) {
      sd_buf_append_text(out, "…");
      return;
    }
    if (is_acted_on(character))
      put_escaped(character, out);
    else
      sd_buf_append(out, text.data, len);
    text = sd_bytes_make(text.data + len, text.len - len);
  }
}

void sd_console_put_duration(int64_t ns, sd_buf *out)
{
  int64_t us = ns > 0 ? (ns + 500) / 1000 : 0;
  int64_t ms = (us + 500) / 1000;
  int64_t tenths_of_ms = (us + 50) / 100;
  int64_t s = (ms + 500) / 1000;
  if (us < 1000)
    sd_buf_appendf(out, "%" PRId64 "µs", us);
  else if (tenths_of_ms < 1000)
    sd_buf_appendf(out, "%" PRId64 ".%" PRId64 "ms", tenths_of_ms / 10, tenths_of_ms % 10);
  else if (ms < 1000)
    sd_buf_appendf(out, "%" PRId64 "ms", ms);
  else if (ms < 9950)
    sd_buf_appendf(out, "%" PRId64 ".%" PRId64 "s", (ms + 50) / 1000, (ms + 50) / 100 % 10);
  else if (s < 3600)
    sd_buf_appendf(out, "%" PRId64 "s", s);
  else
    sd_buf_appendf(out, "%" PRId64 "h %02" PRId64 "m", s / 3600, s / 60 % 60);
}

/* ---- Values
 * ----------------------------------------------------------------------------------------------------- */

static void put_value(const sd_any_view *value, size_t max, sd_buf *out)
{
  if (value->type == SD_ANY_STRING) {
    sd_console_put_clean(value->bytes, max, out);
    return;
  }
  sd_buf json;
  sd_buf_init(&json, SD_MESSAGE_MAX);
  if (sd_any_to_json(value, &json) == SD_OK)
    sd_console_put_clean(sd_buf_bytes(&json), max, out);
  else
    sd_buf_append_text(out, "…");
  sd_buf_release(&json);
}

static bool begins_with(sd_bytes text, const char *prefix)
{
  size_t len = strlen(prefix);
  return text.len >= len && memcmp(text.data, prefix, len) == 0;
}

/* Attributes that stand in the title, or are of no interest here. */
static bool is_shown(const sd_record *record, const sd_attribute_view *attribute)
{
  static const char *const hidden[] = {"logfire.", "code.", "thread."};
  for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
    if (begins_with(attribute->key, hidden[i]))
      return false;
  }
  if (sd_bytes_equal_text(attribute->key, "backend") || sd_bytes_equal_text(attribute->key, "gpu"))
    return attribute->value.type != SD_ANY_STRING;
  if (sd_bytes_equal_text(attribute->key, "cache_status"))
    return !sd_bytes_equal_text(attribute->value.bytes, "hit");
  return !record->is_log || !record->message ||
         !sd_message_shows(sd_bytes_make(record->message, record->message_len), attribute->key);
}

static void put_key(sd_bytes key, const sd_console_palette *palette, sd_buf *out)
{
  sd_buf_append_text(out, palette->key);
  sd_console_put_clean(key, SD_CONSOLE_TITLE_MAX, out);
  sd_buf_append_byte(out, ':');
  sd_buf_append_text(out, palette->end);
  sd_buf_append_byte(out, ' ');
}

static void put_attributes(const sd_record *record, const sd_console_palette *palette, sd_buf *out)
{
  sd_bytes message = sd_bytes_make(record->otlp, record->otlp_len);
  sd_attribute_view attribute;
  while (sd_attribute_next_field(&message, SD_OTLP_SPAN_ATTRIBUTES, &attribute)) {
    if (!is_shown(record, &attribute))
      continue;
    put_key(attribute.key, palette, out);
    put_value(&attribute.value, SD_CONSOLE_VALUE_MAX, out);
    sd_buf_append_byte(out, '\n');
  }
}

/* ---- Title
 * ------------------------------------------------------------------------------------------------------ */

static void put_note(const char *label, const sd_any_view *value, const sd_console_palette *palette,
                     sd_buf *out)
{
  sd_buf_appendf(out, " %s[%s", palette->note, label);
  if (value)
    put_value(value, SD_CONSOLE_TITLE_MAX, out);
  sd_buf_appendf(out, "]%s", palette->end);
}

static void put_tags(const sd_any_view *tags, const sd_console_palette *palette, sd_buf *out)
{
  sd_bytes rest = tags->bytes;
  sd_any_view tag;
  bool is_first = true;
  sd_buf_appendf(out, " %s[", palette->note);
  for (; sd_any_next(&rest, &tag); is_first = false) {
    sd_buf_append_text(out, is_first ? "" : ",");
    put_value(&tag, SD_CONSOLE_TITLE_MAX, out);
  }
  sd_buf_appendf(out, "]%s", palette->end);
}

/* Where it ran, and what it did not have to do. */
static void put_notes(const sd_record *record, const sd_console_palette *palette, sd_buf *out)
{
  sd_bytes message = sd_bytes_make(record->otlp, record->otlp_len);
  sd_attribute_view attribute;
  while (sd_attribute_next_field(&message, SD_OTLP_SPAN_ATTRIBUTES, &attribute)) {
    const sd_any_view *value = &attribute.value;
    if (value->type == SD_ANY_ARRAY && sd_bytes_equal_text(attribute.key, "logfire.tags"))
      put_tags(value, palette, out);
    if (value->type != SD_ANY_STRING)
      continue;
    if (sd_bytes_equal_text(attribute.key, "backend"))
      put_note("Remote: ", value, palette, out);
    else if (sd_bytes_equal_text(attribute.key, "gpu"))
      put_note("GPU: ", value, palette, out);
    else if (sd_bytes_equal_text(attribute.key, "cache_status") && sd_bytes_equal_text(value->bytes, "hit"))
      put_note("⚡ Cached", NULL, palette, out);
  }
}

static sd_status put_title(const sd_record *record, const sd_console_palette *palette, sd_buf *out)
{
  sd_bytes title = sd_bytes_make(record->name, record->name_len);
  sd_buf filled;
  sd_buf_init(&filled, SD_MESSAGE_MAX);
  if (record->message_len > 0 && sd_message_fill(sd_bytes_make(record->message, record->message_len),
                                                 sd_bytes_make(record->otlp, record->otlp_len),
                                                 SD_OTLP_SPAN_ATTRIBUTES, &filled) == SD_OK)
    title = sd_buf_bytes(&filled);
  sd_buf_append_text(out, title_color(record, palette));
  sd_console_put_clean(title, SD_CONSOLE_TITLE_MAX, out);
  sd_buf_append_text(out, palette->end);
  sd_buf_release(&filled);
  put_notes(record, palette, out);
  return sd_buf_append_byte(out, '\n');
}

/* ---- Events and status
 * ------------------------------------------------------------------------------------------ */

static sd_bytes event_text(sd_bytes event, const char *key)
{
  sd_attribute_view attribute;
  while (sd_attribute_next_field(&event, SD_OTLP_EVENT_ATTRIBUTES, &attribute)) {
    if (attribute.value.type == SD_ANY_STRING && sd_bytes_equal_text(attribute.key, key))
      return attribute.value.bytes;
  }
  return sd_bytes_make(NULL, 0);
}

static void put_stack(sd_bytes stack, sd_buf *out)
{
  for (int lines = 0; stack.len > 0; lines++) {
    const uint8_t *end = memchr(stack.data, '\n', stack.len);
    size_t len = end ? (size_t)(end - stack.data) : stack.len;
    size_t step = end ? len + 1 : len;
    if (lines == SD_CONSOLE_STACK_LINES_MAX) {
      sd_buf_append_text(out, "   …\n");
      return;
    }
    sd_buf_append_text(out, "   ");
    sd_console_put_clean(sd_bytes_make(stack.data, len), SD_CONSOLE_VALUE_MAX, out);
    sd_buf_append_byte(out, '\n');
    stack = sd_bytes_make(stack.data + step, stack.len - step);
  }
}

static void put_error(sd_bytes type, sd_bytes message, const sd_console_palette *palette, sd_buf *out)
{
  sd_buf_appendf(out, "%s❌ ", palette->error);
  sd_console_put_clean(type, SD_CONSOLE_TITLE_MAX, out);
  if (type.len > 0 && message.len > 0)
    sd_buf_append_text(out, ": ");
  sd_console_put_clean(message, SD_CONSOLE_VALUE_MAX, out);
  sd_buf_appendf(out, "%s\n", palette->end);
}

static void put_event(sd_bytes name, sd_bytes event, const sd_console_palette *palette, sd_buf *out)
{
  sd_attribute_view attribute;
  sd_buf_append_text(out, "• ");
  sd_console_put_clean(name, SD_CONSOLE_TITLE_MAX, out);
  while (sd_attribute_next_field(&event, SD_OTLP_EVENT_ATTRIBUTES, &attribute)) {
    sd_buf_append_byte(out, ' ');
    put_key(attribute.key, palette, out);
    put_value(&attribute.value, SD_CONSOLE_TITLE_MAX, out);
  }
  sd_buf_append_byte(out, '\n');
}

/* True when it was an exception. */
static bool put_event_or_exception(sd_bytes event, const sd_console_palette *palette, sd_buf *out)
{
  sd_bytes rest = event;
  sd_bytes name = {NULL, 0};
  sd_pb_field field;
  while (sd_pb_next(&rest, &field)) {
    if (field.number == SD_OTLP_EVENT_NAME && field.wire_type == SD_PB_BYTES)
      name = field.bytes;
  }
  if (!sd_bytes_equal_text(name, "exception")) {
    put_event(name, event, palette, out);
    return false;
  }
  put_error(event_text(event, "exception.type"), event_text(event, "exception.message"), palette, out);
  put_stack(event_text(event, "exception.stacktrace"), out);
  return true;
}

static sd_bytes status_message(sd_bytes status)
{
  sd_bytes message = {NULL, 0};
  sd_pb_field field;
  while (sd_pb_next(&status, &field)) {
    if (field.number == SD_OTLP_STATUS_MESSAGE && field.wire_type == SD_PB_BYTES)
      message = field.bytes;
  }
  return message;
}

static void put_events_and_status(const sd_record *record, const sd_console_palette *palette, sd_buf *out)
{
  sd_bytes message = sd_bytes_make(record->otlp, record->otlp_len);
  sd_bytes text = {NULL, 0};
  bool has_exception = false;
  sd_pb_field field;
  while (sd_pb_next(&message, &field)) {
    if (field.wire_type != SD_PB_BYTES)
      continue;
    if (field.number == SD_OTLP_SPAN_EVENTS)
      has_exception |= put_event_or_exception(field.bytes, palette, out);
    else if (field.number == SD_OTLP_SPAN_STATUS)
      text = status_message(field.bytes);
  }
  /* The status repeats the exception. */
  if (record->status == SD_SPAN_ERROR && !has_exception && text.len > 0)
    put_error(sd_bytes_make(NULL, 0), text, palette, out);
}

sd_status sd_console_describe(const sd_record *record, const sd_console_palette *palette, sd_buf *out)
{
  sd_status status = put_title(record, palette, out);
  if (status != SD_OK)
    return status;
  put_attributes(record, palette, out);
  put_events_and_status(record, palette, out);
  if (!record->is_log) {
    sd_buf_appendf(out, "%s⏱️  ", palette->time);
    sd_console_put_duration(record->end_unix_ns - record->start_unix_ns, out);
    sd_buf_appendf(out, "%s\n", palette->end);
  }
  return sd_buf_status(out);
}
