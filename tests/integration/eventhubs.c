/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Sender, emulator and source together on one loop: what is sent arrives, over plain TCP and over TLS. */
#include "base/alloc.h"
#include "base/clock.h"
#include "batch/batch.h"
#include "emulator/emulator.h"
#include "eventhubs/sender.h"
#include "eventhubs/source_internal.h"
#include "json/json.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum {
  EVENTS = 100000,
  PARTITIONS = 4,
  PER_BATCH = 200,
  WIDE = 600, /* partitions of the hub whose links need several sessions: the emulator takes 256 on one */
  BODY = 300,
  GUARD_MS = 60000, /* without any progress */
  GRANT = 32 * 1024 * 1024
};

#define KEY "a2V5IG9mIHRoZSB0ZXN0"

typedef struct fixture {
  uv_loop_t loop;
  uv_timer_t guard;
  char folder[32];
  char cert_file[64];
  char key_file[64];
  sd_emulator *emulator;
  bool emulator_stopped;
  uint16_t port;
  uint16_t tls_port;
  sd_eventhubs_options options;
  uint32_t events; /* to be sent */
  uint32_t partitions;
  uint32_t per_batch;
  sd_eventhubs_timing timing; /* of the source */
  /* sender */
  sd_eventhubs_sender *sender;
  bool sender_ready;
  bool sender_closed;
  uint32_t sent;
  uint32_t stored;
  uint32_t rejected;
  /* source */
  sd_source *source;
  sd_batch *batch;
  bool source_ready;
  bool source_stopped;
  uint32_t received;
  int64_t next[WIDE];
  uint8_t seen[EVENTS];
  uint32_t troubles[4];
  sd_error error;
} fixture;

static void on_guard(uv_timer_t *timer)
{
  uv_stop(timer->loop);
}

static void turn(fixture *f, const char *waiting_for)
{
  uint32_t progress = f->received + f->stored;
  if (!uv_is_active((uv_handle_t *)&f->guard)) {
    uv_update_time(&f->loop);
    uv_timer_start(&f->guard, on_guard, GUARD_MS, 0);
  }
  uv_run(&f->loop, UV_RUN_ONCE);
  if (f->received + f->stored > progress)
    uv_timer_stop(&f->guard);
  else if (!uv_is_active((uv_handle_t *)&f->guard))
    fail_msg("waited in vain for %s; last error: %s", waiting_for, f->error.message);
}

#define run_until(f, condition)                                                                              \
  do {                                                                                                       \
    while (!(condition))                                                                                     \
      turn(f, #condition);                                                                                   \
  } while (0)

/* ---- certificate ---- */

static void make_certificate(fixture *f)
{
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *cert = X509_new();
  X509V3_CTX context;
  assert_non_null(key);
  assert_non_null(cert);
  assert_int_equal(X509_set_version(cert, 2), 1);
  assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1), 1);
  assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), -3600));
  assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), 3600));
  assert_int_equal(X509_set_pubkey(cert, key), 1);
  X509_NAME *name = X509_get_subject_name(cert);
  assert_int_equal(
      X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0), 1);
  assert_int_equal(X509_set_issuer_name(cert, name), 1);
  X509V3_set_ctx(&context, cert, cert, NULL, NULL, 0);
  X509_EXTENSION *names =
      X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  assert_non_null(names);
  assert_int_equal(X509_add_ext(cert, names, -1), 1);
  X509_EXTENSION_free(names);
  assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
  FILE *file = fopen(f->cert_file, "we");
  assert_non_null(file);
  assert_int_equal(PEM_write_X509(file, cert), 1);
  assert_int_equal(fclose(file), 0);
  file = fopen(f->key_file, "we");
  assert_non_null(file);
  assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
  assert_int_equal(fclose(file), 0);
  EVP_PKEY_free(key);
  X509_free(cert);
}

/* ---- emulator ---- */

static uint16_t port_of(const json_t *ready, const char *key)
{
  const char *address = json_string_value(json_object_get(ready, key));
  assert_non_null(address);
  return (uint16_t)strtoul(strrchr(address, ':') + 1, NULL, 10);
}

