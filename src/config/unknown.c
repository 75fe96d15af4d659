/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Variables that look like ours and are not known, and the known name nearest to each. */
#include "config/unknown.h"

#include <ctype.h>
#include <stdio.h>

/* The first number in a name, 1 when there is none: misspelt names keep their N. */
static int number_in(const char *name)
{
  while (*name && !isdigit((unsigned char)*name))
    name++;
  int number = 0;
  for (; isdigit((unsigned char)*name) && number <= SD_OPTION_NUMBER_MAX / 10; name++)
    number = number * 10 + (*name - '0');
  return number ? number : 1;
}

unsigned sd_config_nearest(const char *variable, char *dst, size_t size)
{
  int number = number_in(variable);
  unsigned best = UINT32_MAX;
  for (const sd_option *o = sd_config_options; !sd_option_is_end(o); o++) {
    char name[SD_OPTION_NAME_MAX];
    if (!sd_option_name(o, number, name, sizeof name))
      continue;
    unsigned distance = sd_option_distance(variable, name);
    if (distance < best) {
      best = distance;
      snprintf(dst, size, "%s", name);
    }
  }
  return best;
}

typedef struct prefix {
  const char *text;
  bool is_common; /* other programs' variables begin so too: in the environment only near misses count */
} prefix;

static const prefix prefixes[] = {
    {"EVENTHUB", false}, {"MOTHERDUCK", false},  {"SMART_RETRY", false},
    {"LOGFIRE", false},  {"STREAMDUCK_", false}, {"TARGET", true},
};

/* Test builds read these (base/hook.h). */
static const char test_prefix[] = "STREAMDUCK_TEST_";

static const prefix *find_prefix(const char *name)
{
  if (strncmp(name, test_prefix, sizeof test_prefix - 1) == 0)
    return NULL;
  for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
    if (strncmp(name, prefixes[i].text, strlen(prefixes[i].text)) == 0)
      return &prefixes[i];
  }
  return NULL;
}

void sd_unknown_report(sd_problems *problems, sd_setting_origin origin, const char *file, unsigned line,
                       const char *name)
{
  const prefix *found = find_prefix(name);
  if (!found && origin == SD_ORIGIN_ENVIRONMENT)
    return;
  char nearest[SD_OPTION_NAME_MAX] = "";
  unsigned distance = sd_config_nearest(name, nearest, sizeof nearest);
  bool near = sd_option_is_near(distance, name);
  if (!found && origin == SD_ORIGIN_FILE && distance > 2)
    return;
  if (found && found->is_common && origin == SD_ORIGIN_ENVIRONMENT && !near)
    return;

  char place[SD_OPTION_NAME_MAX + 320] = "";
  if (origin == SD_ORIGIN_FILE)
    snprintf(place, sizeof place, " (%.300s, line %u)", file, line);
  else if (origin == SD_ORIGIN_ENVIRONMENT)
    snprintf(place, sizeof place, " (environment)");
  else
    snprintf(place, sizeof place, " (command line)");
  sd_problem_level level = origin == SD_ORIGIN_ENVIRONMENT || !found ? SD_PROBLEM_WARNING : SD_PROBLEM_ERROR;
  if (origin == SD_ORIGIN_COMMAND_LINE)
    level = SD_PROBLEM_ERROR;
  if (near)
    sd_problems_add(problems, level, name, "%s%s is not known: did you mean %s?", name, place, nearest);
  else
    sd_problems_add(problems, level, name,
                    "%s%s is not known: the nearest known name is %s; correct it or remove it", name, place,
                    nearest);
}
