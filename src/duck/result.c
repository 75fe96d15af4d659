/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Materialised results: the chunks of a duckdb_result. */
#include "duck/result.h"

#include "base/alloc.h"

typedef struct result_chunk {
  duckdb_data_chunk chunk;
  uint64_t first_row;
  uint64_t rows;
} result_chunk;

struct sd_duck_result {
  const sd_duck_api *api;
  duckdb_result raw;
  result_chunk *chunks;
  uint32_t chunk_count;
  uint32_t chunk_capacity;
  uint64_t rows;
  uint32_t columns;
};

static sd_status add_chunk(sd_duck_result *result, duckdb_data_chunk chunk)
{
  if (result->chunk_count == result->chunk_capacity) {
    uint32_t capacity = result->chunk_capacity ? result->chunk_capacity * 2 : 4;
    if (capacity > SD_DUCK_RESULT_CHUNKS_MAX)
      return SD_LIMIT;
    result_chunk *chunks = sd_realloc(result->chunks, capacity * sizeof *chunks);
    if (!chunks)
      return SD_NOMEM;
    result->chunks = chunks;
    result->chunk_capacity = capacity;
  }
  result_chunk *added = &result->chunks[result->chunk_count++];
  added->chunk = chunk;
  added->first_row = result->rows;
  added->rows = result->api->data_chunk_get_size(chunk);
  result->rows += added->rows;
  return SD_OK;
}

sd_status sd_duck_result_take(const sd_duck_api *api, duckdb_result *raw, sd_duck_result **ret_result)
{
  sd_duck_result *result = sd_calloc(1, sizeof *result);
  if (!result) {
    api->destroy_result(raw);
    return SD_NOMEM;
  }
  result->api = api;
  result->raw = *raw;
  result->columns = (uint32_t)api->column_count(&result->raw);
  for (;;) {
    duckdb_data_chunk chunk = api->fetch_chunk(result->raw);
    if (!chunk)
      break;
    sd_status status = add_chunk(result, chunk);
    if (status != SD_OK) {
      api->destroy_data_chunk(&chunk);
      sd_duck_result_free(result);
      return status;
    }
  }
  *ret_result = result;
  return SD_OK;
}

void sd_duck_result_free(sd_duck_result *result)
{
  if (!result)
    return;
  for (uint32_t i = 0; i < result->chunk_count; i++)
    result->api->destroy_data_chunk(&result->chunks[i].chunk);
  sd_free(result->chunks);
  result->api->destroy_result(&result->raw);
  sd_free(result);
}

uint64_t sd_duck_result_rows(const sd_duck_result *result)
{
  return result->rows;
}

uint32_t sd_duck_result_columns(const sd_duck_result *result)
{
  return result->columns;
}

/* DuckDB's getters take a pointer to a non-const result and change nothing. */
static duckdb_result *raw_of(const sd_duck_result *result)
{
  return &((sd_duck_result *)(uintptr_t)result)->raw;
}

const char *sd_duck_result_column_name(const sd_duck_result *result, uint32_t column)
{
  return column < result->columns ? result->api->column_name(raw_of(result), column) : "";
}

duckdb_type sd_duck_result_column_type(const sd_duck_result *result, uint32_t column)
{
  return column < result->columns ? result->api->column_type(raw_of(result), column) : DUCKDB_TYPE_INVALID;
}

/* The chunk that holds the row, by bisection; NULL when there is no such row. */
static const result_chunk *find_chunk(const sd_duck_result *result, uint64_t row)
{
  uint32_t low = 0;
  uint32_t high = result->chunk_count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    const result_chunk *chunk = &result->chunks[middle];
    if (row < chunk->first_row)
      high = middle;
    else if (row >= chunk->first_row + chunk->rows)
      low = middle + 1;
    else
      return chunk;
  }
  return NULL;
}