static void start_emulator(fixture *f)
{
  static const sd_emulator_hub hubs[] = {{"orders", PARTITIONS}, {"wide", WIDE}};
  const sd_emulator_options options = {.struct_size = sizeof options,
                                       .listen_host = "127.0.0.1",
                                       .tls_host = "127.0.0.1",
                                       .cert_file = f->cert_file,
                                       .key_file = f->key_file,
                                       .hubs = hubs,
                                       .hub_count = 2,
                                       .sas_key = KEY};
  sd_buf text;
  json_t *ready = NULL;
  if (sd_emulator_new(&f->loop, &options, &f->emulator, &f->error) != SD_OK ||
      sd_emulator_start(f->emulator, &f->error) != SD_OK)
    fail_msg("%s", f->error.message);
  sd_buf_init(&text, 4096);
  sd_emulator_describe(f->emulator, &text);
  assert_int_equal(sd_json_parse(sd_buf_bytes(&text), &ready, NULL), SD_OK);
  f->port = port_of(ready, "amqp");
  f->tls_port = port_of(ready, "amqps");
  json_decref(ready);
  sd_buf_release(&text);
}

static void on_emulator_stopped(void *user)
{
  ((fixture *)user)->emulator_stopped = true;
}

static void command(fixture *f, const char *line)
{
  sd_buf answer;
  sd_buf_init(&answer, 65536);
  sd_emulator_control(f->emulator, sd_bytes_of(line), &answer);
  assert_null(strstr(sd_buf_text(&answer), "error"));
  sd_buf_release(&answer);
}

/* ---- sender ---- */

static void on_sender_ready(void *owner, const sd_source_partition *partitions, uint32_t count)
{
  fixture *f = owner;
  (void)partitions;
  assert_int_equal(count, f->partitions);
  f->sender_ready = true;
}

/* Event n goes to partition (n / per_batch) % partitions and says its number. */
static void send_more(fixture *f)
{
  static char bodies[PER_BATCH][BODY];
  sd_sender_event events[PER_BATCH];
  while (f->sent < f->events) {
    for (uint32_t i = 0; i < f->per_batch; i++) {
      char number[16];
      int len = snprintf(number, sizeof number, "%u;", f->sent + i);
      memset(bodies[i], 'x', BODY);
      memcpy(bodies[i], number, (size_t)len);
      events[i] = (sd_sender_event){.body = sd_bytes_make(bodies[i], BODY)};
    }
    char partition[16];
    snprintf(partition, sizeof partition, "%u", f->sent / f->per_batch % f->partitions);
    sd_status status = sd_eventhubs_sender_send(f->sender, partition, events, f->per_batch, NULL, &f->error);
    if (status == SD_AGAIN)
      return;
    assert_int_equal(status, SD_OK);
    f->sent += f->per_batch;
  }
}

static void on_sender_room(void *owner)
{
  send_more(owner);
}

static void on_sender_settled(void *owner, void *user, uint32_t events, const sd_error *error)
{
  fixture *f = owner;
  (void)user;
  if (error) {
    f->error = *error;
    f->rejected += events;
  } else {
    f->stored += events;
  }
}

static void on_sender_closed(void *owner, const sd_error *error)
{
  fixture *f = owner;
  if (error)
    f->error = *error;
  f->sender_closed = true;
}

static void send_all(fixture *f)
{
  const sd_sender_handler handler = {.struct_size = sizeof handler,
                                     .on_ready = on_sender_ready,
                                     .on_room = on_sender_room,
                                     .on_settled = on_sender_settled,
                                     .on_closed = on_sender_closed};
  if (sd_eventhubs_sender_new(&f->loop, &f->options, &handler, f, NULL, &f->sender, &f->error) != SD_OK ||
      sd_eventhubs_sender_start(f->sender, &f->error) != SD_OK)
    fail_msg("%s", f->error.message);
  run_until(f, f->sender_ready);
  send_more(f);
  run_until(f, f->stored == f->events);
  assert_int_equal(f->rejected, 0);
  sd_eventhubs_sender_stop(f->sender);
  run_until(f, f->sender_closed);
  sd_eventhubs_sender_free(f->sender);
  f->sender = NULL;
}

