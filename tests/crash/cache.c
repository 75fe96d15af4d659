/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Two processes of eight threads share a disk cache while one after the other is killed at any moment. No
 * value that is loaded is wrong, torn or damaged, ever; in the end the database is whole, and what was left
 * over can be swept.
 *
 * usage: cache [--kills N] [--seed N]
 * The seed draws moments and victims; what the operating system does between them it does not repeat.
 */
#include "base/alloc.h"
#include "base/random.h"
#include "pipeline/disk_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

enum {
  KILLS_DEFAULT = 20,
  PROCESSES = 2,
  THREADS = 8,
  KEYS = 300,
  OUTPUTS = 2,
  VALUE_MAX = 60000,
  CACHE_BYTES = 3 << 20, /* less than all keys need: entries are evicted all the time */
  ALIVE_MS_MAX = 80,
  WRONG = 3
};

static uint64_t next_random(uint64_t *random)
{
  uint64_t x = *random += UINT64_C(0x9e3779b97f4a7c15);
  x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
  return x ^ (x >> 31);
}

static void signature_of(uint64_t key, uint8_t signature[SD_SIGNATURE_SIZE])
{
  for (size_t i = 0; i < SD_SIGNATURE_SIZE; i += 8) {
    uint64_t word = next_random(&key);
    memcpy(signature + i, &word, sizeof word);
  }
}

/* What belongs to an output of a key: bytes of some size, all of them drawn from both. */
static size_t bytes_of(uint64_t key, uint32_t output, uint8_t *dst)
{
  uint64_t random = key * OUTPUTS + output;
  size_t len = next_random(&random) % (next_random(&random) % 4 ? 3000 : VALUE_MAX);
  for (size_t i = 0; i < len; i += 8) {
    uint64_t word = next_random(&random);
    memcpy(dst + i, &word, len - i < 8 ? len - i : 8);
  }
  return len;
}

static void complain(const char *what, uint64_t key, const sd_error *error)
{
  fprintf(stderr, "cache: key %" PRIu64 ": %s: %s\n", key, what, error->message);
  _exit(WRONG);
}

static void check_value(sd_cache *cache, uint64_t key, uint32_t output)
{
  uint8_t expected[VALUE_MAX];
  uint8_t signature[SD_SIGNATURE_SIZE];
  sd_value value;
  sd_error error;
  size_t len;
  sd_error_clear(&error);
  signature_of(key, signature);
  sd_status status = sd_cache_load(cache, signature, output, &value, &error);
  if (status == SD_NOT_FOUND)
    return;
  if (status != SD_OK)
    complain("load", key, &error);
  const char *data = sd_value_data(value, &len);
  if (len != bytes_of(key, output, expected) || memcmp(data, expected, len) != 0)
    complain("a wrong value", key, &error);
  sd_value_release(value);
}

static void store(sd_cache *cache, uint64_t key)
{
  uint8_t data[VALUE_MAX];
  uint8_t signature[SD_SIGNATURE_SIZE];
  sd_value outputs[OUTPUTS];
  sd_error error;
  signature_of(key, signature);
  for (uint32_t i = 0; i < OUTPUTS; i++) {
    if (sd_value_bytes(data, bytes_of(key, i, data), &outputs[i]) != SD_OK)
      _exit(WRONG);
  }
  if (sd_cache_store(cache, signature, outputs, OUTPUTS, 1, &error) != SD_OK)
    complain("store", key, &error);
  for (uint32_t i = 0; i < OUTPUTS; i++)
    sd_value_release(outputs[i]);
}

static sd_cache *open_cache(const char *folder)
{
  sd_cache *cache;
  sd_error error;
  sd_disk_cache_options options = {.struct_size = sizeof options, .path = folder, .max_bytes = CACHE_BYTES};
  if (sd_disk_cache_new(&options, &cache, &error) != SD_OK)
    complain("open", 0, &error);
  return cache;
}

/* ---- A worker: works until it is killed */

static void *work(void *user)
{
  uint64_t random = sd_random_u64();
  for (;;) {
    uint64_t key = next_random(&random) % KEYS;
    uint8_t signature[SD_SIGNATURE_SIZE];
    sd_cache_entry entry;
    sd_error error;
    signature_of(key, signature);
    sd_status status = sd_cache_find(user, signature, &entry, &error);
    if (status == SD_NOT_FOUND || (status == SD_OK && next_random(&random) % 8 == 0)) {
      store(user, key);
      continue;
    }
    if (status != SD_OK)
      complain("find", key, &error);
    for (uint32_t i = 0; i < OUTPUTS; i++)
      check_value(user, key, i);
  }
  return NULL;
}

static int worker(const char *folder)
{
  pthread_t threads[THREADS];
  sd_cache *cache = open_cache(folder);
  for (size_t i = 0; i < THREADS; i++) {
    if (pthread_create(&threads[i], NULL, work, cache) != 0)
      return WRONG;
  }
  (void)pthread_join(threads[0], NULL);
  return WRONG;
}

