/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Random pipelines (nested, mapped, cached, on threads, completed by another thread) against an interpreter
 * that knows only names: equal results, and every node called equally often.
 *
 * STREAMDUCK_TEST_SEED repeats a run, STREAMDUCK_TEST_ROUNDS sets how many pipelines (2,000).
 */
#include "base/alloc.h"
#include "rig.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VARIABLES = 256, NODES = 8, DEPTH = 3, INPUTS = 3, WAITING = 256 };

typedef struct plan plan;

/* One node: a sum, a list, or a pipeline. A variable has one name everywhere. */
typedef struct step {
  char name[16];
  unsigned inputs[INPUTS];
  unsigned input_count;
  unsigned output;
  int64_t factor, addend;
  bool makes_list, later, never;
  plan *inner;
  int over; /* variable mapped over; -1: none */
  unsigned expected;
  atomic_uint calls;
} step;

struct plan {
  step steps[NODES];
  unsigned count;
  bool made[VARIABLES]; /* by it or below */
  bool used[VARIABLES]; /* taken from outside */
  unsigned backend;
};

static uint64_t state;
static unsigned variables, names;
static sd_backend *backends[5];

static unsigned roll(unsigned bound)
{
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (unsigned)((state >> 11) % bound);
}

static char *variable_name(unsigned v, char *dst)
{
  snprintf(dst, 16, "v%u", v);
  return dst;
}

/* ---- Computing */

static int64_t flat_sum(sd_value value)
{
  if (sd_value_kind_of(value) != SD_VALUE_LIST)
    return sd_value_as_int(value);
  int64_t sum = 0;
  for (size_t i = 0; i < sd_value_count(value); i++)
    sum += flat_sum(sd_value_at(value, i)) * (int64_t)(i + 1);
  return sum;
}

static sd_value compute(const step *s, const sd_value *inputs)
{
  int64_t sum = s->addend;
  for (unsigned i = 0; i < s->input_count; i++)
    sum += flat_sum(inputs[i]) * s->factor;
  sum %= 1000003;
  if (!s->makes_list)
    return sd_value_int(sum);
  sd_value items[4], list;
  size_t count = (size_t)(sum < 0 ? -sum : sum) % 5;
  for (size_t i = 0; i < count; i++)
    items[i] = sd_value_int(sum + (int64_t)(i / 2)); /* some are equal */
  assert_int_equal(sd_value_list(items, count, &list), SD_OK);
  return list;
}

/* Completes calls in random order. */
static struct {
  pthread_mutex_t lock;
  pthread_cond_t more;
  sd_node_call *calls[WAITING];
  sd_value outputs[WAITING];
  unsigned count;
  bool stop;
  unsigned random;
} later = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER, .random = 1};

static void *complete_later(void *user)
{
  pthread_mutex_lock(&later.lock);
  for (;;) {
    while (later.count == 0 && !later.stop)
      pthread_cond_wait(&later.more, &later.lock);
    if (later.count == 0)
      break;
    later.random = later.random * 1103515245u + 12345u;
    unsigned i = (later.random >> 16) % later.count;
    sd_node_call *call = later.calls[i];
    sd_value output = later.outputs[i];
    later.count--;
    later.calls[i] = later.calls[later.count];
    later.outputs[i] = later.outputs[later.count];
    pthread_mutex_unlock(&later.lock);
    sd_node_call_complete(call, SD_OK, &output, NULL);
    pthread_mutex_lock(&later.lock);
  }
  pthread_mutex_unlock(&later.lock);
  return user;
}

static sd_status call_step(void *user, sd_node_call *call, const sd_value *inputs, sd_value *outputs,
                           sd_error *error)
{
  (void)error;
  step *s = user;
  atomic_fetch_add(&s->calls, 1);
  sd_value output = compute(s, inputs);
  if (!s->later) {
    outputs[0] = output;
    return SD_OK;
  }
  sd_node_call_defer(call);
  pthread_mutex_lock(&later.lock);
  if (later.count < WAITING) {
    later.calls[later.count] = call;
    later.outputs[later.count++] = output;
    call = NULL;
    pthread_cond_signal(&later.more);
  }
  pthread_mutex_unlock(&later.lock);
  if (call)
    sd_node_call_complete(call, SD_OK, &output, NULL);
  return SD_OK;
}

/* ---- Making */

