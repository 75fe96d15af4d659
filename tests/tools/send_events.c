/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * send_events CONNECTION_STRING HUB [--first I] [--count N] [--size BYTES] [--body pad|text] [--keys K]
 *             [--partition P] [--batch N] [--rate EVENTS_PER_SECOND] [--binary-every N]
 *
 * Sends events first … first+count-1 to a hub over AMQP, event i with the body that event_body.h says, of
 * `size` bytes (or as short as it can be), so that a test can compute each body again. Every N-th of
 * --binary-every gets the byte FF in front, which is no UTF-8. Exits 0 when the broker has accepted all of
 * them; prints the count.
 */
#include "amqp/value.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "event_body.h"
#include "eventhubs/connection_string.h"
#include "eventhubs/sender.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { EVENTS_PER_SEND_MAX = 2000, BODY_MAX = 1024 * 1024 };

typedef struct sending {
  uv_loop_t loop;
  uv_timer_t timer;
  sd_eventhubs_sender *sender;
  uint64_t next, end, accepted, total;
  uint64_t started_ms;
  size_t size;
  event_body_kind kind;
  uint32_t keys, per_send, rate, binary_every;
  const char *partition;
  sd_buf text;
  bool ready, failed;
} sending;

static size_t put_body(sending *s, uint64_t i)
{
  size_t start = s->text.len;
  size_t mark = 0;
  if (s->binary_every && i % s->binary_every == 0) {
    sd_buf_append_byte(&s->text, 0xff);
    mark = 1;
  }
  event_body_put(&s->text, s->kind, i, s->size > mark ? s->size - mark : 0);
  return s->text.len - start;
}

static uint64_t allowed_now(const sending *s)
{
  if (!s->rate) {
    return s->end;
  }
  uint64_t due = s->total - (s->end - s->next);
  uint64_t may = (sd_clock_monotonic_ms() - s->started_ms) * s->rate / 1000 + 1;
  return may > due ? s->next + (may - due) : s->next;
}

static void pump(sending *s)
{
  static sd_sender_event events[EVENTS_PER_SEND_MAX];
  static size_t lengths[EVENTS_PER_SEND_MAX];
  uint64_t limit = allowed_now(s);
  while (s->ready && s->next < s->end && s->next < limit) {
    uint32_t count = 0;
    size_t bytes = 0;
    sd_buf_clear(&s->text);
    while (count < s->per_send && s->next + count < s->end && s->next + count < limit &&
           bytes + s->size + 512 < SD_SENDER_BATCH_BYTES_MAX - 4096) {
      lengths[count] = put_body(s, s->next + count);
      bytes += lengths[count] + 64;
      count++;
    }
    if (count == 0) { /* one event near the publication limit */
      lengths[count++] = put_body(s, s->next);
    }
    const uint8_t *at = s->text.data;
    char key[32];
    snprintf(key, sizeof key, "key-%" PRIu64, s->keys ? (s->next / s->per_send) % s->keys : 0);
    for (uint32_t k = 0; k < count; k++) {
      events[k] = (sd_sender_event){.body = sd_bytes_make(at, lengths[k])};
      if (s->keys) {
        events[k].partition_key = sd_bytes_of(key);
      }
      at += lengths[k];
    }
    sd_error error;
    sd_status status = sd_eventhubs_sender_send(s->sender, s->partition, events, count, NULL, &error);
    if (status == SD_AGAIN) {
      return;
    }
    if (status != SD_OK) {
      fprintf(stderr, "send_events: %s\n", error.message);
      s->failed = true;
      sd_eventhubs_sender_stop(s->sender);
      return;
    }
    s->next += count;
  }
}

static void on_ready(void *owner, const sd_source_partition *partitions, uint32_t count)
{
  (void)partitions;
  (void)count;
  sending *s = owner;
  s->ready = true;
  s->started_ms = sd_clock_monotonic_ms();
  pump(s);
}

static void on_room(void *owner)
{
  pump(owner);
}

static void on_settled(void *owner, void *user, uint32_t events, const sd_error *error)
{
  (void)user;
  sending *s = owner;
  if (error) {
    fprintf(stderr, "send_events: rejected: %s %s\n", error->condition, error->message);
    s->failed = true;
    sd_eventhubs_sender_stop(s->sender);
    return;
  }
  s->accepted += events;
  if (s->accepted == s->total) {
    sd_eventhubs_sender_stop(s->sender);
  } else {
    pump(s);
  }
}

