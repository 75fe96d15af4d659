/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The fence: the first statement of each transaction, which only the partitions' owner gets through. */
#include "duck/quote.h"
#include "sink/landing.h"

#include <inttypes.h>

/* ('0', epoch, 'offset', sequence, time, rows, stored) */
static void append_value(sd_buf *sql, const sd_plan_partition *partition)
{
  sd_buf_append_byte(sql, '(');
  sd_duck_quote_text(sql, partition->id);
  sd_buf_appendf(sql, ", %" PRId64 "::BIGINT, ", partition->epoch);
  sd_duck_quote_literal(sql, partition->last_offset);
  sd_buf_appendf(sql, ", %" PRId64 "::BIGINT, ", partition->cursor);
  sd_duck_quote_time(sql, partition->last_enqueued_us);
  sd_buf_appendf(sql, ", %" PRIu64 "::BIGINT, ", partition->rows);
  if (partition->stored >= 0)
    sd_buf_appendf(sql, "%" PRId64 "::BIGINT)", partition->stored);
  else
    sd_buf_append_text(sql, "NULL::BIGINT)");
}

/* DuckDB finds conflicts column by column. `rev = rev + 1` is in every write of a control row, so that a
 * claim and a batch that overlap cannot both commit; the epoch turns away whoever begins after a claim. */
sd_status sd_landing_fence(sd_landing *landing, bool *ret_held, sd_error *error)
{
  const sd_plan *plan = &landing->plan;
  sd_buf sql;
  sd_buf_init(&sql, SD_SINK_SQL_MAX);
  sd_buf_append_text(&sql, "UPDATE ");
  sd_sink_append_table(&sql, landing->sink, landing->mapping, SD_CONTROL_TABLE);
  sd_buf_appendf(
      &sql,
      " AS c SET \"offset\" = v.o, sequence_number = v.s, enqueued_time = v.t, rows_total = "
      "coalesce(rows_total, 0) + v.n, lease_until = now() + INTERVAL '%u seconds', updated_at = now(), "
      "batch_id = '%s', rev = rev + 1 FROM (VALUES ",
      landing->sink->lease_seconds, landing->batch_id);
  uint64_t expected = 0;
  for (uint32_t i = 0; i < plan->partition_count; i++) {
    if (plan->partitions[i].rows == 0)
      continue;
    if (expected++ > 0)
      sd_buf_append_text(&sql, ", ");
    append_value(&sql, &plan->partitions[i]);
  }
  sd_buf_append_text(&sql, ") v(p, e, o, s, t, n, before) WHERE ");
  sd_sink_append_key(&sql, landing->mapping);
  sd_buf_append_text(&sql,
                     " AND c.partition_id = v.p AND c.epoch = v.e AND c.sequence_number IS NOT DISTINCT FROM "
                     "v.before");
  uint64_t changed = 0;
  sd_status status = sd_duck_execute_buf(landing->sink->connection, &sql, &changed, error);
  sd_buf_release(&sql);
  if (status == SD_OK)
    *ret_held = changed == expected;
  return status;
}

sd_status sd_landing_refresh(sd_landing *landing, sd_error *error)
{
  sd_plan *plan = &landing->plan;
  sd_duck_result *rows = NULL;
  sd_status status = sd_sink_read_rows(landing->sink, landing->mapping, &rows, error);
  if (status != SD_OK)
    return status;
  for (uint32_t i = 0; i < plan->partition_count; i++) {
    sd_plan_partition *partition = &plan->partitions[i];
    int64_t row = sd_sink_row_of(rows, partition->id);
    int64_t epoch = 0;
    bool has_epoch = row >= 0 && sd_duck_result_int64(rows, (uint64_t)row, SD_ROW_EPOCH, &epoch);
    if (!has_epoch || epoch != partition->epoch) {
      partition->lost = true;
      continue;
    }
    partition->stored = -1;
    sd_duck_result_int64(rows, (uint64_t)row, SD_ROW_SEQUENCE, &partition->stored);
    partition->known = true;
    status = sd_sink_keep_partition(landing->mapping, partition->id, epoch, partition->stored);
    if (status != SD_OK) {
      sd_error_set(error, status, "no memory for the partitions of %s", landing->mapping->target.hub);
      break;
    }
  }
  sd_duck_result_free(rows);
  return status;
}
