/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sink costs beyond DuckDB: the same rows (300-byte bodies) through the sink, with fence, checkpoint
 * and check of the row count, and through a bare loop around DuckDB's chunk appender, with the same
 * transaction size and the same checkpoints. Each run is a process of its own; the two kinds alternate.
 * Prints one JSON object with the medians.
 *
 *   sink_bench [--rows N] [--rounds N] [--body BYTES] [--transaction ROWS] [--dir FOLDER]
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "duck/appender.h"
#include "sink/sink.h"

#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PARTITIONS = 4, BATCH_ROWS = 10240, BATCHES_MAX = 64, ROUNDS_MAX = 64, BODY_MAX = 65536, MODES = 2 };

typedef enum bench_mode { MODE_BARE = 0, MODE_SINK = 1 } bench_mode;

typedef struct settings {
  int64_t rows;
  int rounds;
  size_t body;
  int64_t transaction;
  const char *dir;
} settings;

/* One run's figures, sent by the child. */
typedef struct figures {
  double rows_per_second;
  double cpu_per_million;
  double peak_mb;
  double transactions;
  double file_mb;
} figures;

static void die(const char *what, const sd_error *error)
{
  fprintf(stderr, "sink_bench: %s: %s\n", what, error ? error->message : "failed");
  exit(1);
}

static double cpu_seconds(void)
{
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
         ((double)usage.ru_utime.tv_usec + (double)usage.ru_stime.tv_usec) / 1e6;
}

/* Peak resident memory of this process alone (ru_maxrss of a fork begins with its parent's). */
static double peak_mb(void)
{
  char line[256];
  double kb = 0;
  FILE *file = fopen("/proc/self/status", "r");
  while (file && fgets(line, sizeof line, file)) {
    if (sscanf(line, "VmHWM: %lf", &kb) == 1)
      break;
  }
  if (file)
    fclose(file);
  return kb / 1024;
}

/* Text that compresses about as well as JSON of one kind does. */
static void make_body(char *body, size_t len, uint64_t number)
{
  int n = snprintf(body, len,
                   "{\"id\":%" PRIu64 ",\"device\":\"d-%" PRIu64 "\",\"value\":%" PRIu64 ".%02d,\"text\":\"",
                   number, number % 1009, number * 7919 % 100000, (int)(number % 100));
  uint64_t x = number * UINT64_C(0x9e3779b97f4a7c15) + 1;
  for (size_t i = (size_t)n; i + 2 < len; i++) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    body[i] = (char)('a' + x % 20);
  }
  memcpy(body + len - 2, "\"}", 2);
}

static sd_batch *make_batch(size_t body_len, uint64_t first, int64_t epoch)
{
  static char body[BODY_MAX];
  sd_batch *batch = NULL;
  if (sd_batch_new(PARTITIONS, SIZE_MAX / 2, &batch) != SD_OK)
    die("batch", NULL);
  for (uint64_t i = 0; i < BATCH_ROWS; i++) {
    char id[8];
    make_body(body, body_len, first + i);
    sd_event event = {.body = sd_bytes_make(body, body_len),
                      .sequence_number = (int64_t)i,
                      .offset = sd_bytes_of("123456789"),
                      .enqueued_us = INT64_C(1700000000000000) + (int64_t)i};
    snprintf(id, sizeof id, "%d", (int)(i % PARTITIONS));
    if (sd_batch_append(batch, (uint32_t)(i % PARTITIONS), id, epoch, &event, false) != SD_OK)
      die("append", NULL);
  }
  return batch;
}

/* Gives the batch's events new sequence numbers, so that one batch in memory serves as many. */
static void renumber(sd_batch *batch, int64_t *next)
{
  for (sd_batch_segment *segment = batch->first; segment; segment = segment->next) {
    for (uint32_t i = 0; i < segment->rows; i++)
      segment->sequence_number[i] = (*next)++;
  }
}

static sd_sink_op *await(sd_queue *replies)
{
  sd_sink_op *op = (sd_sink_op *)sd_queue_pop(replies, UINT32_MAX);
  if (!op || op->error.code != SD_OK)
    die("reply", op ? &op->error : NULL);
  return op;
}

static void submit(sd_sink *sink, sd_sink_op *op)
{
  if (sink->vtable->submit(sink, op) != SD_OK)
    die("submit", NULL);
}

