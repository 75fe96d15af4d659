/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The console's trees, compared as text. */
#include "base/alloc.h"
#include "export/console_text.h"
#include "make_record.h"
#include "trace/exporter.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct screen {
  sd_exporter *exporter;
  sd_telemetry_stats stats;
  sd_buf text;
  size_t writes;
} screen;

static void write_text(void *user, const char *text, size_t len)
{
  screen *s = user;
  s->writes++;
  assert_true(len > 0 && text[len - 1] == '\n');
  assert_int_equal(sd_buf_append(&s->text, text, len), SD_OK);
}

static void open_screen(screen *s, sd_console_options options)
{
  memset(s, 0, sizeof *s);
  sd_buf_init(&s->text, 64 << 20);
  options.struct_size = sizeof options;
  options.write = write_text;
  options.write_user = s;
  assert_int_equal(sd_console_exporter_new(&options, &s->exporter, NULL), SD_OK);
}

static void show(screen *s, made_record *made)
{
  s->exporter->vtable->export_records(s->exporter->self, &made->record, 1);
  release_record(made);
}

static void stop(screen *s)
{
  s->exporter->vtable->stop(s->exporter->self, 0);
}

static void close_screen(screen *s)
{
  s->exporter->vtable->free(s->exporter->self);
  sd_free(s->exporter);
  sd_buf_release(&s->text);
}

static void assert_screen(screen *s, const char *expected)
{
  assert_string_equal(sd_buf_text(&s->text), expected);
  sd_buf_clear(&s->text);
}

static void span(screen *s, uint8_t id, uint8_t parent, const char *name, int64_t start_us, int64_t end_us)
{
  made_record made;
  make_span(&made, id, parent, name, start_us, end_us);
  show(s, &made);
}

static void pending(screen *s, uint8_t id, uint8_t parent, const char *name, int64_t start_us)
{
  made_record made;
  make_pending(&made, id, parent, name, start_us);
  show(s, &made);
}

static void log_line(screen *s, uint8_t id, uint8_t parent, int level, const char *message, int64_t at_us)
{
  made_record made;
  make_log(&made, id, parent, level, message, at_us);
  show(s, &made);
}

/* ---- The trees of the specification */

static void a_tree_is_written_when_its_root_ends(void **state)
{
  (void)state;
  screen s;
  made_record made;
  open_screen(&s, (sd_console_options){0});
  make_span(&made, 4, 3, "motherduck._ingest_batch_impl", 20, 42820);
  add_attribute(&made, "messages_sent", sd_any_int(150));
  add_attribute(&made, "total_messages", sd_any_int(1500));
  add_attribute(&made, "total_batches", sd_any_int(10));
  show(&s, &made);
  make_span(&made, 3, 2, "motherduck.ingest_batch", 10, 45210);
  add_attribute(&made, "batch_size", sd_any_int(150));
  add_attribute(&made, "success", sd_any_bool(true));
  show(&s, &made);
  make_span(&made, 5, 2, "eventhub._process_batch", 45300, 94000);
  add_attribute(&made, "batch_size", sd_any_int(150));
  add_attribute(&made, "processor_success", sd_any_bool(true));
  show(&s, &made);
  make_span(&made, 2, 1, "eventhub._on_event", 5, 2305);
  add_attribute(&made, "partition_id", sd_any_string("0"));
  add_attribute(&made, "sequence_number", sd_any_int(12345));
  add_attribute(&made, "batch_ready", sd_any_bool(true));
  show(&s, &made);
  assert_int_equal(s.writes, 0);
  make_span(&made, 1, 0, "eventhub.start", 0, 12500);
  add_attribute(&made, "namespace", sd_any_string("eventhub1.servicebus.windows.net"));
  add_attribute(&made, "consumer_group", sd_any_string("$Default"));
  show(&s, &made);
  assert_int_equal(s.writes, 1);
  assert_screen(&s, "▶ eventhub.start\n"
                    "  │ namespace: eventhub1.servicebus.windows.net\n"
                    "  │ consumer_group: $Default\n"
                    "  │ ⏱️  12.5ms\n"
                    "  │\n"
                    "  └─▶ eventhub._on_event\n"
                    "      │ partition_id: 0\n"
                    "      │ sequence_number: 12345\n"
                    "      │ batch_ready: true\n"
                    "      │ ⏱️  2.3ms\n"
                    "      │\n"
                    "      ├─▶ motherduck.ingest_batch\n"
                    "      │   │ batch_size: 150\n"
                    "      │   │ success: true\n"
                    "      │   │ ⏱️  45.2ms\n"
                    "      │   │\n"
                    "      │   └─▶ motherduck._ingest_batch_impl\n"
                    "      │       │ messages_sent: 150\n"
                    "      │       │ total_messages: 1500\n"
                    "      │       │ total_batches: 10\n"
                    "      │       │ ⏱️  42.8ms\n"
                    "      │\n"
                    "      └─▶ eventhub._process_batch\n"
                    "          │ batch_size: 150\n"
                    "          │ processor_success: true\n"
                    "          │ ⏱️  48.7ms\n"
                    "\n");
  close_screen(&s);
}

