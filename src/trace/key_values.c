/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Lists of keys and values in environment variables. */
#include "trace/key_values.h"

#include "base/alloc.h"
#include "trace/header_text.h"

/* What is wrong with one member, worded to stand behind its number; NULL when nothing is. */
typedef const char *problem;

static problem percent_decode(sd_bytes text, char *dst, size_t *ret_len)
{
  size_t len = 0;
  for (size_t i = 0; i < text.len; i++) {
    uint8_t byte = text.data[i];
    if (byte == '%') {
      if (!sd_percent_decode_at(text, i, &byte))
        return "has a '%' that two hexadecimal digits do not follow; write %25 for the sign itself";
      i += 2;
    }
    if (byte == '\0')
      return "has a NUL character";
    dst[len++] = (char)byte;
  }
  dst[len] = '\0';
  *ret_len = len;
  return sd_utf8_valid((const uint8_t *)dst, len) ? NULL : "is not UTF-8";
}

static bool has_control_character(const char *text)
{
  for (; *text; text++) {
    if (((unsigned char)*text < 0x20 && *text != '\t') || *text == 0x7F)
      return true;
  }
  return false;
}

/* Decodes to *at, which moves behind what was written. */
static problem read_member(sd_bytes member, unsigned flags, char **at, sd_key_value *ret_item)
{
  const uint8_t *equals = memchr(member.data, '=', member.len);
  if (!equals)
    return "has no '='";
  size_t key_len = (size_t)(equals - member.data);
  sd_bytes key = sd_header_trim(sd_bytes_make(member.data, key_len));
  sd_bytes value = sd_header_trim(sd_bytes_make(equals + 1, member.len - key_len - 1));
  size_t len;
  char *key_text = *at;
  problem found = percent_decode(key, key_text, &len);
  if (found)
    return found;
  if (len == 0)
    return "has no key";
  char *value_text = key_text + len + 1;
  found = percent_decode(value, value_text, &len);
  if (found)
    return found;
  if (flags & SD_KEY_VALUES_HEADERS) {
    if (!sd_header_is_token(sd_bytes_of(key_text)))
      return "has a key that is no header name";
    if (has_control_character(value_text))
      return "has a control character in its value";
  }
  ret_item->key = key_text;
  ret_item->value = value_text;
  *at = value_text + len + 1;
  return NULL;
}

static size_t count_members(sd_bytes text)
{
  size_t count = 0;
  sd_bytes member;
  while (sd_header_next(&text, ',', &member))
    count += member.len > 0;
  return count;
}

sd_status sd_key_values_parse(sd_bytes text, unsigned flags, sd_key_values *ret_list, sd_error *error)
{
  if (text.len > SD_KEY_VALUES_BYTES_MAX)
    return sd_error_set(error, SD_LIMIT, "longer than %d bytes", SD_KEY_VALUES_BYTES_MAX);
  size_t count = count_members(text);
  if (count > SD_KEY_VALUES_MAX)
    return sd_error_set(error, SD_LIMIT, "has more than %d members", SD_KEY_VALUES_MAX);
  /* One piece: the items, then their texts. A member never grows, and its '=' and ',' make room for the two
   * NULs but for the last one. */
  sd_key_value *items = sd_alloc(count * sizeof *items + text.len + 1);
  if (!items)
    return sd_error_set(error, SD_NOMEM, "no memory for a list of %zu members", count);
  char *at = (char *)(items + count);
  size_t read = 0;
  size_t number = 0;
  sd_bytes member;
  while (sd_header_next(&text, ',', &member)) {
    number++;
    if (member.len == 0)
      continue;
    problem found = read_member(member, flags, &at, &items[read]);
    if (found) {
      sd_free(items);
      return sd_error_set(error, SD_INVALID, "member number %zu %s", number, found);
    }
    read++;
  }
  ret_list->items = items;
  ret_list->count = read;
  return SD_OK;
}

void sd_key_values_release(sd_key_values *list)
{
  sd_free(list->items);
  list->items = NULL;
  list->count = 0;
}
