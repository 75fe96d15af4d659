/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Variables that look like ours and are not known. */
#ifndef SD_CONFIG_UNKNOWN_H
#define SD_CONFIG_UNKNOWN_H

#include "config/settings.h"

/*
 * Reports a variable without a row when its name begins as ours do: an error in a file or on the command
 * line, where only streamduck reads it; a warning in the environment, which other programs use too. In a file
 * a name that begins differently, but is nearly a known one, gives a warning. Values are never quoted.
 */
void sd_unknown_report(sd_problems *problems, sd_setting_origin origin, const char *file, unsigned line,
                       const char *name);

#endif
