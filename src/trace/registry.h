/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The instruments and metric readers of one telemetry, as telemetry itself uses them. */
#ifndef SD_TRACE_REGISTRY_H
#define SD_TRACE_REGISTRY_H

#include <streamduck/export.h>

typedef struct sd_registry sd_registry;

/* telemetry is complete but for its thread, and outlives the registry; its exporters that take metrics
 * (trace/telemetry.h) get a reader each, so that points count for them from the start. NULL without memory.
 */
sd_registry *sd_registry_new(sd_telemetry *telemetry);
/* NULL is allowed. */
void sd_registry_free(sd_registry *registry);

/* Collects for one exporter of the telemetry: export_metric for each metric, then once with NULL. Called by
 * the telemetry's thread. */
void sd_registry_export(sd_registry *registry, sd_exporter *exporter);

/* fork: the locks are taken before it, so that no other thread is inside while the process is copied, and
 * given back in the parent and in the child. Delta readers begin anew in the child: what was counted before
 * belongs to the parent. */
void sd_registry_before_fork(sd_registry *registry);
void sd_registry_after_fork_parent(sd_registry *registry);
void sd_registry_after_fork(sd_registry *registry);

#endif
