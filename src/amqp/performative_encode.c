/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Performatives to bytes, every field written: readers that index by position depend on it. */
#include "amqp/performative.h"
#include "amqp/wire.h"

static void put_raw(sd_buf *buf, sd_bytes raw)
{
  if (raw.len > 0)
    sd_buf_append_bytes(buf, raw);
  else
    sd_amqp_put_null(buf);
}

static void put_uint_or_null(sd_buf *buf, bool present, uint32_t value)
{
  if (present)
    sd_amqp_put_uint(buf, value);
  else
    sd_amqp_put_null(buf);
}

static void put_string_or_null(sd_buf *buf, sd_bytes value)
{
  if (value.data)
    sd_amqp_put_string(buf, value);
  else
    sd_amqp_put_null(buf);
}

static void put_symbol_or_null(sd_buf *buf, sd_bytes value)
{
  if (value.len > 0)
    sd_amqp_put_symbol(buf, value);
  else
    sd_amqp_put_null(buf);
}

static void put_binary_or_null(sd_buf *buf, sd_bytes value)
{
  if (value.data)
    sd_amqp_put_binary(buf, value);
  else
    sd_amqp_put_null(buf);
}

static void put_error(sd_buf *buf, const sd_amqp_error *error)
{
  if (!error->present) {
    sd_amqp_put_null(buf);
    return;
  }
  sd_amqp_put_descriptor(buf, SD_AMQP_CODE_ERROR);
  size_t list = sd_amqp_begin_list(buf);
  sd_amqp_put_symbol(buf, error->condition);
  put_string_or_null(buf, error->description);
  put_raw(buf, error->info_raw);
  sd_amqp_end_list(buf, list, 3);
}

/* The fields that source and target share. */
static void put_terminus_head(sd_buf *buf, const sd_amqp_terminus *t)
{
  put_string_or_null(buf, t->address);
  sd_amqp_put_uint(buf, t->durable);
  put_symbol_or_null(buf, t->expiry_policy);
  sd_amqp_put_uint(buf, t->timeout);
  sd_amqp_put_boolean(buf, t->dynamic);
  put_raw(buf, t->dynamic_node_properties_raw);
}

static void put_source(sd_buf *buf, const sd_amqp_terminus *t)
{
  if (!t->present) {
    sd_amqp_put_null(buf);
    return;
  }
  sd_amqp_put_descriptor(buf, SD_AMQP_CODE_SOURCE);
  size_t list = sd_amqp_begin_list(buf);
  put_terminus_head(buf, t);
  put_raw(buf, t->distribution_mode_raw);
  put_raw(buf, t->filter_raw);
  put_raw(buf, t->default_outcome_raw);
  put_raw(buf, t->outcomes_raw);
  put_raw(buf, t->capabilities_raw);
  sd_amqp_end_list(buf, list, 11);
}

static void put_target(sd_buf *buf, const sd_amqp_terminus *t)
{
  if (!t->present) {
    sd_amqp_put_null(buf);
    return;
  }
  sd_amqp_put_descriptor(buf, t->coordinator ? SD_AMQP_CODE_COORDINATOR : SD_AMQP_CODE_TARGET);
  size_t list = sd_amqp_begin_list(buf);
  if (t->coordinator) {
    sd_amqp_put_null(buf);
    sd_amqp_end_list(buf, list, 1);
    return;
  }
  put_terminus_head(buf, t);
  put_raw(buf, t->capabilities_raw);
  sd_amqp_end_list(buf, list, 7);
}

static void put_outcome(sd_buf *buf, const sd_amqp_outcome *outcome)
{
  size_t list;
  switch (outcome->code) {
  case 0:
    sd_amqp_put_null(buf);
    break;
  case SD_AMQP_CODE_REJECTED:
    sd_amqp_put_descriptor(buf, outcome->code);
    list = sd_amqp_begin_list(buf);
    put_error(buf, &outcome->error);
    sd_amqp_end_list(buf, list, 1);
    break;
  case SD_AMQP_CODE_RECEIVED:
    sd_amqp_put_descriptor(buf, outcome->code);
    list = sd_amqp_begin_list(buf);
    sd_amqp_put_uint(buf, 0);
    sd_amqp_put_ulong(buf, 0);
    sd_amqp_end_list(buf, list, 2);
    break;
  default:
    /* Accepted, released and modified carry nothing. */
    sd_amqp_put_descriptor(buf, outcome->code);
    sd_buf_append_byte(buf, WIRE_LIST0);
    break;
  }
}

