/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The control protocol: faults on demand, one line of JSON each (docs/emulator.md). */
#include "emulator/state.h"

#include "json/json.h"

#include <inttypes.h>
#include <stdio.h>

enum { STATISTICS_MAX = 64 * 1024 * 1024 };

/* A command and the partitions, links and connections that it means: all, those of a hub, or of a partition.
 */
typedef struct command {
  sd_emulator *emulator;
  json_t *json;
  emu_hub *hub;
  emu_partition *partition;
  uint64_t affected;
  char complaint[256];
} command;

static const char *text_of(const command *c, const char *name, const char *otherwise)
{
  const char *text = json_string_value(json_object_get(c->json, name));
  return text ? text : otherwise;
}

/* A number that is not negative; false with a complaint when it is something else. */
static bool number_of(command *c, const char *name, uint64_t otherwise, uint64_t *ret_number)
{
  const json_t *value = json_object_get(c->json, name);
  *ret_number = otherwise;
  if (!value)
    return true;
  if (!json_is_integer(value) || json_integer_value(value) < 0) {
    (void)snprintf(c->complaint, sizeof c->complaint, "\"%s\" must be a number that is not negative", name);
    return false;
  }
  *ret_number = (uint64_t)json_integer_value(value);
  return true;
}

static bool is_on(const command *c, bool otherwise)
{
  const json_t *value = json_object_get(c->json, "on");
  return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

static bool means_partition(const command *c, const emu_partition *partition)
{
  return (!c->hub || partition->hub == c->hub) && (!c->partition || partition == c->partition);
}

static bool means_link(const command *c, const emu_link *link)
{
  if (link->kind != EMU_LINK_RECEIVER && link->kind != EMU_LINK_SENDER)
    return false;
  return (!c->hub || link->hub == c->hub) && (!c->partition || link->partition == c->partition);
}

static bool means_connection(const command *c, const emu_connection *connection)
{
  if (!c->hub)
    return true;
  for (const emu_link *link = connection->links; link; link = link->next) {
    if (means_link(c, link))
      return true;
  }
  return false;
}

static void each_partition(command *c, void (*act)(command *c, emu_partition *partition))
{
  for (size_t h = 0; h < c->emulator->hub_count; h++) {
    emu_hub *hub = &c->emulator->hubs[h];
    for (uint32_t p = 0; p < hub->partition_count; p++) {
      if (means_partition(c, &hub->partitions[p]))
        act(c, &hub->partitions[p]);
    }
  }
}

static void wake(emu_partition *partition)
{
  for (emu_link *link = partition->receivers; link; link = link->next_receiver)
    emu_mark_dirty(link->connection);
}

/* ---- the commands ---- */

static void detach_links(command *c, const char *condition, const char *description)
{
  for (emu_connection *at = c->emulator->connections; at; at = at->next) {
    for (emu_link *link = at->links; link; link = link->next) {
      if (!link->detached && means_link(c, link)) {
        emu_link_detach(link, condition, "%s", description);
        c->affected++;
      }
    }
  }
}

static bool do_detach(command *c)
{
  detach_links(c, text_of(c, "condition", "amqp:link:detach-forced"),
               text_of(c, "description", "The link was detached by the emulator's control channel."));
  return true;
}

static void steal_from(command *c, emu_partition *partition)
{
  uint32_t only = 0;
  const char *name = text_of(c, "group", NULL);
  bool one = name && emu_find_group(c->emulator, name, &only);
  for (uint32_t g = 0; g < c->emulator->group_count; g++) {
    emu_claims *claims = &partition->claims[g];
    if ((name && !one) || (one && g != only))
      continue;
    emu_claim thief = {
        .has_epoch = true, .epoch = claims->count ? claims->at[0].epoch + 1 : 1, .name = "control"};
    const json_t *epoch = json_object_get(c->json, "epoch");
    if (json_is_integer(epoch))
      thief.epoch = json_integer_value(epoch);
    while (claims->count > 0) {
      emu_claim present = claims->at[0];
      char text[EMU_TEXT_MAX];
      emu_claims_stolen_text(&present, &thief, text, sizeof text);
      if (present.owner) {
        emu_link_detach(present.owner, "amqp:link:stolen", "%s", text);
        c->affected++;
      } else {
        emu_claims_remove(claims, NULL);
      }
    }
    if (json_is_true(json_object_get(c->json, "hold")))
      emu_claims_add(claims, &thief);
  }
}

static bool do_steal(command *c)
{
  each_partition(c, steal_from);
  return true;
}

static void release_claims(command *c, emu_partition *partition)
{
  for (uint32_t g = 0; g < c->emulator->group_count; g++) {
    unsigned before = partition->claims[g].count;
    emu_claims_remove(&partition->claims[g], NULL);
    c->affected += before - partition->claims[g].count;
  }
}

static bool do_release(command *c)
{
  each_partition(c, release_claims);
  return true;
}

static void throttle(command *c, emu_partition *partition)
{
  uint64_t count = UINT64_MAX;
  (void)number_of(c, "count", UINT64_MAX, &count);
  if (!is_on(c, true))
    count = 0;
  const char *what = text_of(c, "what", "send");
  if (strcmp(what, "attach") != 0)
    partition->faults.throttled_sends = count;
  if (strcmp(what, "send") != 0)
    partition->faults.throttled_attaches = count;
  c->affected++;
}

static bool do_throttle(command *c)
{
  uint64_t count = 0;
  const char *what = text_of(c, "what", "send");
  if (strcmp(what, "send") != 0 && strcmp(what, "attach") != 0 && strcmp(what, "both") != 0) {
    (void)snprintf(c->complaint, sizeof c->complaint, "\"what\" must be send, attach or both");
    return false;
  }
  if (!number_of(c, "count", UINT64_MAX, &count))
    return false;
  each_partition(c, throttle);
  return true;
}

static void cut_later(command *c, emu_partition *partition)
{
  (void)number_of(c, "after", 0, &partition->faults.cut_after);
  c->affected++;
}

static bool do_cut(command *c)
{
  uint64_t after = 0;
  if (!number_of(c, "after", 0, &after))
    return false;
  if (after > 0) {
    each_partition(c, cut_later);
    return true;
  }
  for (emu_connection *at = c->emulator->connections; at; at = at->next) {
    if (means_connection(c, at)) {
      emu_connection_cut(at);
      c->affected++;
    }
  }
  return true;
}

static bool do_close(command *c)
{
  char text[EMU_TEXT_MAX];
  emu_error_text(c->emulator, text, sizeof text, "%.512s",
                 text_of(c, "description", "The connection was closed by the emulator's control channel."));
  for (emu_connection *at = c->emulator->connections; at; at = at->next) {
    if (!at->over && means_connection(c, at)) {
      emu_connection_close(at, text_of(c, "condition", "amqp:connection:forced"), text);
      c->affected++;
    }
  }
  return true;
}

static void set_delay(command *c, emu_partition *partition)
{
  uint64_t ms = 0;
  (void)number_of(c, "ms", 0, &ms);
  partition->faults.delay_ms = ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
  c->affected++;
  wake(partition);
}

static bool do_delay(command *c)
{
  uint64_t ms = 0;
  if (!number_of(c, "ms", 0, &ms))
    return false;
  each_partition(c, set_delay);
  return true;
}

static void set_stall(command *c, emu_partition *partition)
{
  partition->faults.stalled = is_on(c, true);
  c->affected++;
  wake(partition);
}

static bool do_stall(command *c)
{
  each_partition(c, set_stall);
  return true;
}

static void forget_faults(command *c, emu_partition *partition)
{
  memset(&partition->faults, 0, sizeof partition->faults);
  c->affected++;
  wake(partition);
}

static void set_silent(command *c, bool silent)
{
  for (emu_connection *at = c->emulator->connections; at; at = at->next) {
    if (at->silent == silent || !means_connection(c, at))
      continue;
    at->silent = silent;
    c->affected++;
    if (!silent) {
      emu_connection_flush(at);
      emu_mark_dirty(at);
    }
  }
}

static bool do_silence(command *c)
{
  set_silent(c, is_on(c, true));
  return true;
}

/* Ends every fault. */
static bool do_resume(command *c)
{
  each_partition(c, forget_faults);
  set_silent(c, false);
  return true;
}

static bool do_expire(command *c)
{
  for (emu_connection *at = c->emulator->connections; at; at = at->next) {
    if (means_connection(c, at))
      emu_tokens_release(at);
  }
  detach_links(c, "amqp:unauthorized-access", "ExpiredToken: The token is expired.");
  return true;
}

static bool do_recreate(command *c)
{
  sd_error error;
  if (!c->hub) {
    (void)snprintf(c->complaint, sizeof c->complaint, "\"hub\" is missing");
    return false;
  }
  c->partition = NULL;
  detach_links(c, "amqp:link:detach-forced", "The entity was deleted and created again.");
  for (uint32_t i = 0; i < c->hub->partition_count; i++)
    release_claims(c, &c->hub->partitions[i]);
  if (emu_hub_recreate(c->hub, &error) != SD_OK) {
    (void)snprintf(c->complaint, sizeof c->complaint, "%.200s", error.message);
    return false;
  }
  return true;
}

/* ---- parsing and answering ---- */

static const struct {
  const char *name;
  bool (*run)(command *c);
} commands[] = {
    {"detach", do_detach},   {"steal", do_steal},   {"release", do_release}, {"throttle", do_throttle},
    {"cut", do_cut},         {"close", do_close},   {"delay", do_delay},     {"stall", do_stall},
    {"silence", do_silence}, {"resume", do_resume}, {"expire", do_expire},   {"recreate", do_recreate},
};

static bool find_objects(command *c)
{
  const char *hub = text_of(c, "hub", NULL);
  const json_t *partition = json_object_get(c->json, "partition");
  char id[EMU_PARTITION_ID_MAX] = "";
  if (hub) {
    c->hub = emu_find_hub(c->emulator, sd_bytes_of(hub));
    if (!c->hub) {
      (void)snprintf(c->complaint, sizeof c->complaint, "there is no hub %.100s", hub);
      return false;
    }
  }
  if (!partition || json_is_null(partition))
    return true;
  if (json_is_string(partition))
    (void)sd_bytes_to_text(sd_bytes_of(json_string_value(partition)), id, sizeof id);
  else if (json_is_integer(partition))
    (void)snprintf(id, sizeof id, "%" JSON_INTEGER_FORMAT, json_integer_value(partition));
  c->partition = c->hub ? emu_find_partition(c->hub, id) : NULL;
  if (!c->partition)
    (void)snprintf(c->complaint, sizeof c->complaint, "\"partition\" needs a \"hub\" that has it");
  return c->partition != NULL;
}

static void complain(sd_buf *answer, const char *text)
{
  json_t *json = json_pack("{s:b, s:s}", "ok", 0, "error", text);
  if (!json || sd_json_write(json, answer) != SD_OK)
    sd_buf_append_text(answer, "{\"ok\":false,\"error\":\"out of memory\"}");
  json_decref(json);
}

void sd_emulator_control(sd_emulator *emulator, sd_bytes line, sd_buf *answer)
{
  command c = {.emulator = emulator};
  sd_error error;
  const char *name = NULL;
  if (sd_json_parse(line, &c.json, &error) != SD_OK || !json_is_object(c.json)) {
    complain(answer, "a command is one JSON object on a line, for example {\"do\":\"stats\"}");
    goto out;
  }
  name = text_of(&c, "do", "");
  if (!find_objects(&c)) {
    complain(answer, c.complaint);
    goto out;
  }
  if (strcmp(name, "stats") == 0) {
    sd_emulator_statistics(emulator, "stats", answer);
    goto out;
  }
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
    if (strcmp(commands[i].name, name) != 0)
      continue;
    if (commands[i].run(&c))
      sd_buf_appendf(answer, "{\"ok\":true,\"affected\":%" PRIu64 "}", c.affected);
    else
      complain(answer, c.complaint);
    goto out;
  }
  complain(
      answer,
      "\"do\" must be one of detach, steal, release, throttle, cut, close, delay, stall, silence, resume, "
      "expire, recreate, stats");
out:
  json_decref(c.json);
}
