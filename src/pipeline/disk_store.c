/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* A disk cache's rows in SQLite. */
#include "pipeline/disk_store.h"

#include <inttypes.h>
#include <sqlite3.h>

enum { FORMAT = 1, ENTRY_OVERHEAD = 256 /* bytes of rows and indexes that an entry is counted with */ };

static const char settings[] = "PRAGMA journal_mode=WAL;"
                               "PRAGMA synchronous=NORMAL;"
                               "PRAGMA cache_size=-8192;"
                               "PRAGMA journal_size_limit=67108864;"
                               "PRAGMA temp_store=MEMORY;";

static const char schema[] =
    "CREATE TABLE entry(signature BLOB PRIMARY KEY NOT NULL, outputs INTEGER NOT NULL,"
    " compute_ns INTEGER NOT NULL, bytes INTEGER NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX entry_used ON entry(used);"
    "CREATE TABLE value(signature BLOB NOT NULL, output INTEGER NOT NULL, size INTEGER NOT NULL,"
    " file INTEGER NOT NULL, sum BLOB NOT NULL, data BLOB, PRIMARY KEY(signature, output)) WITHOUT ROWID;"
    "CREATE TABLE total(id INTEGER PRIMARY KEY CHECK(id = 1), entries INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL, swept INTEGER NOT NULL);"
    "INSERT INTO total VALUES(1, 0, 0, 0);"
    "PRAGMA user_version=1;";

typedef enum sd_statement {
  BEGIN,
  COMMIT,
  ROLLBACK,
  FIND,
  VALUE,
  FILES_OF,
  DELETE_VALUES,
  DELETE_ENTRY,
  PUT_ENTRY,
  PUT_VALUE,
  ADD_TOTAL,
  OLDEST,
  SAME_VALUE,
  TOUCH,
  TOTAL,
  HAS_FILE,
  CLAIM_SWEEP,
  STATEMENTS
} sd_statement;
_Static_assert((int)STATEMENTS <= (int)SD_STORE_STATEMENTS, "room for all statements");

static const char *const texts[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [FIND] = ("SELECT outputs, compute_ns, bytes, size, file, sum, data FROM entry"
              " LEFT JOIN value ON value.signature = ?1 AND output = 0 WHERE entry.signature = ?1"),
    [VALUE] = "SELECT size, file, sum, data FROM value WHERE signature = ?1 AND output = ?2",
    [FILES_OF] = "SELECT output, file FROM value WHERE signature = ?1 AND file <> 0",
    [DELETE_VALUES] = "DELETE FROM value WHERE signature = ?1",
    [DELETE_ENTRY] = "DELETE FROM entry WHERE signature = ?1 RETURNING bytes",
    [PUT_ENTRY] = "INSERT INTO entry(signature, outputs, compute_ns, bytes, used) VALUES(?1, ?2, ?3, ?4, ?5)",
    [PUT_VALUE] =
        "INSERT INTO value(signature, output, size, file, sum, data) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [ADD_TOTAL] = "UPDATE total SET entries = entries + ?1, bytes = bytes + ?2 WHERE id = 1",
    [OLDEST] = "SELECT signature FROM entry ORDER BY used LIMIT 1",
    [SAME_VALUE] = "SELECT 1 FROM value WHERE signature = ?1 AND output = ?2 AND file = ?3 AND sum = ?4",
    [TOUCH] = "UPDATE entry SET used = ?2 WHERE signature = ?1 AND used < ?2",
    [TOTAL] = "SELECT entries, bytes FROM total WHERE id = 1",
    [HAS_FILE] = "SELECT 1 FROM value WHERE signature = ?1 AND output = ?2 AND file = ?3",
    [CLAIM_SWEEP] = "UPDATE total SET swept = ?1 WHERE id = 1 AND (swept < ?1 - ?2 OR swept > ?1)",
};

/* ---- Errors */

static sd_status status_of(int code)
{
  switch (code & 0xff) {
  case SQLITE_NOMEM:
    return SD_NOMEM;
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return SD_TIMEOUT;
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    return SD_CORRUPT;
  case SQLITE_PERM:
  case SQLITE_AUTH:
  case SQLITE_READONLY:
    return SD_DENIED;
  case SQLITE_IOERR:
  case SQLITE_FULL:
  case SQLITE_CANTOPEN:
    return SD_IO;
  case SQLITE_TOOBIG:
    return SD_LIMIT;
  default:
    return SD_DATABASE;
  }
}

