/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* READ of the hub, then of its partitions, a few at a time. */
#include "eventhubs/inquiry.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <stdio.h>

enum { UNDER_WAY_MAX = 8 /* calls at once; the service allows 50 a second */ };

void sd_hub_inquiry_init(sd_hub_inquiry *inquiry, sd_hub_connection *connection, sd_hub_rpc *rpc)
{
  memset(inquiry, 0, sizeof *inquiry);
  inquiry->settings = sd_hub_connection_settings(connection);
  inquiry->connection = connection;
  inquiry->rpc = rpc;
  sd_buf_init(&inquiry->token, SD_EVENTHUBS_TOKEN_MAX);
}

void sd_hub_inquiry_release(sd_hub_inquiry *inquiry)
{
  if (inquiry->token.data)
    explicit_bzero(inquiry->token.data, inquiry->token.len);
  sd_buf_release(&inquiry->token);
  sd_free(inquiry->partitions);
  inquiry->partitions = NULL;
}

static void finish(sd_hub_inquiry *inquiry, const sd_error *error)
{
  sd_hub_info_fn *answer = inquiry->answer;
  sd_hub_info info = {.partitions = inquiry->partitions, .count = inquiry->count};
  memcpy(info.incarnation, inquiry->incarnation, sizeof info.incarnation);
  inquiry->answer = NULL;
  answer(inquiry->owner, error ? NULL : &info, error);
}

static void finish_with(sd_hub_inquiry *inquiry, sd_status status, const char *what)
{
  sd_error error;
  sd_error_set(&error, status, "hub \"%s\": %s", inquiry->settings->hub, what);
  finish(inquiry, &error);
}

static sd_status read_entity(sd_hub_inquiry *inquiry, const char *partition, sd_hub_reply_fn *answer)
{
  sd_hub_pair pairs[SD_HUB_CALL_PAIRS_MAX] = {
      {"operation", sd_bytes_of("READ")},
      {"name", sd_bytes_of(inquiry->settings->hub)},
      {"type", sd_bytes_of(partition ? "com.microsoft:partition" : "com.microsoft:eventhub")},
      {"security_token", sd_buf_bytes(&inquiry->token)}};
  size_t count = 4;
  if (partition) {
    pairs[count].key = "partition";
    pairs[count++].value = sd_bytes_of(partition);
  }
  sd_status status = sd_hub_rpc_call(inquiry->rpc, pairs, count, sd_bytes_of("[]"), false, answer, inquiry);
  if (status == SD_OK)
    inquiry->outstanding++;
  return status;
}

static bool find_int64(const sd_amqp_value *map, const char *key, int64_t *ret)
{
  sd_amqp_value value;
  return sd_amqp_map_find(map, key, &value) && sd_amqp_as_int64(&value, ret);
}

static bool find_time(const sd_amqp_value *map, const char *key, int64_t *ret_us)
{
  sd_amqp_value value;
  if (!sd_amqp_map_find(map, key, &value) || value.type != SD_AMQP_TIMESTAMP)
    return false;
  /* An empty partition may report the year 1, which is far outside of nothing that we compute. */
  if (value.as.i > INT64_MAX / 1000 || value.as.i < INT64_MIN / 1000)
    return false;
  *ret_us = value.as.i * 1000;
  return true;
}

static void ask_more(sd_hub_inquiry *inquiry);

static void on_partition(void *user, const sd_hub_reply *reply, const sd_error *error)
{
  sd_hub_inquiry *inquiry = user;
  sd_error refused;
  inquiry->outstanding--;
  if (!inquiry->answer)
    return; /* a call before this one failed and the inquiry with it */
  if (error || sd_hub_reply_error(reply, "READ of a partition", &refused)) {
    finish(inquiry, error ? error : &refused);
    return;
  }
  sd_amqp_value value;
  sd_bytes id;
  sd_source_partition *partition = NULL;
  if (sd_amqp_map_find(&reply->body, "partition", &value) && sd_amqp_as_text(&value, &id)) {
    for (uint32_t i = 0; i < inquiry->count && !partition; i++) {
      if (sd_bytes_equal_text(id, inquiry->partitions[i].id))
        partition = &inquiry->partitions[i];
    }
  }
  int64_t last = -1;
  if (!partition || !find_int64(&reply->body, "last_enqueued_sequence_number", &last)) {
    finish_with(inquiry, SD_PROTOCOL, "the answer about a partition is malformed");
    return;
  }
  partition->last_sequence = last;
  (void)find_int64(&reply->body, "begin_sequence_number", &partition->begin_sequence);
  (void)find_time(&reply->body, "last_enqueued_time_utc", &partition->last_enqueued_us);
  partition->empty = last < 0;
  if (sd_amqp_map_find(&reply->body, "is_partition_empty", &value) && value.type == SD_AMQP_BOOLEAN)
    partition->empty = value.as.boolean;
  inquiry->known++;
  ask_more(inquiry);
}

