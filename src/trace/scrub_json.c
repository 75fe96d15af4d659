/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Scrubbing JSON text that stands in a string: taken apart and, where a secret was found, written again. */
#include "trace/scrub_internal.h"

typedef struct json {
  sd_record_scrubber *scrubber;
  sd_scrub_json *memory;
  sd_bytes text;
  size_t at;
  unsigned level;
  sd_buf *out;
} json;

/* ---- Writing
 * ---------------------------------------------------------------------------------------------------- */

/* Takes a character off well-formed UTF-8. */
static uint32_t take_character(sd_bytes text, size_t *at)
{
  uint8_t first = text.data[(*at)++];
  unsigned more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
  uint32_t character = more == 0 ? first : first & (0x3fu >> more);
  while (more-- > 0)
    character = character << 6 | (text.data[(*at)++] & 0x3f);
  return character;
}

static void put_escaped(uint32_t character, sd_buf *out)
{
  static const char shorthand[] = "\"\"\\\\\nn\rr\tt\ff\bb";
  for (const char *p = shorthand; *p; p += 2) {
    if ((uint32_t)*p == character) {
      sd_buf_appendf(out, "\\%c", p[1]);
      return;
    }
  }
  if (character >= 0x10000) {
    sd_buf_appendf(out, "\\u%04x", 0xd800 + ((character - 0x10000) >> 10));
    character = 0xdc00 + ((character - 0x10000) & 0x3ff);
  }
  sd_buf_appendf(out, "\\u%04x", character);
}

sd_status sd_scrub_put_quoted(sd_bytes text, sd_buf *out)
{
  bool is_valid = sd_utf8_valid(text.data, text.len);
  size_t plain = 0;
  sd_buf_append_byte(out, '"');
  for (size_t i = 0; i < text.len;) {
    uint8_t c = text.data[i];
    if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
      i++;
      continue;
    }
    sd_buf_append(out, text.data + plain, i - plain);
    if (c >= 0x80 && !is_valid) {
      sd_buf_append_byte(out, '?');
      i++;
    } else {
      put_escaped(take_character(text, &i), out);
    }
    plain = i;
  }
  if (text.len > plain)
    sd_buf_append(out, text.data + plain, text.len - plain);
  sd_buf_append_byte(out, '"');
  return sd_buf_status(out);
}

/* ---- Reading
 * ---------------------------------------------------------------------------------------------------- */

