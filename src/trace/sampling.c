/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Head sampling: always, ratio, custom, each of them alone or for roots only. */
#include "trace/sampling.h"

#include <math.h>

uint64_t sd_ratio_threshold(double ratio)
{
  double scaled = ldexp(ratio, 64);
  /* Above 2^53 a double has no fraction left to round. */
  return (uint64_t)(scaled < 0x1p53 ? nearbyint(scaled) : scaled);
}

sd_status sd_head_sampler_init(sd_head_sampler *sampler, const sd_sampler *options, sd_error *error)
{
  if (options->kind < SD_SAMPLER_ALWAYS_ON || options->kind > SD_SAMPLER_CUSTOM)
    return sd_error_set(error, SD_INVALID, "sampler.kind %d is no sd_sampler_kind", (int)options->kind);
  if (options->kind == SD_SAMPLER_CUSTOM && !options->custom)
    return sd_error_set(error, SD_INVALID, "sampler.custom is missing: set it, or choose another kind");
  if (options->kind == SD_SAMPLER_RATIO && isnan(options->ratio))
    return sd_error_set(error, SD_INVALID, "sampler.ratio is not a number: give one from 0 to 1");
  sampler->options = *options;
  sampler->threshold = 0;
  if (options->kind == SD_SAMPLER_RATIO) {
    if (options->ratio >= 1)
      sampler->options.kind = SD_SAMPLER_ALWAYS_ON;
    else if (options->ratio <= 0)
      sampler->options.kind = SD_SAMPLER_ALWAYS_OFF;
    else
      sampler->threshold = sd_ratio_threshold(options->ratio);
  }
  return SD_OK;
}

bool sd_head_sampler_ask(const sd_head_sampler *sampler, const sd_sampling_input *input)
{
  if (sampler->options.kind == SD_SAMPLER_RATIO)
    return sd_trace_id_number(input->trace_id) < sampler->threshold;
  return sampler->options.custom(sampler->options.user, input) != SD_SAMPLING_DROP;
}
