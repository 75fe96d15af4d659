/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The cache in a run: signatures of nodes, hits, what is kept. */
#include "base/alloc.h"
#include "base/clock.h"
#include "pipeline/cache.h"
#include "pipeline/hooks.h"

#include <stdio.h>
#include <string.h>

static sd_bytes environment(void)
{
  static const char ENVIRONMENT[] = "streamduck.pipeline.1";
  return sd_bytes_make(ENVIRONMENT, sizeof ENVIRONMENT - 1);
}

static sd_cache *process_cache;

static void make_process_cache(void)
{
  if (sd_memory_cache_new(0, &process_cache, NULL) != SD_OK)
    process_cache = NULL;
}

sd_cache *sd_node_cache(const sd_frame *frame, const sd_node *node)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  if (node->options.cache == SD_CACHE_NEVER)
    return NULL;
  if (node->options.cache == SD_CACHE_DEFAULT || frame->aspects.cache)
    return frame->aspects.cache;
  pthread_once(&once, make_process_cache);
  return process_cache;
}

static sd_signer *take_signer(sd_run *run)
{
  sd_signer *signer = NULL;
  pthread_mutex_lock(&run->lock);
  if (run->signer_count > 0)
    signer = run->signers[--run->signer_count];
  pthread_mutex_unlock(&run->lock);
  if (!signer && sd_signer_new(run->memo, &signer) != SD_OK)
    return NULL;
  return signer;
}

static void give_signer(sd_run *run, sd_signer *signer)
{
  pthread_mutex_lock(&run->lock);
  if (run->signer_count < sizeof run->signers / sizeof *run->signers) {
    run->signers[run->signer_count++] = signer;
    signer = NULL;
  }
  pthread_mutex_unlock(&run->lock);
  sd_signer_free(signer);
}

/* Puts a digest that was computed where all find it; a second one of the same is the same. */
static void publish(atomic_int *state, uint8_t *place, const uint8_t *digest)
{
  int none = 0;
  if (atomic_compare_exchange_strong(state, &none, 1)) {
    memcpy(place, digest, SD_SIGNATURE_SIZE);
    atomic_store(state, 2);
  }
}

static sd_status node_code(sd_node *node, uint8_t *digest, sd_error *error);

static sd_status structure(sd_pipeline *pipeline, uint8_t *digest, sd_error *error)
{
  const sd_plan *plan = &pipeline->plan;
  if (atomic_load(&pipeline->structure_state) == 2) {
    memcpy(digest, pipeline->structure, SD_SIGNATURE_SIZE);
    return SD_OK;
  }
  sd_signer *signer;
  sd_status status = sd_signer_new(NULL, &signer);
  if (status != SD_OK)
    return sd_error_set(error, status, "out of memory for a signature");
  sd_signer_begin(signer, SD_SIGN_STRUCTURE);
  for (uint32_t r = 0; r < plan->count && status == SD_OK; r++) {
    uint8_t part[SD_SIGNATURE_SIZE];
    status = node_code(plan->records[r].node, part, error);
    if (status == SD_OK)
      sd_signer_part(signer, part);
    /* Defaults belong to what it consists of. */
    const sd_node_options *options = &plan->records[r].node->options;
    for (size_t i = 0; i < options->input_count; i++)
      if (options->inputs[i].has_default && !sd_value_is_absent(options->inputs[i].default_value))
        sd_signer_value(signer, options->inputs[i].name, options->inputs[i].default_value, NULL);
  }
  for (uint32_t i = 0; i < plan->bound_count; i++)
    sd_signer_value(signer, plan->bound[i].name, plan->bound[i].value, NULL);
  if (status == SD_OK)
    status = sd_signer_end(signer, digest, error);
  sd_signer_free(signer);
  if (status == SD_OK)
    publish(&pipeline->structure_state, pipeline->structure, digest);
  return status;
}