static void the_trace_of_a_retry_looks_as_specified(void **state)
{
  (void)state;
  screen s;
  made_record made;
  open_screen(&s, (sd_console_options){0});
  log_line(&s, 9, 0, SD_LEVEL_WARN, "Exception: ConnectionTimeout", 0);
  make_span(&made, 3, 2, "pydantic_ai.llm_request", 20, 278020);
  add_attribute(&made, "model", sd_any_string("gpt-4o-mini"));
  add_attribute(&made, "tokens_used", sd_any_int(147));
  show(&s, &made);
  make_span(&made, 2, 1, "smart_retry._analyze_with_llm", 10, 283010);
  add_attribute(&made, "llm_provider", sd_any_string("openai"));
  add_attribute(&made, "prompt_length", sd_any_int(523));
  show(&s, &made);
  make_span(&made, 4, 1, "smart_retry.should_retry_predicate", 284000, 285200);
  add_attribute(&made, "decision", sd_any_string("RETRY"));
  add_attribute(&made, "confidence", sd_any_double(0.9));
  add_attribute(&made, "fallback_mode", sd_any_bool(false));
  show(&s, &made);
  make_span(&made, 1, 0, "smart_retry.analyze_exception", 0, 287000);
  add_attribute(&made, "exception_type", sd_any_string("ConnectionTimeout"));
  add_attribute(&made, "cache_hit", sd_any_bool(false));
  show(&s, &made);
  assert_screen(&s, "⚠️  Exception: ConnectionTimeout\n"
                    "▶ smart_retry.analyze_exception\n"
                    "  │ exception_type: ConnectionTimeout\n"
                    "  │ cache_hit: false\n"
                    "  │ ⏱️  287ms\n"
                    "  │\n"
                    "  ├─▶ smart_retry._analyze_with_llm\n"
                    "  │   │ llm_provider: openai\n"
                    "  │   │ prompt_length: 523\n"
                    "  │   │ ⏱️  283ms\n"
                    "  │   │\n"
                    "  │   └─▶ pydantic_ai.llm_request\n"
                    "  │       │ model: gpt-4o-mini\n"
                    "  │       │ tokens_used: 147\n"
                    "  │       │ ⏱️  278ms\n"
                    "  │\n"
                    "  └─▶ smart_retry.should_retry_predicate\n"
                    "      │ decision: RETRY\n"
                    "      │ confidence: 0.9\n"
                    "      │ fallback_mode: false\n"
                    "      │ ⏱️  1.2ms\n"
                    "\n");
  close_screen(&s);
}

/* ---- What a span shows */

static void where_it_ran_stands_behind_the_name(void **state)
{
  (void)state;
  screen s;
  made_record made;
  sd_any tags[] = {sd_any_string("t1"), sd_any_string("t2")};
  open_screen(&s, (sd_console_options){0});
  make_span(&made, 1, 0, "encode", 0, 35000000);
  add_attribute(&made, "backend", sd_any_string("Modal"));
  add_attribute(&made, "gpu", sd_any_string("A100"));
  add_attribute(&made, "cache_status", sd_any_string("hit"));
  add_attribute(&made, "logfire.tags", sd_any_array(tags, 2));
  add_attribute(&made, "code.lineno", sd_any_int(7));
  show(&s, &made);
  assert_screen(&s, "▶ encode [Remote: Modal] [GPU: A100] [⚡ Cached] [t1,t2]\n  │ ⏱️  35s\n\n");
  make_span(&made, 2, 0, "encode", 0, 1);
  add_attribute(&made, "cache_status", sd_any_string("miss"));
  add_attribute(&made, "gpu", sd_any_int(2));
  show(&s, &made);
  assert_screen(&s, "▶ encode\n  │ cache_status: miss\n  │ gpu: 2\n  │ ⏱️  1µs\n\n");
  close_screen(&s);
}

