/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* One mapping's life: made, started, failing and trying again, stopping, ended. */
#include "stream/mapping.h"

#include "base/alloc.h"
#include "stream/mapping_internal.h"
#include "stream/rules.h"

#include <inttypes.h>
#include <stdio.h>

enum { MAPPING_LOG_MAX = 1024, MAPPING_NAME_MAX = 4096 };

static char *lower_case(const char *text)
{
  char *copy = sd_strdup(text);
  for (char *c = copy; c && *c; c++) {
    if (*c >= 'A' && *c <= 'Z')
      *c = (char)(*c - 'A' + 'a');
  }
  return copy;
}

static char *make_name(const sd_stream_mapping *settings)
{
  char name[MAPPING_NAME_MAX];
  snprintf(name, sizeof name, "%s → %s.%s.%s", settings->hub, settings->database, settings->schema,
           settings->table);
  return sd_strdup(name);
}

sd_status sd_mapping_new(const sd_mapping_options *options, const sd_mapping_env *env,
                         sd_mapping **ret_mapping)
{
  const sd_stream_mapping *settings = options->settings;
  sd_mapping *mapping = sd_calloc(1, sizeof *mapping);
  if (!mapping)
    return SD_NOMEM;
  mapping->settings = settings;
  mapping->env = *env;
  mapping->owner = options->owner;
  mapping->until_caught_up = options->until_caught_up;
  mapping->name = make_name(settings);
  mapping->ns = lower_case(settings->host);
  mapping->consumer_group = lower_case(settings->consumer_group);
  if (!mapping->name || !mapping->ns || !mapping->consumer_group) {
    sd_mapping_free(mapping);
    return SD_NOMEM;
  }
  mapping->target = (sd_target){
      .ns = mapping->ns,
      .hub = settings->hub,
      .consumer_group = mapping->consumer_group,
      .schema = settings->schema,
      .table = settings->table,
      .body_is_blob = settings->body_is_blob,
      .transaction_bytes = sd_memory_transaction(options->share),
      .legacy_database = settings->legacy_database,
      .legacy_schema = settings->legacy_schema,
      .legacy_table = settings->legacy_table,
  };
  mapping->claim_due_ms = UINT64_MAX;
  mapping->renew_due_ms = UINT64_MAX;
  mapping->refresh_due_ms = UINT64_MAX;
  sd_memory_init(&mapping->memory, options->share);
  sd_backoff_init(&mapping->backoff, env->timings.backoff_base_ms, env->timings.backoff_cap_ms);
  mapping->spans.tracer = env->tracer;
  sd_mapping_metrics_init(mapping, env->tracer ? env->metrics : NULL);
  *ret_mapping = mapping;
  return SD_OK;
}

void sd_mapping_free(sd_mapping *mapping)
{
  if (!mapping)
    return;
  if (mapping->source)
    mapping->source->vtable->free(mapping->source);
  sd_batcher_release(&mapping->batcher);
  sd_mapping_end_segment(mapping);
  sd_mapping_metrics_release(mapping);
  sd_free(mapping->partitions);
  sd_free(mapping->partition_snapshots);
  sd_free(mapping->claims);
  sd_free(mapping->claim_partition);
  sd_free(mapping->name);
  sd_free(mapping->ns);
  sd_free(mapping->consumer_group);
  sd_free(mapping);
}

void sd_mapping_log(const sd_mapping *mapping, sd_log_level level, const char *format, ...)
{
  if (!sd_log_enabled(mapping->env.log, level))
    return;
  char text[MAPPING_LOG_MAX];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  sd_log_write(mapping->env.log, level, "stream", "mapping %d (%s): %s", mapping->settings->number,
               mapping->name, text);
}

void sd_mapping_attach(sd_mapping *mapping, sd_source *source, sd_sink *sink)
{
  mapping->source = source;
  mapping->sink = sink;
}

void sd_mapping_watch(sd_mapping *mapping)
{
  mapping->watched = true;
}

void sd_mapping_refuse(sd_mapping *mapping, const sd_error *error)
{
  mapping->state = SD_MAPPING_HALTED;
  mapping->halt_error = *error;
  mapping->ending = true;
  mapping->link = LINK_DONE;
  sd_mapping_log(mapping, SD_LOG_ERROR, "halted: %s", error->message);
  sd_mapping_say_error(mapping, SD_LEVEL_ERROR, "halted: {error.message}", error, NULL, 0);
}

