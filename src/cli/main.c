/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The program `streamduck`. */
#include "cli/command.h"

int main(int argc, char **argv)
{
  return sd_cli_main(argc, argv, stdout, stderr);
}
