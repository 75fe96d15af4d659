/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Reading and changing baggage. */
#include "trace/baggage.h"

#include "trace/context.h"
#include "trace/header_text.h"
#include "trace/text.h"

enum { REPLACEMENT_SIZE = 3 /* of U+FFFD, which may stand for a single byte */ };

void sd_baggage_init(sd_baggage *baggage)
{
  sd_buf_init(&baggage->list, SD_BAGGAGE_BYTES_MAX);
  baggage->members = 0;
}

void sd_baggage_release(sd_baggage *baggage)
{
  sd_buf_release(&baggage->list);
  baggage->members = 0;
}

/* baggage-octet */
static bool is_value_byte(uint8_t c)
{
  return c > 0x20 && c < 0x7F && c != '"' && c != ',' && c != ';' && c != '\\';
}

static bool is_value(sd_bytes value)
{
  for (size_t i = 0; i < value.len; i++) {
    if (!is_value_byte(value.data[i]))
      return false;
  }
  return true;
}

/* "key = value" or, where allowed, "key"; both trimmed. */
static bool split(sd_bytes pair, bool key_alone, sd_bytes *ret_key, sd_bytes *ret_value, bool *ret_has_value)
{
  const uint8_t *equals = pair.len > 0 ? memchr(pair.data, '=', pair.len) : NULL;
  if (!equals && !key_alone)
    return false;
  size_t key_len = equals ? (size_t)(equals - pair.data) : pair.len;
  sd_bytes key = sd_header_trim(sd_bytes_make(pair.data, key_len));
  sd_bytes value = sd_bytes_make(NULL, 0);
  if (equals)
    value = sd_header_trim(sd_bytes_make(equals + 1, pair.len - key_len - 1));
  if (!sd_header_is_token(key) || !is_value(value))
    return false;
  *ret_key = key;
  *ret_value = value;
  *ret_has_value = equals != NULL;
  return true;
}

/* Writes the member without white space to dst, which has room for all of it. False when it is malformed. */
static bool normalize(sd_bytes member, uint8_t *dst, size_t *ret_len)
{
  sd_bytes pair;
  sd_bytes key;
  sd_bytes value;
  bool has_value;
  size_t len = 0;
  /* "a=b;" ends in an empty property, which no part stands for. */
  bool open = member.len > 0 && member.data[member.len - 1] == ';';
  for (bool first = true; sd_header_next(&member, ';', &pair); first = false) {
    if (!split(pair, !first, &key, &value, &has_value))
      return false;
    if (!first)
      dst[len++] = ';';
    memcpy(dst + len, key.data, key.len);
    len += key.len;
    if (has_value) {
      dst[len++] = '=';
      if (value.len > 0)
        memcpy(dst + len, value.data, value.len);
      len += value.len;
    }
  }
  *ret_len = len;
  return len > 0 && !open;
}

/* Without spaces and tabs, which are never part of a member that is well-formed: how much it needs at most.
 */
static size_t dense_len(sd_bytes text)
{
  size_t len = 0;
  for (size_t i = 0; i < text.len; i++)
    len += text.data[i] != ' ' && text.data[i] != '\t';
  return len;
}

sd_status sd_baggage_add(sd_baggage *baggage, sd_bytes header)
{
  uint8_t member[SD_BAGGAGE_BYTES_MAX];
  sd_bytes part;
  size_t len;
  while (baggage->members < SD_BAGGAGE_MEMBERS_MAX && sd_header_next(&header, ',', &part)) {
    size_t comma = baggage->list.len > 0;
    size_t room = SD_BAGGAGE_BYTES_MAX - baggage->list.len;
    if (part.len == 0 || dense_len(part) + comma > room || !normalize(part, member, &len))
      continue;
    if (comma)
      sd_buf_append_byte(&baggage->list, ',');
    sd_buf_append(&baggage->list, member, len);
    if (sd_buf_status(&baggage->list) != SD_OK)
      return sd_buf_status(&baggage->list);
    baggage->members++;
  }
  return SD_OK;
}

/* The next member of a normalized list: all of it, its key, its value. */
static bool next_member(sd_bytes *list, sd_bytes *ret_member, sd_bytes *ret_key, sd_bytes *ret_value)
{
  if (!sd_header_next(list, ',', ret_member))
    return false;
  sd_bytes rest = *ret_member;
  sd_bytes pair = rest;
  (void)sd_header_next(&rest, ';', &pair);
  const uint8_t *equals = memchr(pair.data, '=', pair.len);
  size_t key_len = equals ? (size_t)(equals - pair.data) : pair.len;
  size_t value_at = equals ? key_len + 1 : key_len;
  *ret_key = sd_bytes_make(pair.data, key_len);
  *ret_value = sd_bytes_make(pair.data + value_at, pair.len - value_at);
  return true;
}