static void run_sink(const settings *set, const char *path, figures *ret)
{
  sd_target target = {.ns = "bench",
                      .hub = "hub",
                      .consumer_group = "$default",
                      .schema = "main",
                      .table = "events",
                      .transaction_bytes = (size_t)set->transaction * (set->body + 32)};
  sd_duck_sink_options options = {.struct_size = sizeof options, .database = path};
  sd_sink *sink = NULL;
  sd_queue *replies = NULL;
  sd_error error;
  if (sd_queue_new(SD_SINK_QUEUE_MAX, NULL, NULL, &replies) != SD_OK ||
      sd_duck_sink_new(&options, &sink, &error) != SD_OK)
    die("sink", &error);
  sd_sink_open open = {
      .base = {.op = {.type = SD_SINK_OPEN}, .target = &target, .generation = 1, .reply_to = replies}};
  submit(sink, &open.base);
  await(replies);
  sd_claim claims[PARTITIONS] = {0};
  sd_sink_claim claim = {.base = open.base, .count = PARTITIONS, .claims = claims};
  claim.base.op.type = SD_SINK_CLAIM;
  for (int i = 0; i < PARTITIONS; i++)
    snprintf(claims[i].partition_id, sizeof claims[i].partition_id, "%d", i);
  submit(sink, &claim.base);
  await(replies);

  /* A transaction's batches and half as many waiting. */
  int in_transaction = (int)(set->transaction / BATCH_ROWS);
  int count = in_transaction + (in_transaction + 1) / 2;
  static sd_sink_write ops[BATCHES_MAX];
  int64_t next = 0;
  int64_t left = set->rows / BATCH_ROWS;
  for (int i = 0; i < count; i++) {
    ops[i].base = open.base;
    ops[i].base.op.type = SD_SINK_WRITE;
    ops[i].batch = make_batch(set->body, (uint64_t)i * BATCH_ROWS, claims[0].epoch);
  }
  double cpu = cpu_seconds();
  uint64_t began = sd_clock_monotonic_ns();
  int in_flight = 0;
  double transactions = 0;
  for (int i = 0; i < count && left > 0; i++, left--, in_flight++) {
    renumber(ops[i].batch, &next);
    submit(sink, &ops[i].base);
  }
  while (in_flight > 0) {
    sd_sink_write *op = (sd_sink_write *)await(replies);
    transactions += 1.0 / op->coalesced;
    in_flight--;
    if (left == 0)
      continue;
    renumber(op->batch, &next);
    submit(sink, &op->base);
    left--;
    in_flight++;
  }
  double seconds = (double)(sd_clock_monotonic_ns() - began) / 1e9;
  double millions = (double)next / 1e6;
  ret->rows_per_second = (double)next / seconds;
  ret->cpu_per_million = (cpu_seconds() - cpu) / millions;
  ret->transactions = transactions;
  ret->peak_mb = peak_mb();
  sink->vtable->free(sink, false);
}

static void execute(sd_duck_connection *connection, const char *sql)
{
  sd_error error;
  if (sd_duck_execute(connection, sql, NULL, &error) != SD_OK)
    die(sql, &error);
}

static void push_segment(sd_duck_appender *appender, const sd_batch_segment *segment)
{
  static const char *const ids[PARTITIONS] = {"0", "1", "2", "3"};
  sd_error error;
  duckdb_string_t *body = sd_duck_appender_strings(appender, 0);
  duckdb_string_t *partition = sd_duck_appender_strings(appender, 1);
  int64_t *sequence = sd_duck_appender_int64s(appender, 2);
  int64_t *enqueued = sd_duck_appender_int64s(appender, 3);
  int64_t *ingested = sd_duck_appender_int64s(appender, 6);
  for (uint32_t i = 0; i < segment->rows; i++) {
    body[i] = sd_duck_string(segment->data[i], segment->body_len[i]);
    partition[i] = sd_duck_string(ids[segment->partition[i]], 1);
    sequence[i] = segment->sequence_number[i];
    enqueued[i] = segment->enqueued_us[i];
    sd_duck_appender_set_null(appender, 4, i);
    sd_duck_appender_set_null(appender, 5, i);
    ingested[i] = 1;
  }
  if (sd_duck_appender_push(appender, segment->rows, &error) != SD_OK)
    die("push", &error);
}

