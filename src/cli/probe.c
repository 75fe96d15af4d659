/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Asking brokers about hubs. */
#include "cli/probe.h"

#include "base/alloc.h"
#include "eventhubs/source.h"

typedef struct probe probe;

typedef struct slot {
  probe *probe;
  sd_probe_result *result;
  sd_source *source; /* NULL: could not be made */
  sd_error trouble;  /* the last one that the source goes on retrying after */
  bool stopping;
  bool stopped;
  bool finished; /* result is final; stop the source when control is back at the loop */
} slot;

struct probe {
  uv_loop_t loop;
  uv_timer_t deadline;
  uv_idle_t sweep; /* stops finished sources outside of their own callbacks */
  slot *slots;
  size_t count;
  uint32_t timeout_ms;
};

static void on_sweep(uv_idle_t *idle);

static void finish(slot *s)
{
  s->finished = true;
  uv_idle_start(&s->probe->sweep, on_sweep);
}

static void on_ready(void *owner, const sd_source_partition *partitions, uint32_t count,
                     const char *incarnation)
{
  slot *s = owner;
  (void)incarnation;
  if (s->finished)
    return;
  s->result->partitions = sd_calloc(count ? count : 1, sizeof *partitions);
  if (s->result->partitions) {
    memcpy(s->result->partitions, partitions, count * sizeof *partitions);
    s->result->partition_count = count;
  } else {
    sd_error_set(&s->result->error, SD_NOMEM, "out of memory");
  }
  finish(s);
}

static sd_status on_event(void *owner, uint32_t partition, const sd_event *event)
{
  (void)owner;
  (void)partition;
  (void)event;
  return SD_AGAIN;
}

static void on_nothing(void *owner)
{
  (void)owner;
}

static void on_trouble(void *owner, uint32_t partition, sd_trouble trouble, const sd_error *error)
{
  slot *s = owner;
  (void)partition;
  if (s->finished)
    return;
  if (trouble == SD_TROUBLE_RETRYING) {
    s->trouble = *error;
    return;
  }
  s->result->error = *error;
  finish(s);
}

static void on_refreshed(void *owner, const sd_source_partition *partitions, uint32_t count,
                         const sd_error *error)
{
  (void)owner;
  (void)partitions;
  (void)count;
  (void)error;
}

static void end_when_all_stopped(probe *p)
{
  for (size_t i = 0; i < p->count; i++) {
    if (p->slots[i].source && !p->slots[i].stopped)
      return;
  }
  uv_stop(&p->loop);
}

static void on_stopped(void *owner)
{
  slot *s = owner;
  s->stopped = true;
  end_when_all_stopped(s->probe);
}

static const sd_source_handler handler = {
    .struct_size = sizeof handler,
    .on_ready = on_ready,
    .on_event = on_event,
    .on_idle = on_nothing,
    .on_trouble = on_trouble,
    .on_recovered = on_nothing,
    .on_refreshed = on_refreshed,
    .on_stopped = on_stopped,
};

static void on_sweep(uv_idle_t *idle)
{
  probe *p = idle->data;
  uv_idle_stop(idle);
  for (size_t i = 0; i < p->count; i++) {
    slot *s = &p->slots[i];
    if (!s->source || !s->finished || s->stopping)
      continue;
    s->stopping = true;
    s->source->vtable->stop(s->source);
  }
}

static void on_deadline(uv_timer_t *timer)
{
  probe *p = timer->data;
  for (size_t i = 0; i < p->count; i++) {
    slot *s = &p->slots[i];
    if (s->finished)
      continue;
    if (s->trouble.code != SD_OK)
      s->result->error = s->trouble;
    else
      sd_error_set(&s->result->error, SD_TIMEOUT,
                   "%s did not answer within %u s: check host, port and firewall",
                   s->result->mapping->stream.host, (unsigned)(p->timeout_ms / 1000));
    finish(s);
  }
}

static void start_source(slot *s, sd_log *log)
{
  const sd_stream_mapping *m = &s->result->mapping->stream;
  sd_eventhubs_options options = {
      .struct_size = sizeof options,
      .host = m->host,
      .port = m->port,
      .tls = m->tls,
      .ca_file = m->ca_file,
      .hub = m->hub,
      .consumer_group = m->consumer_group,
      .sas_key_name = m->sas_key_name,
      .sas_key = m->sas_key,
      .sas_token = m->sas_token,
      .receiver_name = "streamduck-probe",
  };
  sd_error *error = &s->result->error;
  sd_status status = sd_eventhubs_source_new(&s->probe->loop, &options, &handler, s, log, &s->source, error);
  if (status != SD_OK) {
    s->source = NULL;
    s->finished = true;
    return;
  }
  status = s->source->vtable->start(s->source, error);
  if (status != SD_OK) {
    s->finished = true;
    s->stopping = true;
    s->stopped = true;
  }
}

static void run_loop(probe *p, sd_log *log)
{
  p->sweep.data = p;
  p->deadline.data = p;
  uv_idle_init(&p->loop, &p->sweep);
  uv_timer_init(&p->loop, &p->deadline);
  uv_timer_start(&p->deadline, on_deadline, p->timeout_ms, 0);
  bool any = false;
  for (size_t i = 0; i < p->count; i++) {
    start_source(&p->slots[i], log);
    any = any || (p->slots[i].source && !p->slots[i].stopped);
  }
  if (any)
    uv_run(&p->loop, UV_RUN_DEFAULT);
  for (size_t i = 0; i < p->count; i++) {
    if (p->slots[i].source)
      p->slots[i].source->vtable->free(p->slots[i].source);
  }
  uv_close((uv_handle_t *)&p->sweep, NULL);
  uv_close((uv_handle_t *)&p->deadline, NULL);
  uv_run(&p->loop, UV_RUN_DEFAULT);
  uv_loop_close(&p->loop);
}

sd_status sd_probe_run(const sd_job *job, uint32_t timeout_ms, sd_log *log, sd_probe_result *results,
                       size_t *ret_count, sd_error *error)
{
  probe p = {.timeout_ms = timeout_ms};
  p.slots = sd_calloc(job->mapping_count ? job->mapping_count : 1, sizeof *p.slots);
  if (!p.slots || uv_loop_init(&p.loop) != 0) {
    sd_free(p.slots);
    return sd_error_set(error, SD_NOMEM, "out of memory");
  }
  for (size_t i = 0; i < job->mapping_count; i++) {
    if (!job->mappings[i].complete)
      continue;
    results[p.count] = (sd_probe_result){.mapping = &job->mappings[i]};
    p.slots[p.count] = (slot){.probe = &p, .result = &results[p.count]};
    p.count++;
  }
  run_loop(&p, log);
  sd_free(p.slots);
  *ret_count = p.count;
  return SD_OK;
}

void sd_probe_release(sd_probe_result *results, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    sd_free(results[i].partitions);
    results[i].partitions = NULL;
  }
}
