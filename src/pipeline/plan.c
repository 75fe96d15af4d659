/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* From nodes to a plan: names become slots, the order of execution is found, what is wrong is named. */
#include "pipeline/plan.h"

#include "base/alloc.h"
#include "pipeline/pipeline.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

/* What a name stands for. */
typedef struct entry {
  const char *name;
  uint32_t maker;  /* node in the order of declaration; NONE: an input of the pipeline */
  uint32_t output; /* of the maker; of an input: its number */
} entry;

typedef struct table {
  entry *entries;
  size_t mask;
} table;

/* What is known of an input before the plan has slots. */
typedef struct outside {
  const char *name;
  sd_value fallback; /* the first consumer's default */
  bool required;
  bool differs; /* consumers have different defaults */
  uint32_t number;
} outside;

typedef struct builder {
  sd_plan *plan;
  sd_node *const *nodes;
  size_t count;
  sd_error *error;
  table names;
  outside *inputs;
  size_t input_count;
  size_t edges;         /* inputs of all nodes */
  size_t outputs;       /* of all nodes */
  uint32_t *first_edge; /* per node: into made_by; one more than nodes */
  uint32_t *made_by;    /* per edge: node; NONE: from outside */
  uint32_t *made_as;    /* per edge: output of that node, or the input's number */
  uint32_t *order;      /* nodes in order of execution */
  uint32_t *place;      /* per node: where it stands in it */
  uint32_t *next;       /* consumers, per node from first_next on */
  uint32_t *first_next;
} builder;

static entry *look_up(const table *names, const char *name)
{
  uint64_t hash = 14695981039346656037u;
  for (const char *c = name; *c; c++)
    hash = (hash ^ (uint8_t)*c) * 1099511628211u;
  size_t i = (size_t)(hash ^ (hash >> 32)) & names->mask;
  while (names->entries[i].name && strcmp(names->entries[i].name, name) != 0)
    i = (i + 1) & names->mask;
  return &names->entries[i];
}

static sd_status no_memory(builder *b)
{
  return sd_error_set(b->error, SD_NOMEM, "out of memory for the plan of %zu nodes", b->count);
}

static sd_status name_outputs(builder *b)
{
  for (size_t n = 0; n < b->count; n++) {
    const sd_node_options *options = &b->nodes[n]->options;
    for (size_t k = 0; k < options->output_count; k++) {
      entry *e = look_up(&b->names, options->outputs[k]);
      if (e->name)
        return sd_error_set(b->error, SD_CONFLICT,
                            "the output '%s' is made by node '%s' and by node '%s'; rename one of them",
                            e->name, b->nodes[e->maker]->options.name, options->name);
      *e = (entry){.name = options->outputs[k], .maker = (uint32_t)n, .output = (uint32_t)k};
    }
  }
  return SD_OK;
}

static bool same_default(sd_value a, sd_value b)
{
  if (sd_value_is_absent(a) || sd_value_is_absent(b))
    return sd_value_is_absent(a) && sd_value_is_absent(b);
  return sd_value_equal(a, b);
}

static void wire_inputs(builder *b)
{
  uint32_t edge = 0;
  for (size_t n = 0; n < b->count; n++) {
    const sd_node_options *options = &b->nodes[n]->options;
    b->first_edge[n] = edge;
    for (size_t i = 0; i < options->input_count; i++, edge++) {
      const sd_node_input *input = &options->inputs[i];
      entry *e = look_up(&b->names, input->name);
      if (!e->name) {
        *e = (entry){.name = input->name, .maker = NONE, .output = (uint32_t)b->input_count};
        b->inputs[b->input_count] = (outside){
            .name = input->name, .fallback = input->default_value, .number = (uint32_t)b->input_count};
        b->input_count++;
      }
      b->made_by[edge] = e->maker;
      b->made_as[edge] = e->output;
      if (e->maker != NONE)
        continue;
      outside *o = &b->inputs[e->output];
      if (!input->has_default)
        o->required = true;
      else if (!o->required && !same_default(o->fallback, input->default_value))
        o->differs = true;
    }
  }
  b->first_edge[b->count] = edge;
}

