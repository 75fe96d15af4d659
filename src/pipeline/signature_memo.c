/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures by the text that they are the hash of. Parts with a lock each; nobody waits for one, so that a
 * lock that was held during a fork costs the child a part of the memo and nothing more.
 */
#include "pipeline/signature_memo.h"

#include "base/alloc.h"

#include <pthread.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { PARTS = 16, PART_SLOTS = SD_SIGNATURE_MEMO_ENTRIES / PARTS };

typedef struct sd_memo_slot {
  uint64_t high;
  uint64_t low;
  uint32_t len; /* 0: empty */
  uint8_t signature[SD_SIGNATURE_SIZE];
  uint8_t text[SD_SIGNATURE_MEMO_TEXT_MAX];
} sd_memo_slot;

typedef struct sd_memo_part {
  pthread_mutex_t lock;
  sd_memo_slot *slots; /* PART_SLOTS; NULL until the first signature */
} sd_memo_part;

struct sd_signature_memo {
  sd_memo_part parts[PARTS];
};

sd_status sd_signature_memo_new(sd_signature_memo **ret_memo)
{
  sd_signature_memo *memo = sd_calloc(1, sizeof *memo);
  if (!memo)
    return SD_NOMEM;
  for (size_t i = 0; i < PARTS; i++)
    pthread_mutex_init(&memo->parts[i].lock, NULL);
  *ret_memo = memo;
  return SD_OK;
}

void sd_signature_memo_free(sd_signature_memo *memo)
{
  if (!memo)
    return;
  for (size_t i = 0; i < PARTS; i++) {
    pthread_mutex_destroy(&memo->parts[i].lock);
    sd_free(memo->parts[i].slots);
  }
  sd_free(memo);
}

static sd_memo_part *part_of(sd_signature_memo *memo, const sd_memo_key *key)
{
  return &memo->parts[key->high % PARTS];
}

static bool is_in(const sd_memo_slot *slot, sd_bytes text, const sd_memo_key *key)
{
  return slot->high == key->high && slot->low == key->low && slot->len == text.len &&
         memcmp(slot->text, text.data, text.len) == 0;
}

bool sd_memo_find(sd_signature_memo *memo, sd_bytes text, sd_memo_key *ret_key, uint8_t *ret_signature)
{
  XXH128_hash_t hash = XXH3_128bits(text.data, text.len);
  *ret_key = (sd_memo_key){.high = hash.high64, .low = hash.low64};
  sd_memo_part *part = part_of(memo, ret_key);
  if (pthread_mutex_trylock(&part->lock) != 0)
    return false;
  const sd_memo_slot *slot = part->slots ? &part->slots[ret_key->low % PART_SLOTS] : NULL;
  bool found = slot && is_in(slot, text, ret_key);
  if (found)
    memcpy(ret_signature, slot->signature, SD_SIGNATURE_SIZE);
  pthread_mutex_unlock(&part->lock);
  return found;
}

void sd_memo_add(sd_signature_memo *memo, sd_bytes text, const sd_memo_key *key,
                 const uint8_t signature[SD_SIGNATURE_SIZE])
{
  sd_memo_part *part = part_of(memo, key);
  if (pthread_mutex_trylock(&part->lock) != 0)
    return;
  if (!part->slots)
    part->slots = sd_calloc(PART_SLOTS, sizeof *part->slots);
  if (part->slots) {
    sd_memo_slot *slot = &part->slots[key->low % PART_SLOTS];
    slot->high = key->high;
    slot->low = key->low;
    slot->len = (uint32_t)text.len;
    memcpy(slot->signature, signature, SD_SIGNATURE_SIZE);
    memcpy(slot->text, text.data, text.len);
  }
  pthread_mutex_unlock(&part->lock);
}
