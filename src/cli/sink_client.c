/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* A sink, one op after the other. */
#include "cli/sink_client.h"

#include "base/alloc.h"
#include "sink/sink.h"

#include <ctype.h>

struct sd_sink_client {
  sd_sink *sink;
  sd_queue *replies;
  sd_target target;
  char *consumer_group; /* lower case, as the control table has it */
};

static char *lower_copy(const char *text)
{
  char *copy = sd_strdup(text);
  for (char *p = copy; p && *p; p++)
    *p = (char)tolower((unsigned char)*p);
  return copy;
}

/* Sends the op and waits for it to come back. */
static sd_status perform(sd_sink_client *client, sd_sink_op *op, sd_error *error)
{
  op->target = &client->target;
  op->reply_to = client->replies;
  sd_error_clear(&op->error);
  sd_status status = client->sink->vtable->submit(client->sink, op);
  if (status != SD_OK)
    return sd_error_set(error, status, "the database's writer takes no work");
  sd_queue_pop(client->replies, UINT32_MAX);
  if (op->error.code != SD_OK && error)
    *error = op->error;
  return op->error.code;
}

sd_status sd_sink_client_open(const sd_job *job, const sd_job_mapping *mapping, const sd_scrubber *scrubber,
                              sd_log *log, sd_sink_client **ret_client, sd_error *error)
{
  const sd_stream_mapping *m = &mapping->stream;
  sd_sink_client *client = sd_calloc(1, sizeof *client);
  if (!client)
    return sd_error_set(error, SD_NOMEM, "out of memory");
  client->consumer_group = lower_copy(m->consumer_group);
  client->target = (sd_target){.ns = m->host,
                               .hub = m->hub,
                               .consumer_group = client->consumer_group,
                               .schema = m->schema,
                               .table = m->table,
                               .body_is_blob = m->body_is_blob,
                               .transaction_bytes = m->batch_bytes,
                               .legacy_database = m->legacy_database,
                               .legacy_schema = m->legacy_schema,
                               .legacy_table = m->legacy_table};
  sd_duck_sink_options options = {.struct_size = sizeof options,
                                  .database = m->database,
                                  .motherduck = m->motherduck,
                                  .motherduck_token = m->motherduck_token,
                                  .libduckdb = sd_settings_text(job->settings, "STREAMDUCK_LIBDUCKDB", 0),
                                  .log = log,
                                  .scrubber = scrubber};
  sd_sink_open open = {.base = {.op = {.type = SD_SINK_OPEN}}};
  sd_status status = client->consumer_group ? sd_queue_new(1, NULL, NULL, &client->replies) : SD_NOMEM;
  if (status != SD_OK)
    sd_error_set(error, status, "out of memory");
  if (status == SD_OK)
    status = sd_duck_sink_new(&options, &client->sink, error);
  if (status == SD_OK)
    status = perform(client, &open.base, error);
  if (status != SD_OK) {
    sd_sink_client_close(client);
    return status;
  }
  *ret_client = client;
  return SD_OK;
}

void sd_sink_client_close(sd_sink_client *client)
{
  if (!client)
    return;
  if (client->sink)
    client->sink->vtable->free(client->sink, false);
  sd_queue_free(client->replies);
  sd_free(client->consumer_group);
  sd_free(client);
}

static sd_status perform_claim(sd_sink_client *client, int type, const char *incarnation, sd_claim *claims,
                               uint32_t count, sd_error *error)
{
  sd_sink_claim op = {
      .base = {.op = {.type = type}}, .incarnation = incarnation, .count = count, .claims = claims};
  return perform(client, &op.base, error);
}

sd_status sd_sink_client_claim(sd_sink_client *client, const char *incarnation, sd_claim *claims,
                               uint32_t count, sd_error *error)
{
  return perform_claim(client, SD_SINK_CLAIM, incarnation, claims, count, error);
}

sd_status sd_sink_client_release(sd_sink_client *client, const char *incarnation, sd_claim *claims,
                                 uint32_t count, sd_error *error)
{
  return perform_claim(client, SD_SINK_RELEASE, incarnation, claims, count, error);
}
