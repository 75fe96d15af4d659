/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The spans of a run that goes well, with a real database: the golden table, and how many there are. */
#include "traced.h"

#include "duck/duck_test.h"
#include "trace/otlp_fields.h"

enum { LINE_MAX_ = 1024, LINKS_MAX = 32 };

static const char *golden_path; /* argument of the program */
static traced t;

static int begin(void **state)
{
  return make_scratch(state);
}

static int end(void **state)
{
  traced_release(&t);
  return remove_scratch(state);
}

static void run_real(void)
{
  t.real_database = scratch_path("a.duckdb");
  assert_int_equal(traced_run(&t), SD_OK);
}

static const char *const type_names[] = {
    [SD_ANY_STRING] = "string", [SD_ANY_BOOL] = "bool", [SD_ANY_INT] = "int", [SD_ANY_DOUBLE] = "double"};

/* "name:type …" */
static void check_attributes(const sd_record *record, char *text)
{
  char *rest = NULL;
  for (char *item = strtok_r(text, " \n", &rest); item; item = strtok_r(NULL, " \n", &rest)) {
    char *colon = strchr(item, ':');
    assert_non_null(colon);
    *colon = '\0';
    sd_any_view value = attribute_of(otlp_of(record), SD_OTLP_SPAN_ATTRIBUTES, item);
    assert_in_range(value.type, SD_ANY_STRING, SD_ANY_DOUBLE);
    if (strcmp(type_names[value.type], colon + 1) != 0)
      fail_msg("%s of %s is a %s", item, record->name, type_names[value.type]);
  }
}

static void a_run_has_the_spans_of_the_golden_table(void **state)
{
  (void)state;
  traced_init(&t, 200);
  run_real();
  FILE *file = fopen(golden_path, "r");
  assert_non_null(file);
  char line[LINE_MAX_];
  uint32_t spans = 0;
  while (fgets(line, sizeof line, file)) {
    if (line[0] == '#')
      continue;
    char *rest = NULL;
    const char *name = strtok_r(line, "\t", &rest);
    const char *parent = strtok_r(NULL, "\t", &rest);
    const char *level = strtok_r(NULL, "\t", &rest);
    char *attributes = strtok_r(NULL, "\t", &rest);
    const sd_record *record = nth_named(&t, name, 0);
    if (!record)
      fail_msg("%s is missing", name);
    for (size_t i = 0; (record = nth_named(&t, name, i)) != NULL; i++) {
      assert_string_equal(parent_of(&t, record), parent);
      assert_string_equal(sd_level_name(record->level), level);
      assert_int_equal(record->status, SD_SPAN_UNSET);
      char copy[LINE_MAX_];
      snprintf(copy, sizeof copy, "%s", attributes);
      check_attributes(record, copy);
    }
    spans++;
  }
  fclose(file);
  assert_int_equal(spans, 10);
}

static void what_the_spans_say_is_what_happened(void **state)
{
  (void)state;
  traced_init(&t, 200);
  run_real();
  const sd_record *run = nth_named(&t, "Pipeline Run", 0);
  assert_int_equal(run->message_len, strlen("Pipeline Run ({minutes} minutes)"));
  assert_memory_equal(run->message, "Pipeline Run ({minutes} minutes)", run->message_len);
  assert_int_equal(int_of(run, "messages"), 600);
  assert_int_equal(int_of(run, "mappings"), 1);
  assert_int_equal(int_of(run, "retries"), 0);
  const sd_record *process = nth_named(&t, "orchestrator._process_messages", 0);
  assert_true(text_is(process, "mapping_key", "EVENTHUB_1 → MOTHERDUCK_1"));
  assert_true(bool_of(process, "success"));
  assert_int_equal(int_of(process, "message_count"), 600);
  const sd_record *source = nth_named(&t, "eventhub.start", 0);
  assert_int_equal(source->span_kind, SD_SPAN_CLIENT);
  assert_true(text_is(source, "namespace", "broker.example"));
  assert_true(text_is(source, "messaging.system", "eventhubs"));
  assert_int_equal(int_of(source, "server.port"), 5672);
  int64_t landed = 0;
  for (size_t i = 0; nth_named(&t, "motherduck._ingest_batch_impl", i); i++) {
    const sd_record *impl = nth_named(&t, "motherduck._ingest_batch_impl", i);
    landed += int_of(impl, "messages_sent");
    assert_true(int_of(impl, "total_messages") <= 600);
    assert_true(text_is(impl, "db.system.name", "duckdb"));
    assert_int_equal(impl->span_kind, SD_SPAN_INTERNAL);
  }
  assert_int_equal(landed, 600);
  int64_t received = 0;
  for (size_t i = 0; nth_named(&t, "eventhub._on_event", i); i++) {
    const sd_record *event = nth_named(&t, "eventhub._on_event", i);
    assert_int_equal(event->span_kind, SD_SPAN_CONSUMER);
    assert_true(bool_of(event, "batch_ready"));
    assert_true(bool_of(event, "success"));
    received += int_of(event, "messaging.batch.message_count");
    assert_int_equal(bool_of(event, "first_message"), int_of(event, "total_messages_received") ==
                                                          int_of(event, "messaging.batch.message_count"));
  }
  assert_int_equal(received, 600);
  const sd_record *tables = nth_named(&t, "motherduck._ensure_target_table", 0);
  assert_true(bool_of(tables, "ddl_executed"));
  assert_null(nth_named(&t, "motherduck._ensure_target_table", 1));
}