/* types: 0 not there, 1 number, 2 list of numbers, 3 other list. */
static plan *make(unsigned depth, const uint8_t *outer)
{
  plan *p = sd_calloc(1, sizeof *p);
  assert_non_null(p);
  uint8_t types[VARIABLES];
  memcpy(types, outer, sizeof types);
  p->backend = roll(6);
  p->count = 1 + roll(NODES);
  for (unsigned n = 0; n < p->count; n++) {
    step *s = &p->steps[n];
    snprintf(s->name, sizeof s->name, "n%u", names++);
    s->over = -1;
    unsigned known[VARIABLES], count = 0;
    for (unsigned v = 0; v < variables; v++)
      if (types[v])
        known[count++] = v;
    if (depth < DEPTH && variables < VARIABLES - 40 && roll(4) == 0) {
      uint8_t inside[VARIABLES];
      memcpy(inside, types, sizeof inside);
      if (roll(2) == 0) {
        unsigned v = known[roll(count)];
        if (types[v] == 2) {
          s->over = (int)v;
          inside[v] = 1;
        }
      }
      s->inner = make(depth + 1, inside);
      if (s->over >= 0 && !s->inner->used[s->over])
        s->over = -1; /* nothing in it takes the list */
      for (unsigned v = 0; v < VARIABLES; v++) {
        if (s->inner->made[v]) {
          p->made[v] = true;
          types[v] = s->over >= 0 ? 3 : inside[v] ? inside[v] : 3;
        }
        if (s->inner->used[v] && !p->made[v])
          p->used[v] = true;
      }
      continue;
    }
    if (variables == VARIABLES) {
      p->count = n;
      break;
    }
    s->input_count = 1 + roll(INPUTS);
    if (s->input_count > count)
      s->input_count = count;
    for (unsigned i = 0; i < s->input_count; i++) {
      unsigned k = i + roll(count - i), v = known[k];
      known[k] = known[i];
      known[i] = v;
      s->inputs[i] = v;
      if (!p->made[v])
        p->used[v] = true;
    }
    s->factor = (int64_t)roll(7) - 3;
    s->addend = (int64_t)roll(100);
    s->makes_list = roll(3) == 0;
    s->later = roll(4) == 0;
    s->never = roll(6) == 0;
    s->output = variables++;
    types[s->output] = s->makes_list ? 2 : 1;
    p->made[s->output] = true;
  }
  assert_true(p->count > 0);
  return p;
}

static void unmake(plan *p)
{
  for (unsigned n = 0; n < p->count; n++)
    if (p->steps[n].inner)
      unmake(p->steps[n].inner);
  sd_free(p);
}

static void reset(plan *p)
{
  for (unsigned n = 0; n < p->count; n++) {
    p->steps[n].expected = 0;
    atomic_store(&p->steps[n].calls, 0);
    if (p->steps[n].inner)
      reset(p->steps[n].inner);
  }
}

static sd_pipeline *build(plan *p, const sd_aspects *root)
{
  sd_node *nodes[NODES];
  for (unsigned n = 0; n < p->count; n++) {
    step *s = &p->steps[n];
    if (s->inner) {
      char over[16];
      const char *map_over = over;
      sd_as_node_options options = {.struct_size = sizeof options, .name = s->name};
      if (s->over >= 0) {
        variable_name((unsigned)s->over, over);
        options.map_over = &map_over;
        options.map_over_count = 1;
      }
      nodes[n] = rig_as_node(build(s->inner, NULL), &options);
      continue;
    }
    char texts[INPUTS + 1][16];
    sd_node_input inputs[INPUTS];
    for (unsigned i = 0; i < s->input_count; i++)
      inputs[i] = (sd_node_input){.name = variable_name(s->inputs[i], texts[i])};
    const char *output = variable_name(s->output, texts[INPUTS]);
    char code[64];
    snprintf(code, sizeof code, "%lld %lld %d", (long long)s->factor, (long long)s->addend, s->makes_list);
    sd_node_options options = {.struct_size = sizeof options,
                               .name = s->name,
                               .inputs = inputs,
                               .input_count = s->input_count,
                               .outputs = &output,
                               .output_count = 1,
                               .function = call_step,
                               .user = s,
                               .code = code,
                               .cache = s->never ? SD_CACHE_NEVER : SD_CACHE_DEFAULT};
    assert_int_equal(sd_node_new(&options, &nodes[n], NULL), SD_OK);
  }
  /* The order of declaration has no meaning. */
  for (unsigned n = p->count; n > 1; n--) {
    unsigned k = roll(n);
    sd_node *node = nodes[k];
    nodes[k] = nodes[n - 1];
    nodes[n - 1] = node;
  }
  sd_pipeline_options options = {.struct_size = sizeof options, .nodes = nodes, .node_count = p->count};
  if (root)
    options.aspects = *root;
  if (p->backend < 5)
    options.aspects.backend = backends[p->backend], options.aspects.given |= SD_ASPECT_BACKEND;
  sd_pipeline *pipeline;
  sd_error error;
  if (sd_pipeline_new(&options, &pipeline, &error) != SD_OK)
    fail_msg("%s", error.message);
  for (unsigned n = 0; n < p->count; n++)
    sd_node_release(nodes[n]);
  return pipeline;
}

