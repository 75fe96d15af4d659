/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Sockets and locks of running instances in the state directory. */
#include "cli/instance.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A folder below a fresh one; the second is made by register. */
static char folder[64];
static char state_dir[512];

static int set_up(void **state)
{
  (void)state;
  snprintf(folder, sizeof folder, "/tmp/sd-instance-XXXXXX");
  if (!mkdtemp(folder))
    return -1;
  /* Longer than a socket's path may be. */
  snprintf(state_dir, sizeof state_dir, "%s/%0120d/state", folder, 0);
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  return system(command);
}

typedef struct seen {
  int count;
  int connected;
} seen;

static void look(void *user, const char *socket_path)
{
  seen *s = user;
  s->count++;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  s->connected += connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
  close(fd);
}

static size_t files_in(const char *path)
{
  size_t count = 0;
  DIR *stream = opendir(path);
  assert_non_null(stream);
  const struct dirent *entry;
  while ((entry = readdir(stream)))
    count += entry->d_name[0] != '.';
  closedir(stream);
  return count;
}

static void a_missing_directory_has_no_instances(void **state)
{
  (void)state;
  seen s = {0};
  assert_int_equal(sd_instance_each(state_dir, look, &s, NULL), SD_OK);
  assert_int_equal(sd_instance_each("", look, &s, NULL), SD_OK);
  assert_int_equal(s.count, 0);
}

static void instances_are_seen_until_they_unregister(void **state)
{
  (void)state;
  sd_instance a, b;
  sd_error error;
  seen s = {0};
  if (sd_instance_register(state_dir, &a, &error) != SD_OK)
    fail_msg("%s", error.message);
  assert_int_equal(sd_instance_register(state_dir, &b, NULL), SD_OK);
  assert_int_equal(sd_instance_each(state_dir, look, &s, NULL), SD_OK);
  assert_int_equal(s.count, 2);
  assert_int_equal(s.connected, 2);
  sd_instance_unregister(&a);
  s = (seen){0};
  assert_int_equal(sd_instance_each(state_dir, look, &s, NULL), SD_OK);
  assert_int_equal(s.count, 1);
  assert_int_equal(s.connected, 1);
  sd_instance_unregister(&b);
  assert_int_equal(files_in(state_dir), 0);
}

static void only_the_owner_may_use_folder_and_socket(void **state)
{
  (void)state;
  sd_instance a;
  struct stat info;
  char path[1024];
  assert_int_equal(sd_instance_register(state_dir, &a, NULL), SD_OK);
  assert_int_equal(stat(state_dir, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0700);
  snprintf(path, sizeof path, "%s/%s.sock", state_dir, a.name);
  assert_int_equal(stat(path, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0600);
  sd_instance_unregister(&a);
}

static void files_of_a_dead_instance_are_removed(void **state)
{
  (void)state;
  pid_t child = fork();
  if (child == 0) {
    sd_instance a;
    _exit(sd_instance_register(state_dir, &a, NULL) == SD_OK ? 0 : 1);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  assert_int_equal(files_in(state_dir), 2);
  seen s = {0};
  assert_int_equal(sd_instance_each(state_dir, look, &s, NULL), SD_OK);
  assert_int_equal(s.count, 0);
  assert_int_equal(files_in(state_dir), 0);
}

static void other_files_are_left_alone(void **state)
{
  (void)state;
  static const char *const names[] = {"notes.lock", "12-xyz.lock", "12-0123456.lock", "12-01234567.txt",
                                      "12.sock"};
  sd_instance a;
  assert_int_equal(sd_instance_register(state_dir, &a, NULL), SD_OK);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    int fd = openat(a.directory_fd, names[i], O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
  }
  seen s = {0};
  assert_int_equal(sd_instance_each(state_dir, look, &s, NULL), SD_OK);
  assert_int_equal(s.count, 1);
  sd_instance_unregister(&a);
  assert_int_equal(files_in(state_dir), sizeof names / sizeof *names);
}

static void a_directory_that_cannot_be_made_is_named(void **state)
{
  (void)state;
  sd_instance a;
  sd_error error;
  assert_int_equal(sd_instance_register("/dev/null/x", &a, &error), SD_IO);
  assert_non_null(strstr(error.message, "/dev/null"));
  assert_int_equal(sd_instance_register("", &a, &error), SD_CONFIG);
  assert_non_null(strstr(error.message, "--state-dir"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_missing_directory_has_no_instances, set_up, tear_down),
      cmocka_unit_test_setup_teardown(instances_are_seen_until_they_unregister, set_up, tear_down),
      cmocka_unit_test_setup_teardown(only_the_owner_may_use_folder_and_socket, set_up, tear_down),
      cmocka_unit_test_setup_teardown(files_of_a_dead_instance_are_removed, set_up, tear_down),
      cmocka_unit_test_setup_teardown(other_files_are_left_alone, set_up, tear_down),
      cmocka_unit_test(a_directory_that_cannot_be_made_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
