/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * A shop's order service that can be watched: one request comes in, a thread packs, another service is asked.
 *
 *   cc orders.c $(pkg-config --cflags --libs libstreamduck-trace) -pthread -o orders && ./orders
 *
 * The console shows the tree. With OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 any collector gets it
 * too.
 */
#define _POSIX_C_SOURCE 200809L /* clock_gettime, also with -std=c17 */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <streamduck/export.h>
#include <streamduck/metrics.h>
#include <streamduck/trace.h>
#include <strings.h>
#include <time.h>

enum { HEADERS_MAX = 8, ITEMS = 3, SHUTDOWN_MS = 3000 };

/* Headers of an HTTP message, as a server or a client has them. */
typedef struct headers {
  char names[HEADERS_MAX][32];
  char values[HEADERS_MAX][256];
  size_t count;
} headers;

static const char *get_header(void *carrier, const char *name, size_t index)
{
  const headers *in = carrier;
  for (size_t i = 0; i < in->count; i++)
    if (strcasecmp(in->names[i], name) == 0 && index-- == 0)
      return in->values[i];
  return NULL;
}

static sd_status set_header(void *carrier, const char *name, const char *value)
{
  headers *out = carrier;
  if (out->count == HEADERS_MAX)
    return SD_LIMIT;
  snprintf(out->names[out->count], sizeof out->names[0], "%s", name);
  snprintf(out->values[out->count], sizeof out->values[0], "%s", value);
  out->count++;
  return SD_OK;
}

/* What the program records with. */
typedef struct shop {
  sd_tracer *tracer;
  sd_point *accepted;
  sd_point *rejected;
  sd_point *duration;
} shop;

/* The thread that packs gets the context by value: a thread begins with none. */
typedef struct packing {
  const shop *shop;
  sd_context context;
} packing;

static void *pack(void *argument)
{
  const packing *job = argument;
  sd_context previous = sd_context_attach(&job->context);
  for (int item = 1; item <= ITEMS; item++) {
    sd_span *span = sd_span_start(job->shop->tracer, "pack item", NULL);
    sd_span_set_int(span, "item", item);
    sd_span_end(span);
  }
  sd_context_restore(&previous);
  return NULL;
}

/* Asks the payment service, which answers that it cannot now. */
static sd_status charge(const shop *shop, sd_error *error)
{
  sd_attribute attributes[] = {sd_attribute_string("server.address", "payments.example"),
                               sd_attribute_string("http.request.method", "POST")};
  sd_span_options options = {
      .struct_size = sizeof options, .kind = SD_SPAN_CLIENT, .attributes = attributes, .attribute_count = 2};
  sd_span *span = sd_span_start(shop->tracer, "POST /charge", &options);

  headers request = {.count = 0};
  sd_context context = sd_span_context(span);
  if (sd_context_inject(&context, set_header, &request) == SD_OK)
    for (size_t i = 0; i < request.count; i++)
      printf("> %s: %s\n", request.names[i], request.values[i]);

  sd_status status = sd_error_set(error, SD_TIMEOUT, "payments.example did not answer: try again later");
  sd_span_record_error(span, error);
  sd_span_end(span);
  return status;
}