/* ---- source ---- */

static void on_ready(void *owner, const sd_source_partition *partitions, uint32_t count,
                     const char *incarnation)
{
  fixture *f = owner;
  const sd_position earliest = {.kind = SD_POSITION_EARLIEST};
  (void)partitions;
  assert_int_equal(count, f->partitions);
  assert_true(incarnation[0] != '\0');
  f->source_ready = true;
  for (uint32_t i = 0; i < count; i++)
    f->source->vtable->open_partition(f->source, i, &earliest, 1);
  f->source->vtable->grant(f->source, GRANT);
}

static sd_status on_event(void *owner, uint32_t partition, const sd_event *event)
{
  fixture *f = owner;
  char id[SD_BATCH_PARTITION_ID_MAX];
  assert_int_equal(event->sequence_number, f->next[partition]);
  f->next[partition]++;
  assert_int_equal(event->body.len, BODY);
  assert_true(event->offset.len > 0);
  uint32_t number = (uint32_t)strtoul((const char *)event->body.data, NULL, 10);
  assert_true(number < f->events);
  assert_int_equal(f->seen[number], 0);
  f->seen[number] = 1;
  snprintf(id, sizeof id, "%u", partition);
  sd_status status = sd_batch_append(f->batch, partition, id, 1, event, false);
  if (status == SD_LIMIT) {
    sd_batch_reset(f->batch);
    status = sd_batch_append(f->batch, partition, id, 1, event, false);
  }
  assert_int_equal(status, SD_OK);
  f->received++;
  return SD_OK;
}

static void on_idle(void *owner)
{
  fixture *f = owner;
  f->source->vtable->grant(f->source, GRANT);
}

static void on_trouble(void *owner, uint32_t partition, sd_trouble trouble, const sd_error *error)
{
  fixture *f = owner;
  (void)partition;
  f->troubles[trouble]++;
  f->error = *error;
}

static void on_stopped(void *owner)
{
  ((fixture *)owner)->source_stopped = true;
}

static void start_source(fixture *f)
{
  const sd_source_handler handler = {.struct_size = sizeof handler,
                                     .on_ready = on_ready,
                                     .on_event = on_event,
                                     .on_idle = on_idle,
                                     .on_trouble = on_trouble,
                                     .on_stopped = on_stopped};
  assert_int_equal(sd_batch_new(f->partitions, 4 * 1024 * 1024, &f->batch), SD_OK);
  if (sd_eventhubs_source_new(&f->loop, &f->options, &handler, f, NULL, &f->source, &f->error) != SD_OK)
    fail_msg("%s", f->error.message);
  sd_eventhubs_source_set_timing(f->source, &f->timing);
  if (f->source->vtable->start(f->source, &f->error) != SD_OK)
    fail_msg("%s", f->error.message);
}

static void stop_source(fixture *f)
{
  f->source->vtable->stop(f->source);
  run_until(f, f->source_stopped);
  f->source->vtable->free(f->source);
  f->source = NULL;
}

/* ---- tests ---- */

static int setup(void **state)
{
  fixture *f = sd_calloc(1, sizeof *f);
  if (!f)
    return -1;
  snprintf(f->folder, sizeof f->folder, "/tmp/sd-eventhubs-XXXXXX");
  if (!mkdtemp(f->folder))
    return -1;
  snprintf(f->cert_file, sizeof f->cert_file, "%s/cert.pem", f->folder);
  snprintf(f->key_file, sizeof f->key_file, "%s/key.pem", f->folder);
  make_certificate(f);
  assert_int_equal(uv_loop_init(&f->loop), 0);
  uv_timer_init(&f->loop, &f->guard);
  start_emulator(f);
  const sd_eventhubs_options options = {.struct_size = sizeof options,
                                        .host = "127.0.0.1",
                                        .port = f->port,
                                        .hub = "orders",
                                        .consumer_group = "$default",
                                        .sas_key_name = SD_EMULATOR_KEY_NAME,
                                        .sas_key = KEY,
                                        .receiver_name = "integration"};
  f->options = options;
  f->events = EVENTS;
  f->partitions = PARTITIONS;
  f->per_batch = PER_BATCH;
  f->timing = (sd_eventhubs_timing)SD_EVENTHUBS_TIMING_DEFAULT;
  f->timing.backoff_base_ms = 5;
  f->timing.backoff_cap_ms = 100;
  *state = f;
  return 0;
}

