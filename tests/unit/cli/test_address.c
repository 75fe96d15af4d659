/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Addresses to listen on. */
#include "cli/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void addresses_are_split_at_the_last_colon(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    const char *host;
    uint16_t port;
  } good[] = {
      {"127.0.0.1:0", "127.0.0.1", 0}, {"localhost:65535", "localhost", 65535}, {"[::1]:9464", "::1", 9464}};
  static const char *const bad[] = {"", ":1", "host", "host:", "host:x", "host:65536", "host:-1", "1234"};
  char host[SD_ADDRESS_HOST_MAX];
  uint16_t port = 1;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    assert_true(sd_address_split(good[i].text, host, &port));
    assert_string_equal(host, good[i].host);
    assert_int_equal(port, good[i].port);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_false(sd_address_split(bad[i], host, &port));
  char longer[2 * SD_ADDRESS_HOST_MAX];
  memset(longer, 'a', sizeof longer);
  memcpy(longer + sizeof longer - 3, ":1", 3);
  assert_false(sd_address_split(longer, host, &port));
}

static void a_free_port_is_taken_and_told(void **state)
{
  (void)state;
  int fd = -1;
  uint16_t port = 0;
  sd_error error;
  assert_int_equal(sd_address_listen("127.0.0.1", 0, &fd, &port, &error), SD_OK);
  assert_int_not_equal(port, 0);
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
  } peer = {.v4 = {.sin_family = AF_INET, .sin_port = htons(port)}};
  peer.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(connect(client, &peer.any, sizeof peer.v4), 0);
  close(client);
  close(fd);
}

static void a_port_that_is_taken_and_a_host_that_is_none_are_told(void **state)
{
  (void)state;
  int fd = -1, second = -1;
  uint16_t port = 0, other = 0;
  sd_error error;
  assert_int_equal(sd_address_listen("127.0.0.1", 0, &fd, &port, &error), SD_OK);
  assert_int_equal(sd_address_listen("127.0.0.1", port, &second, &other, &error), SD_CONFIG);
  assert_int_equal(second, -1);
  assert_non_null(strstr(error.message, "127.0.0.1 port"));
  assert_int_equal(sd_address_listen("host.invalid", 0, &second, &other, &error), SD_CONFIG);
  assert_non_null(strstr(error.message, "host.invalid cannot be listened on"));
  close(fd);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(addresses_are_split_at_the_last_colon),
      cmocka_unit_test(a_free_port_is_taken_and_told),
      cmocka_unit_test(a_port_that_is_taken_and_a_host_that_is_none_are_told),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