static void collect_consumers(builder *b)
{
  for (size_t e = 0; e < b->edges; e++)
    if (b->made_by[e] != NONE)
      b->first_next[b->made_by[e] + 1]++;
  for (size_t n = 0; n < b->count; n++)
    b->first_next[n + 1] += b->first_next[n];
  uint32_t total = b->first_next[b->count];
  for (size_t n = b->count; n-- > 0;)
    for (uint32_t e = b->first_edge[n + 1]; e-- > b->first_edge[n];)
      if (b->made_by[e] != NONE)
        b->next[--b->first_next[b->made_by[e] + 1]] = (uint32_t)n;
  /* Each entry was moved to its node's beginning, one too far on. */
  for (size_t n = 0; n < b->count; n++)
    b->first_next[n] = b->first_next[n + 1];
  b->first_next[b->count] = total;
}

/* A heap of nodes that are ready, the first declared on top. */
static void heap_push(uint32_t *heap, size_t *size, uint32_t node)
{
  size_t i = (*size)++;
  for (; i > 0 && heap[(i - 1) / 2] > node; i = (i - 1) / 2)
    heap[i] = heap[(i - 1) / 2];
  heap[i] = node;
}

static uint32_t heap_pop(uint32_t *heap, size_t *size)
{
  uint32_t top = heap[0];
  uint32_t last = heap[--*size];
  size_t i = 0;
  for (size_t child = 1; child < *size; child = 2 * i + 1) {
    if (child + 1 < *size && heap[child + 1] < heap[child])
      child++;
    if (heap[child] >= last)
      break;
    heap[i] = heap[child];
    i = child;
  }
  heap[i] = last;
  return top;
}

/* Some node waits for itself: goes back from it until a node comes again, and names the way. */
static sd_status name_cycle(builder *b, const uint32_t *waits)
{
  uint32_t node = 0;
  while (waits[node] == 0)
    node++;
  uint32_t *way = sd_calloc(b->count + 1, sizeof *way); /* against the flow */
  uint32_t *seen = sd_calloc(b->count, sizeof *seen);   /* place on the way, from 1 */
  if (!way || !seen) {
    sd_free(way);
    sd_free(seen);
    return no_memory(b);
  }
  uint32_t len = 0;
  while (!seen[node]) {
    way[len++] = node;
    seen[node] = len;
    uint32_t e = b->first_edge[node];
    while (b->made_by[e] == NONE || waits[b->made_by[e]] == 0)
      e++;
    node = b->made_by[e];
  }
  uint32_t begin = seen[node] - 1;
  /* Said in the direction of the flow, from the node declared first. */
  uint32_t size = len - begin, first = 0;
  for (uint32_t i = 0; i < size; i++)
    if (way[begin + i] < way[begin + first])
      first = i;
  char text[SD_ERROR_MESSAGE_MAX - 64];
  size_t used = 0;
  for (uint32_t i = 0; i <= size; i++) {
    const char *name = b->nodes[way[begin + (first + size - i % size) % size]]->options.name;
    size_t name_len = strlen(name);
    bool last = i == size;
    if (used + name_len + 16 > sizeof text) {
      memcpy(text + used, "...", 3);
      used += 3;
      break;
    }
    memcpy(text + used, name, name_len);
    used += name_len;
    if (!last) {
      memcpy(text + used, " -> ", 4);
      used += 4;
    }
  }
  text[used] = '\0';
  sd_free(way);
  sd_free(seen);
  return sd_error_set(b->error, SD_INVALID, "the nodes wait for each other in a cycle: %s", text);
}

static sd_status find_order(builder *b)
{
  sd_status status = SD_OK;
  size_t size = 0, done = 0;
  uint32_t *waits = sd_calloc(b->count, sizeof *waits);
  uint32_t *heap = sd_calloc(b->count, sizeof *heap);
  if (!waits || !heap) {
    status = no_memory(b);
    goto done;
  }
  for (size_t n = 0; n < b->count; n++) {
    for (uint32_t e = b->first_edge[n]; e < b->first_edge[n + 1]; e++)
      waits[n] += b->made_by[e] != NONE;
    if (waits[n] == 0)
      heap_push(heap, &size, (uint32_t)n);
  }
  while (size > 0) {
    uint32_t node = heap_pop(heap, &size);
    b->place[node] = (uint32_t)done;
    b->order[done++] = node;
    for (uint32_t e = b->first_next[node]; e < b->first_next[node + 1]; e++)
      if (--waits[b->next[e]] == 0)
        heap_push(heap, &size, b->next[e]);
  }
  if (done < b->count)
    status = name_cycle(b, waits);
done:
  sd_free(waits);
  sd_free(heap);
  return status;
}

