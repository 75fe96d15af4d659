/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The rule table from DuckDB's errors to sd_error. */
#include "duck/duck_error.h"

#include <stdio.h>
#include <string.h>

enum {
  RAW_MESSAGE_MAX = 4096, /* bytes of DuckDB's text that are looked at */
  PREFIX_ROOM = 120       /* bytes left for what callers put in front, so that advice is not cut off */
};

/* What an error type means where the text is not known better. */
typedef struct type_rule {
  duckdb_error_type type;
  sd_status code;
  bool retriable;
  bool fatal;
} type_rule;

static const type_rule type_rules[] = {
    {DUCKDB_ERROR_TRANSACTION, SD_CONFLICT, true, false},
    {DUCKDB_ERROR_CONNECTION, SD_IO, true, false},
    {DUCKDB_ERROR_NETWORK, SD_IO, true, false},
    {DUCKDB_ERROR_HTTP, SD_IO, true, false},
    {DUCKDB_ERROR_IO, SD_IO, false, false},
    {DUCKDB_ERROR_INTERRUPT, SD_CANCELLED, true, false},
    {DUCKDB_ERROR_FATAL, SD_DATABASE, true, true},
    {DUCKDB_ERROR_INTERNAL, SD_DATABASE, true, true},
    {DUCKDB_ERROR_OUT_OF_MEMORY, SD_NOMEM, true, false},
    {DUCKDB_ERROR_PERMISSION, SD_DENIED, false, false},
    {DUCKDB_ERROR_MISSING_EXTENSION, SD_UNSUPPORTED, false, false},
    {DUCKDB_ERROR_AUTOLOAD, SD_UNSUPPORTED, false, false},
};

/* Known texts. The first that the message contains counts. */
typedef struct text_rule {
  const char *contains;
  sd_status code;
  bool retriable;
  const char *advice;
} text_rule;

static const text_rule text_rules[] = {
    {"Jwt is expired", SD_DENIED, false, "the MotherDuck token has expired: make a new one and set it"},
    {"Your request is not authenticated", SD_DENIED, false,
     "MotherDuck does not accept the token: check MOTHERDUCK_N_TOKEN"},
    {"Invalid MotherDuck token", SD_DENIED, false,
     "MotherDuck does not accept the token: check MOTHERDUCK_N_TOKEN"},
    {"Jwt header is an invalid JSON", SD_DENIED, false,
     "the MotherDuck token is damaged: copy it again into MOTHERDUCK_N_TOKEN"},
    {"Could not get default pem root certs", SD_UNSUPPORTED, false,
     "the system has no CA certificates: install the package ca-certificates"},
    {"Failed to create security handshaker", SD_UNSUPPORTED, false,
     "the system has no CA certificates: install the package ca-certificates"},
    {"Failed to download extension", SD_UNSUPPORTED, true,
     "DuckDB could not fetch the extension: allow it the network, or set STREAMDUCK_MOTHERDUCK_EXTENSION to "
     "the motherduck.duckdb_extension file made for exactly this DuckDB version"},
    {"The file was built specifically for DuckDB version", SD_UNSUPPORTED, false,
     "the extension must be made for exactly the version of libduckdb that is in use"},
    {"Failed to download \"http", SD_IO, true,
     "MotherDuck cannot be reached: check the network, proxy and firewall of this machine"},
    {"INSTALL motherduck", SD_UNSUPPORTED, false,
     "DuckDB has no MotherDuck extension: allow it the network, or set STREAMDUCK_MOTHERDUCK_EXTENSION"},
    {"with a different configuration", SD_STATE, false, NULL},
    {"Catalog write-write conflict", SD_CONFLICT, true, NULL},
    {"Conflicting lock is held", SD_CONFLICT, true,
     "only one process can have a DuckDB file open for writing: end the process that the message names"},
    {"Could not set lock on file", SD_CONFLICT, true, "another process holds the file"},
    {"No space left on device", SD_IO, true, "free some space on the disk"},
    {"Disk quota exceeded", SD_IO, true, "free some space within the quota"},
    {"File too large", SD_IO, true, "the process may not write files of this size (ulimit -f)"},
    {"Permission denied", SD_DENIED, false,
     "give this user the right to read and write the file and its folder"},
    {"Read-only file system", SD_DENIED, false, NULL},
    {"No such file or directory", SD_NOT_FOUND, false, "make the folder first, or correct the path"},
    {"read-only mode: database does not exist", SD_NOT_FOUND, false, NULL},
    {"not a valid DuckDB database file", SD_INVALID, false, "name another file; this one is left untouched"},
    {"has been invalidated", SD_DATABASE, true, NULL},
    {"Could not establish connection", SD_IO, true, "check the network"},
    {"onnection reset", SD_IO, true, NULL},
    {"imed out", SD_IO, true, NULL},
    {"emporar", SD_IO, true, NULL},
    {"Input/output error", SD_IO, true, "the disk failed: see the kernel's log"},
};

