/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Links come and go: what an address means, who may attach, and the answer (eventhubs.md §4.1, §4.5, §5,
 * §11). */
#include "emulator/publication.h"
#include "emulator/state.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/random.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { PROPERTIES_MAX = 64 * 1024 };

void emu_error_text(const sd_emulator *emulator, char *text, size_t size, const char *format, ...)
{
  char uuid[SD_UUID_TEXT_SIZE];
  char now[SD_CLOCK_ISO8601_SIZE];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(text, size, format, args);
  va_end(args);
  if (n < 0 || (size_t)n >= size)
    return;
  (void)snprintf(text + n, size - (size_t)n, " TrackingId:%s_G0, SystemTracker:%s:%u, Timestamp:%s",
                 sd_random_uuid(uuid), emulator->listen_host, (unsigned)emulator->listen_port,
                 sd_clock_iso8601(sd_clock_unix_us() / 1000000 * 1000000, now));
}

void emu_link_detach(emu_link *link, const char *condition, const char *format, ...)
{
  char text[EMU_TEXT_MAX];
  char full[EMU_TEXT_MAX];
  if (link->detached)
    return;
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text - 200, format, args);
  va_end(args);
  emu_error_text(link->connection->emulator, full, sizeof full, "%s", text);
  link->detached = true;
  if (link->kind == EMU_LINK_RECEIVER)
    emu_claims_remove(&link->partition->claims[link->group], link);
  sd_amqp_link_detach(link->amqp, condition, full);
  emu_mark_dirty(link->connection);
}

static void leave_partition(emu_link *link)
{
  emu_partition *partition = link->partition;
  emu_claims_remove(&partition->claims[link->group], link);
  if (link->previous_receiver)
    link->previous_receiver->next_receiver = link->next_receiver;
  else
    partition->receivers = link->next_receiver;
  if (link->next_receiver)
    link->next_receiver->previous_receiver = link->previous_receiver;
}

void emu_link_free(emu_link *link)
{
  emu_connection *connection = link->connection;
  if (link->amqp)
    sd_amqp_link_set_user(link->amqp, NULL);
  if (link->kind == EMU_LINK_RECEIVER && link->partition)
    leave_partition(link);
  if (connection->turn == link)
    connection->turn = link->next;
  if (link->previous)
    link->previous->next = link->next;
  else
    connection->links = link->next;
  if (link->next)
    link->next->previous = link->previous;
  while (link->replies) {
    emu_reply *reply = link->replies;
    link->replies = reply->next;
    sd_free(reply);
  }
  sd_free(link->path);
  sd_free(link->target);
  sd_free(link);
}

/* ---- judging an attach ---- */

typedef struct attaching {
  emu_connection *connection;
  sd_amqp_link *amqp;
  const sd_amqp_attach *remote;
  sd_bytes address_text;
  emu_address address;
  emu_link *link;
  sd_amqp_value properties; /* map, or SD_AMQP_NULL */
} attaching;

static void refuse(attaching *a, const char *condition, const char *description)
{
  char text[EMU_TEXT_MAX];
  emu_error_text(a->connection->emulator, text, sizeof text, "%s", description);
  sd_amqp_link_refuse(a->amqp, condition, text);
}

static void refuse_unknown(attaching *a)
{
  const sd_emulator *emulator = a->connection->emulator;
  char text[EMU_TEXT_MAX];
  (void)snprintf(text, sizeof text, "The messaging entity 'sb://%.100s:%u/%.600s' could not be found.",
                 emulator->listen_host, (unsigned)emulator->listen_port, a->address.path);
  refuse(a, "amqp:not-found", text);
}

static void decode_map(sd_bytes raw, sd_amqp_value *ret_map)
{
  sd_amqp_cursor cursor = sd_amqp_cursor_of(raw);
  if (raw.len == 0 || sd_amqp_decode(&cursor, ret_map) != SD_OK || ret_map->type != SD_AMQP_MAP)
    memset(ret_map, 0, sizeof *ret_map);
}

