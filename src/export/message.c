/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Filling templates, by the rules of Python's str.format. */
#include "export/message.h"

#include "export/value_text.h"

enum { CUT_SIDE = 62 /* characters kept at each end of a long value */ };

/* One {…}. */
typedef struct field {
  sd_bytes name; /* without '=' */
  bool is_labelled;
  char conversion; /* r, s, a; 0: none */
  sd_bytes specification;
} field;

static sd_bytes part(sd_bytes text, size_t from, size_t to)
{
  return sd_bytes_make(text.data + from, to - from);
}

/* Reads a field from behind its brace; *at moves behind the closing one. */
static bool parse_field(sd_bytes text, size_t *at, field *ret)
{
  field f = {.specification = sd_bytes_make("", 0)};
  size_t i = *at;
  size_t from = i;
  for (; i < text.len && !strchr("!:{}", text.data[i]); i++) {
    if (text.data[i] != '[')
      continue;
    const uint8_t *end = memchr(text.data + i, ']', text.len - i);
    if (!end)
      return false;
    i = (size_t)(end - text.data);
  }
  f.name = part(text, from, i);
  if (f.name.len > 0 && f.name.data[f.name.len - 1] == '=') {
    f.is_labelled = true;
    f.name.len--;
  }
  if (i + 1 < text.len && text.data[i] == '!') {
    f.conversion = (char)text.data[i + 1];
    i += 2;
    if (!strchr("rsa", f.conversion) || i >= text.len || (text.data[i] != ':' && text.data[i] != '}'))
      return false;
  }
  if (i < text.len && text.data[i] == ':') {
    from = ++i;
    while (i < text.len && text.data[i] != '}' && text.data[i] != '{')
      i++;
    f.specification = part(text, from, i);
  }
  if (f.name.len == 0 || i >= text.len || text.data[i] != '}')
    return false;
  *at = i + 1;
  *ret = f;
  return true;
}

static bool find_attribute(sd_bytes message, uint32_t attributes, sd_bytes key, sd_any_view *ret_value)
{
  sd_attribute_view attribute;
  bool is_found = false;
  while (sd_attribute_next_field(&message, attributes, &attribute)) {
    if (sd_bytes_equal(attribute.key, key)) {
      *ret_value = attribute.value;
      is_found = true;
    }
  }
  return is_found;
}

static bool find_member(const sd_any_view *value, sd_bytes name, sd_any_view *ret_member)
{
  sd_bytes rest = value->bytes;
  sd_attribute_view pair;
  int64_t index;
  if (value->type == SD_ANY_MAP) {
    while (sd_attribute_next(&rest, &pair)) {
      if (sd_bytes_equal(pair.key, name)) {
        *ret_member = pair.value;
        return true;
      }
    }
  } else if (value->type == SD_ANY_ARRAY && sd_bytes_to_int64(name, &index) && index >= 0) {
    while (sd_any_next(&rest, ret_member)) {
      if (index-- == 0)
        return true;
    }
  }
  return false;
}

/* Follows .name and [name] into the value. */
static bool find_path(sd_any_view value, sd_bytes path, sd_any_view *ret_value)
{
  size_t i = 0;
  while (i < path.len) {
    bool is_index = path.data[i++] == '[';
    size_t from = i;
    while (i < path.len && (is_index ? path.data[i] != ']' : path.data[i] != '.' && path.data[i] != '['))
      i++;
    sd_any_view member;
    if (i == from || !find_member(&value, part(path, from, i), &member))
      return false;
    value = member;
    i += is_index;
  }
  *ret_value = value;
  return true;
}

static bool find_value(sd_bytes message, uint32_t attributes, sd_bytes name, sd_any_view *ret_value)
{
  sd_any_view value;
  /* Keys have dots themselves. */
  if (find_attribute(message, attributes, name, ret_value))
    return true;
  size_t end = 0;
  while (end < name.len && name.data[end] != '.' && name.data[end] != '[')
    end++;
  return end > 0 && end < name.len && find_attribute(message, attributes, part(name, 0, end), &value) &&
         find_path(value, part(name, end, name.len), ret_value);
}

