/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The rule table of retries. */
#include "stream/rules.h"

#include "base/bytes.h"

#include <strings.h>

/* duckdb_error_type, as far as rules name it. */
enum {
  DUCK_OUT_OF_RANGE = 1,
  DUCK_CONVERSION = 2,
  DUCK_TRANSACTION = 10,
  DUCK_CATALOG = 13,
  DUCK_PARSER = 14,
  DUCK_CONSTRAINT = 18,
  DUCK_CONNECTION = 21,
  DUCK_SYNTAX = 22,
  DUCK_BINDER = 24,
  DUCK_NETWORK = 25,
  DUCK_IO = 28,
  DUCK_INTERRUPT = 29,
  DUCK_FATAL = 30,
  DUCK_INTERNAL = 31,
  DUCK_INVALID_INPUT = 32,
  DUCK_OUT_OF_MEMORY = 33,
  DUCK_PERMISSION = 34,
  DUCK_HTTP = 38,
  DUCK_MISSING_EXTENSION = 39,
  DUCK_AUTOLOAD = 40
};

static const char advice_schema[] =
    "compare the target table with the columns that streamduck writes, mend it or name another table";
static const char advice_token[] = "make a new MotherDuck token and set it";
static const char advice_extension[] =
    "install the MotherDuck extension of this DuckDB version, or let the machine reach the extension server";
static const char advice_rows[] = "the target table refuses these rows: look at its types and constraints";
static const char advice_permission[] = "give this user the right to write the database, then start again";
static const char advice_lock[] = "close the database in the other process; the mapping goes on by itself";
static const char advice_disk[] = "make room on the disk; the mapping goes on by itself";
static const char advice_replay[] =
    "keep a copy of both files; with the .wal moved away the database opens as it was when DuckDB last wrote "
    "it, and the events since then are read again";
static const char advice_reopen[] = "the database was closed after an internal error and is opened again";

typedef struct text_rule {
  const char *text; /* lower case */
  sd_ruling ruling;
} text_rule;

/* First match wins. */
static const text_rule text_rules[] = {
    {"jwt is expired", {SD_RULE_HALT, 0, advice_token}},
    {"jwt header is an invalid json", {SD_RULE_HALT, 0, advice_token}},
    {"request is not authenticated", {SD_RULE_HALT, 0, advice_token}},
    {"invalid motherduck token", {SD_RULE_HALT, 0, advice_token}},
    {"could not get default pem root certs", {SD_RULE_HALT, 0, "install the package ca-certificates"}},
    {"failed to download extension", {SD_RULE_HALT, 0, advice_extension}},
    {"install motherduck", {SD_RULE_HALT, 0, advice_extension}},
    {"with a different configuration", {SD_RULE_HALT, 0, NULL}},
    {"could not set lock on file", {SD_RULE_RETRY, 0, advice_lock}},
    {"no space left on device", {SD_RULE_RETRY, 0, advice_disk}},
    {"disk quota exceeded", {SD_RULE_RETRY, 0, advice_disk}},
    {"write-write conflict", {SD_RULE_RETRY, 0, NULL}},
    {"permission denied", {SD_RULE_HALT, 0, advice_permission}},
    {"read-only file system", {SD_RULE_HALT, 0, advice_permission}},
    {"in read-only mode", {SD_RULE_HALT, 0, advice_permission}},
    {"no such file or directory", {SD_RULE_HALT, 0, "make the folder of the database file"}},
    {"failure while replaying wal", {SD_RULE_HALT, 0, advice_replay}},
};

/* Of an I/O error: it comes from the network or will pass. */
static const char *const passing_texts[] = {"timed out",   "timeout",   "connection", "network",
                                            "unreachable", "temporar",  "resolve",    "reset by peer",
                                            "broken pipe", "try again", "interrupted"};

typedef struct type_rule {
  int32_t type;
  sd_ruling ruling;
} type_rule;

