/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* TCP streams: connecting, its failures, reading, back-pressure, closing. */
#include "peers.h"

#include "base/alloc.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

static void bytes_go_both_ways_and_a_close_ends_both_in_order(void **state)
{
  (void)state;
  sd_net_listener *listener = serve(NULL, 0);
  server.echo = true;
  dial(&client, "127.0.0.1", sd_net_listener_port(listener), NULL, 0);
  assert_int_equal(sd_net_write(client.stream, sd_bytes_of("early")), 0);
  RUN_UNTIL(client.connected && server.connected);
  assert_int_equal(sd_net_write(client.stream, sd_bytes_of("quack")), 5);
  RUN_UNTIL(client.received.len == 5);
  assert_string_equal(sd_buf_text(&client.received), "quack");
  assert_non_null(strstr(sd_net_peer(client.stream), "127.0.0.1:"));
  sd_net_close(client.stream);
  assert_int_equal(client.closed, 0);
  RUN_UNTIL(client.closed && server.closed);
  assert_false(client.has_error);
  assert_false(server.has_error);
  sd_net_listener_close(listener);
}

static void a_name_is_resolved(void **state)
{
  (void)state;
  sd_net_listener *listener = serve(NULL, 0);
  dial(&client, "localhost", sd_net_listener_port(listener), NULL, 0);
  RUN_UNTIL(client.connected && server.connected);
  sd_net_abort(client.stream);
  RUN_UNTIL(client.closed && server.closed);
  assert_false(client.has_error);
  sd_net_listener_close(listener);
}