/* Bytes of so many characters, counted from the start. */
static size_t characters_end(sd_bytes text, size_t characters)
{
  size_t i = 0;
  while (i < text.len && characters-- > 0) {
    i++;
    while (i < text.len && (text.data[i] & 0xc0) == 0x80)
      i++;
  }
  return i;
}

/* Takes the middle out of what was appended from `from` on, when it is too long. */
static void cut_middle(sd_buf *out, size_t from)
{
  sd_bytes value = sd_bytes_make(out->data + from, out->len - from);
  size_t characters = sd_text_characters(value);
  if (characters <= SD_MESSAGE_VALUE_MAX)
    return;
  size_t head = characters_end(value, CUT_SIDE);
  size_t tail = characters_end(value, characters - CUT_SIDE);
  uint8_t *at = out->data + from + head;
  size_t tail_len = value.len - tail;
  memmove(at + 3, value.data + tail, tail_len);
  memcpy(at, "...", 3);
  sd_buf_truncate(out, from + head + 3 + tail_len);
}

static bool put_field(const field *f, sd_bytes message, uint32_t attributes, sd_buf *out)
{
  sd_any_view value;
  if (!find_value(message, attributes, f->name, &value))
    return false;
  if (f->is_labelled) {
    sd_buf_append_bytes(out, f->name);
    sd_buf_append_byte(out, '=');
  }
  size_t before = out->len;
  bool is_good;
  if (f->conversion) {
    sd_buf text;
    sd_buf_init(&text, SD_MESSAGE_MAX);
    is_good = sd_value_text(&value, f->conversion != 's', &text) == SD_OK;
    sd_any_view converted = {.type = SD_ANY_STRING, .bytes = sd_buf_bytes(&text)};
    is_good = is_good && sd_value_format(&converted, f->specification, out);
    sd_buf_release(&text);
  } else {
    is_good = sd_value_format(&value, f->specification, out);
  }
  if (is_good && out->len > before && sd_buf_status(out) == SD_OK)
    cut_middle(out, before);
  return is_good;
}

/* False when the template is not one, or an attribute is missing. */
static bool fill(sd_bytes text, sd_bytes message, uint32_t attributes, sd_buf *out)
{
  field f;
  for (size_t i = 0; i < text.len;) {
    size_t plain = i;
    while (i < text.len && text.data[i] != '{' && text.data[i] != '}')
      i++;
    sd_buf_append_bytes(out, part(text, plain, i));
    if (i == text.len)
      break;
    uint8_t brace = text.data[i++];
    if (i < text.len && text.data[i] == brace) {
      sd_buf_append_byte(out, brace);
      i++;
    } else if (brace == '}' || !parse_field(text, &i, &f) || !put_field(&f, message, attributes, out)) {
      return false;
    }
  }
  return true;
}

sd_status sd_message_fill(sd_bytes text, sd_bytes message, uint32_t attributes, sd_buf *out)
{
  size_t before = out->len;
  if (text.len == 0)
    return SD_OK;
  if (!fill(text, message, attributes, out) && sd_buf_status(out) == SD_OK) {
    sd_buf_truncate(out, before);
    sd_buf_append_bytes(out, text);
  }
  return sd_buf_status(out);
}

bool sd_message_shows(sd_bytes text, sd_bytes key)
{
  field f;
  for (size_t i = 0; i < text.len;) {
    uint8_t c = text.data[i++];
    if (c != '{')
      continue;
    if (i < text.len && text.data[i] == '{')
      i++;
    else if (!parse_field(text, &i, &f))
      return false;
    else if (sd_bytes_equal(f.name, key))
      return true;
  }
  return false;
}
