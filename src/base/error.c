/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The error model: codes by name and text, and filling an sd_error. */
#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <streamduck/error.h>
#include <string.h>

_Static_assert(sizeof(sd_error) == 512, "sd_error is part of the ABI");

const char *sd_status_name(sd_status status)
{
  switch (status) {
#define SD_STATUS_NAME(name, number, text)                                                                   \
  case number:                                                                                               \
    return "SD_" #name;
    SD_STATUS_MAP(SD_STATUS_NAME)
#undef SD_STATUS_NAME
  default:
    return "SD_?";
  }
}

const char *sd_status_text(sd_status status)
{
  switch (status) {
#define SD_STATUS_TEXT(name, number, text)                                                                   \
  case number:                                                                                               \
    return text;
    SD_STATUS_MAP(SD_STATUS_TEXT)
#undef SD_STATUS_TEXT
  default:
    return "unknown status";
  }
}

void sd_error_clear(sd_error *error)
{
  if (error)
    memset(error, 0, sizeof *error);
}

/* Stores a message as well-formed UTF-8: cut between two characters, and what is malformed (a quoted name of
 * a peer, say) becomes '?'. */
static void store_message(sd_error *error, const char *message)
{
  size_t len = sd_utf8_cut(message, strlen(message), SD_ERROR_MESSAGE_MAX - 1);
  memset(error->message, 0, sizeof error->message);
  memcpy(error->message, message, len);
  sd_utf8_repair(error->message, len);
}

/* One byte more than the message, so that store_message sees whether and where it is cut. */
struct draft {
  char text[SD_ERROR_MESSAGE_MAX + 1];
};

static void SD_PRINTF(2, 0) format_draft(struct draft *draft, const char *format, va_list args)
{
  if (vsnprintf(draft->text, sizeof draft->text, format, args) < 0)
    draft->text[0] = '\0';
}

static void append_draft(struct draft *draft, const char *text)
{
  size_t len = strlen(draft->text);
  size_t more = strnlen(text, sizeof draft->text - 1 - len);
  memcpy(draft->text + len, text, more);
  draft->text[len + more] = '\0';
}

sd_status sd_error_set(sd_error *error, sd_status code, const char *format, ...)
{
  if (!error)
    return code;
  /* The arguments may point into *error, so it is cleared only after formatting. */
  struct draft draft;
  va_list args;
  va_start(args, format);
  format_draft(&draft, format, args);
  va_end(args);
  sd_error_clear(error);
  error->code = code;
  store_message(error, draft.text);
  return code;
}

static const char *errno_text(int errnum, char *space, size_t size)
{
#if defined(__GLIBC__)
  return strerror_r(errnum, space, size);
#else
  if (strerror_r(errnum, space, size) != 0)
    snprintf(space, size, "errno %d", errnum);
  return space;
#endif
}

sd_status sd_error_set_errno(sd_error *error, sd_status code, int errnum, const char *format, ...)
{
  if (!error)
    return code;
  struct draft draft;
  va_list args;
  va_start(args, format);
  format_draft(&draft, format, args);
  va_end(args);
  char space[128];
  append_draft(&draft, ": ");
  append_draft(&draft, errno_text(errnum, space, sizeof space));
  sd_error_clear(error);
  error->code = code;
  error->source = SD_SOURCE_SYSTEM;
  error->source_code = errnum;
  store_message(error, draft.text);
  return code;
}

void sd_error_prefix(sd_error *error, const char *format, ...)
{
  if (!error)
    return;
  struct draft draft;
  va_list args;
  va_start(args, format);
  format_draft(&draft, format, args);
  va_end(args);
  append_draft(&draft, ": ");
  append_draft(&draft, error->message);
  store_message(error, draft.text);
}
