/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * append DATABASE EVENTS SIZE [ROWS,ROWS,…]: DuckDB's chunk appender alone, as fast as we can drive it. Lands
 * EVENTS rows of SIZE-byte bodies (those of `send_events --body text`) in transactions of the given numbers
 * of rows (the last repeats; default: the most that one has), with the sink's settings and CHECKPOINT policy,
 * but without fence, checkpoint rows or checks. Prints
 * {"events":N,"transactions":N,"seconds":S,"cpu_seconds":S}: of the whole process up to the closed database,
 * less the time in which the bodies are made.
 */
#include "base/clock.h"
#include "duck/appender.h"
#include "event_body.h"
#include "sink/sink.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { PARTITIONS = 4, COLUMNS = 7, TRANSACTIONS_MAX = 100000, BODY_MAX = 1024 * 1024 };

static const char *const partition_ids[PARTITIONS] = {"0", "1", "2", "3"};

typedef struct appending {
  sd_duck_instance *instance;
  sd_duck_database *database;
  sd_duck_connection *connection;
  sd_duck_appender *appender;
  const char *path;
  sd_batch *batch; /* the rows of the largest transaction; each takes them with new numbers */
  int64_t next;    /* sequence number of the next row */
  uint64_t transactions;
} appending;

static void die(const char *what, const sd_error *error)
{
  fprintf(stderr, "append: %s: %s\n", what, error ? error->message : "failed");
  exit(1);
}