static sd_status failed(const sd_disk_store *store, int code, sd_error *error)
{
  sd_status status = status_of(code);
  const char *text = store->db ? sqlite3_errmsg(store->db) : sqlite3_errstr(code);
  if (status == SD_CORRUPT)
    sd_error_set(error, status, "%s: %s; stop what uses the cache and delete its folder", store->path, text);
  else
    sd_error_set(error, status, "%s: %s", store->path, text);
  if (error)
    error->retriable = status == SD_TIMEOUT;
  return status;
}

/* ---- Statements */

/* Ready to be bound; NULL with *ret_status when it cannot be prepared. */
static sqlite3_stmt *statement(sd_disk_store *store, sd_statement which, sd_status *ret_status,
                               sd_error *error)
{
  if (!store->statements[which]) {
    sqlite3_stmt *made = NULL;
    int code = sqlite3_prepare_v3(store->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT, &made, NULL);
    if (code != SQLITE_OK) {
      *ret_status = failed(store, code, error);
      return NULL;
    }
    store->statements[which] = made;
  }
  *ret_status = SD_OK;
  return store->statements[which];
}

static void bind_signature(sqlite3_stmt *it, const uint8_t *signature)
{
  sqlite3_bind_blob(it, 1, signature, SD_SIGNATURE_SIZE, SQLITE_STATIC);
}

/* One step; *ret_row: there is a row, and the caller resets. Resets otherwise. */
static sd_status step(sd_disk_store *store, sqlite3_stmt *it, bool *ret_row, sd_error *error)
{
  int code = sqlite3_step(it);
  *ret_row = code == SQLITE_ROW;
  if (code == SQLITE_ROW)
    return SD_OK;
  sd_status status = code == SQLITE_DONE ? SD_OK : failed(store, code, error);
  sqlite3_reset(it);
  return status;
}

/* A statement whose rows, if any, do not matter. */
static sd_status run(sd_disk_store *store, sqlite3_stmt *it, sd_error *error)
{
  bool row;
  sd_status status = step(store, it, &row, error);
  if (row)
    sqlite3_reset(it);
  return status;
}

static sd_status run_plain(sd_disk_store *store, sd_statement which, sd_error *error)
{
  sd_status status;
  sqlite3_stmt *it = statement(store, which, &status, error);
  return it ? run(store, it, error) : status;
}

/* COMMIT or ROLLBACK, by what has happened. Some errors have rolled back already. */
static sd_status end_transaction(sd_disk_store *store, sd_status status, sd_error *error)
{
  if (status == SD_OK)
    status = run_plain(store, COMMIT, error);
  if (status != SD_OK && !sqlite3_get_autocommit(store->db))
    (void)run_plain(store, ROLLBACK, NULL);
  return status;
}

/* ---- Opening */

static sd_status execute(sd_disk_store *store, const char *sql, sd_error *error)
{
  int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
  return code == SQLITE_OK ? SD_OK : failed(store, code, error);
}

static sd_status read_number(sd_disk_store *store, const char *sql, int64_t *ret_number, sd_error *error)
{
  sqlite3_stmt *it = NULL;
  int code = sqlite3_prepare_v2(store->db, sql, -1, &it, NULL);
  if (code == SQLITE_OK)
    code = sqlite3_step(it);
  sd_status status = code == SQLITE_ROW ? SD_OK : failed(store, code, error);
  if (status == SD_OK)
    *ret_number = sqlite3_column_int64(it, 0);
  sqlite3_finalize(it);
  return status;
}

static sd_status make_schema(sd_disk_store *store, sd_error *error)
{
  int64_t format = 0;
  int64_t tables = 0;
  sd_status status = run_plain(store, BEGIN, error);
  if (status != SD_OK)
    return status;
  status = read_number(store, "PRAGMA user_version", &format, error);
  if (status == SD_OK && format == 0)
    status = read_number(store, "SELECT count(*) FROM sqlite_master", &tables, error);
  if (status == SD_OK && format == 0 && tables == 0)
    status = execute(store, schema, error);
  else if (status == SD_OK && format != FORMAT)
    status = sd_error_set(error, SD_UNSUPPORTED,
                          "%s has the format %" PRId64 ", this program knows %d: use another folder",
                          store->path, format, FORMAT);
  return end_transaction(store, status, error);
}

