/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * libduckdb's table with `query` replaced, so that a test can act at a statement: before it, after it, or by
 * making its answer an error. One arm at a time; it is used up when it fires.
 */
#ifndef SD_TESTS_FAKE_DUCK_H
#define SD_TESTS_FAKE_DUCK_H

#include "sink_test.h"

#include <stdatomic.h>

typedef enum fake_kind {
  FAKE_ACT_BEFORE,  /* act, then run the statement */
  FAKE_ACT_AFTER,   /* run the statement, then act */
  FAKE_LOSE_ANSWER, /* run the statement, then answer with an error */
  FAKE_FAIL         /* do not run the statement, answer with an error */
} fake_kind;

typedef void fake_action(duckdb_connection connection);

static struct {
  sd_duck_api table;
  const sd_duck_api *real;
  const char *prefix; /* of the statement */
  fake_kind kind;
  fake_action *action;
  duckdb_error_type type; /* of the error */
  int times;              /* to fire */
  atomic_int left;        /* statements to let pass, then fire; -1: not armed */
} fake;

static _Thread_local duckdb_error_type fake_error;

static duckdb_state answer_error(duckdb_connection connection, duckdb_result *result)
{
  fake.real->destroy_result(result);
  memset(result, 0, sizeof *result);
  fake_error = fake.type;
  return fake.real->query(connection, "SELECT error('the connection was lost')", result);
}

static duckdb_state fake_query(duckdb_connection connection, const char *sql, duckdb_result *result)
{
  fake_error = DUCKDB_ERROR_INVALID;
  bool fires = atomic_load(&fake.left) >= 0 && strncmp(sql, fake.prefix, strlen(fake.prefix)) == 0 &&
               atomic_fetch_sub(&fake.left, 1) == 0;
  if (!fires)
    return fake.real->query(connection, sql, result);
  if (--fake.times > 0)
    atomic_store(&fake.left, 0);
  if (fake.kind == FAKE_FAIL)
    return answer_error(connection, result);
  if (fake.kind == FAKE_ACT_BEFORE)
    fake.action(connection);
  duckdb_state state = fake.real->query(connection, sql, result);
  if (fake.kind == FAKE_ACT_AFTER)
    fake.action(connection);
  return fake.kind == FAKE_LOSE_ANSWER ? answer_error(connection, result) : state;
}

static duckdb_error_type fake_result_error_type(duckdb_result *result)
{
  return fake_error != DUCKDB_ERROR_INVALID ? fake_error : fake.real->result_error_type(result);
}

static inline void fake_init(void)
{
  fake.real = real_api();
  fake.table = *fake.real;
  fake.table.query = fake_query;
  fake.table.result_error_type = fake_result_error_type;
  atomic_store(&fake.left, -1);
  test_api = &fake.table;
}

static inline void arm(const char *prefix, fake_kind kind, fake_action *action, duckdb_error_type type)
{
  fake.prefix = prefix;
  fake.kind = kind;
  fake.action = action;
  fake.type = type;
  fake.times = 1;
  atomic_store(&fake.left, 0);
}

static inline bool fired(void)
{
  return atomic_load(&fake.left) < 0;
}

#endif
