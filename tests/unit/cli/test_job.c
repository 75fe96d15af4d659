/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What a configuration means: mappings, and each message about what is wrong. */
#include "job_of.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void a_complete_configuration_becomes_a_mapping(void **state)
{
  (void)state;
  sd_job *job = JOB(GOOD);
  assert_int_equal(job->problems.count, 0);
  assert_int_equal(job->mapping_count, 1);
  assert_true(job->mappings[0].complete);
  const sd_stream_mapping *m = &job->mappings[0].stream;
  assert_int_equal(m->struct_size, sizeof *m);
  assert_int_equal(m->number, 1);
  assert_string_equal(m->host, "example.servicebus.windows.net");
  assert_int_equal(m->port, 0);
  assert_true(m->tls);
  assert_string_equal(m->hub, "orders");
  assert_string_equal(m->consumer_group, "$Default");
  assert_string_equal(m->sas_key_name, "root");
  assert_string_equal(m->sas_key, "CANARY-KEY-0123=");
  assert_null(m->sas_token);
  assert_int_equal(m->start, SD_START_EARLIEST);
  assert_false(m->earliest_on_offset_lost);
  assert_false(m->motherduck);
  assert_string_equal(m->database, "x.duckdb");
  assert_string_equal(m->schema, "main");
  assert_string_equal(m->table, "orders");
  assert_false(m->body_is_blob);
  assert_null(m->legacy_database);
  assert_int_equal(m->batch_rows, 1000);
  assert_int_equal(m->batch_bytes, 24000000);
  assert_int_equal(m->batch_timeout_ms, 1000);
  sd_job_free(job);
}

static void every_setting_reaches_its_mapping(void **state)
{
  (void)state;
  sd_job *job =
      JOB("EVENTHUBNAME_3=a.b-c_d", "EVENTHUBNAME_3_CONSUMER_GROUP=g",
          "EVENTHUBNAME_3_CONNECTION_STRING=" EMULATOR, "EVENTHUBNAME_3_START=@1970-01-01T00:00:02Z",
          "EVENTHUBNAME_3_ON_OFFSET_LOST=earliest", "EVENTHUBNAME_3_CA_FILE=/ca.pem",
          "MOTHERDUCK_3_DATABASE=md:lake", "MOTHERDUCK_3_SCHEMA=raw", "MOTHERDUCK_3_TABLE=t",
          "MOTHERDUCK_3_TOKEN=CANARY.CANARY.CANARY", "MOTHERDUCK_3_BATCH=7", "MOTHERDUCK_3_BATCH_BYTES=2MiB",
          "MOTHERDUCK_3_BATCH_TIMEOUT_SECONDS=2.5", "MOTHERDUCK_3_BODY=blob", "TARGET_DB=old",
          "TARGET_SCHEMA=s", "TARGET_TABLE=control", "EVENTHUB_NAMESPACE=ignored.servicebus.windows.net");
  assert_int_equal(sd_problems_errors(&job->problems), 0);
  expect(job, SD_PROBLEM_NOTICE,
         "old.s.control (TARGET_DB, TARGET_SCHEMA, TARGET_TABLE) is the Python original's");
  const sd_stream_mapping *m = &job->mappings[0].stream;
  assert_int_equal(m->number, 3);
  assert_string_equal(m->host, "127.0.0.1");
  assert_int_equal(m->port, 7777);
  assert_false(m->tls);
  assert_string_equal(m->ca_file, "/ca.pem");
  assert_int_equal(m->start, SD_START_TIME);
  assert_int_equal(m->start_time_us, 2000000);
  assert_true(m->earliest_on_offset_lost);
  assert_true(m->motherduck);
  assert_string_equal(m->database, "lake");
  assert_string_equal(m->motherduck_token, "CANARY.CANARY.CANARY");
  assert_string_equal(m->schema, "raw");
  assert_true(m->body_is_blob);
  assert_int_equal(m->batch_rows, 7);
  assert_int_equal(m->batch_bytes, 2 * 1024 * 1024);
  assert_int_equal(m->batch_timeout_ms, 2500);
  assert_string_equal(m->legacy_database, "old");
  assert_string_equal(m->legacy_schema, "s");
  assert_string_equal(m->legacy_table, "control");
  sd_job_free(job);
}