sd_status sd_disk_store_open(sd_disk_store *store, sd_error *error)
{
  if (store->db)
    return SD_OK;
  sqlite3 *db = NULL;
  int code = sqlite3_open_v2(store->path, &db,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
  store->db = db;
  if (code != SQLITE_OK) {
    sd_status status = failed(store, code, error);
    sd_disk_store_close(store);
    return status;
  }
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, SD_STORE_BUSY_MS);
  /* Closing never waits for a checkpoint: the log stays for the next. */
  sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
  sd_status status = execute(store, settings, error);
  int64_t format = 0;
  if (status == SD_OK)
    status = read_number(store, "PRAGMA user_version", &format, error);
  if (status == SD_OK && format != FORMAT)
    status = make_schema(store, error);
  if (status != SD_OK)
    sd_disk_store_close(store);
  return status;
}

void sd_disk_store_close(sd_disk_store *store)
{
  for (size_t i = 0; i < SD_STORE_STATEMENTS; i++) {
    sqlite3_finalize(store->statements[i]);
    store->statements[i] = NULL;
  }
  sqlite3_close(store->db);
  store->db = NULL;
}

/* ---- Reading */

/* A value's row from four columns: size, file, sum, data. */
static void read_value_row(sqlite3_stmt *it, int column, const uint8_t *signature, uint32_t output,
                           sd_found_value *ret_value)
{
  sd_blob_row row = {.output = output,
                     .size = (uint64_t)sqlite3_column_int64(it, column),
                     .token = (uint64_t)sqlite3_column_int64(it, column + 1)};
  memcpy(row.signature, signature, SD_SIGNATURE_SIZE);
  const void *sum = sqlite3_column_blob(it, column + 2);
  if (sum && sqlite3_column_bytes(it, column + 2) == SD_CHECK_SUM_SIZE)
    memcpy(row.sum, sum, SD_CHECK_SUM_SIZE);
  if (row.token == 0) {
    const void *data = sqlite3_column_blob(it, column + 3);
    size_t len = (size_t)sqlite3_column_bytes(it, column + 3);
    if (data && len == row.size && len <= SD_CACHE_INLINE_MAX)
      memcpy(ret_value->bytes, data, len);
    else
      row.size = 0; /* no value has no bytes: the check sum refuses it */
  }
  ret_value->row = row;
}

sd_status sd_disk_store_find(sd_disk_store *store, const uint8_t signature[SD_SIGNATURE_SIZE],
                             sd_cache_entry *ret_entry, sd_found_value *ret_first, sd_error *error)
{
  sd_status status;
  bool row;
  sqlite3_stmt *it = statement(store, FIND, &status, error);
  if (!it)
    return status;
  bind_signature(it, signature);
  status = step(store, it, &row, error);
  if (status != SD_OK || !row)
    return status == SD_OK ? SD_NOT_FOUND : status;
  *ret_entry = (sd_cache_entry){.output_count = (uint32_t)sqlite3_column_int64(it, 0),
                                .compute_ns = sqlite3_column_int64(it, 1),
                                .bytes = (uint64_t)sqlite3_column_int64(it, 2)};
  if (sqlite3_column_type(it, 3) == SQLITE_NULL)
    memset(&ret_first->row, 0, sizeof ret_first->row);
  else
    read_value_row(it, 3, signature, 0, ret_first);
  sqlite3_reset(it);
  return SD_OK;
}

sd_status sd_disk_store_value(sd_disk_store *store, const uint8_t signature[SD_SIGNATURE_SIZE],
                              uint32_t output, sd_found_value *ret_value, sd_error *error)
{
  sd_status status;
  bool found;
  sqlite3_stmt *it = statement(store, VALUE, &status, error);
  if (!it)
    return status;
  bind_signature(it, signature);
  sqlite3_bind_int64(it, 2, output);
  status = step(store, it, &found, error);
  if (status != SD_OK || !found)
    return status == SD_OK ? SD_NOT_FOUND : status;
  read_value_row(it, 0, signature, output, ret_value);
  sqlite3_reset(it);
  return SD_OK;
}

sd_status sd_disk_store_total(sd_disk_store *store, uint64_t *ret_entries, uint64_t *ret_bytes,
                              sd_error *error)
{
  sd_status status;
  bool row;
  sqlite3_stmt *it = statement(store, TOTAL, &status, error);
  if (!it)
    return status;
  status = step(store, it, &row, error);
  if (status != SD_OK || !row)
    return status == SD_OK ? sd_error_set(error, SD_CORRUPT, "%s has lost its totals", store->path) : status;
  *ret_entries = (uint64_t)sqlite3_column_int64(it, 0);
  *ret_bytes = (uint64_t)sqlite3_column_int64(it, 1);
  sqlite3_reset(it);
  return SD_OK;
}

