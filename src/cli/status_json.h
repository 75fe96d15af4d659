/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The engine's state as JSON (docs/status.md): what the status socket answers and `run --json` prints. */
#ifndef SD_CLI_STATUS_JSON_H
#define SD_CLI_STATUS_JSON_H

#include "json/json.h"

#include <streamduck/stream.h>

/* An object; NULL when memory is short. Texts are as the engine has them: clean them before they leave the
 * process (sd_command_print_json does). */
json_t *sd_status_to_json(const sd_stream_snapshot *snapshot);

/* "owned", "elsewhere", "closed" */
const char *sd_partition_state_name(int state);

#endif
