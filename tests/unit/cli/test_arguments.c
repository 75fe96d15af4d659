/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The command line, and the rows of the command tree. */
#include "cli/arguments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const sd_option rows[] = {
    {.flag = "file", .letter = 'f', .type = SD_OPTION_TEXT, .default_value = "none", .text = "x"},
    {.flag = "count", .letter = 'c', .type = SD_OPTION_INTEGER, .min = 1, .max = 9, .text = "x"},
    {.flag = "loud", .letter = 'l', .type = SD_OPTION_BOOLEAN, .text = "x"},
    {.flag = "hub", .type = SD_OPTION_TEXT, .flags = SD_OPTION_REPEATED, .text = "x"},
    {.variable = NULL},
};
static const sd_option more_rows[] = {
    {.variable = "A_VARIABLE", .type = SD_OPTION_TEXT, .text = "no flag"},
    {.flag = "time", .type = SD_OPTION_DURATION, .default_value = "1.5", .text = "x"},
    {.variable = NULL},
};
static const sd_command command = {.name = "test", .summary = "x", .options = {rows, more_rows}};
static const sd_command with_operands = {
    .name = "test", .summary = "x", .operands = "[A B]", .operands_max = 2, .options = {rows}};

enum { WORDS_MAX = 16 };

static sd_status parse(sd_arguments *arguments, const sd_command *of, const char *const *words,
                       sd_error *error)
{
  char *argv[WORDS_MAX];
  int argc = 0;
  for (; words[argc]; argc++) {
    union {
      const char *in;
      char *out;
    } word = {.in = words[argc]};
    argv[argc] = word.out;
  }
  return sd_arguments_parse(arguments, of, argc, argv, 0, error);
}

static sd_arguments good;

#define PARSE(of, ...)                                                                                       \
  assert_int_equal(parse(&good, of, (const char *const[]){__VA_ARGS__, NULL}, NULL), SD_OK)

static void flags_take_values_in_every_usual_form(void **state)
{
  (void)state;
  PARSE(&command, "--file", "a", "--count=3", "-l", "--time", "250ms");
  assert_string_equal(sd_arguments_text(&good, "file"), "a");
  assert_int_equal(sd_arguments_value(&good, "count").number, 3);
  assert_true(sd_arguments_is_on(&good, "loud"));
  assert_int_equal(sd_arguments_value(&good, "time").number, 250);
  PARSE(&command, "-lfx", "-c", "4");
  assert_string_equal(sd_arguments_text(&good, "file"), "x");
  assert_true(sd_arguments_is_on(&good, "loud"));
  assert_int_equal(sd_arguments_value(&good, "count").number, 4);
  PARSE(&command, "--loud", "--no-loud", "--file=a=b", "-f", "-");
  assert_false(sd_arguments_is_on(&good, "loud"));
  assert_string_equal(sd_arguments_text(&good, "file"), "-");
}

static void what_is_not_given_has_its_default(void **state)
{
  (void)state;
  PARSE(&command, "--loud");
  assert_false(sd_arguments_given(&good, "file"));
  assert_string_equal(sd_arguments_text(&good, "file"), "none");
  assert_null(sd_arguments_text(&good, "count"));
  assert_int_equal(sd_arguments_value(&good, "count").number, 0);
  assert_int_equal(sd_arguments_value(&good, "time").number, 1500);
}

static void repeated_options_collect_all_words(void **state)
{
  (void)state;
  PARSE(&command, "--hub", "a", "b", "--loud", "--hub=c", "--hub", "d");
  assert_int_equal(sd_arguments_count(&good, "hub"), 4);
  assert_string_equal(sd_arguments_nth(&good, "hub", 0), "a");
  assert_string_equal(sd_arguments_nth(&good, "hub", 1), "b");
  assert_string_equal(sd_arguments_nth(&good, "hub", 3), "d");
  assert_null(sd_arguments_nth(&good, "hub", 4));
}