static void values_of_all_kinds_are_shown(void **state)
{
  (void)state;
  screen s;
  made_record made;
  sd_any list[] = {sd_any_int(1), sd_any_string("a\n"), sd_any_null()};
  sd_attribute map[] = {sd_attribute_double("d", 2), sd_attribute_bool("b", false)};
  open_screen(&s, (sd_console_options){0});
  make_span(&made, 1, 0, "n", 0, 1);
  add_attribute(&made, "null", sd_any_null());
  add_attribute(&made, "list", sd_any_array(list, 3));
  add_attribute(&made, "map", sd_any_map(map, 2));
  add_attribute(&made, "bytes", sd_any_bytes("\x01\xff", 2));
  add_attribute(&made, "double", sd_any_double(-1.5));
  show(&s, &made);
  assert_screen(&s, "▶ n\n"
                    "  │ null: null\n"
                    "  │ list: [1,\"a\\n\",null]\n"
                    "  │ map: {\"d\":2.0,\"b\":false}\n"
                    "  │ bytes: \"Af8=\"\n"
                    "  │ double: -1.5\n"
                    "  │ ⏱️  1µs\n\n");
  close_screen(&s);
}

static void a_template_is_shown_filled(void **state)
{
  (void)state;
  screen s;
  made_record made;
  open_screen(&s, (sd_console_options){0});
  make_log(&made, 1, 0, SD_LEVEL_INFO, "late by {seconds} s", 0);
  add_attribute(&made, "seconds", sd_any_int(3));
  add_attribute(&made, "hub", sd_any_string("orders"));
  show(&s, &made);
  assert_screen(&s, "• late by 3 s\n  │ hub: orders\n");
  make_span(&made, 2, 0, "process {hub}", 0, 1000);
  made.record.message = "process {hub}";
  made.record.message_len = strlen(made.record.message);
  add_attribute(&made, "hub", sd_any_string("orders"));
  show(&s, &made);
  assert_screen(&s, "▶ process orders\n  │ hub: orders\n  │ ⏱️  1.0ms\n\n");
  close_screen(&s);
}

static void exceptions_and_events_are_shown(void **state)
{
  (void)state;
  screen s;
  made_record made;
  const sd_attribute exception[] = {sd_attribute_string("exception.type", "duckdb.IO"),
                                    sd_attribute_string("exception.message", "no space\x1b[31m"),
                                    sd_attribute_string("exception.stacktrace", "at a\n  at b\n")};
  const sd_attribute event[] = {sd_attribute_int("n", 1), sd_attribute_string("t", "x")};
  open_screen(&s, (sd_console_options){0});
  make_span(&made, 1, 0, "n", 0, 1000);
  add_event(&made, "retry", event, 2);
  add_event(&made, "exception", exception, 3);
  set_status(&made, SD_SPAN_ERROR, "duckdb.IO: no space");
  show(&s, &made);
  assert_screen(&s, "▶ n\n"
                    "  │ • retry n: 1 t: x\n"
                    "  │ ❌ duckdb.IO: no space\\x1b[31m\n"
                    "  │    at a\n"
                    "  │      at b\n"
                    "  │ ⏱️  1.0ms\n\n");
  make_span(&made, 2, 0, "n", 0, 1000);
  set_status(&made, SD_SPAN_ERROR, "refused");
  show(&s, &made);
  assert_screen(&s, "▶ n\n  │ ❌ refused\n  │ ⏱️  1.0ms\n\n");
  close_screen(&s);
}

static void nothing_that_a_terminal_acts_on_gets_there(void **state)
{
  (void)state;
  screen s;
  made_record made;
  open_screen(&s, (sd_console_options){0});
  make_span(&made, 1, 0, "n\x1b]0;title\x07", 0, 1);
  add_attribute(&made, "k\x1b[2J",
                sd_any_string("a\r\n\tb\x7f\x80\xc2\x9b\xe2\x80\xae\xc3\xa4\xf0\x9f\xa6\x86"));
  show(&s, &made);
  assert_screen(&s, "▶ n\\x1b]0;title\\x07\n  │ k\\x1b[2J: "
                    "a\\r\\n\\tb\\x7f\xef\xbf\xbd\\x9b\\u202e\xc3\xa4\xf0\x9f\xa6\x86\n"
                    "  │ ⏱️  1µs\n\n");
  close_screen(&s);
}