static sd_status node_code(sd_node *node, uint8_t *digest, sd_error *error)
{
  if (atomic_load(&node->code_state) == 2) {
    memcpy(digest, node->code_digest, SD_SIGNATURE_SIZE);
    return SD_OK;
  }
  sd_signer *signer;
  sd_status status = sd_signer_new(NULL, &signer);
  if (status != SD_OK)
    return sd_error_set(error, status, "out of memory for a signature");
  if (!node->pipeline) {
    status = sd_signer_code(signer, &node->options, digest);
    if (status != SD_OK)
      sd_error_set(error, status, "the code of node '%s' could not be signed", node->options.name);
  } else {
    uint8_t inner[SD_SIGNATURE_SIZE];
    status = structure(node->pipeline, inner, error);
    if (status == SD_OK) {
      const sd_plan *plan = &node->pipeline->plan;
      sd_signer_begin(signer, SD_SIGN_STRUCTURE);
      sd_signer_part(signer, inner);
      for (size_t i = 0; i < node->options.input_count; i++) {
        const char *names[2] = {node->options.inputs[i].name, plan->inputs[node->inner_inputs[i]].name};
        for (int n = 0; n < 2; n++)
          sd_signer_text(signer, sd_bytes_make(names[n], strlen(names[n])));
        sd_signer_number(signer, node->mapped ? 1 + (uint64_t)node->mapped[i] : 0);
      }
      sd_signer_number(signer, (uint64_t)node->map_mode);
      for (size_t k = 0; k < node->options.output_count; k++) {
        const char *names[2] = {plan->output_names[node->inner_outputs[k]], node->options.outputs[k]};
        for (int n = 0; n < 2; n++)
          sd_signer_text(signer, sd_bytes_make(names[n], strlen(names[n])));
      }
      status = sd_signer_end(signer, digest, error);
    }
  }
  sd_signer_free(signer);
  if (status == SD_OK)
    publish(&node->code_state, node->code_digest, digest);
  return status;
}

void sd_source_digest(sd_value value, sd_source *source)
{
  if (!source->upstream && !source->has_digest && sd_signer_wants_digest(value))
    source->has_digest = sd_value_hash(value, source->digest, NULL) == SD_OK;
}

bool sd_node_sign(sd_frame *frame, uint32_t record, uint8_t *ret_signature, sd_error *error)
{
  const sd_record *r = &frame->plan->records[record];
  uint8_t code[SD_SIGNATURE_SIZE];
  if (node_code(r->node, code, error) != SD_OK)
    return false;
  sd_signer *signer = take_signer(frame->run);
  if (!signer) {
    sd_error_set(error, SD_NOMEM, "out of memory for a signature");
    return false;
  }
  sd_signer_begin(signer, SD_SIGN_NODE);
  sd_signer_computation(signer, code, environment());
  bool good = true;
  for (uint32_t i = 0; i < r->input_count && good; i++) {
    uint32_t slot = frame->plan->input_slots[r->inputs + i];
    const sd_source *source = &frame->sources[slot];
    const char *name = r->node->options.inputs[i].name;
    sd_value value = frame->slots[slot];
    if (source->upstream)
      sd_signer_upstream(signer, name, source->digest, source->output);
    else if (sd_value_is_absent(value))
      sd_signer_text(signer, sd_bytes_make(name, strlen(name)));
    else if ((good = sd_lazy_force(value, &value, error) == SD_OK))
      sd_signer_value(signer, name, value, source->has_digest ? source->digest : NULL);
  }
  uint8_t signature[SD_SIGNATURE_SIZE];
  sd_error ended;
  sd_status status = sd_signer_end(signer, signature, &ended);
  if (status != SD_OK && good && error)
    *error = ended;
  give_signer(frame->run, signer);
  if (status != SD_OK || !good)
    return false;
  memcpy(ret_signature, signature, SD_SIGNATURE_SIZE);
  return true;
}

static void set_sources(sd_frame *frame, uint32_t record, const uint8_t *signature)
{
  const sd_record *r = &frame->plan->records[record];
  for (uint32_t k = 0; frame->sources && k < r->output_count; k++) {
    sd_source *source = &frame->sources[r->output_slot + k];
    *source = (sd_source){.upstream = true, .output = k};
    memcpy(source->digest, signature, SD_SIGNATURE_SIZE);
  }
}

static bool find(sd_frame *frame, uint32_t record, sd_cache_entry *ret_entry)
{
  const sd_record *r = &frame->plan->records[record];
  sd_cell *cell = &frame->cells[record];
  sd_cache *cache = sd_node_cache(frame, r->node);
  cell->asked = true;
  if (!cache)
    return false;
  cell->is_signed = sd_node_sign(frame, record, cell->signature, NULL);
  if (!cell->is_signed)
    return false;
  set_sources(frame, record, cell->signature);
  return sd_cache_find(cache, cell->signature, ret_entry, NULL) == SD_OK &&
         ret_entry->output_count == r->output_count;
}

/* The outputs of a hit; small ones are read at once. */
static bool take(sd_frame *frame, uint32_t record, const sd_cache_entry *entry)
{
  const sd_record *r = &frame->plan->records[record];
  sd_cache *cache = sd_node_cache(frame, r->node);
  sd_value *outputs = &frame->slots[r->output_slot];
  bool now = frame->run->eager || entry->bytes <= SD_CACHE_INLINE_MAX;
  for (uint32_t k = 0; k < r->output_count; k++) {
    sd_status status = now ? sd_cache_load(cache, frame->cells[record].signature, k, &outputs[k], NULL)
                           : sd_lazy_new(cache, frame->cells[record].signature, k, &outputs[k]);
    if (status == SD_OK)
      continue;
    outputs[k] = sd_value_null();
    while (k-- > 0) {
      sd_value_release(outputs[k]);
      outputs[k] = sd_value_null();
    }
    return false;
  }
  return true;
}