static pid_t start_worker(const char *folder)
{
  pid_t child = fork();
  if (child == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    execl("/proc/self/exe", "cache", "--worker", folder, (char *)NULL);
    _exit(WRONG);
  }
  return child;
}

/* False when it had ended by itself. */
static bool kill_worker(pid_t child)
{
  int status;
  (void)kill(child, SIGKILL);
  return waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

/* ---- In the end */

static int64_t ask(sqlite3 *db, const char *sql)
{
  sqlite3_stmt *it = NULL;
  int64_t answer = -1;
  if (sqlite3_prepare_v2(db, sql, -1, &it, NULL) == SQLITE_OK && sqlite3_step(it) == SQLITE_ROW)
    answer = sqlite3_column_int64(it, 0);
  sqlite3_finalize(it);
  return answer;
}

static int64_t count_files(const char *folder)
{
  int64_t count = 0;
  for (unsigned i = 0; i < 256; i++) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/blobs/%02x", folder, i);
    DIR *dir = opendir(path);
    const struct dirent *file;
    while (dir && (file = readdir(dir)))
      count += file->d_name[0] != '.';
    if (dir)
      (void)closedir(dir);
  }
  return count;
}

static bool is_whole(const char *folder)
{
  char path[256];
  size_t removed = 0;
  sqlite3 *db = NULL;
  sd_cache *cache = open_cache(folder);
  for (uint64_t key = 0; key < KEYS; key++) {
    for (uint32_t i = 0; i < OUTPUTS; i++)
      check_value(cache, key, i);
  }
  bool good = sd_disk_cache_sweep(sd_disk_cache_of(cache), -1, &removed, NULL) == SD_OK;
  sd_cache_release(cache);
  (void)snprintf(path, sizeof path, "%s/cache.sqlite", folder);
  good = good && sqlite3_open(path, &db) == SQLITE_OK;
  int64_t entries = ask(db, "SELECT count(*) FROM entry");
  int64_t files = ask(db, "SELECT count(*) FROM value WHERE file <> 0");
  good = good && ask(db, "SELECT integrity_check = 'ok' FROM pragma_integrity_check") == 1 &&
         ask(db, "SELECT (SELECT entries FROM total) = (SELECT count(*) FROM entry)") == 1 &&
         ask(db, "SELECT (SELECT bytes FROM total) = (SELECT sum(bytes + 256) FROM entry)") == 1 &&
         ask(db, "SELECT count(*) = 2 * (SELECT count(*) FROM entry) FROM value") == 1 &&
         ask(db, "SELECT sum(size) = (SELECT sum(bytes) FROM entry) FROM value") == 1 &&
         files == count_files(folder) && entries > 0;
  sqlite3_close(db);
  printf("%" PRId64 " entries, %" PRId64 " files, %zu left-over files removed\n", entries, files, removed);
  return good;
}

static uint64_t number_after(int argc, char **argv, const char *flag, uint64_t otherwise)
{
  for (int i = 1; i + 1 < argc; i++) {
    if (strcmp(argv[i], flag) == 0)
      return strtoull(argv[i + 1], NULL, 10);
  }
  return otherwise;
}

int main(int argc, char **argv)
{
  if (argc == 3 && strcmp(argv[1], "--worker") == 0)
    return worker(argv[2]);
  char folder[] = "/tmp/sd-crash-cache-XXXXXX";
  uint64_t kills = number_after(argc, argv, "--kills", KILLS_DEFAULT);
  uint64_t seed = number_after(argc, argv, "--seed", sd_random_u64());
  uint64_t random = seed;
  pid_t workers[PROCESSES];
  bool good = true;
  printf("%" PRIu64 " kills, --seed %" PRIu64 "\n", kills, seed);
  (void)fflush(stdout);
  if (!mkdtemp(folder))
    return 1;
  for (size_t i = 0; i < PROCESSES; i++)
    workers[i] = start_worker(folder);
  for (uint64_t i = 0; i < kills && good; i++) {
    size_t victim = next_random(&random) % PROCESSES;
    nanosleep(&(struct timespec){.tv_nsec = (long)(next_random(&random) % (ALIVE_MS_MAX * 1000000L))}, NULL);
    good = kill_worker(workers[victim]);
    workers[victim] = start_worker(folder);
  }
  for (size_t i = 0; i < PROCESSES; i++)
    good = kill_worker(workers[i]) && good;
  good = good && is_whole(folder);
  if (!good) {
    fprintf(stderr, "cache: failed; see %s\n", folder);
    return 1;
  }
  char command[64];
  (void)snprintf(command, sizeof command, "rm -r %s", folder);
  return system(command) == 0 ? 0 : 1;
}
