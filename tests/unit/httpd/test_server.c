/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server, talked to byte by byte. */
#include "httpd/server.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct sockaddr_in address;

static int answer_hello(void *user, sd_buf *body)
{
  sd_buf_appendf(body, "hello %s", (const char *)user);
  return 200;
}

static int answer_busy(void *user, sd_buf *body)
{
  (void)user;
  sd_buf_append_text(body, "busy");
  return 503;
}

static char name[] = "duck";
static const sd_httpd_route routes[] = {
    {"/hello", "text/plain", answer_hello, name},
    {"/busy", "application/json", answer_busy, NULL},
};

static int listen_somewhere(void)
{
  socklen_t len = sizeof address;
  address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
  assert_int_equal(listen(fd, 8), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
  return fd;
}

static int set_up(void **state)
{
  sd_httpd *httpd;
  sd_error error;
  if (sd_httpd_start(listen_somewhere(), routes, 2, &httpd, &error) != SD_OK)
    return -1;
  *state = httpd;
  return 0;
}

static int tear_down(void **state)
{
  sd_httpd_stop(*state);
  return 0;
}

/* Sends the request and reads until the server closes. */
static void talk(const char *request, char *answer, size_t size)
{
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
  size_t len = 0;
  ssize_t n;
  while (len < size - 1 && (n = read(fd, answer + len, size - 1 - len)) > 0)
    len += (size_t)n;
  answer[len] = '\0';
  close(fd);
}

static void routes_answer(void **state)
{
  (void)state;
  char answer[4096];
  talk("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", answer, sizeof answer);
  assert_non_null(strstr(answer, "HTTP/1.1 200"));
  assert_non_null(strstr(answer, "Content-Type: text/plain"));
  assert_non_null(strstr(answer, "\r\n\r\nhello duck"));
  talk("GET /busy?x=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", answer, sizeof answer);
  assert_non_null(strstr(answer, "HTTP/1.1 503"));
  assert_non_null(strstr(answer, "\r\n\r\nbusy"));
}

static void head_has_no_body(void **state)
{
  (void)state;
  char answer[4096];
  talk("HEAD /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", answer, sizeof answer);
  assert_non_null(strstr(answer, "Content-Length: 10"));
  assert_null(strstr(answer, "hello duck"));
}

static void other_paths_and_methods_are_refused(void **state)
{
  (void)state;
  char answer[4096];
  talk("GET /hello/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", answer, sizeof answer);
  assert_non_null(strstr(answer, "HTTP/1.1 404"));
  talk("POST /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody", answer,
       sizeof answer);
  assert_non_null(strstr(answer, "HTTP/1.1 405"));
  assert_non_null(strstr(answer, "Allow: GET, HEAD"));
}

static void nonsense_does_not_end_the_server(void **state)
{
  (void)state;
  char answer[4096];
  talk("\r\n\r\nnonsense\r\n\r\n", answer, sizeof answer);
  talk("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", answer, sizeof answer);
  assert_non_null(strstr(answer, "hello duck"));
}

static void too_many_routes_are_refused_and_the_socket_is_closed(void **state)
{
  (void)state;
  sd_httpd *httpd;
  sd_error error;
  int fd = listen_somewhere();
  assert_int_equal(sd_httpd_start(fd, routes, SD_HTTPD_ROUTES_MAX + 1, &httpd, &error), SD_LIMIT);
  assert_int_equal(close(fd), -1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(routes_answer, set_up, tear_down),
      cmocka_unit_test_setup_teardown(head_has_no_body, set_up, tear_down),
      cmocka_unit_test_setup_teardown(other_paths_and_methods_are_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(nonsense_does_not_end_the_server, set_up, tear_down),
      cmocka_unit_test(too_many_routes_are_refused_and_the_socket_is_closed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