sd_status sd_disk_store_has_file(sd_disk_store *store, const sd_blob_row *row, bool *ret_has, sd_error *error)
{
  sd_status status;
  sqlite3_stmt *it = statement(store, HAS_FILE, &status, error);
  if (!it)
    return status;
  bind_signature(it, row->signature);
  sqlite3_bind_int64(it, 2, row->output);
  sqlite3_bind_int64(it, 3, (int64_t)row->token);
  status = step(store, it, ret_has, error);
  if (*ret_has)
    sqlite3_reset(it);
  return status;
}

/* ---- Writing, within a transaction */

static sd_status collect_files(sd_disk_store *store, const uint8_t *signature, sd_buf *gone, sd_error *error)
{
  sd_status status;
  bool found = true;
  sqlite3_stmt *it = statement(store, FILES_OF, &status, error);
  if (!it)
    return status;
  bind_signature(it, signature);
  while (status == SD_OK) {
    status = step(store, it, &found, error);
    if (status != SD_OK || !found)
      return status;
    sd_blob_row row;
    memset(&row, 0, sizeof row);
    memcpy(row.signature, signature, SD_SIGNATURE_SIZE);
    row.output = (uint32_t)sqlite3_column_int64(it, 0);
    row.token = (uint64_t)sqlite3_column_int64(it, 1);
    status = sd_buf_append(gone, &row, sizeof row);
    if (status != SD_OK)
      sd_error_set(error, status, "%s: the list of files to remove: %s", store->path, sd_status_text(status));
  }
  sqlite3_reset(it);
  return status;
}

static sd_status add_total(sd_disk_store *store, int64_t entries, int64_t bytes, sd_error *error)
{
  sd_status status;
  sqlite3_stmt *it = statement(store, ADD_TOTAL, &status, error);
  if (!it)
    return status;
  sqlite3_bind_int64(it, 1, entries);
  sqlite3_bind_int64(it, 2, bytes);
  return run(store, it, error);
}

/* Removes an entry, if there is one, with its values. */
static sd_status remove_entry(sd_disk_store *store, const uint8_t *signature, sd_buf *gone, sd_error *error)
{
  bool row;
  sd_status status;
  sqlite3_stmt *it = statement(store, DELETE_ENTRY, &status, error);
  if (!it)
    return status;
  bind_signature(it, signature);
  status = step(store, it, &row, error);
  if (status != SD_OK || !row)
    return status;
  int64_t bytes = sqlite3_column_int64(it, 0);
  sqlite3_reset(it);
  status = collect_files(store, signature, gone, error);
  if (status == SD_OK && !(it = statement(store, DELETE_VALUES, &status, error)))
    return status;
  if (status == SD_OK) {
    bind_signature(it, signature);
    status = run(store, it, error);
  }
  return status == SD_OK ? add_total(store, -1, -bytes - ENTRY_OVERHEAD, error) : status;
}

static sd_status put_value(sd_disk_store *store, const sd_store_value *value, sd_error *error)
{
  sd_status status;
  sqlite3_stmt *it = statement(store, PUT_VALUE, &status, error);
  if (!it)
    return status;
  bind_signature(it, value->row.signature);
  sqlite3_bind_int64(it, 2, value->row.output);
  sqlite3_bind_int64(it, 3, (int64_t)value->row.size);
  sqlite3_bind_int64(it, 4, (int64_t)value->row.token);
  sqlite3_bind_blob(it, 5, value->row.sum, SD_CHECK_SUM_SIZE, SQLITE_STATIC);
  if (value->row.token == 0)
    sqlite3_bind_blob(it, 6, value->inlined.data, (int)value->inlined.len, SQLITE_STATIC);
  else
    sqlite3_bind_null(it, 6);
  status = run(store, it, error);
  sqlite3_clear_bindings(it);
  return status;
}

static sd_status put_entry(sd_disk_store *store, const uint8_t *signature, const sd_cache_entry *entry,
                           int64_t now_us, sd_error *error)
{
  sd_status status;
  sqlite3_stmt *it = statement(store, PUT_ENTRY, &status, error);
  if (!it)
    return status;
  bind_signature(it, signature);
  sqlite3_bind_int64(it, 2, entry->output_count);
  sqlite3_bind_int64(it, 3, entry->compute_ns);
  sqlite3_bind_int64(it, 4, (int64_t)entry->bytes);
  sqlite3_bind_int64(it, 5, now_us);
  status = run(store, it, error);
  return status == SD_OK ? add_total(store, 1, (int64_t)entry->bytes + ENTRY_OVERHEAD, error) : status;
}

/* ---- Transactions */