/* A capability stands in an array of symbols, or alone. */
static bool desires(const sd_amqp_attach *remote, const char *capability)
{
  sd_bytes raw = remote->desired_capabilities_raw;
  sd_amqp_cursor cursor = sd_amqp_cursor_of(raw);
  sd_amqp_value value;
  sd_bytes text;
  if (raw.len == 0 || sd_amqp_decode(&cursor, &value) != SD_OK)
    return false;
  if (sd_amqp_as_text(&value, &text))
    return sd_bytes_equal_text(text, capability);
  if (value.type != SD_AMQP_ARRAY && value.type != SD_AMQP_LIST)
    return false;
  sd_amqp_items items;
  sd_amqp_value item;
  sd_amqp_items_init(&items, &value);
  while (sd_amqp_items_next(&items, &item) == SD_OK) {
    if (sd_amqp_as_text(&item, &text) && sd_bytes_equal_text(text, capability))
      return true;
  }
  return false;
}

static bool new_link(attaching *a, emu_link_kind kind)
{
  emu_link *link = sd_calloc(1, sizeof *link);
  if (link)
    link->path = sd_strdup(a->address.path);
  if (!link || !link->path) {
    sd_free(link);
    refuse(a, "amqp:internal-error", "Out of memory.");
    return false;
  }
  link->kind = kind;
  link->amqp = a->amqp;
  link->connection = a->connection;
  link->next = a->connection->links;
  if (link->next)
    link->next->previous = link;
  a->connection->links = link;
  sd_amqp_link_set_user(a->amqp, link);
  a->link = link;
  return true;
}

/* Properties of the answer: never null, because pyamqp reads them without looking. An idempotent producer
 * gets what it did not bring. */
static void put_properties(const attaching *a, sd_buf *out)
{
  static const char *const names[] = {"com.microsoft:producer-id", "com.microsoft:producer-epoch",
                                      "com.microsoft:producer-sequence-number"};
  sd_amqp_value given[3];
  bool idempotent = desires(a->remote, "com.microsoft:idempotent-producer");
  for (size_t i = 0; i < 3; i++) {
    if (sd_amqp_map_find(&a->properties, names[i], &given[i]))
      idempotent = true;
    else
      given[i].type = SD_AMQP_NULL;
  }
  size_t mark = sd_amqp_begin_map(out);
  if (idempotent && a->remote->role == SD_AMQP_SENDER) {
    int64_t id = 0;
    int64_t epoch = 0;
    int64_t sequence = 0;
    if (!sd_amqp_as_int64(&given[0], &id))
      id = ++a->connection->emulator->producer_ids;
    (void)sd_amqp_as_int64(&given[1], &epoch);
    (void)sd_amqp_as_int64(&given[2], &sequence);
    sd_amqp_put_symbol(out, sd_bytes_of(names[0]));
    sd_amqp_put_long(out, id);
    sd_amqp_put_symbol(out, sd_bytes_of(names[1]));
    sd_amqp_put_short(out, (int16_t)epoch);
    sd_amqp_put_symbol(out, sd_bytes_of(names[2]));
    sd_amqp_put_int(out, (int32_t)sequence);
    sd_amqp_end_map(out, mark, 6);
  } else {
    sd_amqp_end_map(out, mark, 0);
  }
}

static bool accept_link(attaching *a, uint8_t snd_settle_mode)
{
  sd_buf properties;
  sd_buf_init(&properties, PROPERTIES_MAX);
  put_properties(a, &properties);
  sd_amqp_attach local = {.snd_settle_mode = snd_settle_mode,
                          .rcv_settle_mode = a->remote->rcv_settle_mode,
                          .source = a->remote->source,
                          .target = a->remote->target,
                          .has_initial_delivery_count = true,
                          .max_message_size = EMU_PUBLICATION_MAX,
                          .offered_capabilities_raw = a->remote->desired_capabilities_raw,
                          .properties_raw = sd_buf_bytes(&properties)};
  local.source.present = true;
  local.target.present = true;
  sd_status status = sd_buf_status(&properties);
  if (status == SD_OK)
    status = sd_amqp_link_accept(a->amqp, &local);
  else
    refuse(a, "amqp:internal-error", "Out of memory.");
  sd_buf_release(&properties);
  if (status != SD_OK)
    emu_link_free(a->link);
  return status == SD_OK;
}

