/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* All commands, and finding one by its name. */
#include "cli/command.h"

const sd_command *const sd_commands[] = {
    &sd_command_run,
    &sd_command_validate_config,
    &sd_command_check_credentials,
    &sd_command_status,
    &sd_command_monitor,
    &sd_command_import_checkpoints,
    &sd_command_emulator,
    &sd_command_demo,
    &sd_command_demo_send,
    &sd_command_version,
    &sd_command_help,
    NULL,
};

const sd_command *sd_command_find(const char *name)
{
  for (size_t i = 0; sd_commands[i]; i++) {
    if (strcmp(sd_commands[i]->name, name) == 0)
      return sd_commands[i];
  }
  return NULL;
}

const sd_command *sd_command_nearest(const char *name)
{
  const sd_command *best = NULL;
  unsigned best_distance = UINT32_MAX;
  for (size_t i = 0; sd_commands[i]; i++) {
    unsigned distance = sd_option_distance(name, sd_commands[i]->name);
    /* A word that begins a command's name is meant for it, however long the rest is. */
    size_t len = strlen(name);
    if (len >= 3 && strncmp(name, sd_commands[i]->name, len) == 0)
      distance = 0;
    if (!sd_commands[i]->hidden && distance < best_distance) {
      best = sd_commands[i];
      best_distance = distance;
    }
  }
  return best && sd_option_is_near(best_distance, name) ? best : NULL;
}
