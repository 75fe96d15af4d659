/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Output of commands, always without secrets. */
#ifndef SD_CLI_OUTPUT_H
#define SD_CLI_OUTPUT_H

#include "cli/command.h"
#include "json/json.h"

enum { SD_OUTPUT_MAX = 64 * 1024 * 1024 /* bytes of one text or JSON value */ };

/* Writes the text to a file. */
void sd_output_text(const sd_command_context *context, FILE *file, const sd_buf *text);

/* Takes secrets out of every text in the value. Before encoding, so that the result stays JSON. False when
 * memory is short. */
bool sd_output_scrub_json(const sd_scrubber *scrubber, json_t *value);

/* Prints one JSON value on a line to context->out and releases it. NULL (memory was short when it was made)
 * is told to context->err. False when it failed. */
bool sd_output_json(const sd_command_context *context, json_t *value);

#endif