static int by_name(const void *a, const void *b)
{
  const outside *x = a, *y = b;
  return strcmp(x->name, y->name);
}

static int output_by_name(const void *a, const void *b, void *user)
{
  const char *const *names = user;
  return strcmp(names[*(const uint32_t *)a], names[*(const uint32_t *)b]);
}

static int by_text(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const sd_named_value *find_bound(const sd_plan *plan, const char *name)
{
  for (uint32_t i = 0; i < plan->bound_count; i++)
    if (strcmp(plan->bound[i].name, name) == 0)
      return &plan->bound[i];
  return NULL;
}

/* Slots of inputs. Gives each input's first slot by its number in *ret_slots (freed by the caller). */
static sd_status lay_inputs(builder *b, uint32_t **ret_slots)
{
  sd_plan *plan = b->plan;
  if (b->input_count > 0)
    qsort(b->inputs, b->input_count, sizeof *b->inputs, by_name);
  plan->inputs = sd_calloc(b->input_count, sizeof *plan->inputs);
  plan->fills = sd_calloc(b->edges, sizeof *plan->fills);
  plan->free_inputs = sd_calloc(b->input_count, sizeof(char *));
  uint32_t *slots = sd_calloc(b->input_count, sizeof *slots);
  uint32_t *uses = sd_calloc(b->input_count, sizeof *uses);
  sd_status status = SD_OK;
  uint32_t fill = 0;
  if (!plan->inputs || !plan->fills || !plan->free_inputs || !slots || !uses) {
    status = no_memory(b);
    goto done;
  }
  for (size_t e = 0; e < b->edges; e++)
    if (b->made_by[e] == NONE)
      uses[b->made_as[e]]++;
  plan->input_count = (uint32_t)b->input_count;
  for (uint32_t i = 0; i < plan->input_count; i++) {
    const outside *o = &b->inputs[i];
    const sd_named_value *bound = find_bound(plan, o->name);
    bool apart = !bound && o->differs && !o->required;
    sd_plan_input *input = &plan->inputs[i];
    *input = (sd_plan_input){.name = o->name,
                             .fill = fill,
                             .fill_count = apart ? uses[o->number] : 1,
                             .required = o->required && !bound,
                             .bound = bound != NULL};
    slots[o->number] = fill;
    plan->fills[fill].fallback = bound ? bound->value : o->required ? sd_value_absent() : o->fallback;
    fill += input->fill_count;
    if (!bound)
      plan->free_inputs[plan->free_input_count++] = o->name;
  }
  plan->first_output = fill;
  *ret_slots = slots;
  slots = NULL;
done:
  sd_free(slots);
  sd_free(uses);
  return status;
}

/* Inputs whose consumers have their own slots are told by `differs`, by the input's number. */
static sd_status lay_nodes(builder *b, uint32_t *input_slots, const bool *apart)
{
  sd_plan *plan = b->plan;
  plan->records = sd_calloc(b->count, sizeof *plan->records);
  plan->input_slots = sd_calloc(b->edges, sizeof(uint32_t));
  plan->successors = sd_calloc(b->edges, sizeof(uint32_t));
  plan->output_names = sd_calloc(b->outputs, sizeof(char *));
  plan->sorted_outputs = sd_calloc(b->outputs, sizeof(char *));
  plan->output_order = sd_calloc(b->outputs, sizeof(uint32_t));
  plan->producers = sd_calloc(b->outputs, sizeof(uint32_t));
  plan->node_names = sd_calloc(b->count, sizeof(char *));
  uint32_t *output_slots = sd_calloc(b->count, sizeof *output_slots);
  sd_status status = SD_OK;
  uint32_t edge = 0, successor = 0;
  if (!plan->records || !plan->input_slots || !plan->successors || !plan->output_names ||
      !plan->sorted_outputs || !plan->output_order || !plan->producers || !plan->node_names ||
      !output_slots) {
    status = no_memory(b);
    goto done;
  }
  plan->simple = true;
  plan->depth = 1;
  for (uint32_t r = 0; r < b->count; r++) {
    uint32_t n = b->order[r];
    sd_node *node = sd_node_retain(b->nodes[n]);
    const sd_node_options *options = &node->options;
    sd_record *record = &plan->records[plan->count++];
    *record = (sd_record){.node = node,
                          .function = options->function,
                          .user = options->user,
                          .inputs = edge,
                          .input_count = (uint32_t)options->input_count,
                          .output_slot = plan->first_output + plan->output_count,
                          .output_count = (uint32_t)options->output_count,
                          .next = successor};
    record->simple = !node->pipeline && options->retry.attempts <= 1 && options->cache != SD_CACHE_ALWAYS;
    plan->simple = plan->simple && record->simple;
    plan->has_always = plan->has_always || options->cache == SD_CACHE_ALWAYS;
    if (node->pipeline && node->pipeline->plan.depth + 1 > plan->depth)
      plan->depth = node->pipeline->plan.depth + 1;
    plan->node_names[r] = options->name;
    output_slots[n] = record->output_slot;
    for (uint32_t i = 0; i < record->input_count; i++, edge++) {
      uint32_t e = b->first_edge[n] + i, made_as = b->made_as[e];
      if (b->made_by[e] != NONE) {
        plan->input_slots[edge] = output_slots[b->made_by[e]] + made_as;
        record->waits_for++;
      } else {
        plan->input_slots[edge] = input_slots[made_as];
        if (apart[made_as]) {
          plan->fills[input_slots[made_as]].fallback = options->inputs[i].default_value;
          input_slots[made_as]++;
        }
      }
    }
    for (uint32_t e = b->first_next[n]; e < b->first_next[n + 1]; e++)
      plan->successors[successor++] = b->place[b->next[e]];
    record->next_count = successor - record->next;
    for (uint32_t k = 0; k < record->output_count; k++) {
      plan->output_names[plan->output_count] = options->outputs[k];
      plan->output_order[plan->output_count] = plan->output_count;
      plan->producers[plan->output_count++] = r;
    }
  }
  plan->slot_count = plan->first_output + plan->output_count;
  if (plan->output_count > 0)
    qsort_r(plan->output_order, plan->output_count, sizeof(uint32_t), output_by_name,
            (void *)(uintptr_t)plan->output_names);
  for (uint32_t k = 0; k < plan->output_count; k++)
    plan->sorted_outputs[k] = plan->output_names[plan->output_order[k]];
done:
  sd_free(output_slots);
  return status;
}

static sd_status keep_bound(sd_plan *plan, const sd_named_value *bound, size_t count)
{
  plan->bound = sd_calloc(count, sizeof *plan->bound);
  if (!plan->bound)
    return SD_NOMEM;
  for (size_t i = 0; i < count; i++) {
    plan->bound[i].name = sd_strdup(bound[i].name);
    if (!plan->bound[i].name)
      return SD_NOMEM;
    plan->bound[i].value = sd_value_retain(bound[i].value);
    plan->bound_count++;
  }
  return SD_OK;
}

sd_status sd_plan_build(sd_plan *plan, sd_node *const *nodes, size_t count, const sd_named_value *bound,
                        size_t bound_count, sd_error *error)
{
  builder b = {.plan = plan, .nodes = nodes, .count = count, .error = error};
  uint32_t *input_slots = NULL;
  bool *apart = NULL;
  sd_status status;
  *plan = (sd_plan){0};
  if (count == 0)
    return sd_error_set(error, SD_INVALID, "no nodes");
  if (count > SD_PIPELINE_NODES_MAX)
    return sd_error_set(error, SD_INVALID, "%zu nodes, at most %d are allowed", count, SD_PIPELINE_NODES_MAX);
  for (size_t n = 0; n < count; n++) {
    if (!nodes[n])
      return sd_error_set(error, SD_INVALID, "node %zu is NULL", n);
    b.edges += nodes[n]->options.input_count;
    b.outputs += nodes[n]->options.output_count;
  }
  size_t size = 16;
  while (size < 2 * (b.edges + b.outputs))
    size *= 2;
  b.names = (table){.entries = sd_calloc(size, sizeof(entry)), .mask = size - 1};
  b.inputs = sd_calloc(b.edges, sizeof *b.inputs);
  b.first_edge = sd_calloc(count + 1, sizeof(uint32_t));
  b.made_by = sd_calloc(b.edges, sizeof(uint32_t));
  b.made_as = sd_calloc(b.edges, sizeof(uint32_t));
  b.order = sd_calloc(count, sizeof(uint32_t));
  b.place = sd_calloc(count, sizeof(uint32_t));
  b.next = sd_calloc(b.edges, sizeof(uint32_t));
  b.first_next = sd_calloc(count + 2, sizeof(uint32_t));
  apart = sd_calloc(b.edges, sizeof(bool));
  if (!b.names.entries || !b.inputs || !b.first_edge || !b.made_by || !b.made_as || !b.order || !b.place ||
      !b.next || !b.first_next || !apart || keep_bound(plan, bound, bound_count) != SD_OK) {
    status = no_memory(&b);
    goto done;
  }
  status = name_outputs(&b);
  if (status != SD_OK)
    goto done;
  wire_inputs(&b);
  collect_consumers(&b);
  status = find_order(&b);
  if (status == SD_OK)
    status = lay_inputs(&b, &input_slots);
  if (status != SD_OK)
    goto done;
  for (size_t i = 0; i < b.input_count; i++)
    apart[b.inputs[i].number] = plan->inputs[i].fill_count > 1;
  status = lay_nodes(&b, input_slots, apart);
done:
  sd_free(b.names.entries);
  sd_free(b.inputs);
  sd_free(b.first_edge);
  sd_free(b.made_by);
  sd_free(b.made_as);
  sd_free(b.order);
  sd_free(b.place);
  sd_free(b.next);
  sd_free(b.first_next);
  sd_free(apart);
  sd_free(input_slots);
  if (status != SD_OK)
    sd_plan_release(plan);
  return status;
}

void sd_plan_release(sd_plan *plan)
{
  for (uint32_t i = 0; i < plan->count; i++)
    sd_node_release(plan->records[i].node);
  for (uint32_t i = 0; i < plan->bound_count; i++) {
    sd_free((char *)(uintptr_t)plan->bound[i].name);
    sd_value_release(plan->bound[i].value);
  }
  sd_free(plan->bound);
  sd_free(plan->records);
  sd_free(plan->input_slots);
  sd_free(plan->successors);
  sd_free((void *)(uintptr_t)plan->output_names);
  sd_free((void *)(uintptr_t)plan->sorted_outputs);
  sd_free((void *)(uintptr_t)plan->free_inputs);
  sd_free((void *)(uintptr_t)plan->node_names);
  sd_free(plan->output_order);
  sd_free(plan->producers);
  sd_free(plan->inputs);
  sd_free(plan->fills);
  *plan = (sd_plan){0};
}

static int input_key(const void *key, const void *element)
{
  return strcmp(key, ((const sd_plan_input *)element)->name);
}

uint32_t sd_plan_find_input(const sd_plan *plan, const char *name)
{
  if (plan->input_count == 0)
    return NONE;
  const sd_plan_input *input =
      bsearch(name, plan->inputs, plan->input_count, sizeof *plan->inputs, input_key);
  return input ? (uint32_t)(input - plan->inputs) : NONE;
}

uint32_t sd_plan_find_output(const sd_plan *plan, const char *name)
{
  const char *const *found =
      bsearch(&name, plan->sorted_outputs, plan->output_count, sizeof(char *), by_text);
  return found ? plan->output_order[found - (const char *const *)plan->sorted_outputs] : NONE;
}

char *sd_names_join(const char *const *names, size_t count, char *dst, size_t size)
{
  size_t used = 0;
  for (size_t i = 0; i < count; i++) {
    size_t len = strlen(names[i]);
    if (used + len + 8 > size) {
      memcpy(dst + used, "...", 3);
      used += 3;
      break;
    }
    memcpy(dst + used, names[i], len);
    used += len;
    if (i + 1 < count) {
      memcpy(dst + used, ", ", 2);
      used += 2;
    }
  }
  if (count == 0 && size > 5) {
    memcpy(dst, "none", 4);
    used = 4;
  }
  dst[used] = '\0';
  return dst;
}
