/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The demo's events from the Parquet file. */
#include "cli/demo_flights.h"

#include "base/alloc.h"
#include "duck/connection.h"
#include "duck/quote.h"

#include <inttypes.h>
#include <unistd.h>

enum { SEGMENT_ROWS = 10 * SD_DEMO_BLOCK_ROWS, SQL_MAX = 64 * 1024 };

struct sd_demo_flights {
  sd_duck_instance *instance;
  sd_duck_connection *connection;
  sd_duck_result *rows; /* of the segment that is being read, NULL: none */
  uint64_t segment;     /* first event of rows */
  uint64_t next, end;   /* events */
  char *path;
  bool entered;
};

sd_status sd_demo_flights_open(const char *path, const char *libduckdb, uint64_t first, uint64_t end,
                               sd_demo_flights **ret_flights, sd_error *error)
{
  if (end % SD_DEMO_BLOCK_ROWS != 0 || end > SD_DEMO_ROWS_MAX)
    return sd_error_set(error, SD_INVALID, "the flights are read in blocks of %d, at most %d",
                        (int)SD_DEMO_BLOCK_ROWS, (int)SD_DEMO_ROWS_MAX);
  if (access(path, R_OK) != 0)
    return sd_error_set(error, SD_NOT_FOUND, "the demo's data set %s is not there: `make demo` fetches it",
                        path);
  const sd_duck_instance_options instance = {.libduckdb = libduckdb};
  const sd_duck_connection_options connection = {0};
  sd_status status = SD_NOMEM;
  sd_demo_flights *flights = sd_calloc(1, sizeof *flights);
  if (!flights || !(flights->path = sd_strdup(path))) {
    sd_error_set(error, SD_NOMEM, "out of memory");
    goto fail;
  }
  flights->next = first;
  flights->end = end;
  status = sd_duck_instance_acquire(&instance, &flights->instance, error);
  if (status == SD_OK)
    status = sd_duck_connection_new(flights->instance, &connection, &flights->connection, error);
  if (status == SD_OK)
    status = sd_duck_connection_enter(flights->connection, NULL, error);
  if (status != SD_OK)
    goto fail;
  flights->entered = true;
  *ret_flights = flights;
  return SD_OK;
fail:
  sd_demo_flights_close(flights);
  return status;
}

void sd_demo_flights_close(sd_demo_flights *flights)
{
  if (!flights)
    return;
  sd_duck_result_free(flights->rows);
  if (flights->entered)
    sd_duck_connection_leave(flights->connection);
  sd_duck_connection_free(flights->connection);
  sd_duck_instance_release(flights->instance);
  sd_free(flights->path);
  sd_free(flights);
}

static sd_status read_segment(sd_demo_flights *flights, sd_error *error)
{
  sd_duck_result_free(flights->rows);
  flights->rows = NULL;
  flights->segment = flights->next - flights->next % SEGMENT_ROWS;
  uint64_t end = flights->segment + SEGMENT_ROWS;
  if (end > flights->end)
    end = flights->end;
  sd_buf sql;
  sd_buf_init(&sql, SQL_MAX);
  sd_buf_append_text(&sql,
                     "SELECT origin, to_json({date: strftime(date, '%Y-%m-%dT%H:%M:%S'), origin: origin, "
                     "destination: destination, delay: delay, distance: distance})::VARCHAR, "
                     "file_row_number FROM read_parquet(");
  sd_duck_quote_text(&sql, flights->path);
  sd_buf_appendf(&sql,
                 ", file_row_number = true) WHERE file_row_number >= %" PRIu64
                 " AND file_row_number < %" PRIu64 " ORDER BY file_row_number // %d, origin, file_row_number",
                 flights->segment, end, (int)SD_DEMO_BLOCK_ROWS);
  sd_status status = sd_duck_query_buf(flights->connection, &sql, &flights->rows, error);
  sd_buf_release(&sql);
  if (status == SD_OK && sd_duck_result_rows(flights->rows) != end - flights->segment)
    status =
        sd_error_set(error, SD_CORRUPT, "%s has fewer records than the data set should have", flights->path);
  return status;
}

sd_status sd_demo_flights_next(sd_demo_flights *flights, sd_demo_flight *ret_events, uint32_t max,
                               uint32_t *ret_count, sd_error *error)
{
  if (flights->next >= flights->end)
    return sd_error_set(error, SD_NOT_FOUND, "no more flights");
  if (!flights->rows || flights->next >= flights->segment + SEGMENT_ROWS) {
    sd_status status = read_segment(flights, error);
    if (status != SD_OK)
      return status;
  }
  uint32_t count = 0;
  uint64_t rows = sd_duck_result_rows(flights->rows);
  for (uint64_t row = flights->next - flights->segment; row < rows && count < max; row++) {
    sd_demo_flight flight = {.origin = sd_duck_result_text(flights->rows, row, 0),
                             .body = sd_duck_result_text(flights->rows, row, 1)};
    if (!sd_duck_result_int64(flights->rows, row, 2, &flight.record))
      return sd_error_set(error, SD_CORRUPT, "%s: a record without a number", flights->path);
    if (count > 0 && !sd_bytes_equal(flight.origin, ret_events[0].origin))
      break;
    ret_events[count++] = flight;
  }
  flights->next += count;
  *ret_count = count;
  return SD_OK;
}
