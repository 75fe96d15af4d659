/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Prints a query's rows as a table for people. */
#ifndef SD_CLI_DEMO_TABLE_H
#define SD_CLI_DEMO_TABLE_H

#include "duck/connection.h"

#include <stdio.h>

enum {
  SD_DEMO_TABLE_ROWS_MAX = 50, /* more are counted, not shown */
  SD_DEMO_TABLE_COLUMNS_MAX = 32,
  SD_DEMO_TABLE_WIDTH_MAX = 60 /* characters of a cell; the rest is cut */
};

/* The statement must be a SELECT. Entered connection. */
SD_MUST_CHECK sd_status sd_demo_table_print(sd_duck_connection *connection, const char *select, FILE *out,
                                            sd_error *error);

#endif
