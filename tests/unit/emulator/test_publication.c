/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* From publications to records: batches, single messages, annotations, what stays as it was, routing. */
#include "amqp/message.h"
#include "base/alloc.h"
#include "emulator/publication.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { OFFSET_BASE = 5000, NOW_MS = 1769999999 };

static emu_log *log_;
static emu_log_space space;
static sd_buf built;

static int setup(void **state)
{
  (void)state;
  sd_error error;
  sd_buf_init(&built, 4 * 1024 * 1024);
  return emu_log_open(NULL, 0, &log_, &error);
}

static int teardown(void **state)
{
  (void)state;
  emu_log_close(log_);
  emu_log_space_release(&space);
  sd_buf_release(&built);
  return 0;
}

static sd_status stage(sd_bytes payload, uint32_t format, const char *publisher, uint32_t *ret_events)
{
  emu_publication publication = {.payload = payload,
                                 .message_format = format,
                                 .publisher = publisher,
                                 .offset_base = OFFSET_BASE,
                                 .now_ms = NOW_MS};
  sd_error error;
  return emu_publication_stage(&publication, log_, ret_events, &error);
}

static void publish(sd_bytes payload, uint32_t format, uint32_t expected)
{
  uint32_t events = 0;
  assert_int_equal(stage(payload, format, NULL, &events), SD_OK);
  assert_int_equal(events, expected);
  assert_int_equal(emu_log_commit(log_, NULL), SD_OK);
}

/* Event n of the log as a message; good until the next call. */
static emu_record record_of(int64_t n, sd_amqp_message *ret_message)
{
  uint64_t at = 0;
  sd_bytes records;
  emu_record record;
  assert_int_equal(emu_log_find_sequence(log_, n, &space, &at, NULL), SD_OK);
  assert_int_equal(emu_log_read(log_, at, &space, &at, &records, NULL), SD_OK);
  assert_true(emu_log_next(&records, &at, &record));
  assert_int_equal(sd_amqp_message_decode(record.payload, ret_message), SD_OK);
  return record;
}

static sd_bytes annotation(const sd_amqp_message *message, const char *name)
{
  sd_amqp_value value;
  sd_bytes text = {NULL, 0};
  if (sd_amqp_map_find(&message->message_annotations, name, &value))
    assert_true(sd_amqp_as_text(&value, &text));
  return text;
}

static void put_key(sd_buf *buf, const char *key)
{
  sd_amqp_put_section(buf, SD_AMQP_SECTION_MESSAGE_ANNOTATIONS);
  size_t mark = sd_amqp_begin_map(buf);
  sd_amqp_put_symbol(buf, sd_bytes_of("x-opt-partition-key"));
  sd_amqp_put_string(buf, sd_bytes_of(key));
  sd_amqp_put_symbol(buf, sd_bytes_of("x-opt-sequence-number")); /* not the sender's to say */
  sd_amqp_put_long(buf, 77);
  sd_amqp_put_symbol(buf, sd_bytes_of("x-own"));
  sd_amqp_put_string(buf, sd_bytes_of("kept"));
  sd_amqp_end_map(buf, mark, 6);
}

/* A17 of eventhubs.md: two events with a partition key from azure-eventhub, cut after the envelope's header.
 */
