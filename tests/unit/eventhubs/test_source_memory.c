/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Source and sender while each allocation in turn fails. The scripted service is a process of its own, so
 * that only the client meets the failures. */
#include "client.h"

#include "base/alloc.h"
#include "eventhubs/batch_encode.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PARTITIONS = 2, EVENTS = 30 /* per partition */ };

static uint16_t service_port;
static pid_t service;
static int service_input = -1;

static void on_parent_gone(uv_poll_t *poll, int status, int events)
{
  (void)status;
  (void)events;
  uv_stop(poll->loop);
}

/* Serves until the other end of `input` is closed. */
static void serve(int input, int output)
{
  static server s;
  uv_loop_t loop;
  uv_poll_t poll;
  if (uv_loop_init(&loop) != 0 || uv_poll_init(&loop, &poll, input) != 0)
    _exit(1);
  server_start(&s, &loop, PARTITIONS);
  for (uint32_t i = 0; i < PARTITIONS; i++)
    server_append(&s, i, EVENTS, 100);
  if (write(output, &s.port, sizeof s.port) != sizeof s.port)
    _exit(1);
  uv_poll_start(&poll, UV_READABLE | UV_DISCONNECT, on_parent_gone);
  uv_run(&loop, UV_RUN_DEFAULT);
  _exit(0);
}

static int start_service(void **state)
{
  int down[2], up[2];
  (void)state;
  if (pipe(down) != 0 || pipe(up) != 0)
    return -1;
  service = fork();
  if (service == 0) {
    close(down[1]);
    close(up[0]);
    serve(down[0], up[1]);
  }
  close(down[0]);
  close(up[1]);
  service_input = down[1];
  bool good = service > 0 && read(up[0], &service_port, sizeof service_port) == sizeof service_port;
  close(up[0]);
  return good ? 0 : -1;
}

static int stop_service(void **state)
{
  int status = -1;
  (void)state;
  close(service_input);
  return waitpid(service, &status, 0) == service && status == 0 ? 0 : -1;
}

/* One run with the n-th allocation failing. Returns false when there were fewer. */
static bool receive_with_failure(uint64_t nth)
{
  client *c = sd_calloc(1, sizeof *c);
  assert_non_null(c);
  client_init(c, 0);
  c->server.port = service_port;
  client_new_source(c);
  sd_alloc_fail_nth(nth);
  sd_error error;
  if (c->source->vtable->start(c->source, &error) != SD_OK) {
    assert_int_equal(error.code, SD_NOMEM);
    client_start(c); /* it is as before, so it can be started again */
  }
  run_until(c, c->events == (uint64_t)PARTITIONS * EVENTS);
  c->source->vtable->refresh(c->source);
  run_until(c, c->refreshed == 1 || c->troubles[SD_TROUBLE_RETRYING] > 0);
  bool reached = sd_alloc_calls() >= nth;
  sd_alloc_fail_nth(0);
  assert_int_equal(c->next[0], EVENTS);
  assert_int_equal(c->next[1], EVENTS);
  assert_int_equal(c->troubles[SD_TROUBLE_STOP], 0);
  client_release(c);
  sd_free(c);
  return reached;
}

static void no_failed_allocation_loses_or_repeats_an_event(void **state)
{
  uint64_t nth = 1;
  (void)state;
  while (receive_with_failure(nth))
    nth++;
  assert_true(nth > 30);
}

static void making_a_source_or_a_sender_fails_cleanly(void **state)
{
  const sd_source_handler on_source = {.struct_size = sizeof on_source};
  const sd_sender_handler on_sender = {.struct_size = sizeof on_sender};
  const sd_eventhubs_options options = {.struct_size = sizeof options,
                                        .host = "h",
                                        .hub = "hub",
                                        .consumer_group = "g",
                                        .sas_key_name = "n",
                                        .sas_key = "k"};
  uv_loop_t loop;
  (void)state;
  assert_int_equal(uv_loop_init(&loop), 0);
  uint32_t failures = 0;
  for (uint64_t nth = 1; nth <= 16; nth++) {
    sd_source *source = NULL;
    sd_eventhubs_sender *sender = NULL;
    sd_error error;
    sd_alloc_fail_nth(nth);
    sd_status status = sd_eventhubs_source_new(&loop, &options, &on_source, NULL, NULL, &source, &error);
    if (status != SD_OK) {
      failures++;
      assert_int_equal(status, SD_NOMEM);
      assert_null(source);
    } else {
      source->vtable->free(source);
    }
    status = sd_eventhubs_sender_new(&loop, &options, &on_sender, NULL, NULL, &sender, &error);
    if (status != SD_OK) {
      failures++;
      assert_int_equal(status, SD_NOMEM);
      assert_null(sender);
    } else {
      sd_eventhubs_sender_free(sender);
    }
    sd_alloc_fail_nth(0);
  }
  assert_true(failures >= 6);
  assert_int_equal(uv_loop_close(&loop), 0);
}

static void encoding_a_batch_reports_short_memory(void **state)
{
  const sd_sender_event event = {.body = sd_bytes_of("x")};
  sd_buf out;
  (void)state;
  sd_buf_init(&out, 4096);
  sd_alloc_fail_nth(1);
  assert_int_equal(sd_eventhubs_encode_batch(&out, &event, 1), SD_NOMEM);
  sd_alloc_fail_nth(0);
  sd_buf_release(&out);
  sd_buf_init(&out, 8);
  assert_int_equal(sd_eventhubs_encode_batch(&out, &event, 1), SD_LIMIT);
  sd_buf_release(&out);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(no_failed_allocation_loses_or_repeats_an_event, start_service,
                                      stop_service),
      cmocka_unit_test(making_a_source_or_a_sender_fails_cleanly),
      cmocka_unit_test(encoding_a_batch_reports_short_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