static void on_closed(void *owner, const sd_error *error)
{
  sending *s = owner;
  if (error) {
    fprintf(stderr, "send_events: %s\n", error->message);
    s->failed = true;
  }
  uv_close((uv_handle_t *)&s->timer, NULL);
}

static void on_timer(uv_timer_t *timer)
{
  pump(timer->data);
}

static uint64_t number(const char *text)
{
  return strtoull(text, NULL, 10);
}

int main(int argc, char **argv)
{
  static const struct option options[] = {
      {"first", required_argument, NULL, 'f'},        {"count", required_argument, NULL, 'c'},
      {"size", required_argument, NULL, 's'},         {"body", required_argument, NULL, 'o'},
      {"keys", required_argument, NULL, 'k'},         {"partition", required_argument, NULL, 'p'},
      {"batch", required_argument, NULL, 'b'},        {"rate", required_argument, NULL, 'r'},
      {"binary-every", required_argument, NULL, 'x'}, {NULL, 0, NULL, 0},
  };
  sending s = {.size = 300, .per_send = 500};
  uint64_t first = 0, count = 1000;
  for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    switch (c) {
    case 'f':
      first = number(optarg);
      break;
    case 'c':
      count = number(optarg);
      break;
    case 's':
      s.size = (size_t)number(optarg);
      break;
    case 'o':
      if (!event_body_kind_of(optarg, &s.kind)) {
        fprintf(stderr, "send_events: --body %s: pad or text\n", optarg);
        return 2;
      }
      break;
    case 'k':
      s.keys = (uint32_t)number(optarg);
      break;
    case 'p':
      s.partition = optarg;
      break;
    case 'b':
      s.per_send = (uint32_t)number(optarg);
      break;
    case 'r':
      s.rate = (uint32_t)number(optarg);
      break;
    case 'x':
      s.binary_every = (uint32_t)number(optarg);
      break;
    default:
      return 2;
    }
  }
  if (argc - optind != 2 || s.per_send < 1 || s.per_send > EVENTS_PER_SEND_MAX || s.size > BODY_MAX) {
    fprintf(stderr, "usage: send_events CONNECTION_STRING HUB [options]; see the source\n");
    return 2;
  }
  sd_connection_string parsed;
  sd_error error;
  if (sd_connection_string_parse(argv[optind], &parsed, &error) != SD_OK) {
    fprintf(stderr, "send_events: %s\n", error.message);
    return 1;
  }
  s.next = first;
  s.end = first + count;
  s.total = count;
  sd_buf_init(&s.text, 2 * SD_SENDER_BATCH_BYTES_MAX + BODY_MAX);
  sd_eventhubs_options to = {.struct_size = sizeof to,
                             .host = parsed.host,
                             .port = parsed.port,
                             .tls = !parsed.development_emulator,
                             .hub = argv[optind + 1],
                             .sas_key_name = parsed.key_name,
                             .sas_key = parsed.key};
  static const sd_sender_handler handler = {.struct_size = sizeof handler,
                                            .on_ready = on_ready,
                                            .on_room = on_room,
                                            .on_settled = on_settled,
                                            .on_closed = on_closed};
  uv_loop_init(&s.loop);
  uv_timer_init(&s.loop, &s.timer);
  s.timer.data = &s;
  if (s.rate) {
    uv_timer_start(&s.timer, on_timer, 10, 10);
  }
  if (sd_eventhubs_sender_new(&s.loop, &to, &handler, &s, NULL, &s.sender, &error) != SD_OK ||
      sd_eventhubs_sender_start(s.sender, &error) != SD_OK) {
    fprintf(stderr, "send_events: %s\n", error.message);
    return 1;
  }
  uv_run(&s.loop, UV_RUN_DEFAULT);
  printf("%" PRIu64 "\n", s.accepted);
  sd_eventhubs_sender_free(s.sender);
  uv_loop_close(&s.loop);
  sd_buf_release(&s.text);
  return s.failed || s.accepted != s.total ? 1 : 0;
}
