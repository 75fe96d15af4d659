/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The HTTP client against a server that says what the test wants. */
#include "http/client.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Accepts one connection, reads a whole request, answers, closes. */
typedef struct server {
  int listen_fd;
  pthread_t thread;
  const char *answer; /* NULL: never answers */
  size_t body_len;    /* of the request */
  char request[8192];
  size_t request_len;
  int silent_fd; /* held open while there is no answer */
} server;

static void *serve(void *user)
{
  server *s = user;
  int fd = accept(s->listen_fd, NULL, NULL);
  if (fd < 0)
    return NULL;
  while (s->request_len < sizeof s->request - 1) {
    ssize_t n = read(fd, s->request + s->request_len, sizeof s->request - 1 - s->request_len);
    if (n <= 0)
      break;
    s->request_len += (size_t)n;
    s->request[s->request_len] = '\0';
    const char *end = strstr(s->request, "\r\n\r\n");
    if (end && (size_t)(s->request + s->request_len - end) - 4 >= s->body_len)
      break;
  }
  if (!s->answer) {
    s->silent_fd = fd;
    return NULL;
  }
  size_t len = strlen(s->answer);
  for (size_t sent = 0; sent < len;) {
    ssize_t n = send(fd, s->answer + sent, len - sent, MSG_NOSIGNAL);
    if (n <= 0)
      break;
    sent += (size_t)n;
  }
  close(fd);
  return NULL;
}

static char socket_path[64];

static void start(server *s, const char *answer, size_t body_len, char *url, size_t url_size)
{
  *s = (server){.answer = answer, .body_len = body_len, .silent_fd = -1};
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  s->listen_fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(bind(s->listen_fd, (struct sockaddr *)&address, len), 0);
  assert_int_equal(listen(s->listen_fd, 1), 0);
  assert_int_equal(getsockname(s->listen_fd, (struct sockaddr *)&address, &len), 0);
  snprintf(url, url_size, "http://127.0.0.1:%u/path?key=CANARY", (unsigned)ntohs(address.sin_port));
  assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void stop(server *s)
{
  pthread_join(s->thread, NULL);
  close(s->listen_fd);
  if (s->silent_fd >= 0)
    close(s->silent_fd);
}

static sd_http_client *new_client(void)
{
  sd_http_client *client;
  sd_error error;
  if (sd_http_client_new(&client, &error) != SD_OK)
    fail_msg("%s", error.message);
  return client;
}

static void a_get_gives_status_and_body(void **state)
{
  (void)state;
  server s;
  char url[128];
  sd_http_answer answer;
  start(&s, "HTTP/1.1 429 Slow\r\nretry-after: 17\r\nContent-Length: 5\r\n\r\nhello", 0, url, sizeof url);
  sd_http_client *client = new_client();
  const char *const headers[] = {"X-Test: yes", NULL};
  sd_http_request request = {.struct_size = sizeof request, .url = url, .headers = headers};
  assert_int_equal(sd_http_client_perform(client, &request, &answer, NULL), SD_OK);
  stop(&s);
  assert_int_equal(answer.status, 429);
  assert_int_equal(answer.retry_after_s, 17);
  assert_string_equal(sd_buf_text(&answer.body), "hello");
  assert_non_null(strstr(s.request, "GET /path?key=CANARY HTTP/1.1\r\n"));
  assert_non_null(strstr(s.request, "X-Test: yes\r\n"));
  sd_buf_release(&answer.body);
  sd_http_client_free(client);
}

static void a_body_makes_it_a_post(void **state)
{
  (void)state;
  server s;
  char url[128];
  sd_http_answer answer;
  start(&s, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 4, url, sizeof url);
  sd_http_client *client = new_client();
  sd_http_request request = {.struct_size = sizeof request, .url = url, .body = sd_bytes_of("data")};
  assert_int_equal(sd_http_client_perform(client, &request, &answer, NULL), SD_OK);
  stop(&s);
  assert_int_equal(answer.status, 200);
  assert_int_equal(answer.body.len, 0);
  assert_memory_equal(s.request, "POST ", 5);
  assert_string_equal(s.request + s.request_len - 4, "data");
  sd_buf_release(&answer.body);
  sd_http_client_free(client);
}

static void failures_say_what_and_where_without_the_query(void **state)
{
  (void)state;
  server s;
  char url[128];
  sd_http_answer answer;
  sd_error error;
  sd_http_client *client = new_client();

  start(
      &s,
      "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
      "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
      0, url, sizeof url);
  sd_http_request request = {.struct_size = sizeof request, .url = url, .answer_max = 50};
  assert_int_equal(sd_http_client_perform(client, &request, &answer, &error), SD_LIMIT);
  assert_non_null(strstr(error.message, "longer than allowed"));
  stop(&s);

  start(&s, NULL, 0, url, sizeof url);
  request.timeout_ms = 50;
  assert_int_equal(sd_http_client_perform(client, &request, &answer, &error), SD_TIMEOUT);
  assert_true(error.retriable);
  assert_null(strstr(error.message, "CANARY"));
  stop(&s);

  start(&s, "", 0, url, sizeof url);
  request.timeout_ms = 0;
  assert_int_equal(sd_http_client_perform(client, &request, &answer, &error), SD_IO);
  assert_true(error.retriable);
  assert_null(strstr(error.message, "CANARY"));
  stop(&s);

  request.url = "http://user:CANARY@127.0.0.1:1/path?key=CANARY";
  assert_int_equal(sd_http_client_perform(client, &request, &answer, &error), SD_IO);
  assert_null(strstr(error.message, "CANARY"));
  assert_memory_equal(error.message, "http://127.0.0.1:1/path: ", 25);

  request.url = "ftp://127.0.0.1/";
  assert_int_equal(sd_http_client_perform(client, &request, &answer, &error), SD_INVALID);
  request.url = "http://localhost/";
  request.unix_socket = "/nonexistent/socket";
  assert_int_equal(sd_http_client_perform(client, &request, &answer, &error), SD_IO);
  sd_http_client_free(client);
}

static void a_unix_socket_takes_the_place_of_the_host(void **state)
{
  (void)state;
  char folder[] = "/tmp/sd-http-XXXXXX";
  assert_non_null(mkdtemp(folder));
  snprintf(socket_path, sizeof socket_path, "%s/s", folder);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
  server s = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", .silent_fd = -1};
  s.listen_fd = socket(AF_UNIX, SOCK_STREAM, 0);
  assert_int_equal(bind(s.listen_fd, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(listen(s.listen_fd, 1), 0);
  assert_int_equal(pthread_create(&s.thread, NULL, serve, &s), 0);
  sd_http_client *client = new_client();
  sd_http_answer answer;
  sd_http_request request = {
      .struct_size = sizeof request, .url = "http://name/x", .unix_socket = socket_path};
  assert_int_equal(sd_http_client_perform(client, &request, &answer, NULL), SD_OK);
  stop(&s);
  assert_string_equal(sd_buf_text(&answer.body), "ok");
  assert_non_null(strstr(s.request, "Host: name\r\n"));
  sd_buf_release(&answer.body);
  sd_http_client_free(client);
  unlink(socket_path);
  rmdir(folder);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_get_gives_status_and_body),
      cmocka_unit_test(a_body_makes_it_a_post),
      cmocka_unit_test(failures_say_what_and_where_without_the_query),
      cmocka_unit_test(a_unix_socket_takes_the_place_of_the_host),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