const char *sd_duck_advice(const char *text, sd_status *ret_code, bool *ret_retriable)
{
  for (size_t i = 0; i < sizeof text_rules / sizeof *text_rules; i++) {
    const text_rule *rule = &text_rules[i];
    if (!strstr(text, rule->contains))
      continue;
    *ret_code = rule->code;
    *ret_retriable = rule->retriable;
    return rule->advice;
  }
  return NULL;
}

/* Replaces what stands between the end of `marker` and the message's last `quote` by stars. Data may hold
 * quotes and line breaks itself, so that nothing behind the marker can be trusted to be DuckDB's. */
static void blank_quoted(char *message, const char *marker, char quote)
{
  char *at = strstr(message, marker);
  if (!at)
    return;
  at += strlen(marker);
  char *last = strrchr(at, quote);
  if (!last)
    last = at + strlen(at);
  size_t stars = last - at < 3 ? (size_t)(last - at) : 3;
  memset(at, '*', stars);
  memmove(at + stars, last, strlen(last) + 1);
}

void sd_duck_scrub_data(char *message)
{
  static const char *const cut_at[] = {"\nLINE ", "Input: \"", "Input: '"};
  for (size_t i = 0; i < sizeof cut_at / sizeof *cut_at; i++) {
    char *cut = strstr(message, cut_at[i]);
    if (cut)
      *cut = '\0';
  }
  size_t len = strlen(message);
  while (len > 0 && (message[len - 1] == '\n' || message[len - 1] == ' '))
    message[--len] = '\0';
  blank_quoted(message, "convert string '", '\'');
  blank_quoted(message, "convert string \"", '"');
  blank_quoted(message, "Duplicate key \"", '"');
}

/* COMMIT wraps what it met into an error of the transaction; short memory is no conflict. */
static duckdb_error_type true_type(duckdb_error_type type, const char *message)
{
  static const char *const memory[] = {"failed to pin block", "could not allocate block",
                                       "failed to allocate data", "Out of Memory"};
  for (size_t i = 0; type == DUCKDB_ERROR_TRANSACTION && i < sizeof memory / sizeof *memory; i++) {
    if (strstr(message, memory[i]))
      return DUCKDB_ERROR_OUT_OF_MEMORY;
  }
  return type;
}

sd_status sd_duck_error_set(sd_error *error, duckdb_error_type type, const char *text,
                            const sd_scrubber *scrubber)
{
  char message[RAW_MESSAGE_MAX];
  snprintf(message, sizeof message, "%s", text && *text ? text : "DuckDB gave no reason");
  sd_utf8_repair(message, strlen(message));
  sd_duck_scrub_data(message);
  sd_scrub_text(scrubber, message, sizeof message);

  sd_status code = SD_DATABASE;
  bool retriable = false;
  bool fatal = false;
  type = true_type(type, message);
  for (size_t i = 0; i < sizeof type_rules / sizeof *type_rules; i++) {
    if (type_rules[i].type != type)
      continue;
    code = type_rules[i].code;
    retriable = type_rules[i].retriable;
    fatal = type_rules[i].fatal;
  }
  sd_status known_code = SD_OK;
  bool known_retriable = false;
  const char *advice = sd_duck_advice(message, &known_code, &known_retriable);
  if (known_code != SD_OK) {
    code = known_code;
    retriable = known_retriable;
  }
  if (strstr(message, "has been invalidated"))
    fatal = true;
  if (!error)
    return code;
  if (advice)
    sd_error_set(error, code, "%.*s (%s)", (int)(SD_ERROR_MESSAGE_MAX - PREFIX_ROOM - strlen(advice)),
                 message, advice);
  else
    sd_error_set(error, code, "%s", message);
  error->source = SD_SOURCE_DUCKDB;
  error->source_code = (int32_t)type;
  error->retriable = retriable;
  error->fatal = fatal;
  return code;
}

bool sd_duck_error_is_data(const sd_error *error)
{
  if (error->source != SD_SOURCE_DUCKDB || error->fatal)
    return false;
  switch (error->source_code) {
  case DUCKDB_ERROR_OUT_OF_RANGE:
  case DUCKDB_ERROR_CONVERSION:
  case DUCKDB_ERROR_MISMATCH_TYPE:
  case DUCKDB_ERROR_OBJECT_SIZE:
  case DUCKDB_ERROR_CONSTRAINT:
  case DUCKDB_ERROR_INVALID_INPUT:
    return true;
  default:
    return false;
  }
}

bool sd_duck_error_is_conflict(const sd_error *error)
{
  return error->source == SD_SOURCE_DUCKDB && error->source_code == DUCKDB_ERROR_TRANSACTION && !error->fatal;
}

bool sd_duck_error_is_memory(const sd_error *error)
{
  return error->source == SD_SOURCE_DUCKDB && error->source_code == DUCKDB_ERROR_OUT_OF_MEMORY;
}
