/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The control table: reading it, and claiming partitions under the guard. */
#include "base/alloc.h"
#include "duck/quote.h"
#include "sink/sink_private.h"

sd_status sd_sink_read_rows(sd_duck_sink *sink, const sd_sink_mapping *mapping, sd_duck_result **ret_rows,
                            sd_error *error)
{
  sd_buf sql;
  sd_buf_init(&sql, SD_SINK_SQL_MAX);
  sd_buf_append_text(&sql,
                     "SELECT partition_id, epoch, \"offset\", sequence_number, enqueued_time, incarnation, "
                     "owner, lease_until, (owner IS NULL OR lease_until IS NULL OR lease_until < now()), "
                     "batch_id FROM ");
  sd_sink_append_table(&sql, sink, mapping, SD_CONTROL_TABLE);
  sd_buf_append_text(&sql, " c WHERE ");
  sd_sink_append_key(&sql, mapping);
  sd_buf_append_text(&sql, " ORDER BY partition_id");
  sd_duck_result *rows = NULL;
  sd_status status = sd_duck_query_buf(sink->connection, &sql, &rows, error);
  sd_buf_release(&sql);
  if (status != SD_OK)
    return status;
  for (uint64_t row = 1; row < sd_duck_result_rows(rows); row++) {
    sd_bytes id = sd_duck_result_text(rows, row, SD_ROW_PARTITION);
    if (!sd_bytes_equal(id, sd_duck_result_text(rows, row - 1, SD_ROW_PARTITION)))
      continue;
    status = sd_error_set(
        error, SD_CORRUPT,
        "table %s.%s has two rows for partition %.*s of %s: which checkpoint holds is unknown. "
        "Stop every streamduck on this database, compare both with the landed rows and delete one",
        mapping->target.schema, SD_CONTROL_TABLE, (int)id.len, (const char *)id.data, mapping->target.hub);
    if (error)
      error->fatal = true;
    sd_duck_result_free(rows);
    return status;
  }
  *ret_rows = rows;
  return SD_OK;
}

int64_t sd_sink_row_of(const sd_duck_result *rows, const char *partition_id)
{
  for (uint64_t row = 0; row < sd_duck_result_rows(rows); row++) {
    if (sd_bytes_equal_text(sd_duck_result_text(rows, row, SD_ROW_PARTITION), partition_id))
      return (int64_t)row;
  }
  return -1;
}

/* Changes the guard's one row, so that of two claims at the same time one meets a conflict. Without it two
 * INSERTs of the same new key both commit. */
static sd_status pass_guard(sd_duck_sink *sink, const sd_sink_mapping *mapping, sd_error *error)
{
  sd_buf sql;
  sd_buf_init(&sql, SD_SINK_SQL_MAX);
  sd_buf_append_text(&sql, "UPDATE ");
  sd_sink_append_table(&sql, sink, mapping, SD_GUARD_TABLE);
  sd_buf_append_text(&sql, " SET rev = rev + 1");
  uint64_t changed = 0;
  sd_status status = sd_duck_execute_buf(sink->connection, &sql, &changed, error);
  sd_buf_release(&sql);
  if (status == SD_OK && changed != 1) {
    status = sd_error_set(error, SD_CORRUPT, "table %s.%s must have exactly one row", mapping->target.schema,
                          SD_GUARD_TABLE);
    if (error)
      error->fatal = true;
  }
  return status;
}

/* Appends `FROM (VALUES ('0'), ('1')) v(p) WHERE key AND c.partition_id = v.p` for the chosen claims. */
typedef bool choose_fn(const sd_claim *claim);

