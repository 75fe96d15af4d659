/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Settings from the command line, the environment and a file; unknown names. */
#include "base/alloc.h"
#include "config/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

typedef struct fixture {
  char path[32];
  sd_scrubber *scrubber;
  sd_problems problems;
  sd_settings *settings;
} fixture;

static void load(fixture *f, const char *file, char *const *environment, const sd_assignment *command_line,
                 size_t count)
{
  memset(f, 0, sizeof *f);
  sd_problems_init(&f->problems);
  assert_int_equal(sd_scrubber_new(&f->scrubber), SD_OK);
  sd_settings_sources sources = {
      .command_line = command_line, .command_line_count = count, .environment = environment};
  if (file) {
    snprintf(f->path, sizeof f->path, "/tmp/sd-settings-XXXXXX");
    int fd = mkstemp(f->path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, file, strlen(file)), (ssize_t)strlen(file));
    close(fd);
    sources.file = f->path;
  }
  assert_int_equal(sd_settings_load(&sources, f->scrubber, &f->problems, &f->settings), SD_OK);
}

static void release(fixture *f)
{
  if (f->path[0])
    unlink(f->path);
  sd_settings_free(f->settings);
  sd_problems_release(&f->problems);
  sd_scrubber_free(f->scrubber);
}

static bool has_problem(const fixture *f, sd_problem_level level, const char *part)
{
  for (size_t i = 0; i < f->problems.count; i++) {
    if (f->problems.items[i].level == level && strstr(f->problems.items[i].text, part))
      return true;
  }
  return false;
}

static void expect_problem(const fixture *f, sd_problem_level level, const char *part)
{
  if (has_problem(f, level, part))
    return;
  for (size_t i = 0; i < f->problems.count; i++)
    print_error("%s: %s\n", sd_problem_level_name(f->problems.items[i].level), f->problems.items[i].text);
  fail_msg("no %s says \"%s\"", sd_problem_level_name(level), part);
}

static void the_command_line_wins_over_the_environment_and_that_over_the_file(void **state)
{
  (void)state;
  fixture f;
  char *environment[] = {(char[]){"EVENTHUBNAME_1=env"}, (char[]){"EVENTHUBNAME_2=env"}, NULL};
  sd_assignment line[] = {{"EVENTHUBNAME_1", "line"}};
  load(&f, "EVENTHUBNAME_1=file\nEVENTHUBNAME_2=file\nEVENTHUBNAME_3=file\n", environment, line, 1);
  assert_int_equal(f.problems.count, 0);
  assert_string_equal(sd_settings_text(f.settings, "EVENTHUBNAME_{N}", 1), "line");
  assert_string_equal(sd_settings_text(f.settings, "EVENTHUBNAME_{N}", 2), "env");
  assert_string_equal(sd_settings_text(f.settings, "EVENTHUBNAME_{N}", 3), "file");
  assert_null(sd_settings_text(f.settings, "EVENTHUBNAME_{N}", 4));
  assert_int_equal(sd_settings_find(f.settings, "EVENTHUBNAME_{N}", 3)->line, 3);
  assert_int_equal(sd_settings_count(f.settings), 3);
  assert_int_equal(sd_settings_from_file(f.settings), 1);
  release(&f);
}

static void values_are_trimmed_typed_and_have_defaults(void **state)
{
  (void)state;
  fixture f;
  load(&f, "MOTHERDUCK_1_BATCH='  500 '\nMOTHERDUCK_2_BATCH=\nMOTHERDUCK_3_BATCH=no\n", NULL, NULL, 0);
  assert_int_equal(sd_settings_number(f.settings, "MOTHERDUCK_{N}_BATCH", 1, -1), 500);
  assert_int_equal(sd_settings_number(f.settings, "MOTHERDUCK_{N}_BATCH", 9, -1), 1000);
  assert_int_equal(sd_settings_number(f.settings, "MOTHERDUCK_{N}_BATCH_TIMEOUT_SECONDS", 1, -1), -1);
  assert_null(sd_settings_find(f.settings, "MOTHERDUCK_{N}_BATCH", 2));
  assert_non_null(sd_settings_find_any(f.settings, "MOTHERDUCK_{N}_BATCH", 2));
  assert_null(sd_settings_find(f.settings, "MOTHERDUCK_{N}_BATCH", 3));
  expect_problem(&f, SD_PROBLEM_ERROR,
                 "MOTHERDUCK_3_BATCH is \"no\": it must be a whole number from 1 to 122880");
  assert_int_equal(f.problems.count, 1);
  release(&f);
}

static void unknown_names_are_told_with_the_nearest(void **state)
{
  (void)state;
  fixture f;
  char *environment[] = {(char[]){"EVENTHUBNAME_1_CONSUMERGROUP=x"},
                         (char[]){"TARGETPLATFORM=linux/amd64"},
                         (char[]){"TARGET_TABEL=x"},
                         (char[]){"STREAMDUCK_TEST_PHASE_FILE=x"},
                         (char[]){"PATH=/bin"},
                         (char[]){"motherduck_token=x"},
                         NULL};
  load(&f,
       "MOTHERDUCK_7_DATABSE=canary-value\nEVENTHUBNAME_01=canary-value\nLOGFIRE_BASE_UNKNOWN=canary-value\n"
       "OTHER=1\nOTHERDUCK_1_TABLE=canary-value\n",
       environment, NULL, 0);
  expect_problem(&f, SD_PROBLEM_ERROR, "line 1) is not known: did you mean MOTHERDUCK_7_DATABASE?");
  expect_problem(&f, SD_PROBLEM_ERROR, "EVENTHUBNAME_01 (");
  expect_problem(&f, SD_PROBLEM_ERROR, "did you mean EVENTHUBNAME_1?");
  expect_problem(&f, SD_PROBLEM_ERROR, "LOGFIRE_BASE_UNKNOWN (");
  expect_problem(&f, SD_PROBLEM_WARNING, "OTHERDUCK_1_TABLE (");
  expect_problem(&f, SD_PROBLEM_WARNING,
                 "EVENTHUBNAME_1_CONSUMERGROUP (environment) is not known: did you mean "
                 "EVENTHUBNAME_1_CONSUMER_GROUP?");
  expect_problem(&f, SD_PROBLEM_WARNING, "TARGET_TABEL (environment)");
  assert_int_equal(f.problems.count, 6);
  for (size_t i = 0; i < f.problems.count; i++)
    assert_null(strstr(f.problems.items[i].text, "canary-value"));
  release(&f);
}