void sd_amqp_open_encode(sd_buf *buf, const sd_amqp_open *open)
{
  sd_amqp_put_descriptor(buf, SD_AMQP_CODE_OPEN);
  size_t list = sd_amqp_begin_list(buf);
  sd_amqp_put_string(buf, open->container_id);
  put_string_or_null(buf, open->hostname);
  sd_amqp_put_uint(buf, open->max_frame_size);
  sd_amqp_put_ushort(buf, open->channel_max);
  put_uint_or_null(buf, open->idle_timeout_ms > 0, open->idle_timeout_ms);
  put_raw(buf, open->outgoing_locales_raw);
  put_raw(buf, open->incoming_locales_raw);
  put_raw(buf, open->offered_capabilities_raw);
  put_raw(buf, open->desired_capabilities_raw);
  put_raw(buf, open->properties_raw);
  sd_amqp_end_list(buf, list, 10);
}

void sd_amqp_begin_encode(sd_buf *buf, const sd_amqp_begin *begin)
{
  sd_amqp_put_descriptor(buf, SD_AMQP_CODE_BEGIN);
  size_t list = sd_amqp_begin_list(buf);
  if (begin->has_remote_channel)
    sd_amqp_put_ushort(buf, begin->remote_channel);
  else
    sd_amqp_put_null(buf);
  sd_amqp_put_uint(buf, begin->next_outgoing_id);
  sd_amqp_put_uint(buf, begin->incoming_window);
  sd_amqp_put_uint(buf, begin->outgoing_window);
  sd_amqp_put_uint(buf, begin->handle_max);
  put_raw(buf, begin->offered_capabilities_raw);
  put_raw(buf, begin->desired_capabilities_raw);
  put_raw(buf, begin->properties_raw);
  sd_amqp_end_list(buf, list, 8);
}

void sd_amqp_attach_encode(sd_buf *buf, const sd_amqp_attach *attach)
{
  sd_amqp_put_descriptor(buf, SD_AMQP_CODE_ATTACH);
  size_t list = sd_amqp_begin_list(buf);
  sd_amqp_put_string(buf, attach->name);
  sd_amqp_put_uint(buf, attach->handle);
  sd_amqp_put_boolean(buf, attach->role == SD_AMQP_RECEIVER);
  sd_amqp_put_ubyte(buf, attach->snd_settle_mode);
  sd_amqp_put_ubyte(buf, attach->rcv_settle_mode);
  put_source(buf, &attach->source);
  put_target(buf, &attach->target);
  put_raw(buf, attach->unsettled_raw);
  sd_amqp_put_boolean(buf, attach->incomplete_unsettled);
  put_uint_or_null(buf, attach->has_initial_delivery_count, attach->initial_delivery_count);
  if (attach->max_message_size > 0)
    sd_amqp_put_ulong(buf, attach->max_message_size);
  else
    sd_amqp_put_null(buf);
  put_raw(buf, attach->offered_capabilities_raw);
  put_raw(buf, attach->desired_capabilities_raw);
  put_raw(buf, attach->properties_raw);
  sd_amqp_end_list(buf, list, 14);
}

void sd_amqp_flow_encode(sd_buf *buf, const sd_amqp_flow *flow)
{
  sd_amqp_put_descriptor(buf, SD_AMQP_CODE_FLOW);
  size_t list = sd_amqp_begin_list(buf);
  put_uint_or_null(buf, flow->has_next_incoming_id, flow->next_incoming_id);
  sd_amqp_put_uint(buf, flow->incoming_window);
  sd_amqp_put_uint(buf, flow->next_outgoing_id);
  sd_amqp_put_uint(buf, flow->outgoing_window);
  put_uint_or_null(buf, flow->has_handle, flow->handle);
  put_uint_or_null(buf, flow->has_delivery_count, flow->delivery_count);
  put_uint_or_null(buf, flow->has_link_credit, flow->link_credit);
  put_uint_or_null(buf, flow->has_available, flow->available);
  sd_amqp_put_boolean(buf, flow->drain);
  sd_amqp_put_boolean(buf, flow->echo);
  put_raw(buf, flow->properties_raw);
  sd_amqp_end_list(buf, list, 11);
}

static uint8_t *set_uint(uint8_t *p, bool present, uint32_t value)
{
  if (!present) {
    *p++ = WIRE_NULL;
  } else if (value == 0) {
    *p++ = WIRE_UINT0;
  } else if (value <= UINT8_MAX) {
    *p++ = WIRE_SMALLUINT;
    *p++ = (uint8_t)value;
  } else {
    *p++ = WIRE_UINT;
    wire_set32(p, value);
    p += 4;
  }
  return p;
}

static uint8_t *set_boolean(uint8_t *p, bool present, bool value)
{
  *p++ = !present ? WIRE_NULL : value ? WIRE_TRUE : WIRE_FALSE;
  return p;
}

