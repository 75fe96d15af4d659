/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* A file that is held, missing, forbidden or full: a clear error, no loss, and recovery. */
#include "one_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* A second process that holds the file until it is told to end. */
typedef struct holder {
  pid_t pid;
  int to;
} holder;

/* The test's own binary, so that nothing of DuckDB's state is shared by a fork. */
static int hold(const char *file)
{
  char byte = 'x';
  look l = look_at_path(file);
  if (write(STDOUT_FILENO, &byte, 1) != 1 || read(STDIN_FILENO, &byte, 1) < 0)
    return 1;
  look_away(&l);
  return 0;
}

static holder start_holder(void)
{
  int to[2];
  int from[2];
  char byte;
  assert_int_equal(pipe2(to, O_CLOEXEC), 0);
  assert_int_equal(pipe2(from, O_CLOEXEC), 0);
  holder h = {.pid = fork(), .to = to[1]};
  assert_true(h.pid >= 0);
  if (h.pid == 0) {
    dup2(to[0], STDIN_FILENO);
    dup2(from[1], STDOUT_FILENO);
    execl("/proc/self/exe", "holder", "hold", path, (char *)NULL);
    _exit(127);
  }
  close(to[0]);
  close(from[1]);
  assert_int_equal(read(from[0], &byte, 1), 1);
  close(from[0]);
  return h;
}

static void stop_holder(holder *h)
{
  int status = 0;
  close(h->to);
  assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
  assert_int_equal(status, 0);
}

static void a_file_held_by_another_process_is_an_error_that_names_it(void **state)
{
  (void)state;
  holder h = start_holder();
  fixture_start(&f, path, NULL);
  sd_error error = open_tables(&f, NULL);
  char pid[32];
  snprintf(pid, sizeof pid, "PID %d", (int)h.pid);
  assert_int_equal(error.code, SD_CONFLICT);
  assert_true(error.retriable);
  assert_non_null(strstr(error.message, pid));
  assert_non_null(strstr(error.message, "a.duckdb"));
  stop_holder(&h);
  f.generation++;
  begin_mapping(&f, 1);
  land_batch(&f, batch_of(&f, 0, 0, 9));
  fixture_stop(&f);
  check_landed(path, 0, 9);
}

static void a_second_look_in_this_process_does_not_drop_the_lock(void **state)
{
  (void)state;
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  assert_int_equal(ask(path, "SELECT 1"), 1);
  int from[2];
  assert_int_equal(pipe2(from, O_CLOEXEC), 0);
  pid_t child = fork();
  if (child == 0) {
    dup2(from[1], STDOUT_FILENO);
    execl("/proc/self/exe", "trier", "try", path, (char *)NULL);
    _exit(127);
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(WEXITSTATUS(status), 3); /* it was kept out */
  close(from[0]);
  close(from[1]);
}

/* Exit 3: the file is locked by somebody else. */
static int try_file(const char *file)
{
  sd_duck_instance_options options = {0};
  sd_duck_instance *instance = NULL;
  sd_duck_database *database = NULL;
  sd_error error;
  if (sd_duck_instance_acquire(&options, &instance, &error) != SD_OK)
    return 1;
  sd_status status = sd_duck_database_attach(instance, file, false, &database, &error);
  return status == SD_CONFLICT ? 3 : 0;
}

static void a_missing_folder_is_told(void **state)
{
  (void)state;
  fixture_start(&f, "/nowhere/at/all.duckdb", NULL);
  sd_error error = open_tables(&f, NULL);
  assert_int_equal(error.code, SD_NOT_FOUND);
  assert_false(error.retriable);
  assert_non_null(strstr(error.message, "/nowhere/at/all.duckdb"));
}

static void a_file_that_is_no_database_is_left_alone(void **state)
{
  (void)state;
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  for (int i = 0; i < 5000; i++)
    fputs("not a database\n", file);
  fclose(file);
  fixture_start(&f, path, NULL);
  sd_error error = open_tables(&f, NULL);
  assert_int_equal(error.code, SD_INVALID);
  assert_non_null(strstr(error.message, "not a valid DuckDB database"));
  struct stat st;
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_size, 5000 * 15);
}