static void attach_node(attaching *a)
{
  bool asks = a->remote->role == SD_AMQP_SENDER;
  if (!new_link(a, asks ? EMU_LINK_REQUESTS : EMU_LINK_REPLIES))
    return;
  emu_link *link = a->link;
  link->management = a->address.kind == EMU_ADDRESS_MANAGEMENT;
  sd_free(link->path);
  link->path = NULL;
  if (!asks) {
    sd_bytes target = a->remote->target.address;
    link->target = target.len > 0 ? sd_strndup((const char *)target.data, target.len) : sd_strdup("");
    if (!link->target) {
      refuse(a, "amqp:internal-error", "Out of memory.");
      emu_link_free(link);
      return;
    }
  }
  if (accept_link(a, asks ? a->remote->snd_settle_mode : (uint8_t)SD_AMQP_SND_SETTLED) && asks)
    sd_amqp_link_set_credit(a->amqp, EMU_REQUEST_CREDIT);
}

/* False when the link is refused already. */
static bool may_use(attaching *a, const char *right)
{
  if (emu_authorised(a->connection, a->address.path))
    return true;
  const sd_emulator *emulator = a->connection->emulator;
  char text[EMU_TEXT_MAX];
  (void)snprintf(text, sizeof text,
                 "Unauthorized access. '%s' claim(s) are required to perform this operation. Resource: "
                 "'sb://%.100s:%u/%.600s'.",
                 right, emulator->listen_host, (unsigned)emulator->listen_port, a->address.path);
  refuse(a, "amqp:unauthorized-access", text);
  return false;
}

/* NULL when the link is refused already. */
static emu_partition *partition_of(attaching *a, emu_hub *hub)
{
  emu_partition *partition = emu_find_partition(hub, a->address.partition);
  if (partition)
    return partition;
  char text[EMU_TEXT_MAX];
  (void)snprintf(text, sizeof text,
                 "The specified partition is invalid for an EventHub partition sender or receiver. It should "
                 "be between 0 "
                 "and %" PRIu32 ".\r\nParameter name: PartitionId",
                 hub->partition_count - 1);
  refuse(a, "com.microsoft:argument-out-of-range", text);
  return NULL;
}

static bool is_throttled(attaching *a, emu_hub *hub, emu_partition *partition)
{
  for (uint32_t i = 0; i < hub->partition_count; i++) {
    emu_partition *at = &hub->partitions[i];
    if ((partition && partition != at) || at->faults.throttled_attaches == 0)
      continue;
    if (at->faults.throttled_attaches != UINT64_MAX)
      at->faults.throttled_attaches--;
    refuse(a, "com.microsoft:server-busy",
           "The request was terminated because the entity is being throttled. Error code : 50002. Please "
           "wait 4 seconds "
           "and try again.");
    return true;
  }
  return false;
}

static void attach_sender(attaching *a)
{
  emu_hub *hub = emu_find_hub(a->connection->emulator, sd_bytes_of(a->address.hub));
  bool known = a->address.kind == EMU_ADDRESS_HUB || a->address.kind == EMU_ADDRESS_PARTITION ||
               a->address.kind == EMU_ADDRESS_PUBLISHER;
  if (!hub || !known) {
    refuse_unknown(a);
    return;
  }
  if (!may_use(a, "Send"))
    return;
  emu_partition *partition = NULL;
  if (a->address.kind == EMU_ADDRESS_PARTITION) {
    partition = partition_of(a, hub);
    if (!partition)
      return;
  }
  if (is_throttled(a, hub, partition) || !new_link(a, EMU_LINK_SENDER))
    return;
  a->link->hub = hub;
  a->link->partition = partition;
  (void)snprintf(a->link->publisher, sizeof a->link->publisher, "%s", a->address.publisher);
  if (accept_link(a, a->remote->snd_settle_mode)) {
    a->connection->emulator->attached++;
    sd_amqp_link_set_credit(a->amqp, EMU_PRODUCER_CREDIT);
  }
}