static void ask_more(sd_hub_inquiry *inquiry)
{
  if (inquiry->known == inquiry->count) {
    finish(inquiry, NULL);
    return;
  }
  while (inquiry->asked < inquiry->count && inquiry->asked - inquiry->known < UNDER_WAY_MAX) {
    const char *id = inquiry->partitions[inquiry->asked].id;
    sd_status status = read_entity(inquiry, id, on_partition);
    if (status != SD_OK) {
      finish_with(inquiry, status, sd_status_text(status));
      return;
    }
    inquiry->asked++;
  }
}

static sd_status take_partition_ids(sd_hub_inquiry *inquiry, const sd_amqp_value *ids)
{
  if ((ids->type != SD_AMQP_ARRAY && ids->type != SD_AMQP_LIST) || ids->as.compound.count == 0)
    return SD_PROTOCOL;
  if (ids->as.compound.count > SD_BATCH_PARTITIONS_MAX)
    return SD_LIMIT;
  sd_source_partition *partitions = sd_calloc(ids->as.compound.count, sizeof *partitions);
  if (!partitions)
    return SD_NOMEM;
  sd_amqp_items items;
  sd_amqp_value item;
  sd_status status;
  uint32_t count = 0;
  sd_amqp_items_init(&items, ids);
  while ((status = sd_amqp_items_next(&items, &item)) == SD_OK) {
    sd_bytes id;
    if (!sd_amqp_as_text(&item, &id) ||
        !sd_bytes_to_text(id, partitions[count].id, sizeof partitions[count].id)) {
      status = SD_PROTOCOL;
      break;
    }
    partitions[count].last_sequence = -1;
    count++;
  }
  if (status != SD_NOT_FOUND) {
    sd_free(partitions);
    return status;
  }
  sd_free(inquiry->partitions);
  inquiry->partitions = partitions;
  inquiry->count = count;
  return SD_OK;
}

static void on_hub(void *user, const sd_hub_reply *reply, const sd_error *error)
{
  sd_hub_inquiry *inquiry = user;
  sd_error refused;
  inquiry->outstanding--;
  if (error || sd_hub_reply_error(reply, "READ of the hub", &refused)) {
    finish(inquiry, error ? error : &refused);
    return;
  }
  sd_amqp_value value;
  int64_t created_us = 0;
  sd_status status = SD_PROTOCOL;
  if (sd_amqp_map_find(&reply->body, "partition_ids", &value))
    status = take_partition_ids(inquiry, &value);
  if (status != SD_OK) {
    finish_with(inquiry, status,
                status == SD_PROTOCOL ? "the broker's answer about it is malformed" : sd_status_text(status));
    return;
  }
  char when[SD_CLOCK_ISO8601_SIZE] = "";
  if (find_time(&reply->body, "created_at", &created_us))
    sd_clock_iso8601(created_us, when);
  snprintf(inquiry->incarnation, sizeof inquiry->incarnation, "%s", when);
  if (inquiry->with_partitions)
    ask_more(inquiry);
  else
    finish(inquiry, NULL);
}

sd_status sd_hub_inquiry_start(sd_hub_inquiry *inquiry, bool with_partitions, sd_hub_info_fn *answer,
                               void *owner)
{
  uint64_t lifetime_ms;
  if (inquiry->answer || inquiry->outstanding > 0)
    return SD_STATE;
  inquiry->with_partitions = with_partitions;
  inquiry->asked = 0;
  inquiry->known = 0;
  inquiry->count = 0;
  sd_status status = sd_hub_token(inquiry->settings, &inquiry->token, &lifetime_ms, NULL);
  if (status == SD_OK)
    status = read_entity(inquiry, NULL, on_hub);
  if (status == SD_OK) {
    inquiry->answer = answer;
    inquiry->owner = owner;
  }
  return status;
}