static bool is_blank(uint8_t c)
{
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool sd_scrub_is_escaped_json(sd_bytes text)
{
  size_t i = 0;
  while (i < text.len && is_blank(text.data[i]))
    i++;
  return i < text.len && (text.data[i] == '{' || text.data[i] == '[' || text.data[i] == '"') &&
         memchr(text.data, '\\', text.len);
}

static void skip_blanks(json *j)
{
  while (j->at < j->text.len && is_blank(j->text.data[j->at]))
    j->at++;
}

/* The next byte that is no blank; 0 at the end. */
static uint8_t peek(json *j)
{
  skip_blanks(j);
  return j->at < j->text.len ? j->text.data[j->at] : 0;
}

static bool take(json *j, uint8_t byte)
{
  if (peek(j) != byte)
    return false;
  j->at++;
  return true;
}

static bool take_unit(json *j, uint32_t *ret_unit)
{
  uint32_t unit = 0;
  if (j->text.len - j->at < 4)
    return false;
  for (int i = 0; i < 4; i++) {
    uint8_t c = j->text.data[j->at++];
    if (c >= '0' && c <= '9')
      unit = unit * 16 + (uint32_t)(c - '0');
    else if ((c | 32) >= 'a' && (c | 32) <= 'f')
      unit = unit * 16 + (uint32_t)((c | 32) - 'a' + 10);
    else
      return false;
  }
  *ret_unit = unit;
  return true;
}

static void put_character(uint32_t c, sd_buf *out)
{
  if (c < 0x80) {
    sd_buf_append_byte(out, (uint8_t)c);
    return;
  }
  unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  sd_buf_append_byte(out, (uint8_t)(((0xff00u >> (more + 1)) & 0xff) | c >> (6 * more)));
  while (more-- > 0)
    sd_buf_append_byte(out, (uint8_t)(0x80 | ((c >> (6 * more)) & 0x3f)));
}

/* What follows a backslash. A half of a pair that stands alone becomes U+FFFD. */
static bool take_escape(json *j)
{
  static const char shorthand[] = "\"\"\\\\//n\nr\rt\tf\fb\b";
  uint8_t c = j->at < j->text.len ? j->text.data[j->at++] : 0;
  for (const char *p = shorthand; *p; p += 2) {
    if ((uint8_t)*p == c)
      return sd_buf_append_byte(&j->memory->decoded, (uint8_t)p[1]) == SD_OK;
  }
  uint32_t unit;
  uint32_t low;
  if (c != 'u' || !take_unit(j, &unit))
    return false;
  if (unit >= 0xd800 && unit < 0xdc00) {
    size_t behind = j->at;
    bool is_pair = j->text.len - j->at >= 6 && j->text.data[j->at] == '\\' && j->text.data[j->at + 1] == 'u';
    j->at += is_pair ? 2 : 0;
    if (is_pair && take_unit(j, &low) && low >= 0xdc00 && low < 0xe000) {
      unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    } else {
      unit = 0xfffd;
      j->at = behind;
    }
  } else if (unit >= 0xdc00 && unit < 0xe000) {
    unit = 0xfffd;
  }
  put_character(unit, &j->memory->decoded);
  return true;
}

/* A string without quotes and escapes, on top of `decoded`, which has room for it. */
static bool take_string(json *j, sd_bytes *ret_text)
{
  sd_buf *decoded = &j->memory->decoded;
  size_t before = decoded->len;
  if (!take(j, '"'))
    return false;
  while (j->at < j->text.len) {
    size_t plain = j->at;
    while (j->at < j->text.len && j->text.data[j->at] >= 0x20 && j->text.data[j->at] != '"' &&
           j->text.data[j->at] != '\\')
      j->at++;
    sd_buf_append(decoded, j->text.data + plain, j->at - plain);
    if (j->at == j->text.len || j->text.data[j->at] < 0x20)
      return false;
    if (j->text.data[j->at++] == '"') {
      *ret_text = sd_bytes_make(decoded->data + before, decoded->len - before);
      return true;
    }
    if (!take_escape(j))
      return false;
  }
  return false;
}

static size_t take_digits(json *j)
{
  size_t from = j->at;
  while (j->at < j->text.len && j->text.data[j->at] >= '0' && j->text.data[j->at] <= '9')
    j->at++;
  return j->at - from;
}

static bool take_one_of(json *j, const char *bytes)
{
  if (j->at >= j->text.len || !j->text.data[j->at] || !strchr(bytes, j->text.data[j->at]))
    return false;
  j->at++;
  return true;
}

static bool take_number(json *j)
{
  take_one_of(j, "-");
  size_t first = j->at;
  size_t digits = take_digits(j);
  if (digits == 0 || (digits > 1 && j->text.data[first] == '0'))
    return false;
  if (take_one_of(j, ".") && take_digits(j) == 0)
    return false;
  if (take_one_of(j, "eE")) {
    take_one_of(j, "+-");
    return take_digits(j) > 0;
  }
  return true;
}

/* A number, or a name that JSON writers use for what is none. */
static bool take_scalar(json *j, sd_bytes *ret_text)
{
  static const char *const names[] = {"true", "false", "null", "NaN", "Infinity", "-Infinity"};
  skip_blanks(j);
  size_t from = j->at;
  size_t len = 0;
  for (size_t i = 0; len == 0 && i < sizeof names / sizeof names[0]; i++) {
    size_t n = strlen(names[i]);
    if (j->text.len - from >= n && memcmp(j->text.data + from, names[i], n) == 0)
      len = n;
  }
  j->at += len;
  if (len == 0 && !take_number(j))
    return false;
  *ret_text = sd_bytes_make(j->text.data + from, j->at - from);
  return true;
}

/* ---- Values. False: not JSON.
 * ------------------------------------------------------------------------------------ */

static bool skip_value(json *j, unsigned depth)
{
  sd_bytes text;
  size_t mark = j->memory->decoded.len;
  uint8_t first = peek(j);
  bool good = true;
  if (first == '"') {
    good = take_string(j, &text);
  } else if (first == '{' || first == '[') {
    uint8_t last = first == '{' ? '}' : ']';
    j->at++;
    good = depth < SD_SCRUB_JSON_DEPTH_MAX;
    if (good && take(j, last))
      return true;
    do
      good = good && (first == '[' || (take_string(j, &text) && take(j, ':'))) && skip_value(j, depth + 1);
    while (good && take(j, ','));
    good = good && take(j, last);
  } else {
    good = take_scalar(j, &text);
  }
  sd_buf_truncate(&j->memory->decoded, mark);
  return good;
}

static sd_status put_value(json *j, const sd_scrub_path *path, bool is_safe, unsigned depth);

static sd_status put_clean(json *j)
{
  sd_status status = sd_buf_status(&j->memory->clean);
  return status == SD_OK ? sd_scrub_put_quoted(sd_buf_bytes(&j->memory->clean), j->out) : status;
}

static sd_status put_string(json *j, const sd_scrub_path *path, bool is_safe)
{
  sd_bytes text;
  if (!take_string(j, &text))
    return SD_INVALID;
  sd_buf_clear(&j->memory->clean);
  sd_status status = sd_scrub_put_text(j->scrubber, path, text, is_safe, j->level + 1, &j->memory->clean);
  return status == SD_OK ? put_clean(j) : status;
}

/* The value of a key that names a secret. *ret_kept: the callback keeps it, nothing was written. */
static sd_status put_redacted(json *j, const sd_scrub_path *path, sd_bytes match, unsigned depth,
                              bool *ret_kept)
{
  bool is_array = peek(j) == '[';
  size_t from = j->at;
  if (!skip_value(j, depth + 1))
    return SD_INVALID;
  sd_bytes replacement;
  sd_status status = sd_scrub_redact(j->scrubber, path, match,
                                     sd_bytes_make(j->text.data + from, j->at - from), &replacement);
  if (status != SD_OK)
    return status;
  *ret_kept = !replacement.data;
  if (*ret_kept) {
    j->at = from;
    return SD_OK;
  }
  sd_buf_clear(&j->memory->clean);
  status = sd_scrub_put_plain(j->scrubber, path, replacement, &j->memory->clean);
  if (is_array)
    sd_buf_append_byte(j->out, '[');
  if (status == SD_OK)
    status = put_clean(j);
  if (is_array)
    sd_buf_append_byte(j->out, ']');
  return status;
}

static sd_status put_member(json *j, const sd_scrub_path *up, bool is_safe, unsigned depth)
{
  sd_bytes key;
  sd_bytes match;
  bool is_kept = true;
  if (!take_string(j, &key) || !take(j, ':'))
    return SD_INVALID;
  sd_scrub_path path = sd_scrub_path_key(up, key);
  sd_buf_clear(&j->memory->clean);
  sd_status status = sd_scrub_put_plain(j->scrubber, &path, key, &j->memory->clean);
  if (status == SD_OK)
    status = put_clean(j);
  sd_buf_append_text(j->out, ": ");
  is_safe = is_safe || sd_scrub_key_is_safe(key);
  if (status == SD_OK && !is_safe && sd_scrub_suspects_key(j->scrubber, key, &match)) {
    status = put_redacted(j, &path, match, depth, &is_kept);
    is_safe = true;
  }
  return status == SD_OK && is_kept ? put_value(j, &path, is_safe, depth + 1) : status;
}

static sd_status put_members(json *j, const sd_scrub_path *path, bool is_safe, unsigned depth)
{
  uint8_t first = j->text.data[j->at++];
  uint8_t last = first == '{' ? '}' : ']';
  if (depth >= SD_SCRUB_JSON_DEPTH_MAX)
    return SD_INVALID;
  sd_buf_append_byte(j->out, first);
  if (!take(j, last)) {
    size_t index = 0;
    do {
      if (index > 0)
        sd_buf_append_text(j->out, ", ");
      size_t mark = j->memory->decoded.len;
      sd_scrub_path item = sd_scrub_path_index(path, index++);
      sd_status status =
          first == '{' ? put_member(j, path, is_safe, depth) : put_value(j, &item, is_safe, depth + 1);
      sd_buf_truncate(&j->memory->decoded, mark);
      if (status != SD_OK)
        return status;
    } while (take(j, ','));
    if (!take(j, last))
      return SD_INVALID;
  }
  return sd_buf_append_byte(j->out, last);
}

static sd_status put_value(json *j, const sd_scrub_path *path, bool is_safe, unsigned depth)
{
  sd_bytes text;
  switch (peek(j)) {
  case '"':
    return put_string(j, path, is_safe);
  case '{':
  case '[':
    return put_members(j, path, is_safe, depth);
  default:
    return take_scalar(j, &text) ? sd_buf_append_bytes(j->out, text) : SD_INVALID;
  }
}

sd_status sd_scrub_put_json(sd_record_scrubber *scrubber, const sd_scrub_path *path, sd_bytes text,
                            bool is_safe, unsigned level, sd_buf *out, sd_scrub_json_result *ret_result)
{
  *ret_result = SD_SCRUB_JSON_NONE;
  if (level >= SD_SCRUB_JSON_LEVELS || !sd_utf8_valid(text.data, text.len))
    return SD_OK;
  sd_scrub_json *memory = &scrubber->json[level];
  json j = {.scrubber = scrubber, .memory = memory, .text = text, .level = level, .out = out};
  size_t before = out->len;
  size_t notes = scrubber->notes.len;
  size_t message_notes = scrubber->message_notes.len;
  size_t note_count = scrubber->note_count;
  sd_bytes noted_key = scrubber->noted_key;
  bool was_changed = scrubber->is_changed;
  uint8_t *unused;
  /* Views into what is decoded stay good, because it never gets longer than the text. */
  sd_buf_clear(&memory->decoded);
  sd_status status = sd_buf_reserve(&memory->decoded, text.len + 1, &unused);
  if (status != SD_OK)
    return status;
  scrubber->is_changed = false;
  status = put_value(&j, path, is_safe, 0);
  if (status == SD_OK)
    status = peek(&j) == 0 && j.at == text.len ? sd_buf_status(out) : SD_INVALID;
  if (status == SD_OK && scrubber->is_changed) {
    *ret_result = SD_SCRUB_JSON_CHANGED;
    return SD_OK;
  }
  if (status == SD_OK)
    *ret_result = SD_SCRUB_JSON_SAME;
  /* As if the text had not been looked at. */
  sd_buf_truncate(out, before);
  sd_buf_truncate(&scrubber->notes, notes);
  sd_buf_truncate(&scrubber->message_notes, message_notes);
  scrubber->note_count = note_count;
  scrubber->noted_key = noted_key;
  scrubber->is_changed = was_changed;
  return status == SD_INVALID ? SD_OK : status;
}
