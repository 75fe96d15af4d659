/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The decision at the start of a span. */
#ifndef SD_TRACE_SAMPLING_H
#define SD_TRACE_SAMPLING_H

#include <endian.h>
#include <stdint.h>
#include <streamduck/trace.h>

typedef struct sd_head_sampler {
  sd_sampler options;
  uint64_t threshold; /* of a ratio strictly between 0 and 1: smaller low halves are kept */
} sd_head_sampler;

/* A ratio >= 1 becomes always on, one <= 0 always off. SD_INVALID for NaN, an unknown kind, or a custom
 * sampler without its function. */
SD_MUST_CHECK sd_status sd_head_sampler_init(sd_head_sampler *sampler, const sd_sampler *options,
                                             sd_error *error);

/* Smallest number that a ratio (0 < ratio < 1) of all 64-bit numbers lies below. */
uint64_t sd_ratio_threshold(double ratio);

/* The low 64 bits of a trace id as the number that ratios compare. */
static inline uint64_t sd_trace_id_number(const uint8_t *trace_id)
{
  uint64_t low;
  memcpy(&low, trace_id + 8, sizeof low);
  return be64toh(low);
}

/* True when the decision is known without a trace id: *ret_keep. */
static inline bool sd_head_sampler_is_fixed(const sd_head_sampler *sampler, const sd_context *parent,
                                            bool has_parent, bool *ret_keep)
{
  if (sampler->options.parent_based && has_parent) {
    *ret_keep = parent->flags & SD_TRACE_FLAG_SAMPLED;
    return true;
  }
  *ret_keep = sampler->options.kind == SD_SAMPLER_ALWAYS_ON;
  return sampler->options.kind <= SD_SAMPLER_ALWAYS_OFF;
}

/* The decision where it is not fixed. */
bool sd_head_sampler_ask(const sd_head_sampler *sampler, const sd_sampling_input *input);

#endif