static void operands_are_kept_apart(void **state)
{
  (void)state;
  PARSE(&with_operands, "x", "--hub", "a", "--", "--loud");
  assert_int_equal(sd_arguments_operands(&good), 2);
  assert_string_equal(sd_arguments_operand(&good, 0), "x");
  assert_string_equal(sd_arguments_operand(&good, 1), "--loud");
  assert_int_equal(sd_arguments_count(&good, "hub"), 1);
  assert_false(sd_arguments_is_on(&good, "loud"));
}

static void help_wins_over_everything_but_the_end_of_options(void **state)
{
  (void)state;
  PARSE(&command, "--nonsense", "--help");
  assert_true(good.help);
  PARSE(&with_operands, "--", "-h");
  assert_false(good.help);
}

static void mistakes_are_told_with_the_next_step(void **state)
{
  (void)state;
  static const struct {
    const sd_command *of;
    const char *words[4];
    const char *message;
  } cases[] = {
      {&command, {"--fiel", "x"}, "test has no option --fiel; did you mean --file?"},
      {&command, {"--tme=1"}, "test has no option --tme; did you mean --time?"},
      {&command, {"--quite-different"}, "`streamduck test --help` lists them"},
      {&command, {"-z"}, "test has no option -z"},
      {&command, {"--no-file"}, "test has no option --no-file"},
      {&command, {"--file"}, "--file needs a value: --file TEXT"},
      {&command, {"--count", "12"}, "--count is \"12\": it must be a whole number from 1 to 9"},
      {&command, {"--loud=perhaps"}, "true or false"},
      {&command, {"word"}, "test takes no argument \"word\""},
      {&with_operands, {"a", "b", "c"}, "test takes at most 2 arguments: [A B]"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    sd_arguments arguments;
    sd_error error;
    assert_int_equal(parse(&arguments, cases[i].of, cases[i].words, &error), SD_INVALID);
    if (!strstr(error.message, cases[i].message))
      fail_msg("\"%s\" lacks \"%s\"", error.message, cases[i].message);
  }
}

static void too_many_values_are_refused(void **state)
{
  (void)state;
  static char *argv[SD_ARGUMENTS_MAX + 1];
  static char word[] = "--loud";
  sd_error error;
  for (size_t i = 0; i <= SD_ARGUMENTS_MAX; i++)
    argv[i] = word;
  assert_int_equal(sd_arguments_parse(&good, &command, SD_ARGUMENTS_MAX + 1, argv, 0, &error), SD_LIMIT);
}

static void every_command_row_is_complete(void **state)
{
  (void)state;
  assert_non_null(sd_commands[0]);
  for (size_t i = 0; sd_commands[i]; i++) {
    const sd_command *c = sd_commands[i];
    assert_non_null(c->summary);
    assert_non_null(c->run);
    assert_ptr_equal(sd_command_find(c->name), c);
    assert_true(c->summary[strlen(c->summary) - 1] != '.');
    for (size_t t = 0; t < SD_COMMAND_OPTION_TABLES_MAX && c->options[t]; t++) {
      for (const sd_option *o = c->options[t]; !sd_option_is_end(o); o++) {
        sd_option_value value;
        assert_non_null(o->text);
        if (o->flag && o->default_value)
          assert_int_equal(sd_option_parse(o, o->flag, o->default_value, &value, NULL), SD_OK);
      }
    }
  }
}

static void the_nearest_command_is_found(void **state)
{
  (void)state;
  assert_string_equal(sd_command_nearest("verison")->name, "version");
  assert_string_equal(sd_command_nearest("validate")->name, "validate-config");
  assert_null(sd_command_nearest("frobnicate"));
  assert_null(sd_command_find("versio"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(flags_take_values_in_every_usual_form),
      cmocka_unit_test(what_is_not_given_has_its_default),
      cmocka_unit_test(repeated_options_collect_all_words),
      cmocka_unit_test(operands_are_kept_apart),
      cmocka_unit_test(help_wins_over_everything_but_the_end_of_options),
      cmocka_unit_test(mistakes_are_told_with_the_next_step),
      cmocka_unit_test(too_many_values_are_refused),
      cmocka_unit_test(every_command_row_is_complete),
      cmocka_unit_test(the_nearest_command_is_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
