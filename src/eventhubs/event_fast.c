/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The common event, read byte by byte once. Constructor codes are those of part 1, §1.6 of AMQP. */
#include "eventhubs/event_fast.h"

#include "amqp/message.h"

enum {
  NULL_CODE = 0x40,
  TRUE_CODE = 0x41,
  FALSE_CODE = 0x42,
  UINT0 = 0x43,
  ULONG0 = 0x44,
  LIST0 = 0x45,
  UBYTE = 0x50,
  BYTE = 0x51,
  SMALLUINT = 0x52,
  SMALLULONG = 0x53,
  SMALLINT = 0x54,
  SMALLLONG = 0x55,
  UINT = 0x70,
  INT = 0x71,
  ULONG = 0x80,
  LONG = 0x81,
  TIMESTAMP = 0x83,
  BINARY8 = 0xa0,
  STRING8 = 0xa1,
  SYMBOL8 = 0xa3,
  BINARY32 = 0xb0,
  STRING32 = 0xb1,
  LIST8 = 0xc0,
  MAP8 = 0xc1,
  LIST32 = 0xd0,
  MAP32 = 0xd1
};

/* JSON that a byte of an encoded value can become: a boolean is one byte and five characters, with a comma, a
 * colon, braces. */
enum { JSON_GROWTH = 8, JSON_SLACK = 32 };

typedef struct reader {
  const uint8_t *at;
  const uint8_t *end;
} reader;

static size_t left(const reader *r)
{
  return (size_t)(r->end - r->at);
}

