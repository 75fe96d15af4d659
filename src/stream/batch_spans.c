/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The spans of a mapping's batches: eventhub._on_event from the event that closed the batch until the batch
 * is dealt with, eventhub._process_batch for how that went. */
#include "base/clock.h"
#include "stream/mapping_internal.h"
#include "stream/producer_link.h"

enum { EVENT_ATTRIBUTES = 17, NS_PER_S = 1000000000 };

/* One event as a span names it. */
typedef struct event_place {
  const char *partition_id;
  int64_t sequence_number;
  sd_bytes offset;
  int64_t enqueued_us;
  uint64_t total;     /* messages received up to it */
  uint32_t batch;     /* messages that it stands for */
  bool first_message; /* none before these */
  bool batch_ready;
} event_place;

static size_t describe(const sd_mapping *mapping, const event_place *event, sd_attribute *attributes)
{
  const sd_stream_mapping *settings = mapping->settings;
  size_t n = 0;
  attributes[n++] = sd_attribute_string("partition_id", event->partition_id);
  attributes[n++] = sd_attribute_int("sequence_number", event->sequence_number);
  attributes[n++] =
      sd_attribute_make("offset", sd_any_text((const char *)event->offset.data, event->offset.len));
  attributes[n++] = sd_attribute_bool("first_message", event->first_message);
  attributes[n++] = sd_attribute_bool("batch_ready", event->batch_ready);
  attributes[n++] = sd_attribute_int("total_messages_received", (int64_t)event->total);
  attributes[n++] = sd_attribute_string("messaging.system", "eventhubs");
  attributes[n++] = sd_attribute_string("messaging.operation.name", "process");
  attributes[n++] = sd_attribute_string("messaging.operation.type", "process");
  attributes[n++] = sd_attribute_string("messaging.destination.name", settings->hub);
  attributes[n++] = sd_attribute_string("messaging.destination.partition.id", event->partition_id);
  attributes[n++] = sd_attribute_string("messaging.consumer.group.name", settings->consumer_group);
  attributes[n++] =
      sd_attribute_int("messaging.eventhubs.message.enqueued_time", event->enqueued_us / 1000000);
  attributes[n++] = sd_attribute_string("server.address", mapping->ns);
  attributes[n++] = sd_attribute_int("server.port", sd_mapping_port(mapping));
  if (event->batch_ready)
    attributes[n++] = sd_attribute_int("messaging.batch.message_count", event->batch);
  return n;
}

static sd_span *start(const sd_mapping *mapping, const event_place *event, int level, const sd_link *links,
                      size_t link_count)
{
  sd_attribute attributes[EVENT_ATTRIBUTES];
  const sd_span_options options = {.struct_size = sizeof options,
                                   .kind = SD_SPAN_CONSUMER,
                                   .parent = &mapping->spans.source_context,
                                   .attributes = attributes,
                                   .attribute_count = describe(mapping, event, attributes),
                                   .links = links,
                                   .link_count = link_count,
                                   .level = level};
  return sd_span_start(mapping->spans.tracer, "eventhub._on_event", &options);
}

static bool is_same_span(const sd_context *a, const sd_context *b)
{
  return memcmp(a->span_id, b->span_id, sizeof a->span_id) == 0 &&
         memcmp(a->trace_id, b->trace_id, sizeof a->trace_id) == 0;
}

/* Producers often write the same context into all events that they send together. */
static size_t find_links(const sd_batch *batch, sd_link *links)
{
  size_t count = 0;
  uint32_t looked = 0;
  for (const sd_batch_segment *segment = batch->first; segment; segment = segment->next) {
    for (uint32_t row = 0; row < segment->rows; row++) {
      if (count == SD_TRACE_LINKS_MAX || looked++ == SD_TRACE_LINK_EVENTS_MAX)
        return count;
      sd_link link = {.attributes = NULL};
      if (segment->properties_len[row] > 0 &&
          sd_producer_link_find(sd_batch_properties(segment, row), &link.context) &&
          (count == 0 || !is_same_span(&links[count - 1].context, &link.context)))
        links[count++] = link;
    }
  }
  return count;
}

