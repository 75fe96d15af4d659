/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Addresses of links: what of a hub they mean (eventhubs.md §4.1, §5, §11.1). */
#ifndef SD_EMULATOR_ADDRESS_H
#define SD_EMULATOR_ADDRESS_H

#include "base/bytes.h"

enum { EMU_NAME_MAX = 260, EMU_ADDRESS_MAX = 1024 };

typedef enum emu_address_kind {
  EMU_ADDRESS_UNKNOWN,
  EMU_ADDRESS_CBS,        /* $cbs */
  EMU_ADDRESS_MANAGEMENT, /* $management */
  EMU_ADDRESS_HUB,        /* hub */
  EMU_ADDRESS_PARTITION,  /* hub/Partitions/id */
  EMU_ADDRESS_PUBLISHER,  /* hub/publishers/name */
  EMU_ADDRESS_RECEIVER    /* hub/ConsumerGroups/group/Partitions/id */
} emu_address_kind;

typedef struct emu_address {
  emu_address_kind kind;
  char path[EMU_ADDRESS_MAX]; /* without scheme, authority, slashes at the ends; escapes resolved */
  char hub[EMU_NAME_MAX];
  char group[EMU_NAME_MAX];
  char partition[EMU_NAME_MAX];
  char publisher[EMU_NAME_MAX];
} emu_address;

/* Any text; what has none of the forms is UNKNOWN (path is filled in all the same). */
void emu_address_parse(sd_bytes text, emu_address *ret_address);

/* Takes scheme, authority and slashes at the ends off and resolves percent escapes; false when it is too
 * long. */
bool emu_address_path(sd_bytes text, char *path, size_t size);

/* True when `scope` is `path` or one of its parents, without regard to case. "" covers everything. */
bool emu_address_covers(const char *scope, const char *path);

#endif
