/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * An emulator of Azure Event Hubs over AMQP 1.0: any number of hubs and partitions, a log in memory or on
 * disk, and faults on demand. It serves Microsoft's SDKs unmodified (eventhubs.md §11).
 *
 * Everything runs on the loop's thread. With a data folder all events survive the process; without, memory
 * holds at most memory_max bytes and the oldest events are dropped above that. Nothing is synced to the disk:
 * a publication is acknowledged when the kernel has it, so it survives a kill, not a power failure.
 */
#ifndef SD_EMULATOR_EMULATOR_H
#define SD_EMULATOR_EMULATOR_H

#include "base/buf.h"

#include <uv.h>

enum {
  SD_EMULATOR_HUBS_MAX = 1000,
  SD_EMULATOR_PARTITIONS_MAX = 1024, /* per hub */
  SD_EMULATOR_GROUPS_MAX = 1000,
  SD_EMULATOR_NAME_MAX = 256,            /* bytes of a hub's or group's name */
  SD_EMULATOR_LINE_MAX = 4 * 1024 * 1024 /* of a file to load or a control command */
};

#define SD_EMULATOR_KEY_NAME    "RootManageSharedAccessKey"
#define SD_EMULATOR_DEFAULT_KEY "c3RyZWFtZHVjay1lbXVsYXRvci1rZXk="

typedef struct sd_emulator sd_emulator;

typedef struct sd_emulator_hub {
  const char *name;
  uint32_t partitions;
} sd_emulator_hub;

typedef struct sd_emulator_options {
  size_t struct_size;
  const char *listen_host; /* numeric or "localhost"; required */
  uint16_t listen_port;    /* 0: a free one */
  const char *tls_host;    /* NULL: no TLS */
  uint16_t tls_port;
  const char *cert_file; /* PEM; with tls_host */
  const char *key_file;
  const sd_emulator_hub *hubs;
  size_t hub_count;
  const char *const *groups; /* of every hub, besides $Default */
  size_t group_count;
  const char *data_dir; /* NULL: in memory */
  uint64_t memory_max;  /* bytes of all logs without data_dir; 0: 1 GiB */
  const char *sas_key;  /* verified when given; NULL: any key and token is good */
} sd_emulator_options;

/* Opens the logs; copies everything. SD_CONFIG for options that make no sense. */
SD_MUST_CHECK sd_status sd_emulator_new(uv_loop_t *loop, const sd_emulator_options *options,
                                        sd_emulator **ret_emulator, sd_error *error);
/* Listens. */
SD_MUST_CHECK sd_status sd_emulator_start(sd_emulator *emulator, sd_error *error);
/* Closes listeners and connections; on_stopped comes later from the loop, once. */
void sd_emulator_stop(sd_emulator *emulator, void (*on_stopped)(void *user), void *user);
/* Before start or after on_stopped. */
void sd_emulator_free(sd_emulator *emulator);

/* Appends the events of a file of JSON lines to a hub: {"body": string or any JSON, "partition_key": text,
 * "partition": "0", "properties": {…}}; everything but body may be missing. A bad line stops it: SD_INVALID
 * names it, what stood before it is appended. */
SD_MUST_CHECK sd_status sd_emulator_load(sd_emulator *emulator, const char *hub, const char *path,
                                         uint64_t *ret_events, sd_error *error);

/* One line of the control protocol (docs/emulator.md); always appends exactly one line of JSON, without its
 * end. */
void sd_emulator_control(sd_emulator *emulator, sd_bytes line, sd_buf *answer);

/* {"event":"ready",…}: addresses and connection string. After start. */
void sd_emulator_describe(const sd_emulator *emulator, sd_buf *out);
/* {"event":"<event>","received":…,"sent":…,"hubs":[…]}. */
void sd_emulator_statistics(const sd_emulator *emulator, const char *event, sd_buf *out);

#endif
