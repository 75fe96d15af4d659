/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Prolonging and giving up what was claimed. Both go by the epoch: what is lost is not touched. */
#include "duck/quote.h"
#include "sink/sink_private.h"

#include <stdio.h>

/* `UPDATE control SET <set>, rev = rev + 1` for every claim whose epoch still holds. */
static sd_status update_held(sd_duck_sink *sink, const sd_sink_mapping *mapping, const sd_sink_claim *op,
                             const char *set, uint64_t *ret_changed, sd_error *error)
{
  sd_buf sql;
  sd_buf_init(&sql, SD_SINK_SQL_MAX);
  sd_buf_append_text(&sql, "UPDATE ");
  sd_sink_append_table(&sql, sink, mapping, SD_CONTROL_TABLE);
  sd_buf_appendf(&sql, " AS c SET %s, rev = rev + 1, updated_at = now() FROM (VALUES ", set);
  for (uint32_t i = 0; i < op->count; i++) {
    sd_buf_append_text(&sql, i > 0 ? ", (" : "(");
    sd_duck_quote_text(&sql, op->claims[i].partition_id);
    sd_buf_appendf(&sql, ", %lld::BIGINT)", (long long)op->claims[i].epoch);
  }
  sd_buf_append_text(&sql, ") v(p, e) WHERE ");
  sd_sink_append_key(&sql, mapping);
  sd_buf_append_text(&sql, " AND c.partition_id = v.p AND c.epoch = v.e");
  sd_status status = sd_duck_execute_buf(sink->connection, &sql, ret_changed, error);
  sd_buf_release(&sql);
  return status;
}

/* Says for each claim whether it still holds, and who has it otherwise. */
static sd_status look_up(sd_duck_sink *sink, const sd_sink_mapping *mapping, sd_sink_claim *op,
                         sd_error *error)
{
  sd_duck_result *rows = NULL;
  sd_status status = sd_sink_read_rows(sink, mapping, &rows, error);
  if (status != SD_OK)
    return status;
  for (uint32_t i = 0; i < op->count; i++) {
    sd_claim *claim = &op->claims[i];
    int64_t row = sd_sink_row_of(rows, claim->partition_id);
    int64_t epoch = 0;
    if (row >= 0)
      sd_duck_result_int64(rows, (uint64_t)row, SD_ROW_EPOCH, &epoch);
    claim->claimed = row >= 0 && epoch == claim->epoch;
    if (claim->claimed)
      continue;
    sd_bytes owner = row >= 0 ? sd_duck_result_text(rows, (uint64_t)row, SD_ROW_OWNER) : sd_bytes_of("");
    sd_bytes_to_text(owner, claim->held_by, sizeof claim->held_by);
    claim->held_until_us = 0;
    if (row >= 0)
      sd_duck_result_int64(rows, (uint64_t)row, SD_ROW_LEASE, &claim->held_until_us);
  }
  sd_duck_result_free(rows);
  return SD_OK;
}

static sd_status renew_body(sd_duck_sink *sink, sd_sink_mapping *mapping, void *user, sd_error *error)
{
  sd_sink_claim *op = user;
  char set[64];
  snprintf(set, sizeof set, "lease_until = now() + INTERVAL '%u seconds'", sink->lease_seconds);
  uint64_t changed = 0;
  sd_status status = update_held(sink, mapping, op, set, &changed, error);
  if (status != SD_OK)
    return status;
  if (changed != op->count)
    return look_up(sink, mapping, op, error);
  for (uint32_t i = 0; i < op->count; i++)
    op->claims[i].claimed = true;
  return SD_OK;
}

static sd_status release_body(sd_duck_sink *sink, sd_sink_mapping *mapping, void *user, sd_error *error)
{
  return update_held(sink, mapping, user, "owner = NULL, lease_until = now()", NULL, error);
}

sd_status sd_sink_renew_leases(sd_duck_sink *sink, sd_sink_mapping *mapping, sd_sink_claim *op,
                               sd_error *error)
{
  if (op->count == 0)
    return SD_OK;
  sd_status status = sd_sink_in_transaction(sink, mapping, renew_body, op, error);
  if (status != SD_OK)
    sd_error_prefix(error, "renewing leases of %s in %s", mapping->target.hub, sink->database_name);
  return status;
}

sd_status sd_sink_release_partitions(sd_duck_sink *sink, sd_sink_mapping *mapping, sd_sink_claim *op,
                                     sd_error *error)
{
  if (op->count == 0)
    return SD_OK;
  sd_status status = sd_sink_in_transaction(sink, mapping, release_body, op, error);
  if (status != SD_OK) {
    sd_error_prefix(error, "releasing partitions of %s in %s", mapping->target.hub, sink->database_name);
    return status;
  }
  for (uint32_t i = 0; i < op->count; i++)
    op->claims[i].claimed = false;
  return SD_OK;
}
