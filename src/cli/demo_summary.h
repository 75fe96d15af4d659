/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What has landed in the demo's database: counted, checked and shown. */
#ifndef SD_CLI_DEMO_SUMMARY_H
#define SD_CLI_DEMO_SUMMARY_H

#include "duck/connection.h"

#include <stdio.h>

/* The landed rows, and the records in them. Exactly once means that all four counts and last + 1 are equal.
 */
typedef struct sd_demo_counts {
  int64_t rows;
  int64_t places;  /* distinct (partition, sequence number) */
  int64_t records; /* distinct records of the data set */
  int64_t last;    /* highest record's number */
  int64_t dead;    /* dead letters */
} sd_demo_counts;

typedef struct sd_demo_database {
  sd_duck_instance *instance;
  sd_duck_database *database;
  sd_duck_connection *connection;
  bool entered;
} sd_demo_database;

/* Opens the file and makes the view `flights` in it. *database must be zeroed. */
SD_MUST_CHECK sd_status sd_demo_database_open(sd_demo_database *database, const char *path,
                                              const char *libduckdb, sd_error *error);
void sd_demo_database_close(sd_demo_database *database);

SD_MUST_CHECK sd_status sd_demo_database_count(const sd_demo_database *database, sd_demo_counts *ret_counts,
                                               sd_error *error);

/* SELECT of the busiest airports, over the view. */
extern const char sd_demo_busiest_sql[];

#endif
