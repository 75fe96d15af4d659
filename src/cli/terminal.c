/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What the output is connected to. */
#include "cli/command.h"

#include <stdlib.h>
#include <unistd.h>

bool sd_terminal_is(FILE *file)
{
  int fd = fileno(file);
  return fd >= 0 && isatty(fd) == 1;
}

bool sd_terminal_has_colour(FILE *file)
{
  const char *no_colour = getenv("NO_COLOR");
  const char *term = getenv("TERM");
  return sd_terminal_is(file) && (!no_colour || !no_colour[0]) && term && strcmp(term, "dumb") != 0;
}
