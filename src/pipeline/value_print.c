/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Values as text: what they hold, bounded, or only what they are. */
#include "base/number.h"
#include "pipeline/value.h"

#include <inttypes.h>
#include <stdio.h>

#define ELLIPSIS "\xe2\x80\xa6"
enum { ELLIPSIS_LEN = 3, STRING_PIECE = 64 };

typedef struct sd_printer {
  char *dst;
  size_t len;
  size_t max; /* without the NUL */
  bool full;  /* something did not fit: nothing more is written */
} sd_printer;

static void put(sd_printer *printer, const char *text, size_t len)
{
  size_t fits = printer->max - printer->len;
  if (printer->full || len > fits) {
    len = printer->full ? 0 : fits;
    printer->full = true;
  }
  if (len > 0)
    memcpy(printer->dst + printer->len, text, len);
  printer->len += len;
}

static void put_text(sd_printer *printer, const char *text)
{
  put(printer, text, strlen(text));
}

/* What stands for a byte in a quoted string; "" for the byte itself. */
static const char *escape_of(unsigned char byte, char *space, size_t size)
{
  switch (byte) {
  case '"':
    return "\\\"";
  case '\\':
    return "\\\\";
  case '\n':
    return "\\n";
  case '\r':
    return "\\r";
  case '\t':
    return "\\t";
  default:
    if (byte >= 0x20 && byte != 0x7f)
      return "";
    (void)snprintf(space, size, "\\u%04x", byte);
    return space;
  }
}

static void put_string(sd_printer *printer, const char *text, size_t len)
{
  size_t plain = 0; /* where that begins which is copied as it is */
  put(printer, "\"", 1);
  for (size_t i = 0; i < len && !printer->full; i++) {
    char space[8];
    const char *escape = escape_of((unsigned char)text[i], space, sizeof space);
    if (!escape[0] && i - plain < STRING_PIECE)
      continue;
    put(printer, text + plain, i - plain);
    put_text(printer, escape);
    plain = escape[0] ? i + 1 : i;
  }
  put(printer, text + plain, len - plain);
  put(printer, "\"", 1);
}

static void put_double(sd_printer *printer, double number)
{
  char text[SD_DOUBLE_TEXT_SIZE + 2];
  size_t len = sd_double_to_text(number, text);
  if (strspn(text, "-0123456789") == len) {
    memcpy(text + len, ".0", 3);
    len += 2;
  }
  put(printer, text, len);
}

/* The object writes into what is left; it is made one line of UTF-8. */
static void put_opaque(sd_printer *printer, sd_value value)
{
  if (!SD_VALUE_TYPE_HAS(value.type, print)) {
    put(printer, "<", 1);
    put_text(printer, value.type->name);
    put(printer, ">", 1);
    return;
  }
  if (printer->full || printer->len == printer->max) {
    printer->full = true;
    return;
  }
  char *text = printer->dst + printer->len;
  size_t room = printer->max - printer->len;
  text[0] = '\0';
  value.type->print(value.as.object, text, room + 1);
  size_t len = strnlen(text, room);
  for (size_t i = 0; i < len; i++) {
    if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
      text[i] = ' ';
  }
  printer->len += len;
  printer->full = len == room;
}

static void put_value(sd_printer *printer, sd_value value);

static void put_list(sd_printer *printer, const sd_list_object *list)
{
  put(printer, "[", 1);
  for (size_t i = 0; i < list->count && !printer->full; i++) {
    put(printer, ", ", i > 0 ? 2 : 0);
    put_value(printer, list->items[i]);
  }
  put(printer, "]", 1);
}

static void put_map(sd_printer *printer, const sd_map_object *map)
{
  put(printer, "{", 1);
  for (size_t i = 0; i < map->count && !printer->full; i++) {
    put(printer, ", ", i > 0 ? 2 : 0);
    put_string(printer, map->keys[i], strlen(map->keys[i]));
    put(printer, ": ", 2);
    put_value(printer, map->values[i]);
  }
  put(printer, "}", 1);
}

static void put_value(sd_printer *printer, sd_value value)
{
  char text[48];
  switch (sd_value_kind_of(value)) {
  case SD_VALUE_NULL:
    put_text(printer, "null");
    return;
  case SD_VALUE_BOOL:
    put_text(printer, value.as.integer ? "true" : "false");
    return;
  case SD_VALUE_INT:
    (void)snprintf(text, sizeof text, "%" PRId64, value.as.integer);
    put_text(printer, text);
    return;
  case SD_VALUE_DOUBLE:
    put_double(printer, value.as.number);
    return;
  case SD_VALUE_STRING:
    put_string(printer, sd_value_text_object(value)->data, sd_value_text_object(value)->len);
    return;
  case SD_VALUE_BYTES:
    (void)snprintf(text, sizeof text, "<%zu bytes>", sd_value_text_object(value)->len);
    put_text(printer, text);
    return;
  case SD_VALUE_LIST:
    put_list(printer, sd_value_list_object(value));
    return;
  case SD_VALUE_MAP:
    put_map(printer, sd_value_map_object(value));
    return;
  case SD_VALUE_OPAQUE:
  default:
    put_opaque(printer, value);
    return;
  }
}

char *sd_value_print(sd_value value, char *dst, size_t size)
{
  if (size == 0)
    return dst;
  sd_printer printer = {.dst = dst, .max = size - 1};
  put_value(&printer, value);
  sd_utf8_repair(dst, sd_utf8_cut(dst, printer.len, printer.len));
  if (printer.full && printer.max >= ELLIPSIS_LEN) {
    size_t cut = printer.max - ELLIPSIS_LEN;
    if (cut > printer.len)
      cut = printer.len;
    printer.len = sd_utf8_cut(dst, printer.len, cut);
    memcpy(dst + printer.len, ELLIPSIS, ELLIPSIS_LEN);
    printer.len += ELLIPSIS_LEN;
  } else if (printer.full) {
    printer.len = 0;
  }
  dst[printer.len] = '\0';
  return dst;
}

char *sd_value_describe(sd_value value, char *dst, size_t size)
{
  if (size == 0)
    return dst;
  sd_value_kind kind = sd_value_kind_of(value);
  int len;
  if (kind == SD_VALUE_NULL)
    len = snprintf(dst, size, "null");
  else if (kind == SD_VALUE_STRING)
    len = snprintf(dst, size, "string of %zu bytes", sd_value_text_object(value)->len);
  else if (kind == SD_VALUE_BYTES)
    len = snprintf(dst, size, "%zu bytes", sd_value_text_object(value)->len);
  else if (kind == SD_VALUE_LIST || kind == SD_VALUE_MAP)
    len = snprintf(dst, size, "%s of %zu", value.type->name, sd_value_count(value));
  else
    len = snprintf(dst, size, "%s", value.type->name);
  if (len < 0)
    len = 0;
  size_t written = (size_t)len < size ? (size_t)len : size - 1;
  sd_utf8_repair(dst, written);
  dst[written] = '\0';
  return dst;
}