static const type_rule type_rules[] = {
    {DUCK_TRANSACTION, {SD_RULE_RETRY, 0, NULL}},
    {DUCK_CONNECTION, {SD_RULE_RETRY, 0, NULL}},
    {DUCK_NETWORK, {SD_RULE_RETRY, 0, NULL}},
    {DUCK_HTTP, {SD_RULE_RETRY, 0, NULL}},
    {DUCK_INTERRUPT, {SD_RULE_RETRY, 0, NULL}},
    {DUCK_FATAL, {SD_RULE_RETRY, SD_RULE_TRIES_UNKNOWN, advice_reopen}},
    {DUCK_INTERNAL, {SD_RULE_RETRY, SD_RULE_TRIES_UNKNOWN, advice_reopen}},
    {DUCK_OUT_OF_MEMORY, {SD_RULE_SHRINK, 0, "raise DuckDB's memory limit or make batches smaller"}},
    {DUCK_PERMISSION, {SD_RULE_HALT, 0, advice_permission}},
    {DUCK_CATALOG, {SD_RULE_HALT, 0, advice_schema}},
    {DUCK_BINDER, {SD_RULE_HALT, 0, advice_schema}},
    {DUCK_PARSER, {SD_RULE_HALT, 0, advice_schema}},
    {DUCK_SYNTAX, {SD_RULE_HALT, 0, advice_schema}},
    {DUCK_MISSING_EXTENSION, {SD_RULE_HALT, 0, advice_extension}},
    {DUCK_AUTOLOAD, {SD_RULE_HALT, 0, advice_extension}},
    /* The sink bisects a batch for these; one that comes here it could not put down to rows. */
    {DUCK_OUT_OF_RANGE, {SD_RULE_HALT, 0, advice_rows}},
    {DUCK_CONVERSION, {SD_RULE_HALT, 0, advice_rows}},
    {DUCK_CONSTRAINT, {SD_RULE_HALT, 0, advice_rows}},
    {DUCK_INVALID_INPUT, {SD_RULE_HALT, 0, advice_rows}},
};

static const sd_ruling unknown = {SD_RULE_RETRY, SD_RULE_TRIES_UNKNOWN, NULL};

static bool contains(const char *message, const char *text)
{
  return strcasestr(message, text) != NULL;
}

/* Messages of these types may quote an event's value, which must not decide anything. */
static bool message_may_quote_data(const sd_error *error)
{
  if (error->source != SD_SOURCE_DUCKDB)
    return false;
  int32_t type = error->source_code;
  return type == DUCK_OUT_OF_RANGE || type == DUCK_CONVERSION || type == DUCK_CONSTRAINT ||
         type == DUCK_INVALID_INPUT;
}

static bool judge_by_text(const sd_error *error, sd_ruling *ret_ruling)
{
  for (size_t i = 0; i < sizeof text_rules / sizeof text_rules[0]; i++) {
    if (contains(error->message, text_rules[i].text)) {
      *ret_ruling = text_rules[i].ruling;
      return true;
    }
  }
  return false;
}

static bool judge_by_type(const sd_error *error, sd_ruling *ret_ruling)
{
  if (error->source_code == DUCK_IO) {
    for (size_t i = 0; i < sizeof passing_texts / sizeof passing_texts[0]; i++) {
      if (contains(error->message, passing_texts[i])) {
        *ret_ruling = (sd_ruling){SD_RULE_RETRY, 0, NULL};
        return true;
      }
    }
    return false;
  }
  for (size_t i = 0; i < sizeof type_rules / sizeof type_rules[0]; i++) {
    if (error->source_code == type_rules[i].type) {
      *ret_ruling = type_rules[i].ruling;
      return true;
    }
  }
  return false;
}

static sd_ruling judge_by_code(sd_status code)
{
  switch (code) {
  case SD_NOMEM:
  case SD_TIMEOUT:
  case SD_CLOSED:
  case SD_CONFLICT:
  case SD_FENCED:
  case SD_CANCELLED:
  case SD_AGAIN:
    return (sd_ruling){SD_RULE_RETRY, 0, NULL};
  case SD_INVALID:
  case SD_LIMIT:
  case SD_NOT_FOUND:
  case SD_CONFIG:
  case SD_UNSUPPORTED:
  case SD_CORRUPT:
    return (sd_ruling){SD_RULE_HALT, 0, NULL};
  case SD_DENIED:
    return (sd_ruling){SD_RULE_HALT, 0, advice_permission};
  default:
    return unknown;
  }
}

sd_ruling sd_rules_judge(const sd_error *error)
{
  sd_ruling ruling;
  if (!message_may_quote_data(error) && judge_by_text(error, &ruling))
    return ruling;
  if (error->source == SD_SOURCE_DUCKDB && judge_by_type(error, &ruling))
    return ruling;
  if (error->retriable)
    return (sd_ruling){SD_RULE_RETRY, 0, NULL};
  return judge_by_code(error->code);
}
