/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What exporters ask of a tracer. */
#include "fake_tracer.h"

const char *sd_tracer_name(const sd_tracer *tracer)
{
  return tracer->name;
}

const char *sd_tracer_version(const sd_tracer *tracer)
{
  return tracer->version;
}

sd_telemetry *sd_tracer_telemetry(const sd_tracer *tracer)
{
  return tracer->telemetry;
}

const sd_attribute *sd_telemetry_resource(const sd_telemetry *telemetry, size_t *ret_count)
{
  *ret_count = telemetry->resource_count;
  return telemetry->resource;
}