void sd_mapping_start(sd_mapping *mapping)
{
  if (mapping->ending)
    return;
  sd_error error;
  mapping->source_working = true;
  sd_status status = mapping->source->vtable->start(mapping->source, &error);
  if (status != SD_OK) {
    mapping->source_working = false;
    sd_mapping_halt(mapping, &error, false);
  }
  sd_mapping_pump(mapping);
}

bool sd_mapping_is_busy(const sd_mapping *mapping)
{
  return mapping->open_busy || mapping->lease_busy || mapping->batcher.in_flight > 0;
}

void sd_mapping_fail(sd_mapping *mapping, const sd_error *error)
{
  /* The first real error is the cause; what comes back cancelled only follows from it. */
  if (!mapping->failing || (mapping->failure.code == SD_CANCELLED && error->code != SD_CANCELLED))
    mapping->failure = *error;
  mapping->failing = true;
}

bool sd_mapping_submit(sd_mapping *mapping, sd_sink_op *op, sd_sink_op_type type)
{
  op->op.type = (int)type;
  op->target = &mapping->target;
  op->generation = mapping->generation;
  op->reply_to = mapping->env.replies;
  op->user = mapping;
  sd_error_clear(&op->error);
  sd_status status = mapping->sink->vtable->submit(mapping->sink, op);
  if (status == SD_OK)
    return true;
  if (status == SD_AGAIN) {
    mapping->submit_retry_ms = sd_mapping_now(mapping) + mapping->env.timings.submit_retry_ms;
  } else {
    sd_error error;
    sd_error_set(&error, status, "the writer of %s takes no more work: %s", mapping->settings->database,
                 sd_status_text(status));
    sd_mapping_fail(mapping, &error);
  }
  return false;
}

void sd_mapping_halt(sd_mapping *mapping, const sd_error *error, bool land)
{
  if (mapping->state == SD_MAPPING_HALTED)
    return;
  mapping->state = SD_MAPPING_HALTED;
  mapping->halt_error = *error;
  mapping->ending = true;
  mapping->retry_at_ms = 0;
  sd_mapping_log(mapping, SD_LOG_ERROR, "halted, nothing is lost: %s", error->message);
  sd_mapping_say_error(mapping, SD_LEVEL_ERROR, "halted: {error.message}", error, NULL, 0);
  sd_mapping_receive_stop(mapping);
  sd_batcher_close(&mapping->batcher);
  if (!land)
    sd_batcher_discard(&mapping->batcher);
}

static void give_up_landing(sd_mapping *mapping)
{
  sd_mapping_log(mapping, SD_LOG_WARNING,
                 "stops with what has landed; %" PRIu32 " batches did not land and will be read again: %s",
                 mapping->batcher.queued, mapping->failure.message);
  const sd_attribute attribute = sd_attribute_int("batches", mapping->batcher.queued);
  sd_mapping_say_error(mapping, SD_LEVEL_WARN, "stopping, {batches} batches did not land", &mapping->failure,
                       &attribute, 1);
  sd_batcher_discard(&mapping->batcher);
}

/* A failure while the mapping ends: a few more tries for what is in flight. */
static void decide_while_ending(sd_mapping *mapping, const sd_ruling *ruling)
{
  mapping->failures_while_ending++;
  if (ruling->action == SD_RULE_HALT && mapping->state != SD_MAPPING_HALTED)
    sd_mapping_halt(mapping, &mapping->failure, false);
  else if (ruling->action == SD_RULE_HALT || sd_batcher_empty(&mapping->batcher) ||
           mapping->failures_while_ending >= mapping->env.timings.stop_tries)
    give_up_landing(mapping);
  else
    mapping->retry_at_ms = sd_mapping_now(mapping) + mapping->env.timings.stop_retry_ms;
}

static void shrink(sd_mapping *mapping)
{
  size_t half = mapping->target.transaction_bytes / 2;
  mapping->target.transaction_bytes = half > SD_MEMORY_TRANSACTION_MIN ? half : SD_MEMORY_TRANSACTION_MIN;
}