static double cpu_seconds(void)
{
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static sd_batch *make_batch(uint32_t rows, size_t size)
{
  sd_batch *batch = NULL;
  sd_buf body;
  sd_buf_init(&body, BODY_MAX);
  if (sd_batch_new(PARTITIONS, SIZE_MAX / 2, &batch) != SD_OK)
    die("no memory for the rows", NULL);
  for (uint32_t i = 0; i < rows; i++) {
    sd_buf_clear(&body);
    event_body_put(&body, EVENT_BODY_TEXT, i, size);
    if (sd_buf_status(&body) != SD_OK)
      die("no memory for a body", NULL);
    sd_event event = {.body = sd_buf_bytes(&body),
                      .sequence_number = i,
                      .offset = sd_bytes_of("123456789"),
                      .enqueued_us = INT64_C(1700000000000000) + i};
    uint32_t partition = i % PARTITIONS;
    if (sd_batch_append(batch, partition, partition_ids[partition], 1, &event, false) != SD_OK)
      die("no memory for the rows", NULL);
  }
  sd_buf_release(&body);
  return batch;
}

static void execute(appending *a, const char *sql)
{
  sd_error error;
  if (sd_duck_execute(a->connection, sql, NULL, &error) != SD_OK)
    die(sql, &error);
}

static void open_database(appending *a)
{
  static const sd_duck_column columns[COLUMNS] = {{"event_body", DUCKDB_TYPE_VARCHAR},
                                                  {"partition_id", DUCKDB_TYPE_VARCHAR},
                                                  {"sequence_number", DUCKDB_TYPE_BIGINT},
                                                  {"enqueued_time", DUCKDB_TYPE_TIMESTAMP_TZ},
                                                  {"properties", DUCKDB_TYPE_VARCHAR},
                                                  {"system_properties", DUCKDB_TYPE_VARCHAR},
                                                  {"ingestion_timestamp", DUCKDB_TYPE_TIMESTAMP_TZ}};
  sd_duck_instance_options instance_options = {0};
  sd_duck_connection_options connection_options = {0};
  sd_error error;
  if (sd_duck_instance_acquire(&instance_options, &a->instance, &error) != SD_OK ||
      sd_duck_database_attach(a->instance, a->path, false, &a->database, &error) != SD_OK ||
      sd_duck_connection_new(a->instance, &connection_options, &a->connection, &error) != SD_OK ||
      sd_duck_connection_enter(a->connection, a->database, &error) != SD_OK)
    die(a->path, &error);
  execute(a,
          "CREATE TABLE db_1.main.events (event_body VARCHAR, partition_id VARCHAR, sequence_number BIGINT, "
          "enqueued_time TIMESTAMPTZ, properties JSON, system_properties JSON, ingestion_timestamp "
          "TIMESTAMPTZ)");
  execute(a, "CHECKPOINT db_1");
  if (sd_duck_appender_new(a->connection, "db_1", "main", "events", columns, COLUMNS, &a->appender, &error) !=
      SD_OK)
    die("events", &error);
}

static void close_database(appending *a)
{
  sd_duck_appender_free(a->appender);
  sd_duck_connection_leave(a->connection);
  sd_duck_connection_free(a->connection);
  sd_duck_database_detach(a->database);
  sd_duck_instance_release(a->instance);
}

/* The first `rows` rows of the segment as one chunk. */
static void push_rows(appending *a, const sd_batch_segment *segment, uint32_t rows, int64_t time_us)
{
  sd_error error;
  duckdb_string_t *body = sd_duck_appender_strings(a->appender, 0);
  duckdb_string_t *partition = sd_duck_appender_strings(a->appender, 1);
  int64_t *sequence = sd_duck_appender_int64s(a->appender, 2);
  int64_t *enqueued = sd_duck_appender_int64s(a->appender, 3);
  int64_t *ingested = sd_duck_appender_int64s(a->appender, 6);
  for (uint32_t i = 0; i < rows; i++) {
    body[i] = sd_duck_string(segment->data[i], segment->body_len[i]);
    partition[i] = sd_duck_string(partition_ids[segment->partition[i]], 1);
    sequence[i] = a->next++;
    enqueued[i] = segment->enqueued_us[i];
    sd_duck_appender_set_null(a->appender, 4, i);
    sd_duck_appender_set_null(a->appender, 5, i);
    ingested[i] = time_us;
  }
  if (sd_duck_appender_push(a->appender, rows, &error) != SD_OK)
    die("a chunk", &error);
}

static void run_transaction(appending *a, uint32_t rows)
{
  int64_t time_us = sd_clock_unix_us();
  execute(a, "BEGIN TRANSACTION");
  for (const sd_batch_segment *segment = a->batch->first; rows > 0; segment = segment->next) {
    uint32_t part = rows < segment->rows ? rows : segment->rows;
    push_rows(a, segment, part, time_us);
    rows -= part;
  }
  sd_error error;
  if (sd_duck_appender_flush(a->appender, &error) != SD_OK)
    die("the appender", &error);
  execute(a, "COMMIT");
  a->transactions++;
  char wal[4096 + 8];
  struct stat st;
  snprintf(wal, sizeof wal, "%.4095s.wal", a->path);
  if (stat(wal, &st) == 0 && st.st_size >= SD_SINK_WAL_CHECKPOINT)
    execute(a, "CHECKPOINT db_1");
}

/* "1000,2000,…" as numbers; how many. */
static uint32_t read_sizes(const char *text, uint32_t *sizes)
{
  uint32_t count = 0;
  for (const char *at = text; *at && count < TRANSACTIONS_MAX;) {
    char *end;
    unsigned long rows = strtoul(at, &end, 10);
    if (end == at || rows == 0 || rows > 10 * SD_SINK_ROWS_MAX || (*end && *end != ','))
      die(text, NULL);
    sizes[count++] = (uint32_t)rows;
    at = *end ? end + 1 : end;
  }
  return count;
}

int main(int argc, char **argv)
{
  static uint32_t sizes[TRANSACTIONS_MAX] = {SD_SINK_ROWS_MAX};
  if (argc < 4 || argc > 5) {
    fprintf(stderr, "usage: append DATABASE EVENTS SIZE [ROWS,ROWS,...]\n");
    return 2;
  }
  uint64_t started_ns = sd_clock_monotonic_ns();
  double cpu_started = cpu_seconds();
  appending a = {.path = argv[1]};
  int64_t events = strtoll(argv[2], NULL, 10);
  size_t size = strtoul(argv[3], NULL, 10);
  uint32_t count = argc > 4 ? read_sizes(argv[4], sizes) : 1;
  if (events < 1 || size < 1 || size > BODY_MAX / 2 || count == 0)
    die("the arguments", NULL);
  uint32_t largest = 0;
  for (uint32_t i = 0; i < count; i++)
    largest = sizes[i] > largest ? sizes[i] : largest;
  a.batch = make_batch(largest < events ? largest : (uint32_t)events, size);
  double made_cpu = cpu_seconds() - cpu_started;
  uint64_t made_ns = sd_clock_monotonic_ns() - started_ns;

  open_database(&a);
  while (a.next < events) {
    int64_t rows = sizes[a.transactions < count ? a.transactions : count - 1];
    run_transaction(&a, (uint32_t)(rows < events - a.next ? rows : events - a.next));
  }
  close_database(&a);
  sd_batch_free(a.batch);
  printf("{\"events\":%" PRId64 ",\"transactions\":%" PRIu64 ",\"seconds\":%.4f,\"cpu_seconds\":%.4f}\n",
         a.next, a.transactions, (double)(sd_clock_monotonic_ns() - started_ns - made_ns) / 1e9,
         cpu_seconds() - made_cpu);
  return 0;
}