sd_status sd_disk_store_put(sd_disk_store *store, const uint8_t signature[SD_SIGNATURE_SIZE],
                            const sd_cache_entry *entry, const sd_store_value *values, int64_t now_us,
                            sd_buf *gone, sd_error *error)
{
  sd_status status = run_plain(store, BEGIN, error);
  if (status != SD_OK)
    return status;
  status = remove_entry(store, signature, gone, error);
  if (status == SD_OK)
    status = put_entry(store, signature, entry, now_us, error);
  for (uint32_t i = 0; i < entry->output_count && status == SD_OK; i++)
    status = put_value(store, &values[i], error);
  return end_transaction(store, status, error);
}

static sd_status oldest(sd_disk_store *store, uint8_t signature[SD_SIGNATURE_SIZE], bool *ret_found,
                        sd_error *error)
{
  sd_status status;
  sqlite3_stmt *it = statement(store, OLDEST, &status, error);
  if (!it)
    return status;
  status = step(store, it, ret_found, error);
  if (status != SD_OK || !*ret_found)
    return status;
  const void *found = sqlite3_column_blob(it, 0);
  if (found && sqlite3_column_bytes(it, 0) == SD_SIGNATURE_SIZE)
    memcpy(signature, found, SD_SIGNATURE_SIZE);
  else
    status = sd_error_set(error, SD_CORRUPT, "%s has a malformed signature", store->path);
  sqlite3_reset(it);
  return status;
}

sd_status sd_disk_store_evict(sd_disk_store *store, uint64_t max_bytes, sd_buf *gone, uint32_t *ret_evicted,
                              sd_error *error)
{
  uint32_t evicted = 0;
  sd_status status = run_plain(store, BEGIN, error);
  if (status != SD_OK)
    return status;
  while (status == SD_OK && evicted < SD_STORE_EVICT_ENTRIES) {
    uint64_t entries = 0;
    uint64_t bytes = 0;
    uint8_t signature[SD_SIGNATURE_SIZE];
    bool found = false;
    status = sd_disk_store_total(store, &entries, &bytes, error);
    if (status != SD_OK || bytes <= max_bytes)
      break;
    status = oldest(store, signature, &found, error);
    if (status != SD_OK || !found)
      break;
    status = remove_entry(store, signature, gone, error);
    evicted++;
  }
  status = end_transaction(store, status, error);
  if (status == SD_OK)
    *ret_evicted = evicted;
  return status;
}

sd_status sd_disk_store_drop(sd_disk_store *store, const sd_blob_row *row, sd_buf *gone, sd_error *error)
{
  bool same = false;
  sd_status status = run_plain(store, BEGIN, error);
  if (status != SD_OK)
    return status;
  sqlite3_stmt *it = statement(store, SAME_VALUE, &status, error);
  if (it) {
    bind_signature(it, row->signature);
    sqlite3_bind_int64(it, 2, row->output);
    sqlite3_bind_int64(it, 3, (int64_t)row->token);
    sqlite3_bind_blob(it, 4, row->sum, SD_CHECK_SUM_SIZE, SQLITE_STATIC);
    status = step(store, it, &same, error);
    if (same)
      sqlite3_reset(it);
  }
  if (status == SD_OK && same)
    status = remove_entry(store, row->signature, gone, error);
  status = end_transaction(store, status, error);
  return status == SD_OK && !same ? SD_NOT_FOUND : status;
}

sd_status sd_disk_store_touch(sd_disk_store *store, sd_touches *touches, sd_error *error)
{
  sd_status status = run_plain(store, BEGIN, error);
  if (status != SD_OK)
    return status;
  sqlite3_stmt *it = statement(store, TOUCH, &status, error);
  for (size_t i = 0; i < SD_TOUCH_SLOTS && status == SD_OK; i++) {
    if (touches->slots[i].used_us == 0)
      continue;
    bind_signature(it, touches->slots[i].signature);
    sqlite3_bind_int64(it, 2, touches->slots[i].used_us);
    status = run(store, it, error);
  }
  memset(touches, 0, sizeof *touches);
  return end_transaction(store, status, error);
}

sd_status sd_disk_store_claim_sweep(sd_disk_store *store, int64_t now_us, int64_t interval_us,
                                    bool *ret_claimed, sd_error *error)
{
  sd_status status;
  sqlite3_stmt *it = statement(store, CLAIM_SWEEP, &status, error);
  if (!it)
    return status;
  sqlite3_bind_int64(it, 1, now_us);
  sqlite3_bind_int64(it, 2, interval_us);
  status = run(store, it, error);
  if (status == SD_OK)
    *ret_claimed = sqlite3_changes(store->db) > 0;
  return status;
}