static void back_off(sd_mapping *mapping)
{
  uint32_t wait = sd_backoff_next_ms(&mapping->backoff, mapping->env.timings.backoff_min_ms);
  mapping->state = SD_MAPPING_BACKING_OFF;
  /* 0 stands for no retry. */
  mapping->retry_at_ms = sd_mapping_now(mapping) + (wait ? wait : 1);
  sd_mapping_log(mapping, SD_LOG_WARNING,
                 "%s; failure %" PRIu32 " in a row, next try in %" PRIu32 ".%03" PRIu32 " s",
                 mapping->failure.message, mapping->failures, wait / 1000, wait % 1000);
  const sd_attribute attributes[] = {
      sd_attribute_int("failures", mapping->failures),
      sd_attribute_int("wait_ms", wait),
  };
  sd_mapping_say_error(mapping, SD_LEVEL_WARN, "failure {failures} in a row, next try in {wait_ms} ms",
                       &mapping->failure, attributes, sizeof attributes / sizeof *attributes);
}

/* The database room advises on texts that it knows, in parentheses at the end. */
static bool is_advised(const sd_error *error)
{
  size_t len = strlen(error->message);
  return len > 0 && error->message[len - 1] == ')';
}

static void add_advice(sd_error *error, const char *advice)
{
  if (!advice || is_advised(error))
    return;
  sd_error longer;
  sd_error_set(&longer, error->code, "%s (%s)", error->message, advice);
  memcpy(error->message, longer.message, sizeof error->message);
}

/* All ops of the failed generation are back. */
static void decide(sd_mapping *mapping)
{
  mapping->failing = false;
  mapping->link = LINK_DETACHED;
  mapping->failures++;
  sd_batcher_rewind(&mapping->batcher);
  sd_ruling ruling = sd_rules_judge(&mapping->failure);
  add_advice(&mapping->failure, ruling.advice);
  mapping->sink_error = mapping->failure;
  if (ruling.tries_max && mapping->failures >= ruling.tries_max)
    ruling.action = SD_RULE_HALT;
  if (ruling.action == SD_RULE_SHRINK)
    shrink(mapping);
  if (mapping->ending)
    decide_while_ending(mapping, &ruling);
  else if (ruling.action == SD_RULE_HALT)
    sd_mapping_halt(mapping, &mapping->failure, false);
  else
    back_off(mapping);
}

static void end_in_order(sd_mapping *mapping)
{
  if (sd_mapping_is_busy(mapping) || mapping->failing || mapping->retry_at_ms)
    return;
  if (mapping->link != LINK_DONE) {
    if (!sd_batcher_empty(&mapping->batcher) || !sd_lease_release(mapping))
      return;
    mapping->link = LINK_DONE;
  }
  if (!mapping->source_working && mapping->state == SD_MAPPING_STOPPING) {
    mapping->state = SD_MAPPING_STOPPED;
    sd_mapping_log(mapping, SD_LOG_INFO, "stopped: %" PRIu64 " rows landed, %" PRIu64 " dead letters",
                   mapping->counters.landed, mapping->counters.dead_letters);
  }
}

static void end_at_once(sd_mapping *mapping)
{
  if (sd_mapping_is_busy(mapping))
    return;
  sd_batcher_rewind(&mapping->batcher);
  sd_batcher_discard(&mapping->batcher);
  mapping->link = LINK_DONE;
  if (!mapping->source_working && mapping->state != SD_MAPPING_HALTED)
    mapping->state = SD_MAPPING_STOPPED;
}

