/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Times of use that wait to be written together: a hit costs no transaction. The owner locks. */
#ifndef SD_PIPELINE_DISK_TOUCH_H
#define SD_PIPELINE_DISK_TOUCH_H

#include <streamduck/cache.h>

enum { SD_TOUCH_SLOTS = 1024, SD_TOUCH_FULL = SD_TOUCH_SLOTS / 2 };

typedef struct sd_touch {
  int64_t used_us; /* 0: a free slot */
  uint8_t signature[SD_SIGNATURE_SIZE];
} sd_touch;

typedef struct sd_touches {
  size_t count;
  sd_touch slots[SD_TOUCH_SLOTS];
} sd_touches;

/* Keeps the latest time per signature. True: as many wait as should be written now. */
bool sd_touches_add(sd_touches *touches, const uint8_t signature[SD_SIGNATURE_SIZE], int64_t used_us);

#endif