/* A port that nobody listens on: bound by us, not listening. */
static int dead_socket(uint16_t *ret_port, bool listening)
{
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
  if (listening)
    assert_int_equal(listen(fd, 1), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
  *ret_port = ntohs(address.sin_port);
  return fd;
}

static void a_refused_connection_names_host_port_and_what_to_check(void **state)
{
  (void)state;
  uint16_t port = 0;
  int fd = dead_socket(&port, false);
  char target[64];
  (void)snprintf(target, sizeof target, "127.0.0.1:%u", (unsigned)port);
  dial(&client, "127.0.0.1", port, NULL, 0);
  RUN_UNTIL(client.closed);
  assert_int_equal(client.connected, 0);
  assert_true(client.has_error);
  assert_int_equal(client.error.code, SD_IO);
  assert_int_equal(client.error.source, SD_SOURCE_UV);
  assert_int_equal(client.error.source_code, UV_ECONNREFUSED);
  assert_int_equal(client.error.retriable, 1);
  assert_non_null(strstr(client.error.message, target));
  assert_non_null(strstr(client.error.message, "check the port"));
  (void)close(fd);
}

static void an_unknown_name_says_so(void **state)
{
  (void)state;
  dial(&client, "no-such-host.invalid", 5671, NULL, 0);
  RUN_UNTIL(client.closed);
  assert_true(client.has_error);
  assert_int_equal(client.error.source, SD_SOURCE_UV);
  assert_non_null(strstr(client.error.message, "no-such-host.invalid:5671"));
  assert_non_null(strstr(client.error.message, "check its spelling"));
}

static void an_unreachable_address_says_so(void **state)
{
  (void)state;
  /* The broadcast address is no peer: the system refuses at once, whatever routes there are. */
  dial(&client, "255.255.255.255", 5671, NULL, 1000);
  RUN_UNTIL(client.closed);
  assert_true(client.has_error);
  assert_int_equal(client.error.retriable, 1);
  assert_non_null(strstr(client.error.message, "255.255.255.255:5671"));
  assert_non_null(strstr(client.error.message, "check host"));
}

static void connecting_can_be_given_up_in_every_phase(void **state)
{
  (void)state;
  dial(&client, "localhost", 9, NULL, 0); /* during the look-up */
  sd_net_close(client.stream);
  assert_int_equal(client.closed, 0);
  RUN_UNTIL(client.closed == 1);
  assert_false(client.has_error);
  dial(&client, "127.0.0.1", 9, NULL, 0); /* before the first attempt */
  sd_net_abort(client.stream);
  RUN_UNTIL(client.closed == 2);
  sd_net_listener *listener = serve(NULL, 0);
  dial(&client, "127.0.0.1", sd_net_listener_port(listener), NULL, 0);
  (void)uv_run(&loop, UV_RUN_NOWAIT); /* the attempt is under way */
  sd_net_abort(client.stream);
  RUN_UNTIL(client.closed == 3);
  assert_false(client.has_error);
  sd_net_listener_close(listener);
}

static void an_owner_without_space_pauses_reading_until_it_resumes(void **state)
{
  (void)state;
  sd_net_listener *listener = serve(NULL, 0);
  server.hold = true;
  dial(&client, "127.0.0.1", sd_net_listener_port(listener), NULL, 0);
  RUN_UNTIL(client.connected && server.connected);
  assert_int_equal(sd_net_write(client.stream, sd_bytes_of("held")), 4);
  for (int i = 0; i < 5; i++)
    (void)uv_run(&loop, UV_RUN_NOWAIT);
  assert_int_equal(server.received.len, 0);
  server.hold = false;
  server.space_max = 1;
  sd_net_resume(server.stream);
  assert_int_equal(server.received.len, 0); /* never from inside */
  RUN_UNTIL(server.received.len == 4);
  assert_string_equal(sd_buf_text(&server.received), "held");
  sd_net_abort(client.stream);
  RUN_UNTIL(client.closed && server.closed);
  sd_net_listener_close(listener);
}

static void more_than_the_maximum_waits_and_on_writable_follows(void **state)
{
  (void)state;
  enum { TOTAL = 12 * 1024 * 1024 };
  static uint8_t data[TOTAL];
  for (size_t i = 0; i < TOTAL; i++)
    data[i] = (uint8_t)(i * 2654435761u >> 13);
  sd_net_listener *listener = serve(NULL, 0);
  server.hold = true;
  dial(&client, "127.0.0.1", sd_net_listener_port(listener), NULL, 0);
  RUN_UNTIL(client.connected && server.connected);
  size_t sent = 0;
  for (;;) {
    size_t n = sd_net_write(client.stream, sd_bytes_make(data + sent, TOTAL - sent));
    assert_true(sd_net_pending(client.stream) <= SD_NET_PENDING_MAX);
    sent += n;
    if (n == 0)
      break;
    (void)uv_run(&loop, UV_RUN_NOWAIT);
    assert_true(sent < TOTAL); /* the sockets' own buffers are smaller */
  }
  assert_int_equal(sd_net_pending(client.stream), SD_NET_PENDING_MAX);
  assert_int_equal(client.writable, 0);
  server.hold = false;
  sd_net_resume(server.stream);
  while (sent < TOTAL) {
    int before = client.writable;
    RUN_UNTIL(client.writable > before);
    sent += sd_net_write(client.stream, sd_bytes_make(data + sent, TOTAL - sent));
  }
  sd_net_close(client.stream); /* what is pending still goes out */
  RUN_UNTIL(client.closed && server.closed);
  assert_int_equal(server.received.len, TOTAL);
  assert_memory_equal(server.received.data, data, TOTAL);
  assert_false(client.has_error);
  assert_false(server.has_error);
  sd_net_listener_close(listener);
}

static void the_peers_end_still_lets_the_answer_out(void **state)
{
  (void)state;
  uint16_t port = 0;
  int listening = dead_socket(&port, true);
  server.echo = true;
  dial(&server, "127.0.0.1", port, NULL, 0);
  RUN_UNTIL(server.connected);
  int fd = accept(listening, NULL, NULL);
  assert_true(fd >= 0);
  assert_int_equal(send(fd, "last words", 10, MSG_NOSIGNAL), 10);
  assert_int_equal(shutdown(fd, SHUT_WR), 0); /* half-close: nothing more from here, still reading */
  RUN_UNTIL(server.closed);
  assert_false(server.has_error);
  char text[32] = "";
  assert_int_equal(recv(fd, text, sizeof text - 1, MSG_WAITALL), 10);
  assert_string_equal(text, "last words");
  (void)close(fd);
  (void)close(listening);
}

static void a_reset_is_an_error_that_names_the_peer(void **state)
{
  (void)state;
  uint16_t port = 0;
  int listening = dead_socket(&port, true);
  dial(&client, "127.0.0.1", port, NULL, 0);
  RUN_UNTIL(client.connected);
  int fd = accept(listening, NULL, NULL);
  assert_true(fd >= 0);
  struct linger hard = {.l_onoff = 1, .l_linger = 0};
  assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
  (void)close(fd);
  RUN_UNTIL(client.closed);
  assert_true(client.has_error);
  assert_int_equal(client.error.source_code, UV_ECONNRESET);
  assert_non_null(strstr(client.error.message, "127.0.0.1:"));
  (void)close(listening);
}

static void closing_from_inside_on_data_is_safe(void **state)
{
  (void)state;
  for (int round = 0; round < 2; round++) {
    client.connected = client.closed = server.connected = server.closed = 0;
    server.close_on_data = round == 0;
    server.abort_on_data = round == 1;
    sd_net_listener *listener = serve(NULL, 0);
    dial(&client, "127.0.0.1", sd_net_listener_port(listener), NULL, 0);
    RUN_UNTIL(client.connected && server.connected);
    assert_int_equal(sd_net_write(client.stream, sd_bytes_of("x")), 1);
    RUN_UNTIL(server.closed && client.closed);
    assert_false(server.has_error);
    sd_net_listener_close(listener);
  }
}

static void a_connection_above_the_maximum_waits_for_a_place(void **state)
{
  (void)state;
  sd_net_listener *listener = serve(NULL, 1);
  peer second = {0};
  sd_buf_init(&second.received, PEER_RECEIVED_MAX);
  dial(&client, "127.0.0.1", sd_net_listener_port(listener), NULL, 0);
  RUN_UNTIL(client.connected && server.connected == 1);
  dial(&second, "127.0.0.1", sd_net_listener_port(listener), NULL, 0);
  RUN_UNTIL(second.connected); /* by the system's backlog */
  for (int i = 0; i < 5; i++)
    (void)uv_run(&loop, UV_RUN_NOWAIT);
  assert_int_equal(server.connected, 1);
  sd_net_abort(client.stream);
  RUN_UNTIL(client.closed && server.connected == 2);
  sd_net_close(second.stream);
  RUN_UNTIL(second.closed && server.closed == 2);
  sd_net_listener_close(listener);
  sd_buf_release(&second.received);
}

static void streams_outlive_their_listener_and_a_refused_one_is_dropped(void **state)
{
  (void)state;
  sd_net_listener *listener = serve(NULL, 0);
  uint16_t port = sd_net_listener_port(listener);
  dial(&client, "127.0.0.1", port, NULL, 0);
  RUN_UNTIL(client.connected && server.connected);
  peer second = {0};
  refuse_accept = true;
  dial(&second, "127.0.0.1", port, NULL, 0);
  RUN_UNTIL(second.closed);
  assert_int_equal(server.connected, 1);
  sd_net_listener_close(listener);
  for (int i = 0; i < 3; i++)
    (void)uv_run(&loop, UV_RUN_NOWAIT);
  assert_int_equal(sd_net_write(client.stream, sd_bytes_of("still here")), 10);
  RUN_UNTIL(server.received.len == 10);
  sd_net_close(client.stream);
  RUN_UNTIL(client.closed && server.closed);
}

static void a_port_in_use_and_a_bad_address_are_refused_with_advice(void **state)
{
  (void)state;
  sd_net_listener *listener = serve(NULL, 0);
  sd_net_listen_options options = {.struct_size = sizeof options,
                                   .host = "127.0.0.1",
                                   .port = sd_net_listener_port(listener),
                                   .handler = &peer_handler,
                                   .on_accept = server_on_accept};
  sd_net_listener *second = NULL;
  sd_error error;
  assert_int_equal(sd_net_listen(&loop, &options, &second, &error), SD_IO);
  assert_int_equal(error.source_code, UV_EADDRINUSE);
  assert_non_null(strstr(error.message, "choose another"));
  options.host = "not an address";
  assert_int_equal(sd_net_listen(&loop, &options, &second, &error), SD_IO);
  assert_non_null(strstr(error.message, "numeric address"));
  assert_null(second);
  sd_net_listener_close(listener);
}

static void short_memory_is_told_at_each_allocation(void **state)
{
  (void)state;
  sd_net_connect_options options = {.struct_size = sizeof options, .host = "localhost", .port = 9};
  for (uint64_t nth = 1; nth <= 2; nth++) {
    sd_net_stream *stream = NULL;
    sd_error error;
    sd_alloc_fail_nth(nth);
    assert_int_equal(sd_net_connect(&loop, &options, &peer_handler, &client, &stream, &error), SD_NOMEM);
    assert_null(stream);
    (void)uv_run(&loop, UV_RUN_NOWAIT);
  }
  sd_alloc_fail_nth(0);
  assert_int_equal(client.closed, 0);
  options.host = "";
  sd_net_stream *stream = NULL;
  assert_int_equal(sd_net_connect(&loop, &options, &peer_handler, &client, &stream, NULL), SD_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, peers_setup, peers_teardown)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(bytes_go_both_ways_and_a_close_ends_both_in_order),
      TEST(a_name_is_resolved),
      TEST(a_refused_connection_names_host_port_and_what_to_check),
      TEST(an_unknown_name_says_so),
      TEST(an_unreachable_address_says_so),
      TEST(connecting_can_be_given_up_in_every_phase),
      TEST(an_owner_without_space_pauses_reading_until_it_resumes),
      TEST(more_than_the_maximum_waits_and_on_writable_follows),
      TEST(the_peers_end_still_lets_the_answer_out),
      TEST(a_reset_is_an_error_that_names_the_peer),
      TEST(closing_from_inside_on_data_is_safe),
      TEST(a_connection_above_the_maximum_waits_for_a_place),
      TEST(streams_outlive_their_listener_and_a_refused_one_is_dropped),
      TEST(a_port_in_use_and_a_bad_address_are_refused_with_advice),
      TEST(short_memory_is_told_at_each_allocation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