static void a_python_batch_with_key_becomes_its_events(void **state)
{
  (void)state;
  static const uint8_t inner_a[] = {0x00, 0x53, 0x70, 0xc0, 0x07, 0x05, 0x56, 0x01, 0x40,
                                    0x40, 0x40, 0x40, 0x00, 0x53, 0x75, 0xa0, 0x01, 'a'};
  static const uint8_t inner_b[] = {0x00, 0x53, 0x75, 0xa0, 0x02, 'b', 'b'};
  static const uint8_t header[] = {0x00, 0x53, 0x70, 0xc0, 0x07, 0x05, 0x56, 0x01, 0x40, 0x40, 0x40, 0x40};
  sd_buf_append(&built, header, sizeof header);
  put_key(&built, "k1");
  sd_amqp_put_data_section(&built, sd_bytes_make(inner_a, sizeof inner_a));
  sd_amqp_put_data_section(&built, sd_bytes_make(inner_b, sizeof inner_b));
  emu_publication publication = {.payload = sd_buf_bytes(&built), .message_format = SD_AMQP_FORMAT_BATCH};
  assert_true(sd_bytes_equal_text(emu_publication_key(&publication), "k1"));
  publish(sd_buf_bytes(&built), SD_AMQP_FORMAT_BATCH, 2);
  for (int64_t n = 0; n < 2; n++) {
    sd_amqp_message message;
    sd_amqp_value value;
    char offset[24];
    emu_record record = record_of(n, &message);
    (void)snprintf(offset, sizeof offset, "%llu", (unsigned long long)(OFFSET_BASE + record.position));
    assert_true(sd_bytes_equal_text(annotation(&message, "x-opt-offset"), offset));
    assert_true(sd_bytes_equal_text(annotation(&message, "x-opt-partition-key"), "k1"));
    assert_true(sd_amqp_map_find(&message.message_annotations, "x-opt-sequence-number", &value));
    assert_int_equal(value.type, SD_AMQP_LONG);
    assert_int_equal(value.as.i, n);
    assert_true(sd_amqp_map_find(&message.message_annotations, "x-opt-enqueued-time", &value));
    assert_int_equal(value.type, SD_AMQP_TIMESTAMP);
    assert_int_equal(value.as.i, NOW_MS);
    assert_true(sd_bytes_equal_text(message.body.as.bytes, n == 0 ? "a" : "bb"));
    /* The first has a header, behind which delivery annotations would go. */
    assert_int_equal(record.head_size > 0, n == 0);
    assert_int_equal(message.header.type, n == 0 ? SD_AMQP_LIST : SD_AMQP_NULL);
    if (n == 0)
      assert_int_equal(message.header.as.compound.count, 5);
  }
}

static void a_single_message_keeps_its_sections_byte_for_byte(void **state)
{
  (void)state;
  put_key(&built, "own");
  size_t begin = built.len;
  sd_amqp_put_section(&built, SD_AMQP_SECTION_APPLICATION_PROPERTIES);
  size_t mark = sd_amqp_begin_map(&built);
  sd_amqp_put_string(&built, sd_bytes_of("n"));
  sd_amqp_put_ulong(&built, 1234567890123);
  sd_amqp_end_map(&built, mark, 2);
  sd_amqp_put_data_section(&built, sd_bytes_of("one"));
  sd_amqp_put_data_section(&built, sd_bytes_of("two"));
  sd_bytes rest = sd_bytes_make(built.data + begin, built.len - begin);
  publish(sd_buf_bytes(&built), 0, 1);
  sd_amqp_message message;
  emu_record record = record_of(0, &message);
  assert_true(record.payload.len > rest.len);
  assert_memory_equal(record.payload.data + record.payload.len - rest.len, rest.data, rest.len);
  assert_true(sd_bytes_equal_text(annotation(&message, "x-own"), "kept"));
  assert_true(sd_bytes_equal_text(annotation(&message, "x-opt-partition-key"), "own"));
  sd_amqp_value value;
  assert_true(sd_amqp_map_find(&message.message_annotations, "x-opt-sequence-number", &value));
  assert_int_equal(value.as.i, 0);
}

static void descriptors_become_small_ulongs_and_empty_sections_go(void **state)
{
  (void)state;
  /* header list0, properties list0, data with an 8-byte and a symbolic descriptor */
  static const uint8_t message[] = {0x00, 0x53, 0x70, 0x45, 0x00, 0x53, 0x73, 0x45, 0x00, 0x80, 0,
                                    0,    0,    0,    0,    0,    0,    0x75, 0xa0, 0x01, 'x',  0x00,
                                    0xa3, 0x10, 'a',  'm',  'q',  'p',  ':',  'd',  'a',  't',  'a',
                                    ':',  'b',  'i',  'n',  'a',  'r',  'y',  0xa0, 0x01, 'y'};
  static const uint8_t bodies[] = {0x00, 0x53, 0x75, 0xa0, 0x01, 'x', 0x00, 0x53, 0x75, 0xa0, 0x01, 'y'};
  publish(sd_bytes_make(message, sizeof message), 0, 1);
  sd_amqp_message decoded;
  emu_record record = record_of(0, &decoded);
  assert_int_equal(record.head_size, 0);
  assert_int_equal(record.payload.data[2], SD_AMQP_SECTION_MESSAGE_ANNOTATIONS);
  assert_memory_equal(record.payload.data + record.payload.len - sizeof bodies, bodies, sizeof bodies);
  assert_int_equal(decoded.properties.type, SD_AMQP_NULL);
}

