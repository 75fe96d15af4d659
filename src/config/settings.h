/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of one run: the values of the option rows, collected from the command line, the environment
 * and a .env file (the first that has a variable decides), each parsed and checked by its row. What they mean
 * together is judged by who wires the program. One thread at a time; constant after loading.
 */
#ifndef SD_CONFIG_SETTINGS_H
#define SD_CONFIG_SETTINGS_H

#include "base/scrub.h"
#include "config/problems.h"

/* The product's rows; ends as every table does. */
extern const sd_option sd_config_options[];

typedef enum sd_setting_origin {
  SD_ORIGIN_COMMAND_LINE = 0,
  SD_ORIGIN_ENVIRONMENT = 1,
  SD_ORIGIN_FILE = 2
} sd_setting_origin;

typedef struct sd_setting {
  const sd_option *option;
  int number; /* N of a row with {N}, else 0 */
  char name[SD_OPTION_NAME_MAX];
  sd_setting_origin origin;
  unsigned line;         /* in the file, else 0 */
  char *text;            /* without blanks around it */
  bool valid;            /* value is set; otherwise it is empty or a problem tells why */
  sd_option_value value; /* points into text */
} sd_setting;

typedef struct sd_assignment {
  const char *name;
  const char *value;
} sd_assignment;

typedef struct sd_settings_sources {
  const sd_assignment *command_line;
  size_t command_line_count;
  char *const *environment; /* as environ; NULL: none */
  const char *file;         /* NULL: none */
  bool file_is_optional;    /* a missing file is no problem */
} sd_settings_sources;

typedef struct sd_settings sd_settings;

/* What is wrong goes to problems; every secret is registered at the scrubber (may be NULL). SD_NOMEM is the
 * only failure. The sources are copied. */
SD_MUST_CHECK sd_status sd_settings_load(const sd_settings_sources *sources, sd_scrubber *scrubber,
                                         sd_problems *problems, sd_settings **ret_settings);
/* NULL is allowed. */
void sd_settings_free(sd_settings *settings);

/* The setting of the row that is called `variable` ("MOTHERDUCK_{N}_BATCH"; asking for a row that is not in
 * the table is a mistake in the program and aborts). NULL when it is not set; also when it is set, but empty
 * or not valid. */
const sd_setting *sd_settings_find(const sd_settings *settings, const char *variable, int number);
/* As above, but also finds what is empty or not valid. */
const sd_setting *sd_settings_find_any(const sd_settings *settings, const char *variable, int number);
/* Text, or the row's default, or NULL. */
const char *sd_settings_text(const sd_settings *settings, const char *variable, int number);
/* The typed value, or the row's default's, or fallback when there is neither. */
int64_t sd_settings_number(const sd_settings *settings, const char *variable, int number, int64_t fallback);

/* All settings, sorted by row, then number. */
size_t sd_settings_count(const sd_settings *settings);
const sd_setting *sd_settings_at(const sd_settings *settings, size_t index);

/* The file that was read, "" when none was. */
const char *sd_settings_file(const sd_settings *settings);
/* Number of variables taken from it. */
size_t sd_settings_from_file(const sd_settings *settings);

/* The row with this variable; NULL when there is none. */
const sd_option *sd_config_option(const char *variable);

/* The known name nearest to a variable's, with N taken from it, into dst; returns the distance. */
unsigned sd_config_nearest(const char *variable, char *dst, size_t size);

#endif