bool sd_cache_lookup(sd_frame *frame, uint32_t record)
{
  sd_cache_entry entry;
  bool hooked = sd_hooked(frame) && !frame->pipeline->implicit;
  int64_t start = hooked ? (int64_t)sd_clock_monotonic_ns() : 0;
  if (!frame->sources || !find(frame, record, &entry) || !take(frame, record, &entry))
    return false;
  frame->cached++;
  if (hooked) {
    char text[SD_SIGNATURE_TEXT_SIZE];
    sd_cache_event event = {.status = SD_CACHE_HIT,
                            .signature = sd_signature_text(frame->cells[record].signature, text),
                            .duration_ns = (int64_t)sd_clock_monotonic_ns() - start,
                            .compute_saved_ns = entry.compute_ns};
    sd_hook_node_cached(frame, record, &event);
  }
  return true;
}

bool sd_cache_lookup_all(sd_frame *frame)
{
  const sd_plan *plan = frame->plan;
  uint32_t hits = 0;
  if (!frame->caching)
    return false;
  for (uint32_t r = 0; r < plan->count; r++) {
    if (frame->needed && !frame->needed[r])
      continue;
    if (plan->records[r].node->pipeline || !sd_node_cache(frame, plan->records[r].node))
      return false;
  }
  for (uint32_t r = 0; r < plan->count; r++) {
    sd_cache_entry entry;
    if (frame->needed && !frame->needed[r])
      continue;
    if (!find(frame, r, &entry) || !take(frame, r, &entry)) {
      /* Those before are asked again where callbacks want to hear of them. */
      for (uint32_t before = 0; before < r; before++) {
        const sd_record *record = &plan->records[before];
        frame->cells[before].asked = false;
        for (uint32_t k = 0; k < record->output_count; k++) {
          sd_value_release(frame->slots[record->output_slot + k]);
          frame->slots[record->output_slot + k] = sd_value_null();
        }
      }
      return false;
    }
    hits++;
  }
  frame->cached += hits;
  return true;
}

void sd_cache_keep(sd_frame *frame, uint32_t record, int64_t compute_ns, sd_cache_event *event)
{
  const sd_record *r = &frame->plan->records[record];
  sd_cell *cell = &frame->cells[record];
  sd_cache *cache = sd_node_cache(frame, r->node);
  if (!cache || !cell->is_signed)
    return;
  set_sources(frame, record, cell->signature);
  int64_t start = event && sd_hooked(frame) ? (int64_t)sd_clock_monotonic_ns() : 0;
  sd_value *outputs = &frame->slots[r->output_slot];
  sd_error error = {.code = SD_OK};
  sd_status status = SD_OK;
  sd_value *values = sd_alloc(r->output_count * sizeof *values);
  if (!values)
    status = SD_NOMEM;
  for (uint32_t k = 0; status == SD_OK && k < r->output_count; k++)
    status = sd_lazy_force(outputs[k], &values[k], &error);
  if (status == SD_OK)
    status = sd_cache_store(cache, cell->signature, values, r->output_count, compute_ns, &error);
  sd_free(values);
  sd_run_context *context = frame->run->context;
  if (status != SD_OK && context->warn) {
    char text[SD_ERROR_MESSAGE_MAX + SD_PIPELINE_NAME_MAX + 64];
    snprintf(text, sizeof text, "the result of node '%s' was not stored: %s", r->node->options.name,
             error.code == SD_OK ? sd_status_text(status) : error.message);
    pthread_mutex_lock(&context->hooks);
    context->warn(context->warn_user, text);
    pthread_mutex_unlock(&context->hooks);
  }
  if (event) {
    event->status = status == SD_OK ? SD_CACHE_WRITE : SD_CACHE_MISS;
    event->duration_ns = start ? (int64_t)sd_clock_monotonic_ns() - start : 0;
  }
}

bool sd_cache_sign_items(sd_run *run, const sd_source *sources, size_t count, sd_source *ret_source)
{
  for (size_t i = 0; i < count; i++)
    if (!sources[i].upstream)
      return false;
  sd_signer *signer = take_signer(run);
  if (!signer)
    return false;
  sd_signer_begin(signer, SD_SIGN_ITEMS);
  for (size_t i = 0; i < count; i++) {
    sd_signer_part(signer, sources[i].digest);
    sd_signer_number(signer, sources[i].output);
  }
  sd_source source = {.upstream = true};
  bool good = sd_signer_end(signer, source.digest, NULL) == SD_OK;
  give_signer(run, signer);
  if (good)
    *ret_source = source;
  return good;
}
