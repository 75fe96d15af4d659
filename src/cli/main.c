/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The program `streamduck`. */
#include "cli/command.h"

#include <signal.h>

int main(int argc, char **argv)
{
  /* A peer or reader that goes away is an error of that write, not the end of the program. */
  signal(SIGPIPE, SIG_IGN);
  return sd_cli_main(argc, argv, stdout, stderr);
}