/* ---- Interpreting */

/* What is needed for what is wanted; marks it in want as well. */
static void mark(plan *p, bool *want, bool *needed)
{
  for (unsigned n = p->count; n-- > 0;) {
    step *s = &p->steps[n];
    if (!s->inner) {
      for (unsigned i = 0; want[s->output] && i < s->input_count; i++)
        want[s->inputs[i]] = true;
      continue;
    }
    bool any = false;
    for (unsigned v = 0; v < VARIABLES; v++)
      any |= s->inner->made[v] && want[v];
    if (!any)
      continue;
    mark(s->inner, want, needed);
    for (unsigned v = 0; v < VARIABLES; v++)
      want[v] |= s->inner->used[v];
  }
}

static void interpret(plan *p, sd_value *values, const bool *want)
{
  for (unsigned n = 0; n < p->count; n++) {
    step *s = &p->steps[n];
    if (!s->inner) {
      if (!want[s->output])
        continue;
      sd_value inputs[INPUTS];
      for (unsigned i = 0; i < s->input_count; i++)
        inputs[i] = values[s->inputs[i]];
      s->expected++;
      sd_value_release(values[s->output]);
      values[s->output] = compute(s, inputs);
      continue;
    }
    bool any = false;
    for (unsigned v = 0; v < VARIABLES; v++)
      any |= s->inner->made[v] && want[v];
    if (!any)
      continue;
    if (s->over < 0) {
      interpret(s->inner, values, want);
      continue;
    }
    sd_value list = values[s->over];
    size_t count = sd_value_count(list);
    sd_value(*columns)[4] = sd_calloc(VARIABLES, sizeof *columns);
    assert_non_null(columns);
    for (size_t i = 0; i < count; i++) {
      values[s->over] = sd_value_at(list, i);
      interpret(s->inner, values, want);
      for (unsigned v = 0; v < VARIABLES; v++)
        if (s->inner->made[v] && want[v])
          columns[v][i] = sd_value_retain(values[v]);
    }
    values[s->over] = list;
    for (unsigned v = 0; v < VARIABLES; v++) {
      if (!s->inner->made[v] || !want[v])
        continue;
      sd_value_release(values[v]);
      assert_int_equal(sd_value_list(columns[v], count, &values[v]), SD_OK);
    }
    sd_free(columns);
  }
}

typedef enum comparing { ALL_CALLS, AT_MOST, ONLY_NEVER } comparing;

static void compare_calls(plan *p, comparing how)
{
  for (unsigned n = 0; n < p->count; n++) {
    step *s = &p->steps[n];
    if (s->inner) {
      compare_calls(s->inner, how);
      continue;
    }
    unsigned calls = atomic_load(&s->calls);
    if (how == ALL_CALLS || s->never)
      assert_int_equal(calls, s->expected);
    else
      assert_in_range(calls, 0, how == AT_MOST ? s->expected : 0);
  }
}

static void check(plan *p, sd_pipeline *pipeline, const sd_named_value *inputs, size_t count, int only,
                  comparing how)
{
  sd_value values[VARIABLES] = {{NULL, {0}}};
  bool want[VARIABLES];
  for (unsigned v = 0; v < VARIABLES; v++)
    want[v] = only < 0 || v == (unsigned)only;
  bool needed[VARIABLES] = {false};
  mark(p, want, needed);
  for (unsigned v = 0; v < 2; v++)
    values[v] = sd_value_retain(inputs[v].value);
  reset(p);
  interpret(p, values, want);
  char name[16];
  const char *output = name;
  sd_run_options options = {.struct_size = sizeof options, .inputs = inputs, .input_count = count};
  if (only >= 0) {
    variable_name((unsigned)only, name);
    options.outputs = &output;
    options.output_count = 1;
  }
  sd_result *result;
  sd_error error;
  if (sd_pipeline_run(pipeline, &options, &result, &error) != SD_OK)
    fail_msg("%s", error.message);
  for (size_t i = 0; i < sd_result_count(result); i++) {
    sd_value value;
    assert_int_equal(sd_result_at(result, i, &value, NULL), SD_OK);
    unsigned v = (unsigned)strtoul(sd_result_name(result, i) + 1, NULL, 10);
    if (!sd_value_equal(value, values[v])) {
      char is[200], should[200];
      fail_msg("%s is %s, not %s", sd_result_name(result, i), sd_value_print(value, is, sizeof is),
               sd_value_print(values[v], should, sizeof should));
    }
    sd_value_release(value);
  }
  sd_result_free(result);
  compare_calls(p, how);
  for (unsigned v = 0; v < VARIABLES; v++)
    sd_value_release(values[v]);
}

