/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The demo's data set, flight records of the United States from January to June 2001, as events in a fixed
 * order: blocks of SD_DEMO_BLOCK_ROWS records as they stand in the file, in each block sorted by origin. So
 * that events of one key follow each other and travel in one batch, and so that "the first n events" means
 * the same in every run. One thread at a time.
 */
#ifndef SD_CLI_DEMO_FLIGHTS_H
#define SD_CLI_DEMO_FLIGHTS_H

#include "base/bytes.h"

#include <streamduck/error.h>

enum {
  SD_DEMO_BLOCK_ROWS = 10000,
  SD_DEMO_ROWS_MAX = 3000000 /* records in the file */
};

typedef struct sd_demo_flight {
  sd_bytes origin; /* the key */
  sd_bytes body;   /* JSON */
  int64_t record;  /* its row in the file, from 0 */
} sd_demo_flight;

typedef struct sd_demo_flights sd_demo_flights;

/* Opens the file with libduckdb (a path, or NULL to search) to read events first … end-1 of the order. end
 * must be a multiple of SD_DEMO_BLOCK_ROWS. */
SD_MUST_CHECK sd_status sd_demo_flights_open(const char *path, const char *libduckdb, uint64_t first,
                                             uint64_t end, sd_demo_flights **ret_flights, sd_error *error);
/* NULL is allowed. */
void sd_demo_flights_close(sd_demo_flights *flights);

/* The next events that have one key, 1 to max. The views are good until the next call. SD_NOT_FOUND at the
 * end. */
SD_MUST_CHECK sd_status sd_demo_flights_next(sd_demo_flights *flights, sd_demo_flight *ret_events,
                                             uint32_t max, uint32_t *ret_count, sd_error *error);

#endif