static void run_bare(const settings *set, const char *path, figures *ret)
{
  static const sd_duck_column columns[] = {{"event_body", DUCKDB_TYPE_VARCHAR},
                                           {"partition_id", DUCKDB_TYPE_VARCHAR},
                                           {"sequence_number", DUCKDB_TYPE_BIGINT},
                                           {"enqueued_time", DUCKDB_TYPE_TIMESTAMP_TZ},
                                           {"properties", DUCKDB_TYPE_VARCHAR},
                                           {"system_properties", DUCKDB_TYPE_VARCHAR},
                                           {"ingestion_timestamp", DUCKDB_TYPE_TIMESTAMP_TZ}};
  sd_duck_instance_options instance_options = {0};
  sd_duck_connection_options connection_options = {0};
  sd_duck_instance *instance = NULL;
  sd_duck_database *database = NULL;
  sd_duck_connection *connection = NULL;
  sd_duck_appender *appender = NULL;
  sd_error error;
  if (sd_duck_instance_acquire(&instance_options, &instance, &error) != SD_OK ||
      sd_duck_database_attach(instance, path, false, &database, &error) != SD_OK ||
      sd_duck_connection_new(instance, &connection_options, &connection, &error) != SD_OK ||
      sd_duck_connection_enter(connection, database, &error) != SD_OK)
    die("open", &error);
  execute(connection,
          "CREATE TABLE db_1.main.events (event_body VARCHAR, partition_id VARCHAR, sequence_number "
          "BIGINT, enqueued_time TIMESTAMPTZ, properties JSON, system_properties JSON, "
          "ingestion_timestamp TIMESTAMPTZ)");
  execute(connection, "CHECKPOINT db_1");
  if (sd_duck_appender_new(connection, "db_1", "main", "events", columns, 7, &appender, &error) != SD_OK)
    die("appender", &error);
  int count = (int)(set->transaction / BATCH_ROWS);
  sd_batch *batches[BATCHES_MAX];
  for (int i = 0; i < count; i++)
    batches[i] = make_batch(set->body, (uint64_t)i * BATCH_ROWS, 1);
  char wal[4096 + 8];
  snprintf(wal, sizeof wal, "%s.wal", path);
  int64_t next = 0;
  double transactions = 0;
  double cpu = cpu_seconds();
  uint64_t began = sd_clock_monotonic_ns();
  while (next < set->rows / BATCH_ROWS * BATCH_ROWS) {
    execute(connection, "BEGIN TRANSACTION");
    for (int i = 0; i < count && next < set->rows / BATCH_ROWS * BATCH_ROWS; i++) {
      renumber(batches[i], &next);
      for (const sd_batch_segment *segment = batches[i]->first; segment; segment = segment->next)
        push_segment(appender, segment);
    }
    if (sd_duck_appender_flush(appender, &error) != SD_OK)
      die("flush", &error);
    execute(connection, "COMMIT");
    transactions++;
    struct stat st;
    if (stat(wal, &st) == 0 && st.st_size >= SD_SINK_WAL_CHECKPOINT)
      execute(connection, "CHECKPOINT db_1");
  }
  double seconds = (double)(sd_clock_monotonic_ns() - began) / 1e9;
  ret->rows_per_second = (double)next / seconds;
  ret->cpu_per_million = (cpu_seconds() - cpu) / ((double)next / 1e6);
  ret->transactions = transactions;
  ret->peak_mb = peak_mb();
  sd_duck_appender_free(appender);
  sd_duck_connection_leave(connection);
  sd_duck_connection_free(connection);
  sd_duck_database_detach(database);
  sd_duck_instance_release(instance);
}