static bool append_chosen(sd_buf *sql, const sd_sink_mapping *mapping, const sd_sink_claim *op,
                          choose_fn *choose)
{
  bool any = false;
  sd_buf_append_text(sql, " FROM (VALUES ");
  for (uint32_t i = 0; i < op->count; i++) {
    if (!choose(&op->claims[i]))
      continue;
    sd_buf_append_text(sql, any ? ", (" : "(");
    sd_duck_quote_text(sql, op->claims[i].partition_id);
    sd_buf_append_byte(sql, ')');
    any = true;
  }
  sd_buf_append_text(sql, ") v(p) WHERE ");
  sd_sink_append_key(sql, mapping);
  sd_buf_append_text(sql, " AND c.partition_id = v.p");
  return any;
}

static bool every_claim(const sd_claim *claim)
{
  (void)claim;
  return true;
}

static bool reset_claim(const sd_claim *claim)
{
  return claim->reset;
}

/* Takes over the rows that are there and free. */
static sd_status take_rows(sd_duck_sink *sink, const sd_sink_mapping *mapping, const sd_sink_claim *op,
                           sd_error *error)
{
  sd_buf sql;
  sd_buf_init(&sql, SD_SINK_SQL_MAX);
  sd_buf_append_text(&sql, "UPDATE ");
  sd_sink_append_table(&sql, sink, mapping, SD_CONTROL_TABLE);
  sd_buf_append_text(&sql, " AS c SET epoch = epoch + 1, rev = rev + 1, owner = ");
  sd_duck_quote_text(&sql, sink->owner);
  sd_buf_appendf(&sql,
                 ", lease_until = now() + INTERVAL '%u seconds', updated_at = now(), incarnation = "
                 "coalesce(incarnation, ",
                 sink->lease_seconds);
  sd_duck_quote_text(&sql, op->incarnation);
  sd_buf_append_byte(&sql, ')');
  append_chosen(&sql, mapping, op, every_claim);
  if (!op->forced && sink->respect_leases) {
    sd_buf_append_text(&sql, " AND (owner IS NULL OR lease_until IS NULL OR lease_until < now() OR owner = ");
    sd_duck_quote_text(&sql, sink->owner);
    sd_buf_append_byte(&sql, ')');
  }
  sd_status status = sd_duck_execute_buf(sink->connection, &sql, NULL, error);
  sd_buf_release(&sql);
  return status;
}

static sd_status reset_rows(sd_duck_sink *sink, const sd_sink_mapping *mapping, const sd_sink_claim *op,
                            sd_error *error)
{
  sd_buf sql;
  sd_buf_init(&sql, SD_SINK_SQL_MAX);
  sd_buf_append_text(&sql, "UPDATE ");
  sd_sink_append_table(&sql, sink, mapping, SD_CONTROL_TABLE);
  sd_buf_append_text(&sql,
                     " AS c SET rev = rev + 1, \"offset\" = NULL, sequence_number = NULL, enqueued_time = "
                     "NULL, incarnation = ");
  sd_duck_quote_text(&sql, op->incarnation);
  bool any = append_chosen(&sql, mapping, op, reset_claim);
  sd_buf_append_text(&sql, " AND owner = ");
  sd_duck_quote_text(&sql, sink->owner);
  sd_status status = any ? sd_duck_execute_buf(sink->connection, &sql, NULL, error) : SD_OK;
  sd_buf_release(&sql);
  return status;
}

/* Rows for partitions that have none. */
static sd_status add_rows(sd_duck_sink *sink, const sd_sink_mapping *mapping, const sd_sink_claim *op,
                          const sd_duck_result *rows, sd_error *error)
{
  sd_buf sql;
  sd_buf_init(&sql, SD_SINK_SQL_MAX);
  sd_buf_append_text(&sql, "INSERT INTO ");
  sd_sink_append_table(&sql, sink, mapping, SD_CONTROL_TABLE);
  sd_buf_append_text(
      &sql, " (namespace, hub, consumer_group, target, partition_id, incarnation, epoch, rev, owner, "
            "lease_until, rows_total, updated_at) VALUES ");
  bool any = false;
  for (uint32_t i = 0; i < op->count; i++) {
    if (sd_sink_row_of(rows, op->claims[i].partition_id) >= 0)
      continue;
    const char *values[] = {mapping->target.ns,  mapping->target.hub,        mapping->target.consumer_group,
                            mapping->key_target, op->claims[i].partition_id, op->incarnation};
    sd_buf_append_text(&sql, any ? ", (" : "(");
    for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
      sd_duck_quote_text(&sql, values[v]);
      sd_buf_append_text(&sql, ", ");
    }
    sd_buf_append_text(&sql, "1, 1, ");
    sd_duck_quote_text(&sql, sink->owner);
    sd_buf_appendf(&sql, ", now() + INTERVAL '%u seconds', 0, now())", sink->lease_seconds);
    any = true;
  }
  sd_status status = any ? sd_duck_execute_buf(sink->connection, &sql, NULL, error) : SD_OK;
  sd_buf_release(&sql);
  return status;
}

