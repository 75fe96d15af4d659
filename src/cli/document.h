/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Documents made from the tables; the ones in the tree are compared with these by a test. */
#ifndef SD_CLI_DOCUMENT_H
#define SD_CLI_DOCUMENT_H

#include "cli/command.h"

/* docs/configuration.md: every variable, every command. */
void sd_document_markdown(FILE *file);
/* docs/streamduck.1 */
void sd_document_man(FILE *file);
/* .env.example */
void sd_document_env_example(FILE *file);

#endif
