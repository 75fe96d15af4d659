/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The `.env` format. */
#include "config/env_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

typedef struct parser {
  const uint8_t *at;
  const uint8_t *end;
  unsigned line;
  const sd_env_handler *handler;
  void *user;
  sd_buf value;
} parser;

static bool is_blank(uint8_t c)
{
  return c == ' ' || c == '\t' || c == '\f' || c == '\v';
}

static bool is_newline(uint8_t c)
{
  return c == '\n' || c == '\r';
}

static bool is_name(uint8_t c)
{
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == '-';
}

static void skip_blanks(parser *p)
{
  while (p->at < p->end && is_blank(*p->at))
    p->at++;
}

static void skip_newline(parser *p)
{
  if (p->at == p->end)
    return;
  if (*p->at == '\r' && p->at + 1 < p->end && p->at[1] == '\n')
    p->at++;
  p->at++;
  p->line++;
}

static void skip_line(parser *p)
{
  while (p->at < p->end && !is_newline(*p->at))
    p->at++;
  skip_newline(p);
}

/* A problem, and the rest of the line is left out. */
static void refuse(parser *p, unsigned line, const char *message)
{
  p->handler->problem(p->user, line, message);
  skip_line(p);
}

/* True when "export" and blanks were skipped or there are none. */
static void skip_export(parser *p)
{
  static const char word[] = "export";
  size_t len = sizeof word - 1;
  if ((size_t)(p->end - p->at) > len && memcmp(p->at, word, len) == 0 && is_blank(p->at[len])) {
    p->at += len;
    skip_blanks(p);
  }
}

/* What a backslash in front of c stands for between double quotes; 0: the backslash stays. */
static uint8_t unescape(uint8_t c)
{
  switch (c) {
  case 'n':
    return '\n';
  case 'r':
    return '\r';
  case 't':
    return '\t';
  case '"':
  case '\'':
  case '\\':
  case '$':
    return c;
  default:
    return 0;
  }
}

/* at stands behind the opening quote. False when the closing one is missing. */
static bool read_quoted(parser *p, uint8_t quote)
{
  while (p->at < p->end && *p->at != quote) {
    uint8_t c = *p->at;
    if (c == '\\' && p->at + 1 < p->end) {
      uint8_t next = p->at[1];
      uint8_t plain = quote == '"' ? unescape(next) : next == '\'' || next == '\\' ? next : 0;
      if (plain) {
        sd_buf_append_byte(&p->value, plain);
        p->at += 2;
        continue;
      }
    }
    if (is_newline(c)) {
      skip_newline(p);
      sd_buf_append_byte(&p->value, '\n');
      continue;
    }
    sd_buf_append_byte(&p->value, c);
    p->at++;
  }
  if (p->at == p->end)
    return false;
  p->at++;
  return true;
}

/* Up to the line's end, or to a '#' behind a blank; blanks at the end are cut. */
static void read_plain(parser *p)
{
  const uint8_t *begin = p->at, *stop = p->at;
  while (p->at < p->end && !is_newline(*p->at)) {
    if (*p->at == '#' && (p->at == begin || is_blank(p->at[-1])))
      break;
    p->at++;
    if (!is_blank(p->at[-1]))
      stop = p->at;
  }
  sd_buf_append(&p->value, begin, (size_t)(stop - begin));
}

static sd_status deliver(parser *p, unsigned line, const char *name)
{
  sd_status status = sd_buf_status(&p->value);
  if (status == SD_NOMEM)
    return status;
  if (status != SD_OK)
    p->handler->problem(p->user, line, "the value is longer than 16384 bytes");
  else if (p->value.len && memchr(p->value.data, 0, p->value.len))
    p->handler->problem(p->user, line, "the value contains a NUL byte");
  else
    p->handler->entry(p->user, line, name, sd_buf_text(&p->value));
  return SD_OK;
}

static sd_status read_entry(parser *p)
{
  unsigned line = p->line;
  skip_export(p);
  const uint8_t *begin = p->at;
  while (p->at < p->end && is_name(*p->at))
    p->at++;
  char name[SD_ENV_NAME_MAX];
  if (p->at == begin) {
    refuse(p, line, "a line must be NAME=VALUE or begin with #");
    return SD_OK;
  }
  if (!sd_bytes_to_text(sd_bytes_make(begin, (size_t)(p->at - begin)), name, sizeof name)) {
    refuse(p, line, "the name is longer than 127 bytes");
    return SD_OK;
  }
  skip_blanks(p);
  if (p->at == p->end || *p->at != '=') {
    refuse(p, line, "= is missing behind the name: a line must be NAME=VALUE");
    return SD_OK;
  }
  p->at++;
  skip_blanks(p);

  sd_buf_clear(&p->value);
  uint8_t first = p->at < p->end ? *p->at : '\n';
  if (first == '"' || first == '\'') {
    const uint8_t *opening = ++p->at;
    if (!read_quoted(p, first)) {
      /* The quote swallowed the rest of the file: take up again behind the line that it stands on. */
      p->at = opening;
      p->line = line;
      refuse(p, line, "the closing quote is missing");
      return SD_OK;
    }
    skip_blanks(p);
    if (p->at < p->end && !is_newline(*p->at) && *p->at != '#') {
      refuse(p, line, "there is text behind the closing quote");
      return SD_OK;
    }
  } else {
    read_plain(p);
  }
  sd_status status = deliver(p, line, name);
  skip_line(p);
  return status;
}

sd_status sd_env_parse(sd_bytes text, const sd_env_handler *handler, void *user)
{
  static const uint8_t byte_order_mark[] = {0xEF, 0xBB, 0xBF};
  parser p = {.line = 1, .handler = handler, .user = user};
  if (text.len >= sizeof byte_order_mark && memcmp(text.data, byte_order_mark, sizeof byte_order_mark) == 0) {
    text.data += sizeof byte_order_mark;
    text.len -= sizeof byte_order_mark;
  }
  if (!text.len)
    return SD_OK;
  p.at = text.data;
  p.end = text.data + text.len;
  sd_buf_init(&p.value, SD_ENV_VALUE_MAX);
  sd_status status = SD_OK;
  while (status == SD_OK && p.at < p.end) {
    skip_blanks(&p);
    if (p.at == p.end)
      break;
    if (is_newline(*p.at))
      skip_newline(&p);
    else if (*p.at == '#')
      skip_line(&p);
    else
      status = read_entry(&p);
  }
  sd_buf_release(&p.value);
  return status;
}

sd_status sd_env_read_file(const char *path, sd_buf *out, sd_error *error)
{
  sd_status status = SD_OK;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT)
    return sd_error_set(error, SD_NOT_FOUND, "there is no file %s", path);
  if (fd < 0)
    return sd_error_set_errno(error, SD_IO, errno, "%s cannot be read", path);
  for (;;) {
    uint8_t chunk[4096];
    ssize_t n = read(fd, chunk, sizeof chunk);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0) {
      status = sd_error_set_errno(error, SD_IO, errno, "%s cannot be read", path);
      break;
    }
    if (n == 0)
      break;
    status = sd_buf_append(out, chunk, (size_t)n);
    if (status == SD_NOMEM)
      sd_error_set(error, status, "out of memory");
    else if (status != SD_OK)
      status = sd_error_set(error, SD_CONFIG, "%s is longer than 1 MiB: is it a file of settings?", path);
    if (status != SD_OK)
      break;
  }
  close(fd);
  return status;
}