/* One run in a child. */
static figures run(const settings *set, bench_mode mode)
{
  char path[4096];
  char wal[4096 + 8];
  int ends[2];
  figures result = {0};
  snprintf(path, sizeof path, "%s/sink_bench-%d.duckdb", set->dir, (int)getpid());
  snprintf(wal, sizeof wal, "%s.wal", path);
  unlink(path);
  unlink(wal);
  if (pipe2(ends, O_CLOEXEC) != 0)
    die("pipe", NULL);
  pid_t child = fork();
  if (child < 0)
    die("fork", NULL);
  if (child == 0) {
    if (mode == MODE_BARE)
      run_bare(set, path, &result);
    else
      run_sink(set, path, &result);
    struct stat st;
    result.file_mb = stat(path, &st) == 0 ? (double)st.st_size / 1e6 : 0;
    _exit(write(ends[1], &result, sizeof result) == (ssize_t)sizeof result ? 0 : 1);
  }
  close(ends[1]);
  int status = 0;
  bool good = read(ends[0], &result, sizeof result) == (ssize_t)sizeof result;
  close(ends[0]);
  waitpid(child, &status, 0);
  unlink(path);
  unlink(wal);
  if (!good || status != 0)
    exit(1);
  return result;
}

static int compare(const void *a, const void *b)
{
  double x = *(const double *)a;
  double y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(const figures *runs, int count, size_t member)
{
  double values[ROUNDS_MAX];
  for (int i = 0; i < count; i++)
    memcpy(&values[i], (const char *)&runs[i] + member, sizeof values[i]);
  qsort(values, (size_t)count, sizeof *values, compare);
  return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static void print_mode(const char *name, const figures *runs, int count)
{
  printf("\"%s\":{\"rows_per_second\":%.0f,\"cpu_seconds_per_million\":%.3f,\"peak_rss_mb\":%.0f,"
         "\"transactions\":%.0f,\"file_mb\":%.0f}",
         name, median(runs, count, offsetof(figures, rows_per_second)),
         median(runs, count, offsetof(figures, cpu_per_million)),
         median(runs, count, offsetof(figures, peak_mb)),
         median(runs, count, offsetof(figures, transactions)),
         median(runs, count, offsetof(figures, file_mb)));
}

static int64_t number_argument(const char *text, int64_t min, int64_t max)
{
  int64_t value;
  if (!sd_bytes_to_int64(sd_bytes_of(text), &value) || value < min || value > max) {
    fprintf(stderr, "sink_bench: %s is not a number from %" PRId64 " to %" PRId64 "\n", text, min, max);
    exit(2);
  }
  return value;
}

int main(int argc, char **argv)
{
  static const struct option long_options[] = {
      {"rows", required_argument, NULL, 'r'}, {"rounds", required_argument, NULL, 'n'},
      {"body", required_argument, NULL, 'b'}, {"transaction", required_argument, NULL, 't'},
      {"dir", required_argument, NULL, 'd'},  {0}};
  settings set = {.rows = 1228800, .rounds = 3, .body = 300, .transaction = SD_SINK_ROWS_MAX, .dir = "."};
  int option;
  while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
    if (option == 'r')
      set.rows = number_argument(optarg, BATCH_ROWS, INT64_C(1000000000));
    else if (option == 'n')
      set.rounds = (int)number_argument(optarg, 1, ROUNDS_MAX);
    else if (option == 'b')
      set.body = (size_t)number_argument(optarg, 100, BODY_MAX);
    else if (option == 't')
      set.transaction = number_argument(optarg, BATCH_ROWS, SD_SINK_ROWS_MAX);
    else if (option == 'd')
      set.dir = optarg;
    else
      return 2;
  }
  static figures runs[MODES][ROUNDS_MAX];
  for (int round = 0; round < set.rounds; round++) {
    runs[MODE_BARE][round] = run(&set, MODE_BARE);
    runs[MODE_SINK][round] = run(&set, MODE_SINK);
  }
  printf("{\"rows\":%" PRId64 ",\"body_bytes\":%zu,\"transaction_rows\":%" PRId64 ",\"rounds\":%d,", set.rows,
         set.body, set.transaction, set.rounds);
  print_mode("bare", runs[MODE_BARE], set.rounds);
  printf(",");
  print_mode("sink", runs[MODE_SINK], set.rounds);
  printf(",\"cpu_ratio\":%.3f,\"speed_ratio\":%.3f}\n",
         median(runs[MODE_SINK], set.rounds, offsetof(figures, cpu_per_million)) /
             median(runs[MODE_BARE], set.rounds, offsetof(figures, cpu_per_million)),
         median(runs[MODE_SINK], set.rounds, offsetof(figures, rows_per_second)) /
             median(runs[MODE_BARE], set.rounds, offsetof(figures, rows_per_second)));
  return 0;
}
