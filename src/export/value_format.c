/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Values by Python's format specifications: [[fill]align][sign][#][0][width][,|_][.precision][type]. */
#include "export/value_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { NUMBER_TEXT_MAX = 512 /* a double with SD_FORMAT_PRECISION_MAX digits behind its point */ };

typedef struct specification {
  sd_bytes fill; /* one character */
  char align;    /* < > ^ =, 0: none given */
  char sign;     /* + - space, 0: none given */
  bool is_alternate;
  size_t width;
  char group; /* , or _, 0: none */
  bool has_precision;
  size_t precision;
  char type; /* 0: none */
} specification;

static bool take_number(sd_bytes *text, size_t max, size_t *ret)
{
  size_t value = 0;
  size_t digits = 0;
  for (; text->len > 0 && text->data[0] >= '0' && text->data[0] <= '9'; digits++) {
    value = value * 10 + (size_t)(text->data[0] - '0');
    if (value > max)
      return false;
    *text = sd_bytes_make(text->data + 1, text->len - 1);
  }
  *ret = value;
  return digits > 0;
}

static bool next_is(const sd_bytes *text, size_t at, const char *bytes)
{
  return at < text->len && text->data[at] && strchr(bytes, text->data[at]);
}

static char take_one(sd_bytes *text, const char *bytes)
{
  if (!next_is(text, 0, bytes))
    return 0;
  char c = (char)text->data[0];
  *text = sd_bytes_make(text->data + 1, text->len - 1);
  return c;
}

static bool parse(sd_bytes text, specification *ret)
{
  specification s = {.fill = sd_bytes_of(" ")};
  size_t first = 1;
  while (first < text.len && (text.data[first] & 0xc0) == 0x80)
    first++;
  if (text.len > 0 && next_is(&text, first, "<>^=")) {
    s.fill = sd_bytes_make(text.data, first);
    text = sd_bytes_make(text.data + first, text.len - first);
  }
  s.align = take_one(&text, "<>^=");
  s.sign = take_one(&text, "+- ");
  s.is_alternate = take_one(&text, "#") != 0;
  if (next_is(&text, 0, "0") && !s.align) {
    s.align = '=';
    s.fill = sd_bytes_of("0");
  }
  if (next_is(&text, 0, "0123456789") && !take_number(&text, SD_FORMAT_WIDTH_MAX, &s.width))
    return false;
  s.group = take_one(&text, ",_");
  s.has_precision = take_one(&text, ".") != 0;
  if (s.has_precision && !take_number(&text, SD_FORMAT_PRECISION_MAX, &s.precision))
    return false;
  s.type = take_one(&text, "sdnboxXfFeEgG%c");
  *ret = s;
  return text.len == 0;
}

static void put_fill(const specification *s, size_t count, sd_buf *out)
{
  while (count-- > 0)
    sd_buf_append_bytes(out, s->fill);
}

/* prefix: sign and base, behind which `=` fills. */
static void put_padded(const specification *s, const char *prefix, sd_bytes text, char default_align,
                       sd_buf *out)
{
  char align = s->align ? s->align : default_align;
  size_t len = sd_text_characters(text) + strlen(prefix);
  size_t missing = s->width > len ? s->width - len : 0;
  size_t before = align == '>' ? missing : align == '^' ? missing / 2 : 0;
  put_fill(s, before, out);
  sd_buf_append_text(out, prefix);
  put_fill(s, align == '=' ? missing : 0, out);
  sd_buf_append_bytes(out, text);
  put_fill(s, align == '<' ? missing : align == '^' ? missing - before : 0, out);
}

static bool put_string(const specification *s, sd_bytes text, sd_buf *out)
{
  if ((s->type && s->type != 's') || s->sign || s->is_alternate || s->group || s->align == '=')
    return false;
  if (s->has_precision) {
    size_t end = 0;
    for (size_t n = 0; end < text.len; end++) {
      if ((text.data[end] & 0xc0) != 0x80 && n++ == s->precision)
        break;
    }
    text.len = end;
  }
  put_padded(s, "", text, '<', out);
  return true;
}

/* Puts separators between groups of the digits before the point. */
static size_t group_digits(const char *digits, char separator, size_t size, char *dst)
{
  size_t whole = strspn(digits, "0123456789abcdefABCDEF");
  size_t n = 0;
  size_t every = separator == '_' && strspn(digits, "01234567") != whole ? 4 : 3;
  if (separator == ',')
    every = 3;
  for (size_t i = 0; digits[i] && n + 2 < size; i++) {
    if (i > 0 && i < whole && (whole - i) % every == 0)
      dst[n++] = separator;
    dst[n++] = digits[i];
  }
  dst[n] = '\0';
  return n;
}

