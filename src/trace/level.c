/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Levels of spans and logs by name. */
#include "base/bytes.h"

#include <streamduck/trace.h>

typedef struct level_name {
  int level;
  const char *name;
} level_name;

/* Ascending; the first name of a level is the one that is shown. */
static const level_name NAMES[] = {
    {SD_LEVEL_TRACE, "trace"},   {SD_LEVEL_DEBUG, "debug"}, {SD_LEVEL_INFO, "info"},
    {SD_LEVEL_NOTICE, "notice"}, {SD_LEVEL_WARN, "warn"},   {SD_LEVEL_WARN, "warning"},
    {SD_LEVEL_ERROR, "error"},   {SD_LEVEL_FATAL, "fatal"}, {SD_LEVEL_FATAL, "critical"},
};
enum { NAMES_COUNT = sizeof NAMES / sizeof NAMES[0] };

sd_status sd_level_parse(const char *text, sd_level *ret_level)
{
  for (size_t i = 0; text && i < NAMES_COUNT; i++) {
    if (sd_bytes_equal_nocase(sd_bytes_of(text), sd_bytes_of(NAMES[i].name))) {
      *ret_level = (sd_level)NAMES[i].level;
      return SD_OK;
    }
  }
  return SD_INVALID;
}

const char *sd_level_name(int level)
{
  const level_name *found = NULL;
  for (size_t i = 0; i < NAMES_COUNT && NAMES[i].level <= level; i++) {
    if (!found || NAMES[i].level != found->level)
      found = &NAMES[i];
  }
  return found ? found->name : "none";
}