size_t sd_amqp_transfer_encode(uint8_t space[SD_AMQP_TRANSFER_MAX], const sd_amqp_transfer *transfer)
{
  size_t tag_len = transfer->delivery_tag.len;
  uint8_t *p = space + 6;
  space[0] = WIRE_DESCRIBED;
  space[1] = WIRE_SMALLULONG;
  space[2] = SD_AMQP_CODE_TRANSFER;
  space[3] = WIRE_LIST8;
  space[5] = 11;
  p = set_uint(p, true, transfer->handle);
  p = set_uint(p, transfer->has_delivery_id, transfer->delivery_id);
  if (transfer->delivery_tag.data && tag_len <= SD_AMQP_TAG_MAX) {
    *p++ = WIRE_BINARY8;
    *p++ = (uint8_t)tag_len;
    memcpy(p, transfer->delivery_tag.data, tag_len);
    p += tag_len;
  } else {
    *p++ = WIRE_NULL;
  }
  p = set_uint(p, transfer->has_message_format, transfer->message_format);
  p = set_boolean(p, transfer->has_settled, transfer->settled);
  p = set_boolean(p, true, transfer->more);
  if (transfer->has_rcv_settle_mode) {
    *p++ = WIRE_UBYTE;
    *p++ = transfer->rcv_settle_mode;
  } else {
    *p++ = WIRE_NULL;
  }
  *p++ = WIRE_NULL; /* state */
  p = set_boolean(p, true, transfer->resume);
  p = set_boolean(p, true, transfer->aborted);
  p = set_boolean(p, true, transfer->batchable);
  space[4] = (uint8_t)(p - space - 5);
  return (size_t)(p - space);
}

void sd_amqp_disposition_encode(sd_buf *buf, const sd_amqp_disposition *disposition)
{
  sd_amqp_put_descriptor(buf, SD_AMQP_CODE_DISPOSITION);
  size_t list = sd_amqp_begin_list(buf);
  sd_amqp_put_boolean(buf, disposition->role == SD_AMQP_RECEIVER);
  sd_amqp_put_uint(buf, disposition->first);
  sd_amqp_put_uint(buf, disposition->last);
  sd_amqp_put_boolean(buf, disposition->settled);
  put_outcome(buf, &disposition->state);
  sd_amqp_put_boolean(buf, disposition->batchable);
  sd_amqp_end_list(buf, list, 6);
}

void sd_amqp_detach_encode(sd_buf *buf, const sd_amqp_detach *detach)
{
  sd_amqp_put_descriptor(buf, SD_AMQP_CODE_DETACH);
  size_t list = sd_amqp_begin_list(buf);
  sd_amqp_put_uint(buf, detach->handle);
  sd_amqp_put_boolean(buf, detach->closed);
  put_error(buf, &detach->error);
  sd_amqp_end_list(buf, list, 3);
}

static void put_end_or_close(sd_buf *buf, uint8_t code, const sd_amqp_error *error)
{
  sd_amqp_put_descriptor(buf, code);
  size_t list = sd_amqp_begin_list(buf);
  put_error(buf, error);
  sd_amqp_end_list(buf, list, 1);
}

void sd_amqp_end_encode(sd_buf *buf, const sd_amqp_close *end)
{
  put_end_or_close(buf, SD_AMQP_CODE_END, &end->error);
}

void sd_amqp_close_encode(sd_buf *buf, const sd_amqp_close *close)
{
  put_end_or_close(buf, SD_AMQP_CODE_CLOSE, &close->error);
}

void sd_amqp_sasl_mechanisms_encode(sd_buf *buf, const sd_bytes *mechanisms, size_t count)
{
  sd_amqp_put_descriptor(buf, SD_AMQP_CODE_SASL_MECHANISMS);
  size_t list = sd_amqp_begin_list(buf);
  sd_amqp_put_symbol_array(buf, mechanisms, count);
  sd_amqp_end_list(buf, list, 1);
}

void sd_amqp_sasl_init_encode(sd_buf *buf, const sd_amqp_sasl_init *init)
{
  sd_amqp_put_descriptor(buf, SD_AMQP_CODE_SASL_INIT);
  size_t list = sd_amqp_begin_list(buf);
  sd_amqp_put_symbol(buf, init->mechanism);
  put_binary_or_null(buf, init->initial_response);
  put_string_or_null(buf, init->hostname);
  sd_amqp_end_list(buf, list, 3);
}

void sd_amqp_sasl_outcome_encode(sd_buf *buf, const sd_amqp_sasl_outcome *outcome)
{
  sd_amqp_put_descriptor(buf, SD_AMQP_CODE_SASL_OUTCOME);
  size_t list = sd_amqp_begin_list(buf);
  sd_amqp_put_ubyte(buf, outcome->code);
  sd_amqp_put_null(buf);
  sd_amqp_end_list(buf, list, 2);
}

size_t sd_amqp_frame_begin(sd_buf *buf, uint8_t type, uint16_t channel)
{
  uint8_t header[8] = {0, 0, 0, 0, 2, type};
  size_t mark = buf->len;
  wire_set16(header + 6, channel);
  sd_buf_append(buf, header, sizeof header);
  return mark;
}

void sd_amqp_frame_end(sd_buf *buf, size_t mark)
{
  if (sd_buf_status(buf) == SD_OK)
    wire_set32(buf->data + mark, (uint32_t)(buf->len - mark));
}