static void a_publisher_is_told_to_receivers(void **state)
{
  (void)state;
  uint32_t events = 0;
  sd_amqp_put_data_section(&built, sd_bytes_of("x"));
  assert_int_equal(stage(sd_buf_bytes(&built), 0, "device-7", &events), SD_OK);
  assert_int_equal(emu_log_commit(log_, NULL), SD_OK);
  sd_amqp_message message;
  (void)record_of(0, &message);
  assert_true(sd_bytes_equal_text(annotation(&message, "x-opt-publisher"), "device-7"));
}

static void malformed_publications_leave_nothing(void **state)
{
  (void)state;
  static const uint8_t cut[] = {0x00, 0x53, 0x75, 0xa0, 0x05, 'x'};
  static const uint8_t wrong_type[] = {0x00, 0x53, 0x75, 0xa1, 0x01, 'x'};
  static const uint8_t unknown[] = {0x00, 0x53, 0x6f, 0x40};
  static const uint8_t inner_bad[] = {0x00, 0x53, 0x75, 0xa0, 0x07, 0x00, 0x53, 0x75, 0xa0,
                                      0x02, 'b',  'b',  0x00, 0x53, 0x75, 0xa0, 0x01, 0x00};
  static const uint8_t no_event[] = {0x00, 0x53, 0x70, 0x45};
  uint32_t events = 0;
  assert_int_equal(stage(sd_bytes_make(cut, sizeof cut), 0, NULL, &events), SD_PROTOCOL);
  assert_int_equal(stage(sd_bytes_make(wrong_type, sizeof wrong_type), 0, NULL, &events), SD_PROTOCOL);
  assert_int_equal(stage(sd_bytes_make(unknown, sizeof unknown), 0, NULL, &events), SD_PROTOCOL);
  assert_int_equal(stage(sd_bytes_make(inner_bad, sizeof inner_bad), SD_AMQP_FORMAT_BATCH, NULL, &events),
                   SD_PROTOCOL);
  assert_int_equal(stage(sd_bytes_make(no_event, sizeof no_event), SD_AMQP_FORMAT_BATCH, NULL, &events),
                   SD_INVALID);
  assert_int_equal(emu_log_commit(log_, NULL), SD_OK);
  assert_int_equal(emu_log_next_sequence(log_), 0);
}

static void a_key_always_gives_the_same_partition_and_keys_spread(void **state)
{
  (void)state;
  /* Changing these breaks the order of events that users' hubs on disk hold. */
  assert_int_equal(emu_partition_of_key(sd_bytes_of("a"), 4), 1);
  assert_int_equal(emu_partition_of_key(sd_bytes_of("b"), 4), 0);
  assert_int_equal(emu_partition_of_key(sd_bytes_of("ATL"), 4), 2);
  assert_int_equal(emu_partition_of_key(sd_bytes_of("device-7"), 32), 22);
  unsigned hits[32] = {0};
  for (int i = 0; i < 3200; i++) {
    char key[16];
    (void)snprintf(key, sizeof key, "%d", i);
    uint32_t partition = emu_partition_of_key(sd_bytes_of(key), 32);
    assert_true(partition < 32);
    hits[partition]++;
  }
  for (int i = 0; i < 32; i++) {
    assert_true(hits[i] > 50);
    assert_true(hits[i] < 200);
  }
}

static void short_memory_stages_nothing(void **state)
{
  (void)state;
  sd_amqp_put_data_section(&built, sd_bytes_of("x"));
  uint32_t events = 0;
  sd_alloc_fail_nth(1);
  assert_int_equal(stage(sd_buf_bytes(&built), 0, NULL, &events), SD_NOMEM);
  sd_alloc_fail_nth(0);
  publish(sd_buf_bytes(&built), 0, 1);
  assert_int_equal(emu_log_next_sequence(log_), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_python_batch_with_key_becomes_its_events),
      TEST(a_single_message_keeps_its_sections_byte_for_byte),
      TEST(descriptors_become_small_ulongs_and_empty_sections_go),
      TEST(a_publisher_is_told_to_receivers),
      TEST(malformed_publications_leave_nothing),
      TEST(a_key_always_gives_the_same_partition_and_keys_spread),
      TEST(short_memory_stages_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