static bool put_number(const specification *s, bool is_negative, const char *base, const char *digits,
                       sd_buf *out)
{
  char prefix[8];
  char grouped[2 * NUMBER_TEXT_MAX];
  const char *sign = is_negative ? "-" : s->sign == '+' ? "+" : s->sign == ' ' ? " " : "";
  snprintf(prefix, sizeof prefix, "%s%s", sign, base);
  if (s->group) {
    group_digits(digits, s->group, sizeof grouped, grouped);
    digits = grouped;
  }
  put_padded(s, prefix, sd_bytes_of(digits), '>', out);
  return true;
}

/* Of what printf writes for a number, all but the decimal point. */
static const char number_bytes[] = "0123456789abcdefghijklmnopqrstuvwxyzEFGIN%+-";

/* printf writes the locale's decimal point, which may be any text. */
static void use_point(char *text)
{
  char *to = text;
  for (const char *from = text; *from;) {
    bool is_number = strchr(number_bytes, *from) != NULL;
    *to++ = is_number ? *from : '.';
    from++;
    while (!is_number && *from && !strchr(number_bytes, *from))
      from++;
  }
  *to = '\0';
}

static bool put_float(const specification *s, double value, sd_buf *out)
{
  char text[NUMBER_TEXT_MAX];
  char type = s->type;
  int precision = s->has_precision ? (int)s->precision : 6;
  double positive = fabs(value);
  if (type == 0 && !s->has_precision) {
    sd_any_view view = {.type = SD_ANY_DOUBLE, .number = positive};
    sd_buf plain;
    sd_buf_init(&plain, sizeof text);
    bool is_written = sd_value_text(&view, false, &plain) == SD_OK &&
                      sd_bytes_to_text(sd_buf_bytes(&plain), text, sizeof text);
    sd_buf_release(&plain);
    return is_written && put_number(s, signbit(value) != 0, "", text, out);
  }
  if (!isfinite(value))
    snprintf(text, sizeof text, isnan(value) ? "nan" : "inf");
  else if (type == '%')
    snprintf(text, sizeof text, "%.*f%%", precision, positive * 100);
  else if (type == 'f' || type == 'F')
    snprintf(text, sizeof text, "%.*f", precision, positive);
  else if (type == 'e' || type == 'E')
    snprintf(text, sizeof text, type == 'e' ? "%.*e" : "%.*E", precision, positive);
  else if (type == 'g' || type == 'G' || type == 'n' || type == 0)
    snprintf(text, sizeof text, type == 'G' ? "%.*G" : "%.*g", precision, positive);
  else
    return false;
  use_point(text);
  return put_number(s, signbit(value) != 0 && !isnan(value), "", text, out);
}

static bool put_integer(const specification *s, int64_t value, sd_buf *out)
{
  char digits[72];
  uint64_t positive = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  const char *base = "";
  switch (s->type) {
  case 0:
  case 'd':
  case 'n':
    snprintf(digits, sizeof digits, "%" PRIu64, positive);
    break;
  case 'x':
  case 'X':
    snprintf(digits, sizeof digits, s->type == 'x' ? "%" PRIx64 : "%" PRIX64, positive);
    base = s->type == 'x' ? "0x" : "0X";
    break;
  case 'o':
    snprintf(digits, sizeof digits, "%" PRIo64, positive);
    base = "0o";
    break;
  case 'b': {
    size_t bits = positive ? 64 - (size_t)__builtin_clzll(positive) : 1;
    for (size_t i = 0; i < bits; i++)
      digits[i] = positive >> (bits - 1 - i) & 1 ? '1' : '0';
    digits[bits] = '\0';
    base = "0b";
    break;
  }
  case 'c':
  case 's':
    return false;
  default:
    return put_float(s, (double)value, out);
  }
  return !s->has_precision && put_number(s, value < 0, s->is_alternate ? base : "", digits, out);
}

bool sd_value_format(const sd_any_view *value, sd_bytes text, sd_buf *out)
{
  specification s;
  if (text.len == 0)
    return sd_value_text(value, false, out) == SD_OK;
  if (!parse(text, &s))
    return false;
  switch (value->type) {
  case SD_ANY_STRING:
    return put_string(&s, value->bytes, out);
  case SD_ANY_DOUBLE:
    return put_float(&s, value->number, out);
  case SD_ANY_INT:
  case SD_ANY_BOOL:
    return put_integer(&s, value->integer, out);
  case SD_ANY_NULL:
  case SD_ANY_ARRAY:
  case SD_ANY_MAP:
  case SD_ANY_BYTES:
    break; /* no specification applies to them */
  }
  return false;
}
