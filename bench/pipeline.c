/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Nanoseconds that the pipeline engine needs per node, beside a plain loop over the same functions.
 *
 * usage: pipeline [rounds]
 * Every case runs in every round, in turn; the smallest and the median are printed as JSON, one case a line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <streamduck/backend.h>
#include <time.h>

enum { NODES = 1000, ITEMS = 1000, ROUNDS_DEFAULT = 101, ROUNDS_MAX = 1001, CASES = 7, BIG = 100000 };

static double now_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static _Noreturn void die(const sd_error *error)
{
  fprintf(stderr, "pipeline: %s\n", error->message);
  exit(1);
}

static sd_status add_one(void *user, sd_node_call *call, const sd_value *inputs, sd_value *outputs,
                         sd_error *error)
{
  (void)user;
  (void)call;
  (void)error;
  outputs[0] = sd_value_int(sd_value_as_int(inputs[0]) + 1);
  return SD_OK;
}

static sd_node *make_node(size_t number, size_t first, size_t second)
{
  char name[16], in[2][16], out[16];
  snprintf(name, sizeof name, "n%zu", number);
  snprintf(out, sizeof out, "v%zu", number);
  snprintf(in[0], sizeof in[0], "v%zu", first);
  snprintf(in[1], sizeof in[1], "v%zu", second);
  sd_node_input inputs[2] = {{.name = in[0]}, {.name = in[1]}};
  const char *output = out;
  sd_node_options options = {.struct_size = sizeof options,
                             .name = name,
                             .inputs = inputs,
                             .input_count = first == second ? 1 : 2,
                             .outputs = &output,
                             .output_count = 1,
                             .function = add_one};
  sd_node *node;
  sd_error error;
  if (sd_node_new(&options, &node, &error) != SD_OK)
    die(&error);
  return node;
}

typedef enum shape { CHAIN, DIAMOND, FAN_OUT } shape;

/* v0 is the input. Gives the time of sd_pipeline_new alone. */
static sd_pipeline *make_pipeline(shape form, size_t nodes, double *ret_ns)
{
  sd_node **list = calloc(nodes, sizeof *list);
  if (!list)
    exit(1);
  for (size_t i = 1; i <= nodes; i++) {
    if (form == CHAIN)
      list[i - 1] = make_node(i, i - 1, i - 1);
    else if (form == FAN_OUT)
      list[i - 1] = make_node(i, 0, 0);
    else /* left, right, both, left … */
      list[i - 1] = i % 3 == 0 ? make_node(i, i - 2, i - 1) : make_node(i, (i - 1) / 3 * 3, (i - 1) / 3 * 3);
  }
  sd_pipeline_options options = {.struct_size = sizeof options, .nodes = list, .node_count = nodes};
  sd_pipeline *pipeline;
  sd_error error;
  double begin = now_ns();
  if (sd_pipeline_new(&options, &pipeline, &error) != SD_OK)
    die(&error);
  if (ret_ns)
    *ret_ns = now_ns() - begin;
  for (size_t i = 0; i < nodes; i++)
    sd_node_release(list[i]);
  free(list);
  return pipeline;
}

static double run(sd_pipeline *pipeline)
{
  sd_named_value input = {"v0", sd_value_int(1)};
  sd_run_options options = {.struct_size = sizeof options, .inputs = &input, .input_count = 1};
  sd_result *result;
  sd_error error;
  double begin = now_ns();
  if (sd_pipeline_run(pipeline, &options, &result, &error) != SD_OK)
    die(&error);
  sd_result_free(result);
  return (now_ns() - begin) / NODES;
}

static double map(sd_pipeline *pipeline, const sd_named_value *list)
{
  const char *over = "v0";
  sd_map_options options = {.struct_size = sizeof options,
                            .inputs = list,
                            .input_count = 1,
                            .map_over = &over,
                            .map_over_count = 1};
  sd_map_result *result;
  sd_error error;
  double begin = now_ns();
  if (sd_pipeline_map(pipeline, &options, &result, &error) != SD_OK)
    die(&error);
  sd_map_result_free(result);
  return (now_ns() - begin) / ITEMS;
}

static double plain_loop(void)
{
  sd_node_fn *volatile function = add_one;
  sd_value value = sd_value_int(1), output = {0};
  double begin = now_ns();
  for (int i = 0; i < NODES; i++) {
    if (function(NULL, NULL, &value, &output, NULL) != SD_OK)
      exit(1);
    value = output;
  }
  return (now_ns() - begin) / NODES;
}

static int by_size(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
  static const char *const NAMES[CASES] = {"loop", "chain",      "diamond",     "fan-out",
                                           "map",  "build_1000", "build_100000"};
  static double times[CASES][ROUNDS_MAX];
  long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : ROUNDS_DEFAULT;
  if (rounds < 1 || rounds > ROUNDS_MAX) {
    fprintf(stderr, "usage: pipeline [rounds], at most %d\n", ROUNDS_MAX);
    return 2;
  }
  sd_pipeline *shapes[3] = {make_pipeline(CHAIN, NODES, NULL), make_pipeline(DIAMOND, NODES - 1, NULL),
                            make_pipeline(FAN_OUT, NODES, NULL)};
  sd_pipeline *one = make_pipeline(CHAIN, 1, NULL);
  static sd_value items[ITEMS];
  for (int i = 0; i < ITEMS; i++)
    items[i] = sd_value_int(i);
  sd_named_value list = {"v0", {0}};
  if (sd_value_list(items, ITEMS, &list.value) != SD_OK)
    return 1;
  for (long r = 0; r < rounds; r++) {
    times[0][r] = plain_loop();
    for (int s = 0; s < 3; s++)
      times[1 + s][r] = run(shapes[s]);
    times[4][r] = map(one, &list);
    sd_pipeline_release(make_pipeline(CHAIN, NODES, &times[5][r]));
    times[5][r] /= NODES;
    times[6][r] = 0;
    if (r < 5) {
      sd_pipeline_release(make_pipeline(CHAIN, BIG, &times[6][r]));
      times[6][r] /= BIG;
    }
  }
  for (int c = 0; c < CASES; c++) {
    long count = c == 6 && rounds > 5 ? 5 : rounds;
    qsort(times[c], (size_t)count, sizeof(double), by_size);
    printf("{\"case\": \"%s\", \"min_ns\": %.1f, \"median_ns\": %.1f}\n", NAMES[c], times[c][0],
           times[c][count / 2]);
  }
  sd_value_release(list.value);
  for (int s = 0; s < 3; s++)
    sd_pipeline_release(shapes[s]);
  sd_pipeline_release(one);
  return 0;
}
