/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Quoting for SQL text. */
#include "duck/quote.h"

#include "base/clock.h"

static sd_status append_quoted(sd_buf *sql, sd_bytes text, char quote)
{
  sd_buf_append_byte(sql, (uint8_t)quote);
  const uint8_t *at = text.data;
  const uint8_t *end = at + text.len;
  while (at < end) {
    const uint8_t *next = memchr(at, quote, (size_t)(end - at));
    if (!next) {
      sd_buf_append(sql, at, (size_t)(end - at));
      break;
    }
    sd_buf_append(sql, at, (size_t)(next - at) + 1);
    sd_buf_append_byte(sql, (uint8_t)quote);
    at = next + 1;
  }
  return sd_buf_append_byte(sql, (uint8_t)quote);
}

/* Marks the chain of appends as failed. */
static sd_status refuse(sd_buf *sql)
{
  if (sql->failed == SD_OK)
    sql->failed = SD_INVALID;
  return SD_INVALID;
}

sd_status sd_duck_quote_identifier(sd_buf *sql, const char *name)
{
  sd_bytes text = sd_bytes_of(name);
  if (text.len == 0 || !sd_utf8_valid(text.data, text.len))
    return refuse(sql);
  return append_quoted(sql, text, '"');
}

sd_status sd_duck_quote_table(sd_buf *sql, const char *catalog, const char *schema, const char *table)
{
  sd_duck_quote_identifier(sql, catalog);
  sd_buf_append_byte(sql, '.');
  sd_duck_quote_identifier(sql, schema);
  sd_buf_append_byte(sql, '.');
  sd_duck_quote_identifier(sql, table);
  return sd_buf_status(sql);
}

sd_status sd_duck_quote_literal(sd_buf *sql, sd_bytes text)
{
  if (!text.data)
    return sd_buf_append_text(sql, "NULL");
  if (memchr(text.data, '\0', text.len) || !sd_utf8_valid(text.data, text.len))
    return refuse(sql);
  return append_quoted(sql, text, '\'');
}

sd_status sd_duck_quote_text(sd_buf *sql, const char *text)
{
  return sd_duck_quote_literal(sql, sd_bytes_of(text));
}

sd_status sd_duck_quote_time(sd_buf *sql, int64_t unix_us)
{
  char text[SD_CLOCK_ISO8601_SIZE];
  sd_clock_iso8601(unix_us, text);
  if (text[0] < '0' || text[0] > '9')
    return sd_buf_append_text(sql, "NULL::TIMESTAMPTZ");
  return sd_buf_appendf(sql, "TIMESTAMPTZ '%s'", text);
}