static void a_file_without_rights_is_told(void **state)
{
  (void)state;
  tell(path, "SELECT 1");
  assert_int_equal(chmod(path, 0), 0);
  /* Root may do everything, so it becomes nobody for the moment; the folder is root's alone. */
  bool root = geteuid() == 0;
  if (root)
    assert_int_equal(seteuid(65534), 0);
  fixture_start(&f, path, NULL);
  sd_error error = open_tables(&f, NULL);
  fixture_stop(&f);
  if (root)
    assert_int_equal(seteuid(0), 0);
  assert_int_equal(error.code, SD_DENIED);
  assert_false(error.retriable);
  assert_non_null(strstr(error.message, "right"));
}

/* RLIMIT_FSIZE stands for a full disk: writes behind the limit fail, without a signal. */
static void limit_files(rlim_t bytes)
{
  struct rlimit limit = {bytes, RLIM_INFINITY};
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static sd_batch *big_batch(int64_t first, int64_t last)
{
  static char body[2000];
  sd_batch *batch = new_batch();
  for (int64_t i = first; i <= last; i++) {
    uint64_t x = (uint64_t)i + 1;
    for (size_t k = 0; k < sizeof body; k++) {
      x ^= x << 13;
      x ^= x >> 7;
      x ^= x << 17;
      body[k] = (char)(' ' + x % 90);
    }
    add_event(&f, batch, 0, i, body, sizeof body);
  }
  return batch;
}

static void a_full_disk_loses_nothing_and_recovers(void **state)
{
  (void)state;
  signal(SIGXFSZ, SIG_IGN);
  fixture_start(&f, path, NULL);
  begin_mapping(&f, 1);
  sd_sink_write *op = write_batch(&f, big_batch(0, 999));
  check_ok(op->base.error.code, &op->base.error, "write");
  free_write(op);
  limit_files(8 << 20);
  int64_t landed = 999;
  sd_error error;
  sd_error_clear(&error);
  for (int i = 0; i < 20 && error.code == SD_OK; i++) {
    op = write_batch(&f, big_batch(landed + 1, landed + 1000));
    error = op->base.error;
    if (error.code == SD_OK)
      landed += op->rows_landed;
    free_write(op);
  }
  assert_true(error.code != SD_OK);
  if (!error.retriable)
    fail_msg("not retriable: %s", error.message);

  limit_files(RLIM_INFINITY);
  f.generation++;
  error = claim_some(&f, 1, false, SD_SINK_CLAIM);
  check_ok(error.code, &error, "claim after the disk was cleared");
  assert_int_equal(f.claims[0].checkpoint.sequence_number, landed);
  op = write_batch(&f, big_batch(landed + 1, landed + 1000));
  check_ok(op->base.error.code, &op->base.error, "write after the disk was cleared");
  free_write(op);
  fixture_stop(&f);
  assert_int_equal(ask(path, "SELECT count(*) FROM events"), landed + 1001);
  assert_int_equal(ask(path, "SELECT count(DISTINCT sequence_number) FROM events"), landed + 1001);
  assert_int_equal(ask(path, "SELECT sequence_number FROM _streamduck_checkpoints"), landed + 1000);
}

static void a_call_that_takes_too_long_is_interrupted(void **state)
{
  (void)state;
  sd_duck_instance *instance = acquire_local();
  sd_duck_connection_options options = {.call_max_ms = 50};
  sd_duck_connection *connection = NULL;
  sd_error error;
  check_ok(sd_duck_connection_new(instance, &options, &connection, &error), &error, "connection");
  check_ok(sd_duck_connection_enter(connection, NULL, &error), &error, "enter");
  sd_status status = sd_duck_execute(connection, "SELECT count(*) FROM range(100000000000) a", NULL, &error);
  assert_int_equal(status, SD_TIMEOUT);
  assert_true(error.retriable);
  assert_int_equal(number(connection, "SELECT 42"), 42);
  sd_duck_connection_leave(connection);
  sd_duck_connection_free(connection);
  sd_duck_instance_release(instance);
}

int main(int argc, char **argv)
{
  if (argc == 3 && strcmp(argv[1], "hold") == 0)
    return hold(argv[2]);
  if (argc == 3 && strcmp(argv[1], "try") == 0)
    return try_file(argv[2]);
  if (skip_without_library())
    return 0;
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      T(a_file_held_by_another_process_is_an_error_that_names_it),
      T(a_second_look_in_this_process_does_not_drop_the_lock),
      T(a_missing_folder_is_told),
      T(a_file_that_is_no_database_is_left_alone),
      T(a_file_without_rights_is_told),
      T(a_full_disk_loses_nothing_and_recovers),
      T(a_call_that_takes_too_long_is_interrupted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
