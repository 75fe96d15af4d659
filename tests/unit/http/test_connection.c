/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Connections and headers of the HTTP client: keep-alive, cancelling, fork, Retry-After. */
#include "base/clock.h"
#include "http/client.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NS_PER_S UINT64_C(1000000000)

/* Answers every request on every connection alike until it is stopped. */
typedef struct server {
  int listen_fd;
  int stop_pipe[2];
  int request_pipe[2]; /* a byte per request */
  pthread_t thread;
  const char *answer; /* NULL: never answers */
  atomic_int connections, requests, ends;
} server;

enum { CONNECTIONS_MAX = 8, REQUEST_MAX = 4096 };

/* Answers when the headers are complete (requests here have no body). False when the peer is gone. */
static bool serve_one(server *s, int fd, char *text, size_t *len)
{
  ssize_t n = read(fd, text + *len, REQUEST_MAX - 1 - *len);
  if (n <= 0)
    return false;
  *len += (size_t)n;
  text[*len] = '\0';
  if (!strstr(text, "\r\n\r\n"))
    return true;
  *len = 0;
  atomic_fetch_add(&s->requests, 1);
  if (write(s->request_pipe[1], "r", 1) != 1)
    return false;
  return !s->answer || send(fd, s->answer, strlen(s->answer), MSG_NOSIGNAL) > 0;
}

static void *serve(void *user)
{
  server *s = user;
  struct pollfd fds[2 + CONNECTIONS_MAX] = {{.fd = s->stop_pipe[0], .events = POLLIN},
                                            {.fd = s->listen_fd, .events = POLLIN}};
  char texts[CONNECTIONS_MAX][REQUEST_MAX];
  size_t lens[CONNECTIONS_MAX] = {0};
  nfds_t count = 2;
  while (poll(fds, count, -1) > 0 && !fds[0].revents) {
    if (fds[1].revents && count < 2 + CONNECTIONS_MAX) {
      fds[count++] = (struct pollfd){.fd = accept(s->listen_fd, NULL, NULL), .events = POLLIN};
      atomic_fetch_add(&s->connections, 1);
    }
    for (nfds_t i = 2; i < count; i++) {
      if (fds[i].fd >= 0 && fds[i].revents && !serve_one(s, fds[i].fd, texts[i - 2], &lens[i - 2])) {
        close(fds[i].fd);
        fds[i].fd = -1;
        atomic_fetch_add(&s->ends, 1);
      }
    }
  }
  for (nfds_t i = 2; i < count; i++) {
    if (fds[i].fd >= 0)
      close(fds[i].fd);
  }
  return NULL;
}

static void start(server *s, const char *answer, char *url, size_t url_size)
{
  *s = (server){.answer = answer};
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(s->listen_fd, (struct sockaddr *)&address, len), 0);
  assert_int_equal(listen(s->listen_fd, CONNECTIONS_MAX), 0);
  assert_int_equal(getsockname(s->listen_fd, (struct sockaddr *)&address, &len), 0);
  assert_int_equal(pipe(s->stop_pipe), 0);
  assert_int_equal(pipe(s->request_pipe), 0);
  snprintf(url, url_size, "http://127.0.0.1:%u/", (unsigned)ntohs(address.sin_port));
  assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void stop(server *s)
{
  assert_int_equal(write(s->stop_pipe[1], "s", 1), 1);
  pthread_join(s->thread, NULL);
  close(s->listen_fd);
  for (int i = 0; i < 2; i++) {
    close(s->stop_pipe[i]);
    close(s->request_pipe[i]);
  }
}

static sd_http_client *new_client(void)
{
  sd_http_client *client;
  sd_error error;
  if (sd_http_client_new(&client, &error) != SD_OK)
    fail_msg("%s", error.message);
  return client;
}

static int get(sd_http_client *client, const char *url, uint32_t *ret_retry_after_s)
{
  sd_http_answer answer;
  sd_http_request request = {.struct_size = sizeof request, .url = url};
  sd_error error;
  if (sd_http_client_perform(client, &request, &answer, &error) != SD_OK)
    fail_msg("%s", error.message);
  sd_buf_release(&answer.body);
  if (ret_retry_after_s)
    *ret_retry_after_s = answer.retry_after_s;
  return answer.status;
}

#define EMPTY_OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static void requests_share_a_connection(void **state)
{
  (void)state;
  server s;
  char url[64];
  start(&s, EMPTY_OK, url, sizeof url);
  sd_http_client *client = new_client();
  for (int i = 0; i < 3; i++)
    assert_int_equal(get(client, url, NULL), 200);
  assert_int_equal(atomic_load(&s.requests), 3);
  assert_int_equal(atomic_load(&s.connections), 1);
  sd_http_client_free(client);
  stop(&s);
}

typedef struct seen {
  char text[512];
  size_t len;
} seen;

static void remember(void *user, sd_bytes name, sd_bytes value)
{
  seen *s = user;
  int n = snprintf(s->text + s->len, sizeof s->text - s->len, "[%.*s=%.*s]", (int)name.len,
                   (const char *)name.data, (int)value.len, (const char *)value.data);
  s->len += (size_t)n;
}