static void a_full_batch_makes_a_handful_of_spans(void **state)
{
  (void)state;
  traced_init(&t, 5000);
  t.events_per_tick = 30; /* so that no backlog makes the batches larger */
  run_real();
  assert_int_equal(int_of(nth_named(&t, "Pipeline Run", 0), "messages"), 15000);
  print_message("# %zu spans for 15000 events in batches of 150\n", t.recorder.count);
  assert_true(t.recorder.count > 0);
  assert_true(t.recorder.count <= 15000 / 10);
}

static void at_debug_every_event_has_a_span(void **state)
{
  (void)state;
  traced_init(&t, 200);
  t.telemetry_options.min_level = SD_LEVEL_DEBUG;
  run_real();
  size_t debug = 0;
  size_t closing = 0;
  size_t first = 0;
  size_t single = 0; /* events of closed batches that have one for themselves and were named by their batch */
  for (size_t i = 0; nth_named(&t, "eventhub._on_event", i); i++) {
    const sd_record *event = nth_named(&t, "eventhub._on_event", i);
    assert_string_equal(parent_of(&t, event), "eventhub.start");
    bool ready = bool_of(event, "batch_ready");
    assert_int_equal(event->level, ready ? SD_LEVEL_INFO : SD_LEVEL_DEBUG);
    debug += !ready;
    closing += ready;
    first += !ready && bool_of(event, "first_message");
    single += ready && int_of(event, "messaging.batch.message_count") < 150;
  }
  /* An event that fills its batch has no second span; a batch closed by time names one that has its own. */
  assert_int_equal(debug + closing - single, 600);
  assert_int_equal(first, 1);
}

static void a_transaction_of_several_batches_links_to_the_others(void **state)
{
  (void)state;
  traced_init(&t, 3000);
  t.mapping.batch_rows = 10;
  t.events_per_tick = 5000;
  run_real();
  bool coalesced = false;
  int64_t batches = 0;
  for (size_t i = 0; nth_named(&t, "motherduck.ingest_batch", i); i++) {
    const sd_record *ingest = nth_named(&t, "motherduck.ingest_batch", i);
    int64_t count = int_of(ingest, "coalesced_batches");
    size_t links = count_fields(otlp_of(ingest), SD_OTLP_SPAN_LINKS);
    assert_int_equal(links, count - 1 < LINKS_MAX ? count - 1 : LINKS_MAX);
    coalesced = coalesced || count > 1;
    batches += count;
  }
  assert_true(coalesced);
  assert_int_equal(count_named(&t.recorder, "eventhub._on_event"), batches);
  assert_int_equal(count_named(&t.recorder, "eventhub._process_batch"), batches);
}

static void check_links(const char *property)
{
  traced_init(&t, 100);
  t.broker.trace_property = property;
  run_real();
  const sd_record *event = nth_named(&t, "eventhub._on_event", 0);
  assert_int_equal(count_fields(otlp_of(event), SD_OTLP_SPAN_LINKS), LINKS_MAX);
  sd_pb_field link;
  sd_pb_field id;
  assert_true(field_of(otlp_of(event), SD_OTLP_SPAN_LINKS, 0, &link));
  assert_true(field_of(link.bytes, SD_OTLP_LINK_TRACE_ID, 0, &id));
  static const uint8_t first[SD_TRACE_ID_SIZE] = {[7] = 1};
  assert_memory_equal(id.bytes.data, first, sizeof first);
}

static void a_batch_links_to_the_traces_of_its_producers(void **state)
{
  (void)state;
  check_links("traceparent");
}

static void azure_s_older_property_names_the_producer_too(void **state)
{
  (void)state;
  check_links("Diagnostic-Id");
}

static void tables_that_cannot_be_made_are_told_below_the_start(void **state)
{
  (void)state;
  traced_init(&t, 10);
  char folder[512];
  snprintf(folder, sizeof folder, "%s", scratch);
  t.real_database = folder;
  assert_int_not_equal(traced_run(&t), SD_OK);
  const sd_record *tables = nth_named(&t, "motherduck._ensure_target_table", 0);
  assert_non_null(tables);
  assert_string_equal(parent_of(&t, tables), "motherduck.start");
  assert_false(bool_of(tables, "success"));
  assert_int_equal(tables->status, SD_SPAN_ERROR);
  assert_int_equal(tables->level, SD_LEVEL_ERROR);
  assert_int_equal(count_fields(otlp_of(tables), SD_OTLP_SPAN_EVENTS), 1);
}

int main(int argc, char **argv)
{
  if (argc != 2) {
    fprintf(stderr, "usage: %s SPANS.TSV\n", argv[0]);
    return 1;
  }
  golden_path = argv[1];
  if (skip_without_library())
    return 0;
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      TEST(a_run_has_the_spans_of_the_golden_table),
      TEST(what_the_spans_say_is_what_happened),
      TEST(a_full_batch_makes_a_handful_of_spans),
      TEST(at_debug_every_event_has_a_span),
      TEST(a_transaction_of_several_batches_links_to_the_others),
      TEST(a_batch_links_to_the_traces_of_its_producers),
      TEST(azure_s_older_property_names_the_producer_too),
      TEST(tables_that_cannot_be_made_are_told_below_the_start),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