static void step(sd_mapping *mapping)
{
  if (mapping->aborting) {
    end_at_once(mapping);
    return;
  }
  uint64_t now = sd_mapping_now(mapping);
  mapping->submit_retry_ms = 0;
  if (mapping->failing && !sd_mapping_is_busy(mapping))
    decide(mapping);
  sd_batcher_close_aged(&mapping->batcher, now);
  if (mapping->retry_at_ms && now >= mapping->retry_at_ms) {
    mapping->retry_at_ms = 0;
    mapping->counters.retries++;
    const sd_attribute attribute = sd_attribute_int("failures", mapping->failures);
    sd_mapping_say(mapping, SD_LEVEL_NOTICE, "trying again after {failures} failures", &attribute, 1);
  }
  if (!mapping->retry_at_ms && !mapping->failing && mapping->link != LINK_DONE) {
    sd_lease_step(mapping);
    sd_mapping_write_step(mapping);
  }
  if (mapping->ending) {
    end_in_order(mapping);
  } else if (mapping->restarting) {
    sd_mapping_receive_restart(mapping);
  } else {
    sd_mapping_receive_grant(mapping);
    sd_mapping_catch_up_step(mapping);
  }
  /* Submitting itself may have failed, and then no reply leads here again. */
  mapping->pump_again |= mapping->failing && !sd_mapping_is_busy(mapping);
}

void sd_mapping_pump(sd_mapping *mapping)
{
  if (mapping->pumping) {
    mapping->pump_again = true;
    return;
  }
  mapping->pumping = true;
  do {
    mapping->pump_again = false;
    step(mapping);
  } while (mapping->pump_again);
  mapping->pumping = false;
}

void sd_mapping_reply(sd_mapping *mapping, sd_sink_op *op)
{
  switch ((sd_sink_op_type)op->op.type) {
  case SD_SINK_OPEN:
    sd_lease_open_replied(mapping);
    break;
  case SD_SINK_CLAIM:
    sd_lease_claim_replied(mapping);
    break;
  case SD_SINK_RENEW:
    sd_lease_renew_replied(mapping);
    break;
  case SD_SINK_WRITE:
    sd_mapping_write_replied(mapping, (sd_sink_write *)op);
    break;
  case SD_SINK_RELEASE:
    mapping->lease_busy = false;
    if (op->error.code != SD_OK && !mapping->aborting)
      sd_mapping_log(mapping, SD_LOG_WARNING, "partitions were not released, their leases run out: %s",
                     op->error.message);
    break;
  }
  sd_mapping_pump(mapping);
}

void sd_mapping_tick(sd_mapping *mapping)
{
  sd_mapping_pump(mapping);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
  return a < b ? a : b;
}

uint64_t sd_mapping_due_ms(const sd_mapping *mapping)
{
  if (mapping->aborting || mapping->link == LINK_DONE)
    return UINT64_MAX;
  uint64_t due = sd_batcher_due_ms(&mapping->batcher);
  if (mapping->retry_at_ms)
    due = earlier(due, mapping->retry_at_ms);
  if (mapping->submit_retry_ms)
    due = earlier(due, mapping->submit_retry_ms);
  if (mapping->ending)
    return due;
  if (mapping->restarting)
    return due;
  if (!mapping->submit_retry_ms && mapping->link == LINK_ATTACHED && !mapping->lease_busy &&
      !mapping->failing && !mapping->retry_at_ms)
    due = earlier(due, earlier(mapping->claim_due_ms, mapping->renew_due_ms));
  return earlier(due, sd_mapping_catch_up_due_ms(mapping));
}

void sd_mapping_stop(sd_mapping *mapping)
{
  if (mapping->ending)
    return;
  mapping->ending = true;
  mapping->state = SD_MAPPING_STOPPING;
  sd_mapping_receive_stop(mapping);
  sd_batcher_close(&mapping->batcher);
  if (mapping->retry_at_ms)
    mapping->retry_at_ms = sd_mapping_now(mapping);
  sd_mapping_pump(mapping);
}

void sd_mapping_abort(sd_mapping *mapping)
{
  mapping->aborting = true;
  if (!mapping->ending) {
    mapping->ending = true;
    mapping->state = SD_MAPPING_STOPPING;
  }
  sd_mapping_receive_abort(mapping);
  sd_mapping_pump(mapping);
}

bool sd_mapping_ended(const sd_mapping *mapping)
{
  return mapping->ending && mapping->link == LINK_DONE && !mapping->source_working;
}

uint64_t sd_mapping_caught_up_ms(const sd_mapping *mapping)
{
  return mapping->caught_up_ms;
}

const sd_error *sd_mapping_halt_error(const sd_mapping *mapping)
{
  return mapping->state == SD_MAPPING_HALTED ? &mapping->halt_error : NULL;
}