/* The data of the cell's vector and the row within it; NULL when the cell does not exist or is NULL. */
static const void *find_cell(const sd_duck_result *result, uint64_t row, uint32_t column, uint64_t *ret_index)
{
  const result_chunk *chunk = column < result->columns ? find_chunk(result, row) : NULL;
  if (!chunk)
    return NULL;
  uint64_t index = row - chunk->first_row;
  duckdb_vector vector = result->api->data_chunk_get_vector(chunk->chunk, column);
  const uint64_t *validity = result->api->vector_get_validity(vector);
  if (validity && !(validity[index / 64] >> (index % 64) & 1))
    return NULL;
  *ret_index = index;
  return result->api->vector_get_data(vector);
}

bool sd_duck_result_is_null(const sd_duck_result *result, uint64_t row, uint32_t column)
{
  uint64_t index;
  return find_cell(result, row, column, &index) == NULL;
}

bool sd_duck_result_int64(const sd_duck_result *result, uint64_t row, uint32_t column, int64_t *ret_value)
{
  uint64_t i;
  const void *data = find_cell(result, row, column, &i);
  if (!data)
    return false;
  int type = (int)sd_duck_result_column_type(result, column);
  switch (type) {
  case DUCKDB_TYPE_BOOLEAN:
    *ret_value = ((const bool *)data)[i];
    return true;
  case DUCKDB_TYPE_TINYINT:
    *ret_value = ((const int8_t *)data)[i];
    return true;
  case DUCKDB_TYPE_SMALLINT:
    *ret_value = ((const int16_t *)data)[i];
    return true;
  case DUCKDB_TYPE_INTEGER:
    *ret_value = ((const int32_t *)data)[i];
    return true;
  case DUCKDB_TYPE_UTINYINT:
    *ret_value = ((const uint8_t *)data)[i];
    return true;
  case DUCKDB_TYPE_USMALLINT:
    *ret_value = ((const uint16_t *)data)[i];
    return true;
  case DUCKDB_TYPE_UINTEGER:
    *ret_value = ((const uint32_t *)data)[i];
    return true;
  case DUCKDB_TYPE_UBIGINT:
    if (((const uint64_t *)data)[i] > INT64_MAX)
      return false;
    *ret_value = (int64_t)((const uint64_t *)data)[i];
    return true;
  case DUCKDB_TYPE_BIGINT:
  case DUCKDB_TYPE_TIMESTAMP:
  case DUCKDB_TYPE_TIMESTAMP_TZ:
    *ret_value = ((const int64_t *)data)[i];
    return true;
  default:
    return false;
  }
}

bool sd_duck_result_double(const sd_duck_result *result, uint64_t row, uint32_t column, double *ret_value)
{
  int type = (int)sd_duck_result_column_type(result, column);
  if (type != DUCKDB_TYPE_DOUBLE && type != DUCKDB_TYPE_FLOAT) {
    int64_t integer;
    if (!sd_duck_result_int64(result, row, column, &integer))
      return false;
    *ret_value = (double)integer;
    return true;
  }
  uint64_t i;
  const void *data = find_cell(result, row, column, &i);
  if (!data)
    return false;
  *ret_value = type == DUCKDB_TYPE_DOUBLE ? ((const double *)data)[i] : (double)((const float *)data)[i];
  return true;
}

sd_bytes sd_duck_result_text(const sd_duck_result *result, uint64_t row, uint32_t column)
{
  int type = (int)sd_duck_result_column_type(result, column);
  uint64_t i;
  const void *data =
      type == DUCKDB_TYPE_VARCHAR || type == DUCKDB_TYPE_BLOB ? find_cell(result, row, column, &i) : NULL;
  if (!data)
    return sd_bytes_make(NULL, 0);
  const duckdb_string_t *cell = (const duckdb_string_t *)data + i;
  uint32_t len = cell->value.inlined.length;
  if (len <= SD_DUCK_STRING_INLINE_MAX)
    return sd_bytes_make(cell->value.inlined.inlined, len);
  return sd_bytes_make(cell->value.pointer.ptr, len);
}