static void motherduck_batches_wait_a_minute_by_default(void **state)
{
  (void)state;
  sd_job *job = JOB("EVENTHUB_CONNECTION_STRING=" CONNECTION, "EVENTHUBNAME_1=orders",
                    "EVENTHUBNAME_1_CONSUMER_GROUP=g", "MOTHERDUCK_1_DATABASE=lake", "MOTHERDUCK_1_TABLE=t",
                    "MOTHERDUCK_TOKEN=a.b.c");
  assert_int_equal(job->problems.count, 0);
  assert_int_equal(job->mappings[0].stream.batch_timeout_ms, 60000);
  assert_string_equal(job->mappings[0].stream.motherduck_token, "a.b.c");
  sd_job_free(job);
}

static void local_files_are_told_from_motherduck_databases(void **state)
{
  (void)state;
  static const char *const files[] = {"a.duckdb", "./a", "/a/b", "a/b.db", "x/y.duckdb", "~/a.duckdb"};
  static const char *const databases[] = {"lake", "a.db", "duckdb", "a.duckdb2", "md:lake", "a.DUCKDB"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    assert_true(sd_job_is_local_file(files[i]));
  for (size_t i = 0; i < sizeof databases / sizeof *databases; i++)
    assert_false(sd_job_is_local_file(databases[i]));
}

/* Each row: a configuration, whether it is an error or a warning, and what the message says. */
static void each_mistake_has_its_message(void **state)
{
  (void)state;
  static const struct {
    const char *lines[12];
    sd_problem_level level;
    const char *part;
  } cases[] = {
      {{"PATH=/"},
       SD_PROBLEM_ERROR,
       "no mapping is configured and there is no .env here: set EVENTHUBNAME_1"},
      {{"EVENTHUBNAME_1=a", "EVENTHUB_CONNECTION_STRING=" CONNECTION, "MOTHERDUCK_1_DATABASE=x.duckdb",
        "MOTHERDUCK_1_TABLE=t"},
       SD_PROBLEM_ERROR,
       "EVENTHUBNAME_1_CONSUMER_GROUP is missing: add it to .env"},
      {{GOOD, "EVENTHUBNAME_1_CONSUMER_GROUP= "},
       SD_PROBLEM_ERROR,
       "EVENTHUBNAME_1_CONSUMER_GROUP is empty: give it a value in the environment"},
      {{GOOD, "EVENTHUBNAME_2=b"}, SD_PROBLEM_ERROR, "MOTHERDUCK_2_DATABASE is missing: add it to .env"},
      {{GOOD, "EVENTHUBNAME_2=b"}, SD_PROBLEM_ERROR, "MOTHERDUCK_2_TABLE is missing: add it to .env"},
      {{GOOD, "MOTHERDUCK_2_TABLE=b"}, SD_PROBLEM_ERROR, "EVENTHUBNAME_2 is missing: add it to .env"},
      {{GOOD, "EVENTHUBNAME_1=-x-"}, SD_PROBLEM_ERROR, "EVENTHUBNAME_1 must be the hub's name"},
      {{"EVENTHUBNAME_1=a", "EVENTHUBNAME_1_CONSUMER_GROUP=g", "EVENTHUB_NAMESPACE=n.servicebus.windows.net",
        "MOTHERDUCK_1_DATABASE=x.duckdb", "MOTHERDUCK_1_TABLE=t"},
       SD_PROBLEM_ERROR,
       "signing in to n.servicebus.windows.net with an Azure identity is not there yet; add "
       "EVENTHUB_CONNECTION_STRING or EVENTHUBNAME_1_CONNECTION_STRING to .env"},
      {{"EVENTHUBNAME_1=a", "EVENTHUBNAME_1_CONSUMER_GROUP=g", "EVENTHUB_NAMESPACE=n.example.com",
        "MOTHERDUCK_1_DATABASE=x.duckdb", "MOTHERDUCK_1_TABLE=t"},
       SD_PROBLEM_ERROR,
       "EVENTHUB_NAMESPACE is \"n.example.com\": it must end in .servicebus.windows.net"},
      {{GOOD, "EVENTHUB_NAMESPACE=other.servicebus.windows.net"},
       SD_PROBLEM_ERROR,
       "EVENTHUB_NAMESPACE is \"other.servicebus.windows.net\", but the Endpoint of "
       "EVENTHUB_CONNECTION_STRING "
       "names \"example.servicebus.windows.net\""},
      {{GOOD, "EVENTHUBNAME_1_CONNECTION_STRING=" CONNECTION ";EntityPath=other"},
       SD_PROBLEM_ERROR,
       "EVENTHUBNAME_1 is \"orders\", but the EntityPath of EVENTHUBNAME_1_CONNECTION_STRING names "
       "\"other\""},
      {{GOOD, "EVENTHUBNAME_1_CONNECTION_STRING=Endpoint=sb://h/;SharedAccessKeyName=CANARY"},
       SD_PROBLEM_ERROR,
       "EVENTHUBNAME_1_CONNECTION_STRING: "},
      {{GOOD, "MOTHERDUCK_1_DATABASE=lake"},
       SD_PROBLEM_ERROR,
       "MOTHERDUCK_1_TOKEN is missing: \"lake\" is a MotherDuck database and needs it or MOTHERDUCK_TOKEN"},
      {{GOOD, "MOTHERDUCK_1_DATABASE=lake", "MOTHERDUCK_1_TOKEN=CANARY-TOKEN"},
       SD_PROBLEM_WARNING,
       "MOTHERDUCK_1_TOKEN does not look like a MotherDuck token"},
      {{GOOD, "MOTHERDUCK_1_DATABASE=md:", "MOTHERDUCK_1_TOKEN=a.b.c"},
       SD_PROBLEM_ERROR,
       "write the name of a MotherDuck database behind md:"},
      {{GOOD, "MOTHERDUCK_1_DATABASE=/data/"}, SD_PROBLEM_ERROR, "a folder: add the file's name"},
      {{GOOD, "MOTHERDUCK_1_DATABASE=~/x.duckdb"}, SD_PROBLEM_WARNING, "begins with ~"},
      {{GOOD, "MOTHERDUCK_1_TABLE=_streamduck_guard"}, SD_PROBLEM_ERROR, "must not begin with _streamduck_"},
      {{GOOD, "MOTHERDUCK_1_BATCH=0"}, SD_PROBLEM_ERROR, "it must be a whole number from 1 to 122880"},
      {{GOOD, "MOTHERDUCK_1_BATCH_BYTES=1GB"}, SD_PROBLEM_ERROR, "from 1kB to 48MiB"},
      {{GOOD, "MOTHERDUCK_1_BODY=json"}, SD_PROBLEM_ERROR, "it must be text or blob"},
      {{GOOD, "EVENTHUBNAME_1_START=now"}, SD_PROBLEM_ERROR, "it must be earliest, latest, @TIME"},
      {{GOOD, "TARGET_TABLE=control"},
       SD_PROBLEM_ERROR,
       "TARGET_DB is missing: add it to .env, or remove TARGET_TABLE"},
      {{GOOD, "TARGET_DB=lake"},
       SD_PROBLEM_WARNING,
       "TARGET_DB \"lake\" is a MotherDuck database, which mapping 1"},
      {{GOOD, "SMART_RETRY_ENABLED=true"}, SD_PROBLEM_NOTICE, "smart retry is not in this version"},
      {{GOOD, "SMART_RETRY_ENABLED=true"}, SD_PROBLEM_WARNING, "SMART_RETRY_LLM_API_KEY is missing"},
      {{GOOD, "SMART_RETRY_MAX_ATTEMPTS=11"}, SD_PROBLEM_ERROR, "from 1 to 10"},
      {{GOOD, "SMART_RETRY_TIMEOUT_SECONDS=61"}, SD_PROBLEM_ERROR, "from 1s to 1m"},
      {{GOOD, "SMART_RETRY_LLM_PROVIDER=mistral"},
       SD_PROBLEM_ERROR,
       "openai, azure, anthropic, gemini, groq or cohere"},
      {{GOOD, "LOGFIRE_ENABLED=true"},
       SD_PROBLEM_ERROR,
       "LOGFIRE_TOKEN is required when LOGFIRE_ENABLED=true"},
      {{GOOD, "LOGFIRE_LOG_LEVEL=TRACE"}, SD_PROBLEM_ERROR, "Invalid log level: TRACE"},
      {{GOOD, "LOGFIRE_LOG_LEVEL=TRACE"}, SD_PROBLEM_ERROR, "DEBUG, INFO, WARNING, ERROR or CRITICAL"},
      {{GOOD, "EVENTHUBNAME_2=ORDERS", "EVENTHUBNAME_2_CONSUMER_GROUP=$default",
        "MOTHERDUCK_2_DATABASE=./x.duckdb", "MOTHERDUCK_2_TABLE=Orders"},
       SD_PROBLEM_ERROR,
       "mappings 1 and 2 are the same"},
      {{GOOD, "EVENTHUBNAME_2=orders", "EVENTHUBNAME_2_CONSUMER_GROUP=$Default",
        "MOTHERDUCK_2_DATABASE=y.duckdb", "MOTHERDUCK_2_TABLE=orders"},
       SD_PROBLEM_WARNING,
       "mappings 1 and 2 read orders with the same consumer group"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    /* A later line of the same name is meant to replace an earlier one. */
    const char *lines[16] = {NULL};
    size_t n = 0;
    for (size_t j = 0; cases[i].lines[j]; j++) {
      size_t len = strcspn(cases[i].lines[j], "=") + 1;
      size_t k = 0;
      while (k < n && strncmp(lines[k], cases[i].lines[j], len) != 0)
        k++;
      lines[k] = cases[i].lines[j];
      n += k == n;
    }
    sd_job *job = job_of(lines);
    expect(job, cases[i].level, cases[i].part);
    sd_job_free(job);
  }
}

static void an_incomplete_mapping_is_marked_and_the_others_stay(void **state)
{
  (void)state;
  sd_job *job = JOB(GOOD, "EVENTHUBNAME_2=b", "EVENTHUBNAME_10=c", "EVENTHUBNAME_10_CONSUMER_GROUP=g",
                    "MOTHERDUCK_10_DATABASE=y.duckdb", "MOTHERDUCK_10_TABLE=t");
  assert_int_equal(job->mapping_count, 3);
  assert_int_equal(job->mappings[0].number, 1);
  assert_int_equal(job->mappings[1].number, 2);
  assert_int_equal(job->mappings[2].number, 10);
  assert_true(job->mappings[0].complete);
  assert_false(job->mappings[1].complete);
  assert_true(job->mappings[2].complete);
  sd_job_free(job);
}

static void the_originals_database_serves_as_its_control_tables(void **state)
{
  (void)state;
  sd_job *job = JOB(GOOD, "TARGET_TABLE=control", "MOTHERDUCK_DATABASE=my_db");
  assert_int_equal(sd_problems_errors(&job->problems), 0);
  assert_string_equal(job->mappings[0].stream.legacy_database, "my_db");
  assert_string_equal(job->mappings[0].stream.legacy_schema, "main");
  sd_job_free(job);
}

static void files_that_are_not_as_needed_are_told(void **state)
{
  (void)state;
  char folder[] = "/tmp/sd-job-XXXXXX";
  assert_non_null(mkdtemp(folder));
  char missing[128], good[128], directory[128];
  snprintf(missing, sizeof missing, "MOTHERDUCK_1_DATABASE=%s/none/x.duckdb", folder);
  snprintf(good, sizeof good, "MOTHERDUCK_2_DATABASE=%s/x.duckdb", folder);
  snprintf(directory, sizeof directory, "MOTHERDUCK_3_DATABASE=%s", folder);
  sd_job *job = JOB("EVENTHUB_CONNECTION_STRING=" CONNECTION, "EVENTHUBNAME_1=a",
                    "EVENTHUBNAME_1_CONSUMER_GROUP=g", "MOTHERDUCK_1_TABLE=t", missing, "EVENTHUBNAME_2=b",
                    "EVENTHUBNAME_2_CONSUMER_GROUP=g", "MOTHERDUCK_2_TABLE=t", good, "EVENTHUBNAME_3=c",
                    "EVENTHUBNAME_3_CONSUMER_GROUP=g", "MOTHERDUCK_3_TABLE=t", directory,
                    "EVENTHUB_CA_FILE=/nonexistent/ca.pem", "STREAMDUCK_LIBDUCKDB=/nonexistent/lib.so");
  assert_int_equal(job->problems.count, 0);
  sd_job_check_files(job);
  expect(job, SD_PROBLEM_ERROR, "MOTHERDUCK_1_DATABASE: there is no folder ");
  expect(job, SD_PROBLEM_ERROR, "make it: mkdir -p");
  expect(job, SD_PROBLEM_ERROR, "is not a file; choose another name");
  expect(job, SD_PROBLEM_ERROR, "/nonexistent/ca.pem cannot be read: No such file");
  expect(job, SD_PROBLEM_ERROR, "/nonexistent/lib.so cannot be read: No such file");
  assert_int_equal(job->problems.count, 4);
  sd_job_free(job);
  rmdir(folder);
}

static void the_state_directory_follows_the_environment(void **state)
{
  (void)state;
  sd_job *job = JOB(GOOD);
  setenv("XDG_STATE_HOME", "/xdg", 1);
  assert_string_equal(sd_job_state_dir(job), "/xdg/streamduck");
  setenv("XDG_STATE_HOME", "relative", 1);
  setenv("HOME", "/home/me", 1);
  assert_string_equal(sd_job_state_dir(job), "/home/me/.local/state/streamduck");
  unsetenv("XDG_STATE_HOME");
  unsetenv("HOME");
  assert_string_equal(sd_job_state_dir(job), "");
  sd_job_free(job);
  job = JOB(GOOD, "STREAMDUCK_STATE_DIR=/run/sd");
  assert_string_equal(sd_job_state_dir(job), "/run/sd");
  sd_job_free(job);
}

static void short_memory_is_told_at_each_allocation(void **state)
{
  (void)state;
  static char hub_1[] = "EVENTHUBNAME_1=a", hub_2[] = "EVENTHUBNAME_2=b";
  static char database[] = "MOTHERDUCK_1_DATABASE=x.duckdb";
  static char connection[] = "EVENTHUB_CONNECTION_STRING=" CONNECTION;
  char *environment[] = {hub_1, hub_2, database, connection, NULL};
  bool succeeded = false;
  for (uint64_t nth = 1; nth < 500 && !succeeded; nth++) {
    sd_job *job = sd_calloc(1, sizeof *job);
    sd_scrubber *scrubber;
    sd_settings_sources sources = {.environment = environment};
    assert_int_equal(sd_scrubber_new(&scrubber), SD_OK);
    sd_problems_init(&job->problems);
    sd_arena_init(&job->arena, 1024, 65536);
    sd_alloc_fail_nth(nth);
    sd_status status = sd_settings_load(&sources, scrubber, &job->problems, &job->settings);
    if (status == SD_OK)
      status = sd_job_judge(job, scrubber);
    succeeded = status == SD_OK && sd_alloc_calls() < nth;
    sd_alloc_fail_nth(0);
    assert_true(status == SD_OK || status == SD_NOMEM);
    if (status == SD_OK)
      assert_int_equal(sd_problems_errors(&job->problems), 5);
    sd_job_free(job);
    sd_scrubber_free(scrubber);
  }
  assert_true(succeeded);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_complete_configuration_becomes_a_mapping),
      cmocka_unit_test(every_setting_reaches_its_mapping),
      cmocka_unit_test(motherduck_batches_wait_a_minute_by_default),
      cmocka_unit_test(local_files_are_told_from_motherduck_databases),
      cmocka_unit_test(each_mistake_has_its_message),
      cmocka_unit_test(an_incomplete_mapping_is_marked_and_the_others_stay),
      cmocka_unit_test(the_originals_database_serves_as_its_control_tables),
      cmocka_unit_test(files_that_are_not_as_needed_are_told),
      cmocka_unit_test(the_state_directory_follows_the_environment),
      cmocka_unit_test(short_memory_is_told_at_each_allocation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