/* Returns the length; the text never grows. */
static size_t percent_decode(sd_bytes text, uint8_t *dst)
{
  size_t len = 0;
  for (size_t i = 0; i < text.len; i++) {
    uint8_t byte = text.data[i];
    if (sd_percent_decode_at(text, i, &byte))
      i += 2;
    dst[len++] = byte;
  }
  return len;
}

/* As many whole characters as fit, and a NUL. What is not UTF-8 becomes U+FFFD; so does a NUL, which a C
 * string cannot hold. */
static void copy_repaired(uint8_t *text, size_t len, char *dst, size_t size)
{
  uint8_t repaired[REPLACEMENT_SIZE * SD_BAGGAGE_BYTES_MAX];
  for (size_t i = 0; i < len; i++) {
    if (text[i] == '\0')
      text[i] = 0xFF;
  }
  size_t all = (size_t)(sd_text_put(sd_bytes_make(text, len), 0, repaired) - repaired);
  size_t kept = sd_utf8_cut(repaired, all, size - 1);
  memcpy(dst, repaired, kept);
  dst[kept] = '\0';
}

sd_status sd_context_baggage_get(const sd_context *context, const char *key, char *dst, size_t size)
{
  sd_bytes list = sd_context_baggage_bytes(context);
  sd_bytes member;
  sd_bytes name;
  sd_bytes value;
  sd_bytes found = sd_bytes_make(NULL, 0);
  bool is_found = false;
  /* The last of several members counts, as it does where baggage is read into a map. */
  while (next_member(&list, &member, &name, &value)) {
    if (sd_bytes_equal_text(name, key)) {
      found = value;
      is_found = true;
    }
  }
  if (!is_found)
    return SD_NOT_FOUND;
  if (size > 0) {
    uint8_t decoded[SD_BAGGAGE_BYTES_MAX];
    copy_repaired(decoded, percent_decode(found, decoded), dst, size);
  }
  return SD_OK;
}

/* What is not UTF-8 becomes U+FFFD. */
static void append_encoded(sd_buf *out, sd_bytes text)
{
  uint8_t repaired[REPLACEMENT_SIZE * SD_BAGGAGE_BYTES_MAX];
  /* More never fits behind a key: the buffer fails all the same. */
  if (text.len > SD_BAGGAGE_BYTES_MAX)
    text.len = SD_BAGGAGE_BYTES_MAX;
  size_t len = (size_t)(sd_text_put(text, 0, repaired) - repaired);
  for (size_t i = 0; i < len; i++) {
    if (is_value_byte(repaired[i]) && repaired[i] != '%')
      sd_buf_append_byte(out, repaired[i]);
    else
      sd_buf_appendf(out, "%%%02X", repaired[i]);
  }
}

sd_status sd_context_baggage_set(const sd_context *context, const char *key, const char *value,
                                 sd_context *ret_context, sd_error *error)
{
  sd_bytes list = sd_context_baggage_bytes(context);
  sd_bytes member;
  sd_bytes name;
  sd_bytes old;
  sd_context changed = SD_CONTEXT_NONE;
  sd_buf out;
  size_t members = 0;
  if (!key || !sd_header_is_token(sd_bytes_of(key)))
    return sd_error_set(error, SD_INVALID, "a baggage key must be a token: visible ASCII without delimiters");
  sd_buf_init(&out, SD_BAGGAGE_BYTES_MAX);
  while (next_member(&list, &member, &name, &old)) {
    if (sd_bytes_equal_text(name, key))
      continue;
    if (members++ > 0)
      sd_buf_append_byte(&out, ',');
    sd_buf_append_bytes(&out, member);
  }
  if (value) {
    if (members++ > 0)
      sd_buf_append_byte(&out, ',');
    sd_buf_append_text(&out, key);
    sd_buf_append_byte(&out, '=');
    append_encoded(&out, sd_bytes_of(value));
  }
  sd_status status = members > SD_BAGGAGE_MEMBERS_MAX ? SD_LIMIT : sd_buf_status(&out);
  if (status == SD_OK) {
    if (context)
      changed = *context;
    status = sd_context_data_new(sd_context_tracestate_bytes(context), sd_buf_bytes(&out), &changed.data);
  }
  sd_buf_release(&out);
  if (status == SD_LIMIT)
    return sd_error_set(error, SD_LIMIT, "baggage would have more than %d members or %d bytes; set fewer",
                        SD_BAGGAGE_MEMBERS_MAX, SD_BAGGAGE_BYTES_MAX);
  if (status != SD_OK)
    return sd_error_set(error, status, "no memory for baggage");
  *ret_context = changed;
  return SD_OK;
}