static void one_round(void)
{
  variables = 2;
  names = 0;
  uint8_t types[VARIABLES] = {1, 2};
  plan *p = make(1, types);
  sd_value items[3] = {sd_value_int(roll(9)), sd_value_int(roll(9)), sd_value_int(roll(3))}, list;
  assert_int_equal(sd_value_list(items, roll(4), &list), SD_OK);
  sd_named_value given[2] = {{"v0", sd_value_int(roll(100))}, {"v1", list}};
  sd_named_value inputs[2];
  size_t count = 0;
  sd_aspects aspects = {.given = 0};
  bool cached = roll(2) == 0;
  if (cached) {
    assert_int_equal(sd_memory_cache_new(0, &aspects.cache, NULL), SD_OK);
    aspects.given = SD_ASPECT_CACHE;
  }
  sd_pipeline *pipeline = build(p, &aspects);
  sd_cache_release(aspects.cache);
  inputs[0] = given[0];
  inputs[1] = given[1];
  if (p->used[0] && p->used[1])
    count = 2;
  else if (p->used[0])
    count = 1;
  sd_named_value second[2] = {given[1], given[0]};
  (void)second;
  unsigned made[VARIABLES], made_count = 0;
  for (unsigned v = 0; v < VARIABLES; v++)
    if (p->made[v])
      made[made_count++] = v;
  if (count == 0 && p->used[1]) {
    /* Only the list is taken: it is given alone. */
    sd_value_release(list);
    sd_pipeline_release(pipeline);
    unmake(p);
    return;
  }
  int only = (int)made[roll(made_count)];
  check(p, pipeline, inputs, count, only, cached ? AT_MOST : ALL_CALLS);
  check(p, pipeline, inputs, count, -1, cached ? AT_MOST : ALL_CALLS);
  check(p, pipeline, inputs, count, -1, cached ? ONLY_NEVER : ALL_CALLS);
  sd_value_release(list);
  sd_pipeline_release(pipeline);
  unmake(p);
}

static void random_pipelines_do_what_the_interpreter_does(void **unused)
{
  (void)unused;
  const char *text = getenv("STREAMDUCK_TEST_SEED"), *rounds_text = getenv("STREAMDUCK_TEST_ROUNDS");
  uint64_t seed = text ? strtoull(text, NULL, 10) : 20261122;
  unsigned long rounds = rounds_text ? strtoul(rounds_text, NULL, 10) : 2000;
  static const sd_local_backend_options OPTIONS[5] = {
      {sizeof OPTIONS[0], SD_SEQUENTIAL, SD_SEQUENTIAL, 0},
      {sizeof OPTIONS[0], SD_THREADED, SD_THREADED, 3},
      {sizeof OPTIONS[0], SD_ASYNCHRONOUS, SD_ASYNCHRONOUS, 2},
      {sizeof OPTIONS[0], SD_SEQUENTIAL, SD_THREADED, 2},
      {sizeof OPTIONS[0], SD_THREADED, SD_ASYNCHRONOUS, 1}};
  for (int i = 0; i < 5; i++)
    assert_int_equal(sd_local_backend_new(&OPTIONS[i], &backends[i], NULL), SD_OK);
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, complete_later, NULL), 0);
  for (unsigned long i = 0; i < rounds; i++) {
    state = (seed + i) * 0x9E3779B97F4A7C15u + 1;
    for (int warm = 0; warm < 8; warm++)
      (void)roll(2);
    printf("# seed %llu\n", (unsigned long long)(seed + i));
    one_round();
  }
  pthread_mutex_lock(&later.lock);
  later.stop = true;
  pthread_cond_signal(&later.more);
  pthread_mutex_unlock(&later.lock);
  pthread_join(thread, NULL);
  for (int i = 0; i < 5; i++)
    sd_backend_release(backends[i]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(random_pipelines_do_what_the_interpreter_does)};
  return cmocka_run_group_tests_name("pipeline/random", tests, NULL, NULL);
}