static const sd_legacy_row *legacy_row_of(const sd_sink_mapping *mapping, const char *partition_id)
{
  for (uint32_t i = 0; i < mapping->legacy_count; i++) {
    if (strcmp(mapping->legacy_rows[i].partition_id, partition_id) == 0)
      return &mapping->legacy_rows[i];
  }
  return NULL;
}

/* Puts the original's checkpoints where there is none yet. */
static sd_status import_rows(sd_duck_sink *sink, const sd_sink_mapping *mapping, const sd_sink_claim *op,
                             sd_error *error)
{
  sd_buf sql;
  sd_buf_init(&sql, SD_SINK_SQL_MAX);
  sd_buf_append_text(&sql, "UPDATE ");
  sd_sink_append_table(&sql, sink, mapping, SD_CONTROL_TABLE);
  sd_buf_append_text(&sql, " AS c SET rev = rev + 1, \"offset\" = v.o, sequence_number = v.s FROM (VALUES ");
  bool any = false;
  for (uint32_t i = 0; i < op->count; i++) {
    const sd_legacy_row *row = legacy_row_of(mapping, op->claims[i].partition_id);
    if (!row || op->claims[i].reset)
      continue;
    sd_buf_append_text(&sql, any ? ", (" : "(");
    sd_duck_quote_text(&sql, row->partition_id);
    sd_buf_append_text(&sql, ", ");
    sd_duck_quote_text(&sql, row->offset);
    if (row->sequence_number >= 0)
      sd_buf_appendf(&sql, ", %lld::BIGINT)", (long long)row->sequence_number);
    else
      sd_buf_append_text(&sql, ", NULL::BIGINT)");
    any = true;
  }
  sd_buf_append_text(&sql, ") v(p, o, s) WHERE ");
  sd_sink_append_key(&sql, mapping);
  sd_buf_append_text(&sql,
                     " AND c.partition_id = v.p AND c.\"offset\" IS NULL AND c.sequence_number IS NULL AND "
                     "c.owner = ");
  sd_duck_quote_text(&sql, sink->owner);
  sd_status status = any ? sd_duck_execute_buf(sink->connection, &sql, NULL, error) : SD_OK;
  sd_buf_release(&sql);
  return status;
}