static uint32_t get32(const uint8_t *p)
{
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint64_t get64(const uint8_t *p)
{
  return (uint64_t)get32(p) << 32 | get32(p + 4);
}

/* The content behind a size of one or four bytes. */
static bool take(reader *r, bool wide, sd_bytes *ret_content)
{
  size_t width = wide ? 4 : 1;
  if (left(r) < width)
    return false;
  size_t size = wide ? get32(r->at) : r->at[0];
  if (left(r) - width < size)
    return false;
  *ret_content = sd_bytes_make(r->at + width, size);
  r->at += width + size;
  return true;
}

/* A map's items, behind its count. */
static bool take_map(reader *r, reader *ret_items, uint32_t *ret_count)
{
  if (left(r) < 1 || (r->at[0] != MAP8 && r->at[0] != MAP32))
    return false;
  bool wide = *r->at++ == MAP32;
  size_t width = wide ? 4 : 1;
  sd_bytes content;
  if (!take(r, wide, &content) || content.len < width)
    return false;
  *ret_count = wide ? get32(content.data) : content.data[0];
  ret_items->at = content.data + width;
  ret_items->end = content.data + content.len;
  return *ret_count % 2 == 0;
}

/* ---- JSON ---- */

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* Whether one of eight bytes needs escaping or is not ASCII. */
static bool has_special(uint64_t word)
{
  uint64_t control = word - EACH_BYTE(0x20); /* borrows only where a byte is below, which we look for */
  uint64_t quote = (word ^ EACH_BYTE('"')) - EACH_BYTE(1);
  uint64_t backslash = (word ^ EACH_BYTE('\\')) - EACH_BYTE(1);
  return ((control | quote | backslash | word) & EACH_BYTE(0x80)) != 0;
}

static bool put_text(uint8_t **out, sd_bytes text)
{
  uint8_t *to = *out;
  size_t i = 0;
  *to++ = '"';
  for (; text.len - i >= 8; i += 8) {
    uint64_t word;
    memcpy(&word, text.data + i, sizeof word);
    if (has_special(word))
      return false;
    memcpy(to + i, &word, sizeof word);
  }
  for (; i < text.len; i++) {
    uint8_t c = text.data[i];
    if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
      return false;
    to[i] = c;
  }
  to += text.len;
  *to++ = '"';
  *out = to;
  return true;
}

static void put_literal(uint8_t **out, const char *text)
{
  size_t len = strlen(text);
  memcpy(*out, text, len);
  *out += len;
}

static void put_unsigned(uint8_t **out, uint64_t value)
{
  uint8_t digits[20];
  size_t n = 0;
  do {
    digits[n++] = (uint8_t)('0' + value % 10);
    value /= 10;
  } while (value > 0);
  while (n > 0)
    *(*out)++ = digits[--n];
}

static void put_signed(uint8_t **out, int64_t value)
{
  if (value < 0)
    *(*out)++ = '-';
  put_unsigned(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

/* One value as JSON; false at what is not simple. */
static bool put_value(uint8_t **out, reader *r)
{
  sd_bytes text;
  if (left(r) < 1)
    return false;
  uint8_t code = *r->at++;
  size_t width = code >> 4 == 5 ? 1 : code >> 4 == 7 ? 4 : code >> 4 == 8 ? 8 : 0;
  if (left(r) < width)
    return false;
  const uint8_t *value = r->at;
  r->at += width;
  switch (code) {
  case STRING8:
  case SYMBOL8:
    return take(r, false, &text) && put_text(out, text);
  case STRING32:
    return take(r, true, &text) && put_text(out, text);
  case NULL_CODE:
    put_literal(out, "null");
    return true;
  case TRUE_CODE:
    put_literal(out, "true");
    return true;
  case FALSE_CODE:
    put_literal(out, "false");
    return true;
  case UINT0:
  case ULONG0:
    *(*out)++ = '0';
    return true;
  case UBYTE:
  case SMALLUINT:
  case SMALLULONG:
    put_unsigned(out, value[0]);
    return true;
  case BYTE:
  case SMALLINT:
  case SMALLLONG:
    put_signed(out, (int8_t)value[0]);
    return true;
  case UINT:
    put_unsigned(out, get32(value));
    return true;
  case INT:
    put_signed(out, (int32_t)get32(value));
    return true;
  case ULONG:
    put_unsigned(out, get64(value));
    return true;
  case LONG:
    put_signed(out, (int64_t)get64(value));
    return true;
  default:
    return false;
  }
}

/* "key":value with the separator that belongs in front. */
static bool put_pair(uint8_t **out, const uint8_t *start, reader *r)
{
  **out = *out == start ? '{' : ',';
  (*out)++;
  if (left(r) < 1 || (r->at[0] != STRING8 && r->at[0] != SYMBOL8) || !put_value(out, r))
    return false;
  *(*out)++ = ':';
  return put_value(out, r);
}

/* Room for all that the items can become; NULL when there is none, and the general way will say so. */
static uint8_t *room_for(sd_buf *buf, const reader *items)
{
  uint8_t *space;
  sd_buf_clear(buf);
  return sd_buf_reserve(buf, JSON_GROWTH * left(items) + JSON_SLACK, &space) == SD_OK ? space : NULL;
}

static bool put_object(sd_buf *buf, reader items, uint32_t count)
{
  uint8_t *start = room_for(buf, &items);
  uint8_t *out = start;
  if (!start)
    return false;
  for (uint32_t i = 0; i < count; i += 2) {
    if (!put_pair(&out, start, &items))
      return false;
  }
  if (left(&items) > 0)
    return false; /* more than was counted: malformed */
  if (count == 0)
    *out++ = '{';
  *out++ = '}';
  sd_buf_commit(buf, (size_t)(out - start));
  return true;
}

/* ---- annotations ---- */

static bool read_long(reader *r, int64_t *ret)
{
  if (left(r) >= 9 && r->at[0] == LONG) {
    *ret = (int64_t)get64(r->at + 1);
    r->at += 9;
    return true;
  }
  if (left(r) >= 2 && r->at[0] == SMALLLONG) {
    *ret = (int8_t)r->at[1];
    r->at += 2;
    return true;
  }
  return false;
}

static bool read_offset(reader *r, sd_bytes *ret)
{
  sd_bytes text;
  if (left(r) < 1 || *r->at++ != STRING8 || !take(r, false, &text) || !sd_utf8_valid(text.data, text.len))
    return false;
  *ret = text; /* at most 255 bytes */
  return true;
}

static bool read_time(reader *r, int64_t *ret_us)
{
  static const int64_t far_ms = INT64_MAX / 1000;
  if (left(r) < 9 || r->at[0] != TIMESTAMP)
    return false;
  int64_t ms = (int64_t)get64(r->at + 1);
  r->at += 9;
  if (ms > far_ms || ms < -far_ms)
    return false;
  *ret_us = ms * 1000;
  return true;
}

static bool is_text(sd_bytes bytes, const char *text, size_t len)
{
  return bytes.len == len && memcmp(bytes.data, text, len) == 0;
}
#define IS(bytes, literal) is_text(bytes, literal, sizeof literal - 1)

static bool read_annotations(sd_buf *rest, reader items, uint32_t count, sd_event *event)
{
  bool has_sequence = false;
  uint8_t *start = NULL; /* room is made when there is something beside the three */
  uint8_t *out = NULL;
  for (uint32_t i = 0; i < count; i += 2) {
    reader pair = items;
    sd_bytes key;
    bool good;
    if (left(&items) < 1 || *items.at++ != SYMBOL8 || !take(&items, false, &key))
      return false;
    if (IS(key, "x-opt-sequence-number")) {
      good = has_sequence = read_long(&items, &event->sequence_number);
    } else if (IS(key, "x-opt-offset")) {
      good = read_offset(&items, &event->offset);
    } else if (IS(key, "x-opt-enqueued-time")) {
      good = read_time(&items, &event->enqueued_us);
    } else {
      if (!start)
        start = out = room_for(rest, &pair);
      good = start && put_pair(&out, start, &pair);
      items = pair;
    }
    if (!good)
      return false;
  }
  if (start) {
    *out++ = '}';
    sd_buf_commit(rest, (size_t)(out - start));
    event->system_properties = sd_buf_bytes(rest);
  }
  return has_sequence && left(&items) == 0;
}

/* ---- sections ---- */

static bool skip_header(reader *r)
{
  sd_bytes content;
  if (left(r) < 1)
    return false;
  uint8_t code = *r->at++;
  if (code == LIST0)
    return true;
  if (code == LIST8)
    return take(r, false, &content) && content.len >= 1 && content.data[0] <= content.len;
  return code == LIST32 && take(r, true, &content) && content.len >= 4 && get32(content.data) <= content.len;
}

static bool read_data(reader *r, sd_bytes *ret_body)
{
  if (left(r) < 1 || (r->at[0] != BINARY8 && r->at[0] != BINARY32))
    return false;
  bool wide = *r->at++ == BINARY32;
  return take(r, wide, ret_body);
}

bool sd_event_decode_fast(sd_event_decoder *decoder, sd_bytes payload, sd_event *ret_event)
{
  reader r = {payload.data, payload.data + payload.len};
  sd_event event;
  reader items;
  uint32_t count;
  unsigned seen = 0;
  memset(&event, 0, sizeof event);
  while (left(&r) > 3 && r.at[0] == 0x00 && r.at[1] == SMALLULONG) {
    uint8_t section = r.at[2];
    bool good = false;
    r.at += 3;
    if (section < SD_AMQP_SECTION_HEADER || section > SD_AMQP_SECTION_DATA ||
        (seen & 1u << (section - SD_AMQP_SECTION_HEADER)) != 0)
      return false;
    seen |= 1u << (section - SD_AMQP_SECTION_HEADER);
    if (section == SD_AMQP_SECTION_HEADER) {
      good = skip_header(&r);
    } else if (section == SD_AMQP_SECTION_MESSAGE_ANNOTATIONS) {
      good =
          take_map(&r, &items, &count) && read_annotations(&decoder->system_properties, items, count, &event);
    } else if (section == SD_AMQP_SECTION_APPLICATION_PROPERTIES) {
      good = take_map(&r, &items, &count) && put_object(&decoder->properties, items, count);
      event.properties = sd_buf_bytes(&decoder->properties);
    } else if (section == SD_AMQP_SECTION_DATA) {
      good = read_data(&r, &event.body);
    }
    if (!good)
      return false;
  }
  unsigned needed = 1u << (SD_AMQP_SECTION_MESSAGE_ANNOTATIONS - SD_AMQP_SECTION_HEADER) |
                    1u << (SD_AMQP_SECTION_DATA - SD_AMQP_SECTION_HEADER);
  if (left(&r) > 0 || (seen & needed) != needed)
    return false;
  *ret_event = event;
  return true;
}
