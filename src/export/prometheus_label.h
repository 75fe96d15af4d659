/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Labels of Prometheus text (OpenTelemetry, Prometheus and OpenMetrics compatibility: metric attributes). */
#ifndef SD_EXPORT_PROMETHEUS_LABEL_H
#define SD_EXPORT_PROMETHEUS_LABEL_H

#include "base/buf.h"

#include <streamduck/metrics.h>

enum { SD_PROMETHEUS_LABELS_MAX = 256 /* of one sample; more are left out */ };

typedef struct sd_prometheus_label {
  const char *key; /* as OpenTelemetry has it */
  sd_any value;    /* borrowed */
  size_t name_at;  /* private: the name in labels.names */
  size_t name_len;
  bool is_written;
} sd_prometheus_label;

typedef struct sd_prometheus_labels {
  sd_prometheus_label items[SD_PROMETHEUS_LABELS_MAX];
  size_t count;
  sd_buf names; /* scratch */
  sd_buf value; /* scratch */
} sd_prometheus_labels;

void sd_prometheus_labels_init(sd_prometheus_labels *labels, size_t max_bytes);
void sd_prometheus_labels_release(sd_prometheus_labels *labels);

void sd_prometheus_labels_clear(sd_prometheus_labels *labels);
void sd_prometheus_labels_add(sd_prometheus_labels *labels, const char *key, sd_any value);

/* Appends name="value",… without braces. Values of keys that become the same name are joined with ';', in the
 * order of the keys. The name `reserved` (NULL: none) is not given to any of them: it is prefixed with
 * "exported_". */
SD_MUST_CHECK sd_status sd_prometheus_labels_write(sd_prometheus_labels *labels, const char *reserved,
                                                   sd_buf *out);

/* Appends text with '\\', line ends and, on demand, '"' escaped. */
void sd_prometheus_escape(sd_bytes text, bool with_quotes, sd_buf *out);

#endif
