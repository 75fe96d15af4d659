/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Tables of the demo. */
#include "cli/demo_table.h"

#include <inttypes.h>
#include <string.h>

enum { SQL_MAX = 128 * 1024 };

/* Characters of UTF-8 text, at most max; *ret_bytes is their length. */
static size_t characters(sd_bytes text, size_t max, size_t *ret_bytes)
{
  size_t count = 0, at = 0;
  while (at < text.len) {
    bool starts = (text.data[at] & 0xc0) != 0x80;
    if (starts && count == max)
      break;
    count += starts;
    at++;
  }
  *ret_bytes = at;
  return count;
}

static bool is_number(sd_bytes text)
{
  size_t digits = 0;
  for (size_t i = 0; i < text.len; i++) {
    bool digit = text.data[i] >= '0' && text.data[i] <= '9';
    if (!digit && !strchr("+-.,eE%", text.data[i]))
      return false;
    digits += digit;
  }
  return text.len == 0 || digits > 0;
}

static void print_cell(FILE *out, sd_bytes text, size_t width, bool right, bool last)
{
  size_t bytes;
  size_t count = characters(text, SD_DEMO_TABLE_WIDTH_MAX, &bytes);
  int pad = width > count ? (int)(width - count) : 0;
  if (right)
    fprintf(out, "  %*s%.*s", pad, "", (int)bytes, bytes ? (const char *)text.data : "");
  else
    fprintf(out, "  %.*s%*s", (int)bytes, bytes ? (const char *)text.data : "", last ? 0 : pad, "");
}

static void print_rows(const sd_duck_result *result, FILE *out)
{
  uint64_t rows = sd_duck_result_rows(result);
  uint64_t shown = rows < SD_DEMO_TABLE_ROWS_MAX ? rows : SD_DEMO_TABLE_ROWS_MAX;
  uint32_t columns = sd_duck_result_columns(result);
  if (columns > SD_DEMO_TABLE_COLUMNS_MAX)
    columns = SD_DEMO_TABLE_COLUMNS_MAX;
  size_t width[SD_DEMO_TABLE_COLUMNS_MAX], bytes;
  bool right[SD_DEMO_TABLE_COLUMNS_MAX];
  for (uint32_t c = 0; c < columns; c++) {
    width[c] =
        characters(sd_bytes_of(sd_duck_result_column_name(result, c)), SD_DEMO_TABLE_WIDTH_MAX, &bytes);
    right[c] = true;
    for (uint64_t r = 0; r < shown; r++) {
      sd_bytes cell = sd_duck_result_text(result, r, c);
      size_t count = characters(cell, SD_DEMO_TABLE_WIDTH_MAX, &bytes);
      width[c] = count > width[c] ? count : width[c];
      right[c] = right[c] && is_number(cell);
    }
  }
  for (uint32_t c = 0; c < columns; c++)
    print_cell(out, sd_bytes_of(sd_duck_result_column_name(result, c)), width[c], right[c], c + 1 == columns);
  fputc('\n', out);
  for (uint64_t r = 0; r < shown; r++) {
    for (uint32_t c = 0; c < columns; c++)
      print_cell(out, sd_duck_result_text(result, r, c), width[c], right[c], c + 1 == columns);
    fputc('\n', out);
  }
  if (rows > shown)
    fprintf(out, "  … and %" PRIu64 " more rows\n", rows - shown);
}

sd_status sd_demo_table_print(sd_duck_connection *connection, const char *select, FILE *out, sd_error *error)
{
  size_t len = strlen(select);
  while (len > 0 && strchr("; \t\r\n", select[len - 1]))
    len--;
  sd_buf sql;
  sd_buf_init(&sql, SQL_MAX);
  /* The line break ends a comment at the statement's end. */
  sd_buf_appendf(&sql, "SELECT COLUMNS(*)::VARCHAR FROM (%.*s\n)", (int)len, select);
  sd_duck_result *result = NULL;
  sd_status status = sd_duck_query_buf(connection, &sql, &result, error);
  sd_buf_release(&sql);
  if (status != SD_OK)
    return status;
  print_rows(result, out);
  sd_duck_result_free(result);
  return SD_OK;
}
