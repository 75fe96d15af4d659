/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* A COMMIT whose answer was an error or never came: the control rows tell whether it happened. */
#include "sink/landing.h"

static sd_status read_rows(sd_landing *landing, sd_duck_result **ret_rows, sd_error *error)
{
  sd_duck_sink *sink = landing->sink;
  sd_status status = sd_duck_connection_reconnect(sink->connection, error);
  if (status == SD_OK)
    status = sd_sink_read_rows(sink, landing->mapping, ret_rows, error);
  if (status == SD_OK || !error->fatal || status == SD_CORRUPT)
    return status;
  status = sd_sink_reopen(sink, error);
  return status == SD_OK ? sd_sink_read_rows(sink, landing->mapping, ret_rows, error) : status;
}

sd_status sd_landing_recover(sd_landing *landing, bool *ret_committed, sd_error *error)
{
  sd_plan *plan = &landing->plan;
  sd_duck_result *rows = NULL;
  sd_status status = read_rows(landing, &rows, error);
  if (status != SD_OK)
    return status;
  /* The transaction set its id in the rows of all its partitions, or in none. A row that a new owner has
   * written since tells nothing, but that partition is lost to us anyhow. */
  bool committed = false;
  for (uint32_t i = 0; i < plan->partition_count; i++) {
    sd_plan_partition *partition = &plan->partitions[i];
    int64_t row = sd_sink_row_of(rows, partition->id);
    int64_t epoch = 0;
    if (row < 0 || !sd_duck_result_int64(rows, (uint64_t)row, SD_ROW_EPOCH, &epoch) ||
        epoch != partition->epoch)
      partition->lost = true;
    if (partition->rows > 0 && row >= 0 &&
        sd_bytes_equal_text(sd_duck_result_text(rows, (uint64_t)row, SD_ROW_BATCH_ID), landing->batch_id))
      committed = true;
  }
  sd_duck_result_free(rows);
  *ret_committed = committed;
  return SD_OK;
}