/* Reads a row back into the claim. `before` are the rows before this transaction. */
static sd_status fill_claim(const sd_duck_sink *sink, const sd_duck_result *before,
                            const sd_duck_result *rows, sd_claim *claim, sd_error *error)
{
  int64_t row = sd_sink_row_of(rows, claim->partition_id);
  if (row < 0)
    return sd_error_set(error, SD_CORRUPT, "partition %s has no control row after its claim",
                        claim->partition_id);
  uint64_t r = (uint64_t)row;
  int64_t old = sd_sink_row_of(before, claim->partition_id);
  int64_t epoch = 0;
  int64_t old_epoch = 0;
  sd_duck_result_int64(rows, r, SD_ROW_EPOCH, &epoch);
  if (old >= 0)
    sd_duck_result_int64(before, (uint64_t)old, SD_ROW_EPOCH, &old_epoch);
  sd_bytes owner = sd_duck_result_text(rows, r, SD_ROW_OWNER);
  claim->claimed = epoch == old_epoch + 1 && sd_bytes_equal_text(owner, sink->owner);
  if (!claim->claimed) {
    sd_bytes_to_text(owner, claim->held_by, sizeof claim->held_by);
    claim->held_until_us = 0;
    sd_duck_result_int64(rows, r, SD_ROW_LEASE, &claim->held_until_us);
    return SD_OK;
  }
  claim->epoch = epoch;
  sd_checkpoint *checkpoint = &claim->checkpoint;
  memset(checkpoint, 0, sizeof *checkpoint);
  checkpoint->sequence_number = -1;
  sd_bytes offset = sd_duck_result_text(rows, r, SD_ROW_OFFSET);
  bool has_sequence = sd_duck_result_int64(rows, r, SD_ROW_SEQUENCE, &checkpoint->sequence_number);
  sd_duck_result_int64(rows, r, SD_ROW_ENQUEUED, &checkpoint->enqueued_us);
  checkpoint->found = offset.data || has_sequence;
  bool had = old >= 0 && (!sd_duck_result_is_null(before, (uint64_t)old, SD_ROW_OFFSET) ||
                          !sd_duck_result_is_null(before, (uint64_t)old, SD_ROW_SEQUENCE));
  checkpoint->imported = checkpoint->found && !had;
  if (!sd_bytes_to_text(offset, checkpoint->offset, sizeof checkpoint->offset))
    return sd_error_set(error, SD_LIMIT, "partition %s: the stored offset is longer than %d bytes",
                        claim->partition_id, SD_SINK_OFFSET_MAX - 1);
  sd_bytes_to_text(sd_duck_result_text(rows, r, SD_ROW_INCARNATION), checkpoint->incarnation,
                   sizeof checkpoint->incarnation);
  return SD_OK;
}

static sd_status claim_body(sd_duck_sink *sink, sd_sink_mapping *mapping, void *user, sd_error *error)
{
  sd_sink_claim *op = user;
  sd_duck_result *before = NULL;
  sd_duck_result *after = NULL;
  sd_status status = pass_guard(sink, mapping, error);
  if (status == SD_OK)
    status = sd_sink_read_rows(sink, mapping, &before, error);
  if (status == SD_OK)
    status = take_rows(sink, mapping, op, error);
  if (status == SD_OK)
    status = reset_rows(sink, mapping, op, error);
  if (status == SD_OK)
    status = add_rows(sink, mapping, op, before, error);
  if (status == SD_OK && mapping->legacy_count > 0)
    status = import_rows(sink, mapping, op, error);
  if (status == SD_OK)
    status = sd_sink_read_rows(sink, mapping, &after, error);
  for (uint32_t i = 0; i < op->count && status == SD_OK; i++)
    status = fill_claim(sink, before, after, &op->claims[i], error);
  sd_duck_result_free(before);
  sd_duck_result_free(after);
  return status;
}

sd_status sd_sink_claim_partitions(sd_duck_sink *sink, sd_sink_mapping *mapping, sd_sink_claim *op,
                                   sd_error *error)
{
  if (op->count == 0)
    return SD_OK;
  sd_status status = sd_legacy_read(sink, mapping, error);
  if (status == SD_OK)
    status = sd_sink_in_transaction(sink, mapping, claim_body, op, error);
  for (uint32_t i = 0; i < op->count && status == SD_OK; i++) {
    const sd_claim *claim = &op->claims[i];
    if (!claim->claimed)
      continue;
    status =
        sd_sink_keep_partition(mapping, claim->partition_id, claim->epoch, claim->checkpoint.sequence_number);
    if (status != SD_OK)
      sd_error_set(error, status, "no memory for the partitions of %s", mapping->target.hub);
  }
  if (status != SD_OK)
    sd_error_prefix(error, "claiming partitions of %s in %s", mapping->target.hub, sink->database_name);
  return status;
}