static void secrets_are_registered_and_never_told(void **state)
{
  (void)state;
  fixture f;
  load(&f, "MOTHERDUCK_TOKEN=canary-token-1\nMOTHERDUCK_1_TOKEN=\"canary-token-2\"\n", NULL, NULL, 0);
  char text[] = "a canary-token-1 b canary-token-2 c";
  sd_scrub_text(f.scrubber, text, sizeof text);
  assert_string_equal(text, "a *** b *** c");
  release(&f);
}

static void odd_values_are_told(void **state)
{
  (void)state;
  fixture f;
  load(&f,
       "EVENTHUBNAME_1=<your-hub>\nLOGFIRE_TOKEN=<your-token>\nMOTHERDUCK_1_TABLE=${X}\nREGION=a\nREGION="
       "b\nbad line\n",
       NULL, NULL, 0);
  expect_problem(&f, SD_PROBLEM_ERROR, "EVENTHUBNAME_1 still holds the placeholder");
  expect_problem(&f, SD_PROBLEM_WARNING, "MOTHERDUCK_1_TABLE contains ${…}");
  expect_problem(&f, SD_PROBLEM_WARNING, "REGION stands twice in");
  expect_problem(&f, SD_PROBLEM_WARNING, "(lines 4 and 5): line 5 holds");
  expect_problem(&f, SD_PROBLEM_ERROR, "line 6: = is missing");
  assert_string_equal(sd_settings_text(f.settings, "REGION", 0), "b");
  assert_int_equal(f.problems.count, 4);
  release(&f);
}

static void a_missing_file_is_a_problem_only_when_it_was_named(void **state)
{
  (void)state;
  sd_problems problems;
  sd_settings *settings;
  sd_settings_sources sources = {.file = "/nonexistent/x.env", .file_is_optional = true};
  sd_problems_init(&problems);
  assert_int_equal(sd_settings_load(&sources, NULL, &problems, &settings), SD_OK);
  assert_int_equal(problems.count, 0);
  sd_settings_free(settings);
  sources.file_is_optional = false;
  assert_int_equal(sd_settings_load(&sources, NULL, &problems, &settings), SD_OK);
  assert_int_equal(sd_problems_errors(&problems), 1);
  assert_string_equal(problems.items[0].text, "there is no file /nonexistent/x.env");
  sd_settings_free(settings);
  sd_problems_release(&problems);
}

static void every_row_is_complete_and_its_default_is_valid(void **state)
{
  (void)state;
  for (const sd_option *o = sd_config_options; !sd_option_is_end(o); o++) {
    sd_option_value value;
    sd_error error;
    char name[SD_OPTION_NAME_MAX], nearest[SD_OPTION_NAME_MAX];
    assert_non_null(o->variable);
    assert_non_null(o->section);
    assert_non_null(o->text);
    assert_true(o->type != SD_OPTION_CHOICE || o->choices);
    if (o->default_value && sd_option_parse(o, o->variable, o->default_value, &value, &error) != SD_OK)
      fail_msg("%s", error.message);
    if (o->example && o->example[0] && sd_option_parse(o, o->variable, o->example, &value, &error) != SD_OK)
      fail_msg("%s", error.message);
    assert_true(sd_option_name(o, 1, name, sizeof name));
    assert_int_equal(sd_config_nearest(name, nearest, sizeof nearest), 0);
    assert_string_equal(nearest, name);
  }
}

static void short_memory_is_told_at_each_allocation(void **state)
{
  (void)state;
  char *environment[] = {(char[]){"EVENTHUBNAME_1=orders"}, (char[]){"MOTHERDUCK_1_TOKEN=canary-token"},
                         NULL};
  bool succeeded = false;
  for (uint64_t nth = 1; nth < 200 && !succeeded; nth++) {
    sd_problems problems;
    sd_settings *settings = NULL;
    sd_settings_sources sources = {.environment = environment};
    sd_problems_init(&problems);
    sd_alloc_fail_nth(nth);
    sd_status status = sd_settings_load(&sources, NULL, &problems, &settings);
    succeeded = status == SD_OK && sd_alloc_calls() < nth;
    sd_alloc_fail_nth(0);
    assert_true(status == SD_OK || (status == SD_NOMEM && !settings));
    sd_settings_free(settings);
    sd_problems_release(&problems);
  }
  assert_true(succeeded);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_command_line_wins_over_the_environment_and_that_over_the_file),
      cmocka_unit_test(values_are_trimmed_typed_and_have_defaults),
      cmocka_unit_test(unknown_names_are_told_with_the_nearest),
      cmocka_unit_test(secrets_are_registered_and_never_told),
      cmocka_unit_test(odd_values_are_told),
      cmocka_unit_test(a_missing_file_is_a_problem_only_when_it_was_named),
      cmocka_unit_test(every_row_is_complete_and_its_default_is_valid),
      cmocka_unit_test(short_memory_is_told_at_each_allocation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