static int teardown(void **state)
{
  fixture *f = *state;
  if (f->source)
    stop_source(f);
  if (f->sender) {
    sd_eventhubs_sender_stop(f->sender);
    run_until(f, f->sender_closed);
    sd_eventhubs_sender_free(f->sender);
  }
  sd_batch_free(f->batch);
  sd_emulator_stop(f->emulator, on_emulator_stopped, f);
  run_until(f, f->emulator_stopped);
  sd_emulator_free(f->emulator);
  uv_close((uv_handle_t *)&f->guard, NULL);
  uv_run(&f->loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&f->loop), 0);
  (void)unlink(f->cert_file);
  (void)unlink(f->key_file);
  (void)rmdir(f->folder);
  sd_free(f);
  return 0;
}

static void send_and_receive(fixture *f)
{
  uint64_t begin = sd_clock_monotonic_ms();
  send_all(f);
  uint64_t between = sd_clock_monotonic_ms();
  start_source(f);
  run_until(f, f->received == EVENTS);
  uint64_t end = sd_clock_monotonic_ms();
  for (uint32_t i = 0; i < EVENTS; i++)
    assert_int_equal(f->seen[i], 1);
  print_message("%d events sent in %u ms, received in %u ms\n", EVENTS, (unsigned)(between - begin),
                (unsigned)(end - between));
  assert_int_equal(f->troubles[SD_TROUBLE_RETRYING], 0);
}

static void what_is_sent_arrives_over_plain_tcp(void **state)
{
  send_and_receive(*state);
}

static void what_is_sent_arrives_over_tls(void **state)
{
  fixture *f = *state;
  f->options.host = "localhost";
  f->options.port = f->tls_port;
  f->options.tls = true;
  f->options.ca_file = f->cert_file;
  send_and_receive(f);
}

static void cuts_and_detaches_on_the_way_lose_and_repeat_nothing(void **state)
{
  fixture *f = *state;
  send_all(f);
  start_source(f);
  for (uint32_t at = 10000; at < EVENTS; at += 20000) {
    run_until(f, f->received >= at);
    command(f, at % 40000 == 10000 ? "{\"do\":\"cut\"}" : "{\"do\":\"detach\",\"hub\":\"orders\"}");
  }
  run_until(f, f->received == EVENTS);
  for (uint32_t i = 0; i < EVENTS; i++)
    assert_int_equal(f->seen[i], 1);
}

static void an_expired_token_is_replaced_and_nothing_is_lost(void **state)
{
  fixture *f = *state;
  send_all(f);
  start_source(f);
  run_until(f, f->received >= EVENTS / 2);
  command(f, "{\"do\":\"expire\"}");
  run_until(f, f->received == EVENTS);
  assert_int_equal(f->troubles[SD_TROUBLE_STOP], 0);
}

static void connections_closed_by_the_service_lose_and_repeat_nothing(void **state)
{
  fixture *f = *state;
  send_all(f);
  start_source(f);
  for (uint32_t at = 10000; at < EVENTS; at += 20000) {
    run_until(f, f->received >= at);
    command(f, "{\"do\":\"close\",\"hub\":\"orders\"}");
  }
  run_until(f, f->received == EVENTS);
  assert_string_equal(f->error.condition, "amqp:connection:forced");
  assert_int_equal(f->troubles[SD_TROUBLE_STOP], 0);
  for (uint32_t i = 0; i < EVENTS; i++)
    assert_int_equal(f->seen[i], 1);
}