static void headers_and_trailers_of_the_final_answer_are_reported(void **state)
{
  (void)state;
  server s;
  char url[64];
  seen seen_headers = {.len = 0};
  start(&s,
        "HTTP/1.1 103 Early Hints\r\nLink: no\r\n\r\n"
        "HTTP/1.1 200 OK\r\nX-One:  a:b \r\nTransfer-Encoding: chunked\r\nTrailer: X-Two\r\n\r\n"
        "2\r\nhi\r\n0\r\nX-Two: last\r\n\r\n",
        url, sizeof url);
  sd_http_client *client = new_client();
  sd_http_answer answer;
  sd_http_request request = {
      .struct_size = sizeof request, .url = url, .on_header = remember, .header_user = &seen_headers};
  assert_int_equal(sd_http_client_perform(client, &request, &answer, NULL), SD_OK);
  assert_string_equal(sd_buf_text(&answer.body), "hi");
  assert_string_equal(seen_headers.text, "[X-One=a:b][Transfer-Encoding=chunked][Trailer=X-Two][X-Two=last]");
  sd_buf_release(&answer.body);
  sd_http_client_free(client);
  stop(&s);
}

static void retry_after_is_read_as_seconds_and_as_a_date(void **state)
{
  (void)state;
  static const struct {
    int offset_s;
    const char *text; /* NULL: a date, now + offset_s */
    uint32_t min, max;
  } cases[] = {{0, "17", 17, 17},    {0, "-5", 0, 0},
               {0, "soon", 0, 0},    {0, "99999999999999", 7 * 24 * 3600, 7 * 24 * 3600},
               {100, NULL, 95, 100}, {-100, NULL, 0, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    server s;
    char url[64], date[64], answer[256];
    time_t when = time(NULL) + cases[i].offset_s;
    struct tm tm;
    gmtime_r(&when, &tm);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    snprintf(answer, sizeof answer,
             "HTTP/1.1 503 Busy\r\nRetry-After: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
             cases[i].text ? cases[i].text : date);
    start(&s, answer, url, sizeof url);
    sd_http_client *client = new_client();
    uint32_t seconds;
    assert_int_equal(get(client, url, &seconds), 503);
    assert_in_range(seconds, cases[i].min, cases[i].max);
    sd_http_client_free(client);
    stop(&s);
  }
}

static void *cancel_when_asked(void *user)
{
  void **both = user;
  server *s = both[0];
  char byte;
  if (read(s->request_pipe[0], &byte, 1) == 1)
    sd_http_client_cancel_at(both[1], 0);
  return NULL;
}

static void another_thread_cancels_a_request(void **state)
{
  (void)state;
  server s;
  char url[64];
  pthread_t thread;
  start(&s, NULL, url, sizeof url);
  sd_http_client *client = new_client();
  void *both[2] = {&s, client};
  sd_http_answer answer;
  sd_error error;
  sd_http_request request = {.struct_size = sizeof request, .url = url, .timeout_ms = 60000};
  uint64_t began = sd_clock_monotonic_ns();
  assert_int_equal(pthread_create(&thread, NULL, cancel_when_asked, both), 0);
  assert_int_equal(sd_http_client_perform(client, &request, &answer, &error), SD_CANCELLED);
  pthread_join(thread, NULL);
  assert_false(error.retriable);
  assert_true(sd_clock_monotonic_ns() - began < 30 * NS_PER_S);
  /* So do later ones, until the deadline is taken away. */
  assert_int_equal(sd_http_client_perform(client, &request, &answer, &error), SD_CANCELLED);
  sd_http_client_cancel_at(client, sd_clock_monotonic_ns() + NS_PER_S / 20);
  assert_int_equal(sd_http_client_perform(client, &request, &answer, &error), SD_CANCELLED);
  s.answer = EMPTY_OK;
  sd_http_client_cancel_at(client, UINT64_MAX);
  assert_int_equal(get(client, url, NULL), 200);
  sd_http_client_free(client);
  stop(&s);
}

static void a_child_lets_go_of_its_parents_connections(void **state)
{
  (void)state;
  server s;
  char url[64];
  start(&s, EMPTY_OK, url, sizeof url);
  sd_http_client *client = new_client();
  assert_int_equal(get(client, url, NULL), 200);
  pid_t child = fork();
  if (child == 0) {
    sd_http_client_free_after_fork(client);
    sd_http_client *own;
    sd_http_answer answer;
    sd_http_request request = {.struct_size = sizeof request, .url = url};
    bool good = sd_http_client_new(&own, NULL) == SD_OK &&
                sd_http_client_perform(own, &request, &answer, NULL) == SD_OK && answer.status == 200;
    _exit(good ? 0 : 1);
  }
  int code;
  assert_int_equal(waitpid(child, &code, 0), child);
  assert_int_equal(code, 0);
  assert_int_equal(get(client, url, NULL), 200);
  assert_int_equal(atomic_load(&s.requests), 3);
  assert_int_equal(atomic_load(&s.connections), 2);
  sd_http_client_free(client);
  stop(&s);
}

static void http2_is_demanded(void **state)
{
  (void)state;
  server s;
  char url[64];
  sd_http_capabilities capabilities;
  assert_int_equal(sd_http_get_capabilities(&capabilities, NULL), SD_OK);
  if (!capabilities.http2)
    skip();
  start(&s, EMPTY_OK, url, sizeof url);
  sd_http_client *client = new_client();
  sd_http_answer answer;
  sd_http_request request = {.struct_size = sizeof request, .url = url, .version = SD_HTTP_VERSION_2};
  assert_int_not_equal(sd_http_client_perform(client, &request, &answer, NULL), SD_OK);
  sd_http_client_free(client);
  stop(&s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(requests_share_a_connection),
      cmocka_unit_test(headers_and_trailers_of_the_final_answer_are_reported),
      cmocka_unit_test(retry_after_is_read_as_seconds_and_as_a_date),
      cmocka_unit_test(another_thread_cancels_a_request),
      cmocka_unit_test(a_child_lets_go_of_its_parents_connections),
      cmocka_unit_test(http2_is_demanded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