static void handle(const shop *shop, headers *request)
{
  struct timespec began, now;
  clock_gettime(CLOCK_MONOTONIC, &began);

  sd_context caller = SD_CONTEXT_NONE;
  if (sd_context_extract(get_header, request, &caller) != SD_OK)
    return;
  sd_span_options options = {.struct_size = sizeof options,
                             .kind = SD_SPAN_SERVER,
                             .parent = &caller,
                             .message = "order {order.id} of {customer}"};
  sd_context previous;
  sd_span *span = sd_span_start_in(shop->tracer, "POST /orders", &options, &previous);
  sd_span_set_int(span, "order.id", 4711);
  sd_span_set_string(span, "customer", "Grace");
  sd_span_set_double(span, "total", 59.95);

  packing job = {shop, sd_span_context(span)};
  pthread_t thread;
  if (pthread_create(&thread, NULL, pack, &job) == 0)
    pthread_join(thread, NULL);
  sd_attribute boxes = sd_attribute_int("boxes", 1);
  sd_span_add_event(span, "packed", 0, &boxes, 1);

  sd_error error;
  if (charge(shop, &error) == SD_OK) {
    sd_point_add(shop->accepted, 1);
  } else {
    sd_attribute reason = sd_attribute_string("reason", error.message);
    sd_tracer_log(shop->tracer, SD_LEVEL_WARN, "order is kept until the payment works: {reason}", &reason, 1);
    sd_point_add(shop->rejected, 1);
  }

  sd_span_end(span);
  sd_context_restore(&previous);
  sd_context_release(&caller);
  clock_gettime(CLOCK_MONOTONIC, &now);
  sd_point_record(shop->duration,
                  (double)(now.tv_sec - began.tv_sec) + (double)(now.tv_nsec - began.tv_nsec) / 1e9);
}

static sd_status open_shop(sd_telemetry *telemetry, shop *shop, sd_error *error)
{
  shop->tracer = sd_telemetry_tracer(telemetry, "orders", "1.0");
  sd_instrument_options orders = {.struct_size = sizeof orders,
                                  .name = "shop.orders",
                                  .unit = "{order}",
                                  .description = "Orders by outcome",
                                  .kind = SD_COUNTER};
  sd_instrument_options duration = {.struct_size = sizeof duration,
                                    .name = "shop.order.duration",
                                    .unit = "s",
                                    .description = "Time to handle an order",
                                    .kind = SD_HISTOGRAM};
  sd_instrument *counter, *histogram;
  sd_status status = sd_instrument_new(shop->tracer, &orders, &counter, error);
  if (status == SD_OK)
    status = sd_instrument_new(shop->tracer, &duration, &histogram, error);
  if (status != SD_OK)
    return status;
  sd_attribute accepted = sd_attribute_string("outcome", "accepted");
  sd_attribute rejected = sd_attribute_string("outcome", "rejected");
  shop->accepted = sd_instrument_point(counter, &accepted, 1);
  shop->rejected = sd_instrument_point(counter, &rejected, 1);
  shop->duration = sd_instrument_point(histogram, NULL, 0);
  return SD_OK;
}

static void complain(void *user, int level, const char *message)
{
  (void)user;
  fprintf(stderr, "telemetry %s: %s\n", sd_level_name(level), message);
}

int main(void)
{
  int exit_code = EXIT_FAILURE;
  sd_error error;
  sd_exporter *console = NULL;
  sd_telemetry *telemetry = NULL;

  if (sd_console_exporter_new(NULL, &console, &error) != SD_OK)
    goto out;
  sd_telemetry_options base = {.struct_size = sizeof base,
                               .service_name = "shop",
                               .service_version = "1.0",
                               .exporters = &console,
                               .exporter_count = 1,
                               .diagnostic = complain};
  sd_environment_options environment = {.struct_size = sizeof environment, .base = &base};
  if (sd_telemetry_new_from_environment(&environment, &telemetry, &error) != SD_OK) {
    sd_exporter_free(console);
    goto out;
  }

  /* With OTEL_SDK_DISABLED=true there is no telemetry, and all that follows works without recording. */
  if (!telemetry)
    sd_exporter_free(console);
  shop shop = {NULL, NULL, NULL, NULL};
  if (telemetry && open_shop(telemetry, &shop, &error) != SD_OK)
    goto out;
  headers request = {{"Traceparent", "baggage"},
                     {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tenant=north"},
                     2};
  handle(&shop, &request);

  if (telemetry && sd_telemetry_shutdown(telemetry, SHUTDOWN_MS, &error) != SD_OK)
    goto out;
  exit_code = EXIT_SUCCESS;
out:
  if (exit_code != EXIT_SUCCESS)
    fprintf(stderr, "orders: %s\n", error.message);
  sd_telemetry_free(telemetry);
  return exit_code;
}
