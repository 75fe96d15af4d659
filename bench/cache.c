/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Nanoseconds of the thread's CPU time per warm hit (find and load) in memory and on disk, with and without
 * the signature, per store, and per signature with SHA-256 computed and from the memo.
 *
 * usage: cache FOLDER [rounds]
 * FOLDER is made for the disk cache and stays. Cases take turns in every round; smallest and median are
 * printed as JSON, one case a line.
 */
#include "pipeline/cache.h"
#include "base/alloc.h"
#include "pipeline/signature.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ENTRIES = 1000, ROUNDS_DEFAULT = 9, ROUNDS_MAX = 1001, CASES = 9, SMALL = 100, LARGE = 100000 };

static sd_cache *memory;
static sd_cache *disk;
static sd_signer *plain;
static sd_signer *remembering;
static sd_value small_value;
static sd_value large_value;

static void must(sd_status status, const sd_error *error)
{
  if (status == SD_OK)
    return;
  fprintf(stderr, "cache: %s\n", error ? error->message : sd_status_text(status));
  exit(1);
}

static double now_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* A node's signature as it usually is: code, environment, an upstream node and two small inputs. */
static void sign(sd_signer *signer, int number, uint8_t *ret_signature)
{
  static const uint8_t code[SD_SIGNATURE_SIZE] = {1, 2, 3};
  sd_error error;
  sd_signer_begin(signer, SD_SIGN_NODE);
  sd_signer_computation(signer, code, sd_bytes_of("salt"));
  sd_signer_upstream(signer, "table", code, 0);
  sd_signer_value(signer, "factor", sd_value_int(number), NULL);
  sd_signer_value(signer, "text", small_value, NULL);
  must(sd_signer_end(signer, ret_signature, &error), &error);
}

static void fill(sd_cache *cache, sd_value value, int first)
{
  sd_error error;
  for (int i = 0; i < ENTRIES; i++) {
    uint8_t signature[SD_SIGNATURE_SIZE];
    sign(plain, first + i, signature);
    must(sd_cache_store(cache, signature, &value, 1, 1000, &error), &error);
  }
}

static void hit(sd_cache *cache, const uint8_t *signature)
{
  sd_error error;
  sd_cache_entry entry;
  sd_value value;
  must(sd_cache_find(cache, signature, &entry, &error), &error);
  must(sd_cache_load(cache, signature, 0, &value, &error), &error);
  sd_value_release(value);
}

static uint8_t signatures[2][ENTRIES][SD_SIGNATURE_SIZE];

static void hits(sd_cache *cache, int which)
{
  for (int i = 0; i < ENTRIES; i++)
    hit(cache, signatures[which][i]);
}

static void signed_hits(sd_cache *cache, sd_signer *signer)
{
  for (int i = 0; i < ENTRIES; i++) {
    uint8_t signature[SD_SIGNATURE_SIZE];
    sign(signer, i, signature);
    hit(cache, signature);
  }
}

static void signs(sd_signer *signer)
{
  for (int i = 0; i < ENTRIES; i++) {
    uint8_t signature[SD_SIGNATURE_SIZE];
    sign(signer, i, signature);
  }
}

static const char *const names[CASES] = {
    "signature, SHA-256 computed", "signature, from the memo",         "memory hit",
    "memory hit with SHA-256",     "memory hit with the memo",         "disk hit, 100 bytes",
    "disk hit with SHA-256",       "disk hit, 100,000 bytes (a file)", "disk store, 100 bytes"};

static void run(int which)
{
  switch (which) {
  case 0:
    signs(plain);
    return;
  case 1:
    signs(remembering);
    return;
  case 2:
    hits(memory, 0);
    return;
  case 3:
    signed_hits(memory, plain);
    return;
  case 4:
    signed_hits(memory, remembering);
    return;
  case 5:
    hits(disk, 0);
    return;
  case 6:
    signed_hits(disk, plain);
    return;
  case 7:
    hits(disk, 1);
    return;
  default:
    fill(disk, small_value, 0);
    return;
  }
}

static int compare(const void *a, const void *b)
{
  double difference = *(const double *)a - *(const double *)b;
  return difference < 0 ? -1 : difference > 0;
}

static void prepare(const char *folder)
{
  static char text[LARGE];
  sd_error error;
  sd_signature_memo *memo;
  for (size_t i = 0; i < sizeof text; i++)
    text[i] = (char)('a' + i % 26);
  sd_disk_cache_options options = {.struct_size = sizeof options, .path = folder};
  must(sd_memory_cache_new(0, &memory, &error), &error);
  must(sd_disk_cache_new(&options, &disk, &error), &error);
  must(sd_signature_memo_new(&memo), NULL);
  must(sd_signer_new(NULL, &plain), NULL);
  must(sd_signer_new(memo, &remembering), NULL);
  must(sd_value_string(text, SMALL, &small_value), NULL);
  must(sd_value_string(text, LARGE, &large_value), NULL);
  fill(memory, small_value, 0);
  fill(disk, small_value, 0);
  fill(disk, large_value, ENTRIES);
  for (int i = 0; i < ENTRIES; i++) {
    sign(plain, i, signatures[0][i]);
    sign(plain, ENTRIES + i, signatures[1][i]);
  }
}

int main(int argc, char **argv)
{
  static double times[CASES][ROUNDS_MAX];
  long rounds = argc > 2 ? strtol(argv[2], NULL, 10) : ROUNDS_DEFAULT;
  if (argc < 2 || rounds < 1 || rounds > ROUNDS_MAX) {
    fprintf(stderr, "usage: cache FOLDER [rounds]\n");
    return 2;
  }
  prepare(argv[1]);
  for (long round = 0; round < rounds; round++) {
    for (int i = 0; i < CASES; i++) {
      run(i); /* what the case before has pushed out of the processor's caches */
      double start = now_ns();
      run(i);
      times[i][round] = (now_ns() - start) / ENTRIES;
    }
  }
  for (int i = 0; i < CASES; i++) {
    qsort(times[i], (size_t)rounds, sizeof *times[i], compare);
    printf("{\"case\": \"%s\", \"ns_min\": %.0f, \"ns_median\": %.0f}\n", names[i], times[i][0],
           times[i][rounds / 2]);
  }
  sd_cache_release(memory);
  sd_cache_release(disk);
  return 0;
}
