/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The rule table: what a failed database operation asks of its mapping. Pure functions, any thread. */
#ifndef SD_STREAM_RULES_H
#define SD_STREAM_RULES_H

#include <streamduck/error.h>

typedef enum sd_rule_action {
  SD_RULE_RETRY = 0,  /* open, claim and write again after a back-off */
  SD_RULE_SHRINK = 1, /* as RETRY, with smaller transactions */
  SD_RULE_HALT = 2    /* somebody has to act; the checkpoint stays where it is */
} sd_rule_action;

enum { SD_RULE_TRIES_UNKNOWN = 10 /* failures in a row that an unknown error is given */ };

typedef struct sd_ruling {
  sd_rule_action action;
  uint32_t tries_max; /* failures in a row after which RETRY and SHRINK become HALT; 0: no limit */
  const char *advice; /* what the operator can do, a static string; NULL when there is nothing to say */
} sd_ruling;

/* Texts decide first, then DuckDB's error type, then the error's own `retriable` mark, then its code. */
sd_ruling sd_rules_judge(const sd_error *error);

#endif