static void a_service_that_falls_silent_is_left_for_a_new_connection(void **state)
{
  fixture *f = *state;
  f->timing.idle_timeout_ms = 100;
  send_all(f);
  start_source(f);
  run_until(f, f->received >= EVENTS / 2);
  command(f, "{\"do\":\"silence\"}");
  run_until(f, f->received == EVENTS);
  assert_true(f->troubles[SD_TROUBLE_RETRYING] > 0);
  for (uint32_t i = 0; i < EVENTS; i++)
    assert_int_equal(f->seen[i], 1);
}

/* On both ways: the sender has a link per partition too. */
static void partitions_beyond_the_links_of_one_session_are_served(void **state)
{
  fixture *f = *state;
  f->options.hub = "wide";
  f->partitions = WIDE;
  f->events = 2 * WIDE;
  f->per_batch = 1;
  send_all(f);
  start_source(f);
  run_until(f, f->received == f->events);
  for (uint32_t i = 0; i < WIDE; i++)
    assert_int_equal(f->next[i], 2);
  assert_int_equal(f->troubles[SD_TROUBLE_RETRYING], 0);
}

static void stolen_partitions_are_lost(void **state)
{
  fixture *f = *state;
  start_source(f);
  run_until(f, f->source_ready);
  send_all(f);
  run_until(f, f->received == EVENTS);
  command(f, "{\"do\":\"steal\",\"hub\":\"orders\"}");
  run_until(f, f->troubles[SD_TROUBLE_PARTITION_LOST] == PARTITIONS);
  assert_string_equal(f->error.condition, "amqp:link:stolen");
}

static void a_hub_that_is_created_anew_loses_its_positions(void **state)
{
  fixture *f = *state;
  start_source(f);
  run_until(f, f->source_ready);
  send_all(f);
  run_until(f, f->received == EVENTS);
  command(f, "{\"do\":\"recreate\",\"hub\":\"orders\"}");
  run_until(f, f->troubles[SD_TROUBLE_OFFSET_LOST] > 0);
}

static void a_wrong_key_stops_with_advice(void **state)
{
  fixture *f = *state;
  f->options.sas_key = "d3Jvbmc=";
  start_source(f);
  run_until(f, f->troubles[SD_TROUBLE_STOP] == 1);
  assert_non_null(strstr(f->error.message, "check the key"));
}

static void a_wrong_hub_and_a_wrong_group_stop_with_their_names(void **state)
{
  fixture *f = *state;
  f->options.hub = "other";
  start_source(f);
  run_until(f, f->troubles[SD_TROUBLE_STOP] == 1);
  assert_non_null(strstr(f->error.message, "\"other\""));
  stop_source(f);
  sd_batch_free(f->batch);
  f->source_stopped = false;
  f->options.hub = "orders";
  f->options.consumer_group = "nobody";
  start_source(f);
  run_until(f, f->troubles[SD_TROUBLE_STOP] == 2);
  assert_non_null(strstr(f->error.message, "\"nobody\""));
}

static void a_certificate_that_nobody_vouches_for_stops(void **state)
{
  fixture *f = *state;
  f->options.port = f->tls_port;
  f->options.tls = true;
  start_source(f);
  run_until(f, f->troubles[SD_TROUBLE_STOP] == 1);
  assert_non_null(strstr(f->error.message, "certificate"));
}

int main(void)
{
  signal(SIGPIPE, SIG_IGN); /* as every program does that writes to connections the other side may cut */
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(what_is_sent_arrives_over_plain_tcp),
      TEST(what_is_sent_arrives_over_tls),
      TEST(cuts_and_detaches_on_the_way_lose_and_repeat_nothing),
      TEST(an_expired_token_is_replaced_and_nothing_is_lost),
      TEST(connections_closed_by_the_service_lose_and_repeat_nothing),
      TEST(a_service_that_falls_silent_is_left_for_a_new_connection),
      TEST(partitions_beyond_the_links_of_one_session_are_served),
      TEST(stolen_partitions_are_lost),
      TEST(a_hub_that_is_created_anew_loses_its_positions),
      TEST(a_wrong_key_stops_with_advice),
      TEST(a_wrong_hub_and_a_wrong_group_stop_with_their_names),
      TEST(a_certificate_that_nobody_vouches_for_stops),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
