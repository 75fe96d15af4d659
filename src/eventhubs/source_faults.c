/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What the source does about errors of its links: again, elsewhere, or not at all. */
#include "base/alloc.h"
#include "base/clock.h"
#include "eventhubs/source_internal.h"

bool sd_source_is_active(const sd_eventhubs_source *s)
{
  return s->started && !s->stopping && !s->halted;
}

void sd_source_tell(sd_eventhubs_source *s, uint32_t partition, sd_trouble trouble, const sd_error *error)
{
  if (trouble == SD_TROUBLE_RETRYING)
    s->troubled = true;
  if (s->handler.on_trouble && !s->stopping)
    s->handler.on_trouble(s->owner, partition, trouble, error);
}

static void advise(const sd_eventhubs_source *s, sd_error *error)
{
  const sd_fault_names names = {s->settings.host, s->settings.hub, s->settings.consumer_group};
  sd_fault_advise(error, &names);
  error->retriable = 0;
}

/* Nothing will get better by itself: everything ends, and the owner is told why. */
void sd_source_halt(sd_eventhubs_source *s, const sd_error *reason)
{
  if (s->halted || s->stopping)
    return;
  sd_error error = *reason;
  advise(s, &error);
  s->halted = true;
  for (uint32_t i = 0; i < s->count; i++)
    sd_receiver_close(&s->receivers[i]);
  if (s->connection)
    sd_hub_connection_close(s->connection);
  sd_source_tell(s, SD_SOURCE_ALL_PARTITIONS, SD_TROUBLE_STOP, &error);
}

void sd_source_check_recovered(sd_eventhubs_source *s)
{
  if (!s->troubled || !sd_source_is_active(s) || !s->connection || !sd_hub_connection_usable(s->connection))
    return;
  for (uint32_t i = 0; i < s->count; i++) {
    if (s->receivers[i].wanted && s->receivers[i].state != SD_RECEIVER_RECEIVING)
      return;
  }
  s->troubled = false;
  if (s->handler.on_recovered)
    s->handler.on_recovered(s->owner);
}

/* A link was refused or ended for lack of rights: one fresh token, then stop. */
static void partition_unauthorized(sd_eventhubs_source *s, sd_receiver *r, const sd_error *error)
{
  uint64_t now = sd_clock_monotonic_ms();
  if (r->token_round < s->token_round) {
    sd_receiver_restart(r, now); /* there is a newer token than the one that was refused */
    return;
  }
  if (!s->reauthorizing && s->denials > 0) {
    sd_source_halt(s, error);
    return;
  }
  sd_receiver_restart(r, UINT64_MAX); /* on_authorized wakes it */
  if (s->reauthorizing)
    return;
  s->denials++;
  s->reauthorizing = true;
  sd_source_tell(s, r->index, SD_TROUBLE_RETRYING, error);
  if (sd_source_is_active(s) && s->connection)
    sd_hub_connection_reauthorize(s->connection);
}

static void retry_partition(sd_eventhubs_source *s, sd_receiver *r, sd_fault fault, const sd_error *error)
{
  uint64_t now = sd_clock_monotonic_ms();
  if (r->attached_ms > 0 && now - r->attached_ms >= s->settings.timing.backoff_cap_ms)
    sd_backoff_reset(&r->backoff);
  /* An idle link that the service tidied up comes back at once and without a word. */
  bool quiet = fault == SD_FAULT_QUIET && r->backoff.attempt == 0;
  uint32_t wait = sd_backoff_next_ms(&r->backoff, sd_fault_wait_ms(fault, &s->settings.timing));
  r->attached_ms = 0;
  sd_receiver_restart(r, quiet ? now : now + wait);
  if (quiet)
    sd_log_info(s->settings.log, "eventhubs", "partition %s of hub \"%s\": link ended (%s), attaching again",
                r->id, s->settings.hub, error->message);
  else
    sd_source_tell(s, r->index, SD_TROUBLE_RETRYING, error);
}

/* Whether the condition is about the hub or the group and not about this partition. */
static bool concerns_all(const sd_error *error)
{
  return strcmp(error->condition, "amqp:not-found") == 0 ||
         strcmp(error->condition, "com.microsoft:entity-disabled") == 0 ||
         strcmp(error->condition, "com.microsoft:publisher-revoked") == 0;
}

static void partition_failed(sd_eventhubs_source *s, sd_receiver *r, const sd_error *error)
{
  sd_fault fault = sd_fault_of(error);
  sd_error told = *error;
  if (error->code == SD_PROTOCOL && error->condition[0] == '\0' && error->fatal)
    fault = SD_FAULT_STOP; /* an event that cannot be placed */
  switch (fault) {
  case SD_FAULT_UNAUTHORIZED:
    partition_unauthorized(s, r, error);
    return;
  case SD_FAULT_PARTITION_LOST:
    sd_receiver_close(r);
    sd_source_tell(s, r->index, SD_TROUBLE_PARTITION_LOST, error);
    return;
  case SD_FAULT_OFFSET_LOST:
    sd_receiver_close(r);
    sd_source_tell(s, r->index, SD_TROUBLE_OFFSET_LOST, error);
    return;
  case SD_FAULT_STOP:
    if (concerns_all(error)) {
      sd_source_halt(s, error);
      return;
    }
    sd_receiver_close(r);
    advise(s, &told);
    sd_source_tell(s, r->index, SD_TROUBLE_STOP, &told);
    return;
  case SD_FAULT_RETRY:
  case SD_FAULT_QUIET:
  case SD_FAULT_TIMEOUT:
  case SD_FAULT_BUSY:
  case SD_FAULT_QUOTA:
    retry_partition(s, r, fault, error);
    return;
  }
}

/* A receiver's link has ended, and the connection has not. */
void sd_source_take_detach(sd_eventhubs_source *s, sd_receiver *r)
{
  sd_error error;
  bool asked = r->state == SD_RECEIVER_DETACHING;
  r->detached = false;
  if (!r->wanted) {
    r->state = SD_RECEIVER_CLOSED;
    return;
  }
  if (r->error) {
    error = *r->error;
    sd_free(r->error);
    r->error = NULL;
    r->state = SD_RECEIVER_WAITING;
    partition_failed(s, r, &error);
    return;
  }
  if (asked) {
    sd_receiver_restart(r, r->due_ms);
    sd_receiver_attach_if_due(r, sd_clock_monotonic_ms());
    return;
  }
  sd_error_set(&error, SD_CLOSED, "the broker ended the link of partition %s of hub \"%s\"", r->id,
               s->settings.hub);
  r->state = SD_RECEIVER_WAITING;
  retry_partition(s, r, SD_FAULT_QUIET, &error);
}
