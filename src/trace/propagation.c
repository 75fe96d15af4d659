/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Contexts to and from carriers: headers of a request, properties of an event, the environment. */
#include "trace/baggage.h"
#include "trace/context.h"
#include "trace/tracestate.h"

#include <stdlib.h>

enum { HEADERS_MAX = 128 /* values of one header name that are read */ };

/* More than one traceparent is as good as none (W3C Trace Context §3.2.1 wants a single one). */
static bool read_traceparent(sd_carrier_get_fn *get, void *carrier, sd_context *context)
{
  const char *text = get(carrier, "traceparent", 0);
  return text && sd_context_parse_traceparent(text, strlen(text), context) == SD_OK &&
         !get(carrier, "traceparent", 1);
}

static sd_status read_tracestate(sd_carrier_get_fn *get, void *carrier, sd_tracestate *state)
{
  const char *text;
  for (size_t i = 0; i < HEADERS_MAX && (text = get(carrier, "tracestate", i)) != NULL; i++) {
    sd_status status = sd_tracestate_add(state, sd_bytes_of(text));
    if (status == SD_INVALID) {
      sd_buf_clear(&state->list);
      return SD_OK;
    }
    if (status != SD_OK)
      return status;
  }
  sd_tracestate_shrink(state);
  return SD_OK;
}

static sd_status read_baggage(sd_carrier_get_fn *get, void *carrier, sd_baggage *baggage)
{
  const char *text;
  sd_status status = SD_OK;
  for (size_t i = 0; status == SD_OK && i < HEADERS_MAX && (text = get(carrier, "baggage", i)) != NULL; i++)
    status = sd_baggage_add(baggage, sd_bytes_of(text));
  return status;
}

sd_status sd_context_extract(sd_carrier_get_fn *get, void *carrier, sd_context *ret_context)
{
  sd_context context = SD_CONTEXT_NONE;
  sd_tracestate state;
  sd_baggage baggage;
  sd_status status = SD_OK;
  sd_tracestate_init(&state);
  sd_baggage_init(&baggage);
  if (read_traceparent(get, carrier, &context))
    status = read_tracestate(get, carrier, &state);
  else
    context = (sd_context)SD_CONTEXT_NONE;
  if (status == SD_OK)
    status = read_baggage(get, carrier, &baggage);
  if (status == SD_OK)
    status = sd_context_data_new(sd_buf_bytes(&state.list), sd_buf_bytes(&baggage.list), &context.data);
  sd_tracestate_release(&state);
  sd_baggage_release(&baggage);
  if (status == SD_OK)
    *ret_context = context;
  return status;
}

sd_status sd_context_inject(const sd_context *context, sd_carrier_set_fn *set, void *carrier)
{
  char traceparent[SD_TRACEPARENT_SIZE];
  sd_status status = SD_OK;
  if (sd_context_is_valid(context)) {
    status = set(carrier, "traceparent", sd_context_traceparent(context, traceparent));
    if (status == SD_OK && sd_context_tracestate_bytes(context).len > 0)
      status = set(carrier, "tracestate", sd_context_tracestate(context));
  }
  if (status == SD_OK && sd_context_baggage_bytes(context).len > 0)
    status = set(carrier, "baggage", sd_context_baggage(context));
  return status;
}

/* The names that the OpenTelemetry specification gives to headers in an environment. */
static const char *get_variable(void *carrier, const char *name, size_t index)
{
  static const char *const NAMES[][2] = {
      {"traceparent", "TRACEPARENT"}, {"tracestate", "TRACESTATE"}, {"baggage", "BAGGAGE"}};
  (void)carrier;
  for (size_t i = 0; index == 0 && i < sizeof NAMES / sizeof NAMES[0]; i++) {
    if (strcmp(name, NAMES[i][0]) == 0)
      return getenv(NAMES[i][1]);
  }
  return NULL;
}

sd_status sd_context_from_environment(sd_context *ret_context)
{
  return sd_context_extract(get_variable, NULL, ret_context);
}
