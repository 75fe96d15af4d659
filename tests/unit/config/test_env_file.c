/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The .env format. */
#include "config/env_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Everything that the parser tells, as text: "line NAME=value\n" and "line ! message\n". */
static void on_entry(void *user, unsigned line, const char *name, const char *value)
{
  sd_buf_appendf(user, "%u %s=%s\n", line, name, value);
}

static void on_problem(void *user, unsigned line, const char *message)
{
  sd_buf_appendf(user, "%u ! %s\n", line, message);
}

static const sd_env_handler handler = {on_entry, on_problem};

static void expect_bytes(const char *text, size_t len, const char *told)
{
  sd_buf out;
  sd_buf_init(&out, 100000);
  assert_int_equal(sd_env_parse(sd_bytes_make(text, len), &handler, &out), SD_OK);
  assert_string_equal(sd_buf_text(&out), told);
  sd_buf_release(&out);
}

static void expect(const char *text, const char *told)
{
  expect_bytes(text, strlen(text), told);
}

static void plain_values_end_at_a_comment_or_the_line(void **state)
{
  (void)state;
  expect("", "");
  expect("A=1", "1 A=1\n");
  expect("A=1\nB=2\n", "1 A=1\n2 B=2\n");
  expect("  A = two words  # comment\n", "1 A=two words\n");
  expect("A=x#y\n", "1 A=x#y\n");
  expect("A=   # nothing\nB=1", "1 A=\n2 B=1\n");
  expect("A=\nB=", "1 A=\n2 B=\n");
  expect("A=Endpoint=sb://h/;Key=ab=\n", "1 A=Endpoint=sb://h/;Key=ab=\n");
  expect("A=it's \"so\"\n", "1 A=it's \"so\"\n");
}

static void nothing_is_evaluated(void **state)
{
  (void)state;
  expect("A=$Default\nB=${HOME}\nC=$(id)\nD=`id`\nE=~/x\nF=\"${HOME}\"",
         "1 A=$Default\n2 B=${HOME}\n3 C=$(id)\n4 D=`id`\n5 E=~/x\n6 F=${HOME}\n");
}

static void comments_blank_lines_and_export_are_understood(void **state)
{
  (void)state;
  expect("# c\n\n   \n\t# c2\nexport A=1\nexport\tB=2\nexported=3\n", "5 A=1\n6 B=2\n7 exported=3\n");
}

static void each_line_ending_counts_once(void **state)
{
  (void)state;
  expect("A=1\r\nB=2\r\n\r\nC=3\rD=4", "1 A=1\n2 B=2\n4 C=3\n5 D=4\n");
  expect("\xEF\xBB\xBF"
         "A=1\n",
         "1 A=1\n");
}

static void quoted_values_keep_what_is_between(void **state)
{
  (void)state;
  expect("A='a # b'  # c\nB=\"a # b\"\n", "1 A=a # b\n2 B=a # b\n");
  expect("A='it\\'s \\n \\\\'\n", "1 A=it's \\n \\\n");
  expect("A=\"x\\ty\\\"z\\\\ \\q\"\n", "1 A=x\ty\"z\\ \\q\n");
  expect("A=''\nB=\"\"\n", "1 A=\n2 B=\n");
  expect("A=\"one\ntwo\"\nB=3\n", "1 A=one\ntwo\n3 B=3\n");
}

static void malformed_lines_are_told_and_passed(void **state)
{
  (void)state;
  expect("=1\nA=1\n", "1 ! a line must be NAME=VALUE or begin with #\n2 A=1\n");
  expect("A\nB=1\n", "1 ! = is missing behind the name: a line must be NAME=VALUE\n2 B=1\n");
  expect("A B=1\nC=2\n", "1 ! = is missing behind the name: a line must be NAME=VALUE\n2 C=2\n");
  expect("A='open\nB=2\n", "1 ! the closing quote is missing\n2 B=2\n");
  expect("A='x' y\nB=2\n", "1 ! there is text behind the closing quote\n2 B=2\n");
  expect_bytes("A=x\0y\nB=2\n", 10, "1 ! the value contains a NUL byte\n2 B=2\n");
}

static void limits_hold(void **state)
{
  (void)state;
  static char text[SD_ENV_VALUE_MAX + 200];
  memset(text, 'n', SD_ENV_NAME_MAX);
  memcpy(text + SD_ENV_NAME_MAX, "=1\nB=2\n", 8);
  expect(text, "1 ! the name is longer than 127 bytes\n2 B=2\n");
  memset(text, 'v', sizeof text);
  text[0] = 'A';
  text[1] = '=';
  memcpy(text + 3 + SD_ENV_VALUE_MAX, "\nB=2\n", 6);
  expect(text, "1 ! the value is longer than 16384 bytes\n2 B=2\n");
}

static void files_are_read_or_named(void **state)
{
  (void)state;
  char path[] = "/tmp/sd-env-XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, "A=1\n", 4), 4);
  sd_buf text;
  sd_error error;
  sd_buf_init(&text, SD_ENV_FILE_MAX);
  assert_int_equal(sd_env_read_file(path, &text, &error), SD_OK);
  assert_string_equal(sd_buf_text(&text), "A=1\n");
  sd_buf_release(&text);
  sd_buf_init(&text, SD_ENV_FILE_MAX);
  assert_int_equal(ftruncate(fd, SD_ENV_FILE_MAX + 1), 0);
  assert_int_equal(sd_env_read_file(path, &text, &error), SD_CONFIG);
  assert_non_null(strstr(error.message, path));
  sd_buf_release(&text);
  close(fd);
  unlink(path);
  assert_int_equal(sd_env_read_file(path, &text, &error), SD_NOT_FOUND);
  assert_non_null(strstr(error.message, path));
  assert_int_equal(sd_env_read_file("/", &text, &error), SD_IO);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(plain_values_end_at_a_comment_or_the_line),
      cmocka_unit_test(nothing_is_evaluated),
      cmocka_unit_test(comments_blank_lines_and_export_are_understood),
      cmocka_unit_test(each_line_ending_counts_once),
      cmocka_unit_test(quoted_values_keep_what_is_between),
      cmocka_unit_test(malformed_lines_are_told_and_passed),
      cmocka_unit_test(limits_hold),
      cmocka_unit_test(files_are_read_or_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