static void long_texts_are_cut_between_characters(void **state)
{
  (void)state;
  sd_buf out;
  sd_buf_init(&out, 1024);
  sd_console_put_clean(sd_bytes_of("ab\xc3\xa4\xc3\xa4"), 5, &out);
  assert_string_equal(sd_buf_text(&out), "ab\xc3\xa4…");
  sd_buf_clear(&out);
  sd_console_put_clean(sd_bytes_of("ab\xc3\xa4\xc3\xa4"), 6, &out);
  assert_string_equal(sd_buf_text(&out), "ab\xc3\xa4\xc3\xa4");
  sd_buf_clear(&out);
  sd_console_put_clean(sd_bytes_make("a\xc3", 2), 10, &out);
  assert_string_equal(sd_buf_text(&out), "a?");
  sd_buf_release(&out);
}

static void durations_are_short(void **state)
{
  (void)state;
  static const struct {
    int64_t ns;
    const char *text;
  } cases[] = {
      {-5, "0µs"},
      {0, "0µs"},
      {499, "0µs"},
      {999499, "999µs"},
      {999500, "1.0ms"},
      {12500000, "12.5ms"},
      {99940000, "99.9ms"},
      {99960000, "100ms"},
      {287400000, "287ms"},
      {999600000, "1.0s"},
      {2340000000, "2.3s"},
      {9949000000, "9.9s"},
      {9950000000, "10s"},
      {600000000000, "600s"},
      {3599499000000, "3599s"},
      {3600000000000, "1h 00m"},
      {7384000000000, "2h 03m"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    sd_buf out;
    sd_buf_init(&out, 64);
    sd_console_put_duration(cases[i].ns, &out);
    assert_string_equal(sd_buf_text(&out), cases[i].text);
    sd_buf_release(&out);
  }
}

/* ---- Which tree, and when */

static void children_stand_in_the_order_of_their_start(void **state)
{
  (void)state;
  screen s;
  open_screen(&s, (sd_console_options){0});
  span(&s, 4, 1, "third", 30, 31);
  span(&s, 2, 1, "first", 10, 40);
  log_line(&s, 5, 1, SD_LEVEL_INFO, "log a", 20);
  log_line(&s, 6, 1, SD_LEVEL_ERROR, "log b", 21);
  span(&s, 1, 0, "root", 0, 50);
  assert_screen(&s, "▶ root\n"
                    "  │ ⏱️  50µs\n"
                    "  │\n"
                    "  ├─▶ first\n"
                    "  │   │ ⏱️  30µs\n"
                    "  │\n"
                    "  ├─ • log a\n"
                    "  ├─ ❌ log b\n"
                    "  │\n"
                    "  └─▶ third\n"
                    "      │ ⏱️  1µs\n\n");
  close_screen(&s);
}

static void a_child_that_ends_late_comes_alone(void **state)
{
  (void)state;
  screen s;
  open_screen(&s, (sd_console_options){0});
  span(&s, 3, 2, "grandchild", 2, 3);
  span(&s, 1, 0, "root", 0, 10);
  assert_screen(&s, "▶ root\n  │ ⏱️  10µs\n\n");
  log_line(&s, 5, 1, SD_LEVEL_INFO, "still", 20);
  assert_screen(&s, "• still\n");
  span(&s, 2, 1, "child", 1, 30);
  assert_screen(&s, "▶ child (late)\n"
                    "  │ ⏱️  29µs\n"
                    "  │\n"
                    "  └─▶ grandchild\n"
                    "      │ ⏱️  1µs\n\n");
  close_screen(&s);
}

static void what_is_open_when_its_tree_is_written_comes_alone(void **state)
{
  (void)state;
  screen s;
  static const char *const names[] = {"batch", NULL};
  open_screen(&s, (sd_console_options){.tree_names = names});
  pending(&s, 1, 0, "batch", 0);
  pending(&s, 2, 1, "open", 1);
  span(&s, 3, 2, "done", 2, 3);
  span(&s, 4, 1, "last", 4, 5);
  span(&s, 1, 0, "batch", 0, 6);
  assert_screen(&s, "▶ batch\n"
                    "  │ ⏱️  6µs\n"
                    "  │\n"
                    "  ├─▶ done\n"
                    "  │   │ ⏱️  1µs\n"
                    "  │\n"
                    "  └─▶ last\n"
                    "      │ ⏱️  1µs\n\n");
  span(&s, 2, 1, "open", 1, 9);
  assert_screen(&s, "▶ open (late)\n  │ ⏱️  8µs\n\n");
  close_screen(&s);
}

static void a_span_with_a_remote_parent_is_a_root(void **state)
{
  (void)state;
  screen s;
  made_record made;
  open_screen(&s, (sd_console_options){0});
  make_span(&made, 2, 1, "served", 0, 1);
  made.record.parent_remote = 1;
  show(&s, &made);
  assert_screen(&s, "▶ served\n  │ ⏱️  1µs\n\n");
  close_screen(&s);
}

static void named_trees_are_written_though_their_parent_is_open(void **state)
{
  (void)state;
  screen s;
  static const char *const names[] = {"batch", NULL};
  open_screen(&s, (sd_console_options){.tree_names = names});
  assert_true(s.exporter->traits.wants_pending);
  pending(&s, 1, 0, "run", 0);
  log_line(&s, 7, 1, SD_LEVEL_INFO, "outside", 1);
  assert_screen(&s, "• outside\n");
  pending(&s, 2, 1, "batch", 2);
  pending(&s, 3, 2, "step", 3);
  log_line(&s, 8, 3, SD_LEVEL_INFO, "inside", 4);
  assert_screen(&s, "");
  span(&s, 3, 2, "step", 3, 5);
  span(&s, 2, 1, "batch", 2, 6);
  assert_screen(&s, "▶ batch\n"
                    "  │ ⏱️  4µs\n"
                    "  │\n"
                    "  └─▶ step\n"
                    "      │ ⏱️  2µs\n"
                    "      │\n"
                    "      └─ • inside\n\n");
  span(&s, 4, 1, "other", 7, 8);
  assert_screen(&s, "");
  span(&s, 1, 0, "run", 0, 9);
  assert_screen(&s, "▶ run\n  │ ⏱️  9µs\n  │\n  └─▶ other\n      │ ⏱️  1µs\n\n");
  close_screen(&s);
}

static void levels_filter_and_what_is_below_moves_up(void **state)
{
  (void)state;
  screen s;
  made_record made;
  open_screen(&s, (sd_console_options){.min_level = SD_LEVEL_INFO});
  log_line(&s, 9, 2, SD_LEVEL_DEBUG, "hidden", 3);
  span(&s, 4, 3, "deep", 4, 5);
  make_span(&made, 3, 2, "debug", 3, 6);
  made.record.level = SD_LEVEL_DEBUG;
  show(&s, &made);
  span(&s, 2, 1, "child", 2, 7);
  make_span(&made, 1, 0, "trace", 0, 9);
  made.record.level = SD_LEVEL_TRACE;
  show(&s, &made);
  assert_screen(&s, "▶ child\n  │ ⏱️  5µs\n  │\n  └─▶ deep\n      │ ⏱️  1µs\n\n");
  close_screen(&s);

  open_screen(&s, (sd_console_options){.min_level = SD_LEVEL_WARN});
  span(&s, 1, 0, "info", 0, 1);
  make_span(&made, 2, 0, "failed", 0, 1);
  set_status(&made, SD_SPAN_ERROR, NULL);
  show(&s, &made);
  assert_screen(&s, "▶ failed\n  │ ⏱️  1µs\n\n");
  close_screen(&s);
}

static void what_waits_is_written_at_the_end(void **state)
{
  (void)state;
  screen s;
  open_screen(&s, (sd_console_options){0});
  span(&s, 3, 2, "a", 2, 3);
  span(&s, 5, 4, "b", 5, 6);
  span(&s, 4, 1, "c", 4, 7);
  stop(&s);
  assert_screen(&s, "▶ a\n  │ ⏱️  1µs\n\n"
                    "▶ c\n  │ ⏱️  3µs\n  │\n  └─▶ b\n      │ ⏱️  1µs\n\n");
  stop(&s);
  assert_screen(&s, "");
  close_screen(&s);
}

static void a_child_process_does_not_write_what_its_parent_owns(void **state)
{
  (void)state;
  screen s;
  open_screen(&s, (sd_console_options){0});
  span(&s, 3, 2, "a", 2, 3);
  s.exporter->vtable->after_fork(s.exporter->self);
  stop(&s);
  assert_screen(&s, "");
  close_screen(&s);
}

static void memory_is_bounded_by_spans(void **state)
{
  (void)state;
  screen s;
  made_record made;
  open_screen(&s, (sd_console_options){0});
  /* Each waits for a parent of its own that never ends. */
  for (uint32_t i = 0; i < 3 * SD_CONSOLE_SPANS_MAX; i++) {
    make_span(&made, 1, 2, "n", i, i + 1);
    memcpy(made.record.span_id, &(uint32_t){2 * i + 1}, sizeof i);
    memcpy(made.record.parent_id, &(uint32_t){2 * i + 2}, sizeof i);
    show(&s, &made);
  }
  assert_true(s.writes >= 2 * SD_CONSOLE_SPANS_MAX);
  assert_true(s.writes < 3 * SD_CONSOLE_SPANS_MAX);
  stop(&s);
  assert_int_equal(s.writes, 3 * SD_CONSOLE_SPANS_MAX);
  s.exporter->vtable->add_stats(s.exporter->self, &s.stats);
  assert_int_equal(s.stats.records_exported, 3 * SD_CONSOLE_SPANS_MAX);
  close_screen(&s);
}

static void memory_is_bounded_by_bytes(void **state)
{
  (void)state;
  screen s;
  made_record made;
  char value[1000];
  memset(value, 'x', sizeof value);
  open_screen(&s, (sd_console_options){0});
  for (uint32_t i = 0; i < 1000; i++) {
    make_span(&made, 1, 9, "n", i, i + 1);
    memcpy(made.record.span_id, &(uint32_t){i + 1}, sizeof i);
    for (int k = 0; k < 10; k++)
      add_attribute(&made, "k", sd_any_text(value, sizeof value));
    show(&s, &made);
  }
  assert_true(s.writes > 0);
  stop(&s);
  assert_int_equal(s.writes, 1000);
  close_screen(&s);
}

static void a_long_chain_is_drawn(void **state)
{
  (void)state;
  screen s;
  made_record made;
  open_screen(&s, (sd_console_options){0});
  for (uint32_t i = 3000; i > 0; i--) {
    make_span(&made, 1, i == 1 ? 0 : 1, "n", i, 2 * 3000 - i);
    memcpy(made.record.span_id, &(uint32_t){i}, sizeof i);
    if (i > 1)
      memcpy(made.record.parent_id, &(uint32_t){i - 1}, sizeof i);
    show(&s, &made);
  }
  assert_int_equal(s.writes, 1);
  size_t spans = 0;
  for (const char *p = sd_buf_text(&s.text); (p = strstr(p, "▶")); p++)
    spans++;
  assert_int_equal(spans, 3000);
  close_screen(&s);
}

static void colors_are_for_terminals(void **state)
{
  (void)state;
  screen s;
  made_record made;
  open_screen(&s, (sd_console_options){.colors = SD_COLORS_ALWAYS});
  make_span(&made, 1, 0, "n", 0, 1000);
  add_attribute(&made, "k", sd_any_int(1));
  set_status(&made, SD_SPAN_ERROR, NULL);
  show(&s, &made);
  assert_screen(&s, "▶ \x1b[31mn\x1b[0m\n"
                    "\x1b[2m  │ \x1b[0m\x1b[34mk:\x1b[0m 1\n"
                    "\x1b[2m  │ \x1b[0m\x1b[32m⏱️  1.0ms\x1b[0m\n\n");
  close_screen(&s);
}

/* What auto does on a pseudo terminal. */
static bool has_colors_on_terminal(void)
{
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
    skip();
  int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  FILE *terminal = fdopen(slave, "w");
  assert_non_null(terminal);
  sd_exporter *exporter;
  sd_console_options options = {.struct_size = sizeof options, .file = terminal};
  assert_int_equal(sd_console_exporter_new(&options, &exporter, NULL), SD_OK);
  made_record made;
  make_span(&made, 1, 0, "n", 0, 1000);
  exporter->vtable->export_records(exporter->self, &made.record, 1);
  release_record(&made);
  sd_exporter_free(exporter);
  char text[256];
  ssize_t n = read(master, text, sizeof text);
  assert_true(n > 0);
  fclose(terminal);
  close(master);
  return memchr(text, '\x1b', (size_t)n) != NULL;
}

static void no_color_is_respected(void **state)
{
  (void)state;
  setenv("TERM", "xterm", 1);
  unsetenv("NO_COLOR");
  assert_true(has_colors_on_terminal());
  setenv("NO_COLOR", "", 1);
  assert_true(has_colors_on_terminal());
  setenv("NO_COLOR", "1", 1);
  assert_false(has_colors_on_terminal());
  unsetenv("NO_COLOR");
  setenv("TERM", "dumb", 1);
  assert_false(has_colors_on_terminal());
}

static void a_file_that_cannot_be_written_is_counted(void **state)
{
  (void)state;
  FILE *full = fopen("/dev/full", "w");
  if (!full)
    skip();
  sd_exporter *exporter;
  sd_console_options options = {.struct_size = sizeof options, .file = full};
  assert_int_equal(sd_console_exporter_new(&options, &exporter, NULL), SD_OK);
  made_record made;
  make_span(&made, 1, 0, "n", 0, 1000);
  exporter->vtable->export_records(exporter->self, &made.record, 1);
  release_record(&made);
  sd_telemetry_stats stats = {.struct_size = sizeof stats};
  exporter->vtable->add_stats(exporter->self, &stats);
  assert_int_equal(stats.dropped_export, 1);
  assert_int_equal(stats.records_exported, 0);
  sd_exporter_free(exporter);
  fclose(full);
}

static void without_memory_records_are_dropped_and_counted(void **state)
{
  (void)state;
  screen s;
  open_screen(&s, (sd_console_options){0});
  for (uint64_t nth = 1; nth < 12; nth++) {
    made_record made;
    make_span(&made, (uint8_t)nth, 200, "n", 0, 1000);
    add_attribute(&made, "k", sd_any_int(1));
    sd_alloc_fail_nth(nth);
    s.exporter->vtable->export_records(s.exporter->self, &made.record, 1);
    sd_alloc_fail_nth(0);
    release_record(&made);
  }
  s.exporter->vtable->add_stats(s.exporter->self, &s.stats);
  assert_int_equal(s.stats.records_exported + s.stats.dropped_export, 11);
  assert_true(s.stats.dropped_export > 0);
  stop(&s);
  close_screen(&s);
  for (uint64_t nth = 1; nth < 6; nth++) {
    static const char *const names[] = {"a", NULL};
    sd_console_options options = {.struct_size = sizeof options, .tree_names = names};
    sd_exporter *exporter;
    sd_alloc_fail_nth(nth);
    sd_status status = sd_console_exporter_new(&options, &exporter, NULL);
    sd_alloc_fail_nth(0);
    if (status == SD_OK)
      sd_exporter_free(exporter);
    else
      assert_int_equal(status, SD_NOMEM);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_tree_is_written_when_its_root_ends),
      cmocka_unit_test(the_trace_of_a_retry_looks_as_specified),
      cmocka_unit_test(where_it_ran_stands_behind_the_name),
      cmocka_unit_test(values_of_all_kinds_are_shown),
      cmocka_unit_test(a_template_is_shown_filled),
      cmocka_unit_test(exceptions_and_events_are_shown),
      cmocka_unit_test(nothing_that_a_terminal_acts_on_gets_there),
      cmocka_unit_test(long_texts_are_cut_between_characters),
      cmocka_unit_test(durations_are_short),
      cmocka_unit_test(children_stand_in_the_order_of_their_start),
      cmocka_unit_test(a_child_that_ends_late_comes_alone),
      cmocka_unit_test(what_is_open_when_its_tree_is_written_comes_alone),
      cmocka_unit_test(a_span_with_a_remote_parent_is_a_root),
      cmocka_unit_test(named_trees_are_written_though_their_parent_is_open),
      cmocka_unit_test(levels_filter_and_what_is_below_moves_up),
      cmocka_unit_test(what_waits_is_written_at_the_end),
      cmocka_unit_test(a_child_process_does_not_write_what_its_parent_owns),
      cmocka_unit_test(memory_is_bounded_by_spans),
      cmocka_unit_test(memory_is_bounded_by_bytes),
      cmocka_unit_test(a_long_chain_is_drawn),
      cmocka_unit_test(colors_are_for_terminals),
      cmocka_unit_test(no_color_is_respected),
      cmocka_unit_test(a_file_that_cannot_be_written_is_counted),
      cmocka_unit_test(without_memory_records_are_dropped_and_counted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