static void on_closed(void *user, sd_batch_node *node)
{
  sd_mapping *mapping = user;
  sd_mapping_spans *spans = &mapping->spans;
  const sd_batch *batch = node->write.batch;
  const sd_batch_segment *segment = batch->last;
  uint32_t row = segment->rows - 1;
  event_place last = {
      .partition_id = batch->partitions[segment->partition[row]].partition_id,
      .sequence_number = segment->sequence_number[row],
      .offset = sd_batch_offset(segment, row),
      .enqueued_us = segment->enqueued_us[row],
      .total = spans->closed_rows + batch->rows,
      .batch = batch->rows,
      .first_message = spans->closed_rows == 0,
      .batch_ready = true,
  };
  sd_link links[SD_TRACE_LINKS_MAX];
  size_t link_count = sd_tracer_enabled(spans->tracer, SD_LEVEL_INFO) ? find_links(batch, links) : 0;
  node->span = start(mapping, &last, SD_LEVEL_INFO, links, link_count);
  node->context = node->span ? sd_span_context(node->span) : spans->source_context;
  node->closed_ns = sd_clock_monotonic_ns();
  spans->closed_rows += batch->rows;
  double latency = (double)(mapping->env.unix_us(mapping->env.user) - last.enqueued_us) / 1e6;
  sd_point_record(spans->metrics.receive_latency, latency);
  sd_point_record(spans->metrics.batch_size, batch->rows);
}

static void end(sd_batch_node *node, bool success)
{
  sd_span_set_bool(node->span, "success", success);
  if (!success)
    sd_span_set_level(node->span, SD_LEVEL_WARN);
  sd_span_end(node->span);
  node->span = NULL;
}

/* How it went: from the COMMIT, which the writer's spans end with, until the mapping knows. */
static void process_batch(const sd_mapping *mapping, const sd_batch_node *node, bool success,
                          uint32_t checkpoints)
{
  const sd_batch *batch = node->write.batch;
  const sd_attribute attributes[] = {
      sd_attribute_int("batch_size", batch->rows),
      sd_attribute_int("partitions", batch->partition_count),
      sd_attribute_bool("processor_success", success),
      sd_attribute_int("checkpoints_updated", checkpoints),
      sd_attribute_string("messaging.system", "eventhubs"),
      sd_attribute_string("messaging.operation.name", "checkpoint"),
      sd_attribute_string("messaging.operation.type", "settle"),
      sd_attribute_string("messaging.destination.name", mapping->settings->hub),
      sd_attribute_string("messaging.consumer.group.name", mapping->settings->consumer_group),
      sd_attribute_int("messaging.batch.message_count", batch->rows),
  };
  const sd_span_options options = {.struct_size = sizeof options,
                                   .parent = &node->context,
                                   .attributes = attributes,
                                   .attribute_count = sizeof attributes / sizeof *attributes,
                                   .start_unix_ns = success ? node->write.committed_us * 1000 : 0,
                                   .level = SD_LEVEL_INFO};
  sd_span *span = sd_span_start(mapping->spans.tracer, "eventhub._process_batch", &options);
  if (!success)
    sd_span_set_level(span, SD_LEVEL_WARN);
  sd_span_end(span);
}

static void on_dropped(void *user, sd_batch_node *node)
{
  sd_mapping *mapping = user;
  if (node->submitted)
    process_batch(mapping, node, false, 0);
  end(node, false);
}

void sd_mapping_spans_watch(sd_mapping *mapping)
{
  if (!mapping->spans.tracer)
    return;
  mapping->batcher.user = mapping;
  mapping->batcher.on_closed = on_closed;
  mapping->batcher.on_dropped = on_dropped;
}

void sd_mapping_spans_event(sd_mapping *mapping, uint32_t partition, const sd_event *event)
{
  const sd_batch_node *open = mapping->batcher.open;
  const event_place place = {
      .partition_id = mapping->partitions[partition].id,
      .sequence_number = event->sequence_number,
      .offset = event->offset,
      .enqueued_us = event->enqueued_us,
      .total = mapping->spans.closed_rows + (open ? open->write.batch->rows : 0),
      .batch = 1,
      .first_message = mapping->spans.closed_rows == 0 && open && open->write.batch->rows == 1,
  };
  sd_link link = {.attributes = NULL};
  bool linked = sd_producer_link_find(event->properties, &link.context);
  sd_span_end(start(mapping, &place, SD_LEVEL_DEBUG, &link, linked ? 1 : 0));
}

void sd_mapping_spans_submit(sd_batch_node *node)
{
  node->write.base.context = node->context;
  node->submitted = true;
}

void sd_mapping_spans_landed(sd_mapping *mapping, sd_batch_node *node, uint32_t partitions)
{
  if (!mapping->spans.tracer)
    return;
  sd_mapping_metrics *metrics = &mapping->spans.metrics;
  metrics->checkpoints += partitions;
  sd_point_record(metrics->process_duration, (double)(sd_clock_monotonic_ns() - node->closed_ns) / NS_PER_S);
  process_batch(mapping, node, true, partitions);
  end(node, true);
}