static void claim_of(const attaching *a, emu_claim *ret_claim)
{
  sd_amqp_value value;
  sd_bytes name;
  memset(ret_claim, 0, sizeof *ret_claim);
  (void)snprintf(ret_claim->name, sizeof ret_claim->name, "nil");
  if (sd_amqp_map_find(&a->properties, "com.microsoft:epoch", &value) &&
      sd_amqp_as_int64(&value, &ret_claim->epoch))
    ret_claim->has_epoch = true;
  if (sd_amqp_map_find(&a->properties, "com.microsoft:receiver-name", &value) &&
      sd_amqp_as_text(&value, &name) && name.len > 0) {
    (void)sd_bytes_to_text(name, ret_claim->name, sizeof ret_claim->name);
    sd_utf8_repair(ret_claim->name, strlen(ret_claim->name));
  }
}

static void steal_from(emu_claims *claims, const emu_claim *newcomer)
{
  while (claims->count > 0) {
    emu_claim present = claims->at[0];
    char text[EMU_TEXT_MAX];
    emu_claims_stolen_text(&present, newcomer, text, sizeof text);
    if (present.owner)
      emu_link_detach(present.owner, "amqp:link:stolen", "%s", text);
    else
      emu_claims_remove(claims, NULL);
  }
}

static void attach_receiver(attaching *a)
{
  sd_emulator *emulator = a->connection->emulator;
  emu_hub *hub = emu_find_hub(emulator, sd_bytes_of(a->address.hub));
  uint32_t group = 0;
  if (!hub || a->address.kind != EMU_ADDRESS_RECEIVER ||
      !emu_find_group(emulator, a->address.group, &group)) {
    refuse_unknown(a);
    return;
  }
  if (!may_use(a, "Listen"))
    return;
  emu_partition *partition = partition_of(a, hub);
  if (!partition || is_throttled(a, hub, partition))
    return;
  uint64_t position = 0;
  sd_error error;
  if (emu_receiver_start(partition, a->remote->source.filter_raw, &position, &error) != SD_OK) {
    refuse(a, error.code == SD_INVALID ? "com.microsoft:argument-error" : "amqp:internal-error",
           error.message);
    return;
  }
  emu_claim claim;
  claim_of(a, &claim);
  emu_claims *claims = &partition->claims[group];
  emu_verdict verdict = emu_claims_judge(claims, &claim, &error);
  if (verdict == EMU_REFUSE) {
    refuse(a, error.condition, error.message);
    return;
  }
  if (!new_link(a, EMU_LINK_RECEIVER))
    return;
  emu_link *link = a->link;
  if (verdict == EMU_STEAL)
    steal_from(claims, &claim);
  claim.owner = link;
  emu_claims_add(claims, &claim);
  link->hub = hub;
  link->partition = partition;
  link->group = group;
  link->position = position;
  /* A receiver that leaves the choice to us may never settle (go-amqp): send settled then. */
  link->settled = a->remote->snd_settle_mode != SD_AMQP_SND_UNSETTLED;
  link->metrics = desires(a->remote, "com.microsoft:enable-receiver-runtime-metric");
  link->next_receiver = partition->receivers;
  if (link->next_receiver)
    link->next_receiver->previous_receiver = link;
  partition->receivers = link;
  if (accept_link(a, link->settled ? (uint8_t)SD_AMQP_SND_SETTLED : (uint8_t)SD_AMQP_SND_UNSETTLED))
    emulator->attached++;
}

void emu_attach(emu_connection *connection, sd_amqp_link *amqp, const sd_amqp_attach *remote)
{
  const sd_amqp_terminus *node = remote->role == SD_AMQP_SENDER ? &remote->target : &remote->source;
  attaching a = {.connection = connection, .amqp = amqp, .remote = remote, .address_text = node->address};
  emu_address_parse(node->address, &a.address);
  decode_map(remote->properties_raw, &a.properties);
  if (a.address.kind == EMU_ADDRESS_CBS || a.address.kind == EMU_ADDRESS_MANAGEMENT)
    attach_node(&a);
  else if (remote->role == SD_AMQP_SENDER)
    attach_sender(&a);
  else
    attach_receiver(&a);
}
