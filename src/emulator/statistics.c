/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What the emulator says about itself: the ready line and its counts. */
#include "emulator/state.h"

#include <inttypes.h>
#include <stdio.h>

static void put_address(sd_buf *out, const char *host, uint16_t port)
{
  /* Who listens everywhere is reached here. */
  const char *shown = strcmp(host, "0.0.0.0") == 0 ? "127.0.0.1" : strcmp(host, "::") == 0 ? "::1" : host;
  sd_buf_appendf(out, strchr(shown, ':') ? "[%s]:%u" : "%s:%u", shown, (unsigned)port);
}

void sd_emulator_describe(const sd_emulator *emulator, sd_buf *out)
{
  sd_buf_append_text(out, "{\"event\":\"ready\",\"amqp\":\"");
  put_address(out, emulator->listen_host, emulator->listen_port);
  if (emulator->tls_host) {
    sd_buf_append_text(out, "\",\"amqps\":\"");
    put_address(out, emulator->tls_host, emulator->tls_port);
  }
  sd_buf_append_text(out, "\",\"connection_string\":\"Endpoint=sb://");
  put_address(out, emulator->listen_host, emulator->listen_port);
  sd_buf_append_text(out, ";SharedAccessKeyName=" SD_EMULATOR_KEY_NAME ";SharedAccessKey=");
  for (const char *at = emulator->sas_key ? emulator->sas_key : SD_EMULATOR_DEFAULT_KEY; *at; at++) {
    if (*at == '"' || *at == '\\')
      sd_buf_append_byte(out, '\\');
    sd_buf_append_byte(out, (uint8_t)*at);
  }
  sd_buf_append_text(out, ";UseDevelopmentEmulator=true;\"}");
}

/* Every event ever accepted counts as received, also those of earlier runs on the same data folder. */
static void put_hub(const emu_hub *hub, sd_buf *out, uint64_t *received, uint64_t *sent)
{
  uint64_t hub_received = 0;
  uint64_t hub_sent = 0;
  sd_buf_appendf(out, "{\"name\":\"%s\",\"partitions\":[", hub->name);
  for (uint32_t i = 0; i < hub->partition_count; i++) {
    const emu_partition *partition = &hub->partitions[i];
    int64_t next = emu_log_next_sequence(partition->log);
    sd_buf_appendf(
        out,
        "%s{\"id\":\"%s\",\"received\":%" PRId64 ",\"sent\":%" PRIu64 ",\"begin_sequence_number\":%" PRId64
        ",\"last_sequence_number\":%" PRId64 ",\"last_offset\":",
        i ? "," : "", partition->id, next, partition->sent, emu_log_begin_sequence(partition->log), next - 1);
    if (next > 0)
      sd_buf_appendf(out, "\"%" PRIu64 "\"}", emu_offset_base(hub) + emu_log_last_position(partition->log));
    else
      sd_buf_append_text(out, "null}");
    hub_received += (uint64_t)next;
    hub_sent += partition->sent;
  }
  sd_buf_appendf(out, "],\"received\":%" PRIu64 ",\"sent\":%" PRIu64 "}", hub_received, hub_sent);
  *received += hub_received;
  *sent += hub_sent;
}

void sd_emulator_statistics(const sd_emulator *emulator, const char *event, sd_buf *out)
{
  uint64_t received = 0;
  uint64_t sent = 0;
  sd_buf_appendf(out, "{\"event\":\"%s\",\"ok\":true,\"hubs\":[", event);
  for (size_t i = 0; i < emulator->hub_count; i++) {
    if (i > 0)
      sd_buf_append_byte(out, ',');
    put_hub(&emulator->hubs[i], out, &received, &sent);
  }
  sd_buf_appendf(out,
                 "],\"received\":%" PRIu64 ",\"sent\":%" PRIu64 ",\"connections\":%zu,\"accepted\":%" PRIu64
                 ",\"attached\":%" PRIu64 "}",
                 received, sent, emulator->connection_count, emulator->accepted, emulator->attached);
}
