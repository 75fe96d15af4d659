/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Performatives from their lists. Fields are read by position straight from the encoding: the constructors
 * that the specification names are decided inline, any other width of the same kind goes through the general
 * decoder.
 */
#include "amqp/performative.h"
#include "amqp/wire.h"

typedef struct fields {
  sd_amqp_cursor c;
  uint32_t left;
  bool bad;
} fields;

static bool fields_init(fields *f, const sd_amqp_value *list)
{
  memset(f, 0, sizeof *f);
  if (list->type != SD_AMQP_LIST)
    return false;
  f->left = list->as.compound.count;
  if (list->as.compound.items.len > 0)
    f->c = sd_amqp_cursor_of(list->as.compound.items);
  return true;
}

/* Items of a list may be fewer than the fields and, from a later version, more; bytes behind the last are an
 * error. */
static sd_status fields_end(const fields *f)
{
  return f->bad || (f->left == 0 && f->c.at != f->c.end) ? SD_PROTOCOL : SD_OK;
}

/* True when a value stands at the cursor; absent and null fields are passed over. */
static inline bool field_here(fields *f)
{
  if (f->bad || f->left == 0)
    return false;
  f->left--;
  if (f->c.at == f->c.end) {
    f->bad = true;
    return false;
  }
  if (*f->c.at == WIRE_NULL) {
    f->c.at++;
    return false;
  }
  return true;
}

static bool field_value(fields *f, sd_amqp_value *ret)
{
  if (!field_here(f))
    return false;
  if (sd_amqp_decode(&f->c, ret) != SD_OK) {
    f->bad = true;
    return false;
  }
  return true;
}

static uint64_t integer_slow(fields *f, uint64_t max)
{
  sd_amqp_value v;
  int64_t i = 0;
  if (sd_amqp_decode(&f->c, &v) != SD_OK) {
    f->bad = true;
    return 0;
  }
  if (v.type == SD_AMQP_ULONG && v.as.u <= max)
    return v.as.u;
  if (!sd_amqp_as_int64(&v, &i) || i < 0 || (uint64_t)i > max) {
    f->bad = true;
    return 0;
  }
  return (uint64_t)i;
}

static inline bool field_uint(fields *f, uint32_t *ret)
{
  if (!field_here(f))
    return false;
  size_t left = sd_amqp_cursor_left(&f->c);
  const uint8_t *at = f->c.at;
  if (*at == WIRE_UINT0) {
    *ret = 0;
    f->c.at++;
  } else if (*at == WIRE_SMALLUINT && left >= 2) {
    *ret = at[1];
    f->c.at += 2;
  } else if (*at == WIRE_UINT && left >= 5) {
    *ret = wire_get32(at + 1);
    f->c.at += 5;
  } else {
    uint64_t value = integer_slow(f, UINT32_MAX);
    if (f->bad)
      return false;
    *ret = (uint32_t)value;
  }
  return true;
}

static bool field_ushort(fields *f, uint16_t *ret)
{
  if (!field_here(f))
    return false;
  uint64_t value = integer_slow(f, UINT16_MAX);
  if (f->bad)
    return false;
  *ret = (uint16_t)value;
  return true;
}

static bool field_ubyte(fields *f, uint8_t max, uint8_t *ret)
{
  if (!field_here(f))
    return false;
  uint64_t value = integer_slow(f, max);
  if (f->bad)
    return false;
  *ret = (uint8_t)value;
  return true;
}

static bool field_ulong(fields *f, uint64_t *ret)
{
  if (!field_here(f))
    return false;
  uint64_t value = integer_slow(f, UINT64_MAX);
  if (f->bad)
    return false;
  *ret = value;
  return true;
}

static inline bool field_boolean(fields *f, bool *ret)
{
  if (!field_here(f))
    return false;
  uint8_t code = *f->c.at;
  if (code == WIRE_TRUE || code == WIRE_FALSE) {
    *ret = code == WIRE_TRUE;
    f->c.at++;
    return true;
  }
  sd_amqp_value v;
  if (sd_amqp_decode(&f->c, &v) != SD_OK || v.type != SD_AMQP_BOOLEAN) {
    f->bad = true;
    return false;
  }
  *ret = v.as.boolean;
  return true;
}

static bool field_text(fields *f, sd_bytes *ret)
{
  sd_amqp_value v;
  if (!field_value(f, &v))
    return false;
  if (!sd_amqp_as_text(&v, ret)) {
    f->bad = true;
    return false;
  }
  return true;
}

static inline bool field_binary(fields *f, sd_bytes *ret)
{
  if (!field_here(f))
    return false;
  size_t left = sd_amqp_cursor_left(&f->c);
  const uint8_t *at = f->c.at;
  if (*at == WIRE_BINARY8 && left >= 2 && left - 2 >= at[1]) {
    *ret = sd_bytes_make(at + 2, at[1]);
    f->c.at += 2 + (size_t)at[1];
    return true;
  }
  sd_amqp_value v;
  if (sd_amqp_decode(&f->c, &v) != SD_OK || v.type != SD_AMQP_BINARY) {
    f->bad = true;
    return false;
  }
  *ret = v.as.bytes;
  return true;
}

static void field_raw(fields *f, sd_bytes *ret)
{
  *ret = sd_bytes_make(NULL, 0);
  if (f->bad || f->left == 0)
    return;
  const uint8_t *start = f->c.at;
  sd_amqp_value v;
  if (field_value(f, &v))
    *ret = sd_bytes_make(start, (size_t)(f->c.at - start));
}

static void field_map(fields *f, sd_bytes *ret)
{
  *ret = sd_bytes_make(NULL, 0);
  if (f->bad || f->left == 0)
    return;
  const uint8_t *start = f->c.at;
  sd_amqp_value v;
  if (!field_value(f, &v))
    return;
  if (v.type != SD_AMQP_MAP)
    f->bad = true;
  else
    *ret = sd_bytes_make(start, (size_t)(f->c.at - start));
}

static sd_status error_decode(const sd_amqp_value *value, sd_amqp_error *ret)
{
  uint8_t code;
  fields f;
  if (!sd_amqp_descriptor_known(value, &code) || code != SD_AMQP_CODE_ERROR || !fields_init(&f, value))
    return SD_PROTOCOL;
  memset(ret, 0, sizeof *ret);
  if (!field_text(&f, &ret->condition))
    return SD_PROTOCOL;
  field_text(&f, &ret->description);
  field_map(&f, &ret->info_raw);
  ret->present = true;
  return fields_end(&f);
}

static void field_error(fields *f, sd_amqp_error *ret)
{
  sd_amqp_value v;
  memset(ret, 0, sizeof *ret);
  if (field_value(f, &v) && error_decode(&v, ret) != SD_OK)
    f->bad = true;
}

static sd_status terminus_decode(const sd_amqp_value *value, sd_amqp_terminus *ret)
{
  uint8_t code;
  fields f;
  sd_amqp_value address;
  memset(ret, 0, sizeof *ret);
  if (!sd_amqp_descriptor_known(value, &code) || !fields_init(&f, value))
    return SD_PROTOCOL;
  ret->present = true;
  if (code == SD_AMQP_CODE_COORDINATOR) {
    ret->coordinator = true;
    return SD_OK;
  }
  if (code != SD_AMQP_CODE_SOURCE && code != SD_AMQP_CODE_TARGET)
    return SD_PROTOCOL;
  if (field_value(&f, &address))
    (void)sd_amqp_as_text(&address, &ret->address);
  field_uint(&f, &ret->durable);
  field_text(&f, &ret->expiry_policy);
  field_uint(&f, &ret->timeout);
  field_boolean(&f, &ret->dynamic);
  field_map(&f, &ret->dynamic_node_properties_raw);
  if (code == SD_AMQP_CODE_SOURCE) {
    field_raw(&f, &ret->distribution_mode_raw);
    field_raw(&f, &ret->filter_raw);
    field_raw(&f, &ret->default_outcome_raw);
    field_raw(&f, &ret->outcomes_raw);
  }
  field_raw(&f, &ret->capabilities_raw);
  return fields_end(&f);
}

static void field_terminus(fields *f, sd_amqp_terminus *ret)
{
  sd_amqp_value v;
  memset(ret, 0, sizeof *ret);
  if (field_value(f, &v) && terminus_decode(&v, ret) != SD_OK)
    f->bad = true;
}

static void field_outcome(fields *f, sd_amqp_outcome *ret)
{
  sd_amqp_value v;
  fields inner;
  memset(ret, 0, sizeof *ret);
  if (!field_value(f, &v))
    return;
  if (v.type != SD_AMQP_LIST || v.descriptor.len == 0) {
    f->bad = true;
    return;
  }
  /* States of extensions (transactions) are let through as unknown. */
  if (!sd_amqp_descriptor_known(&v, &ret->code)) {
    ret->code = 0;
    return;
  }
  if (ret->code == SD_AMQP_CODE_REJECTED && fields_init(&inner, &v)) {
    field_error(&inner, &ret->error);
    if (fields_end(&inner) != SD_OK)
      f->bad = true;
  }
}

sd_status sd_amqp_performative_next(sd_amqp_cursor *body, uint8_t *ret_code, sd_amqp_value *ret_list)
{
  const uint8_t *at = body->at;
  size_t left = sd_amqp_cursor_left(body);
  /* 00 53 code, list8 or list32: what nearly every frame begins with. */
  if (left >= 6 && at[0] == WIRE_DESCRIBED && at[1] == WIRE_SMALLULONG) {
    size_t width = at[3] == WIRE_LIST8 ? 1 : at[3] == WIRE_LIST32 ? 4 : 0;
    if (width > 0 && left >= 4 + 2 * width) {
      size_t size = width == 1 ? at[4] : wire_get32(at + 4);
      uint32_t count = width == 1 ? at[5] : wire_get32(at + 8);
      if (size >= width && left - 4 - width >= size && count <= size - width) {
        ret_list->type = SD_AMQP_LIST;
        ret_list->descriptor = sd_bytes_make(at + 1, 2);
        ret_list->as.compound.count = count;
        ret_list->as.compound.element_code = 0;
        ret_list->as.compound.element_descriptor = sd_bytes_make(NULL, 0);
        ret_list->as.compound.items = sd_bytes_make(at + 4 + 2 * width, size - width);
        *ret_code = at[2];
        body->at = at + 4 + width + size;
        return SD_OK;
      }
    }
  }
  sd_amqp_cursor c = *body;
  sd_amqp_value v;
  uint8_t code;
  sd_status status = sd_amqp_decode(&c, &v);
  if (status != SD_OK)
    return status;
  if (v.type != SD_AMQP_LIST || !sd_amqp_descriptor_known(&v, &code))
    return SD_PROTOCOL;
  *ret_code = code;
  *ret_list = v;
  *body = c;
  return SD_OK;
}

sd_status sd_amqp_open_decode(const sd_amqp_value *list, sd_amqp_open *ret)
{
  fields f;
  sd_amqp_open o = {.max_frame_size = UINT32_MAX, .channel_max = UINT16_MAX};
  if (!fields_init(&f, list) || !field_text(&f, &o.container_id))
    return SD_PROTOCOL;
  field_text(&f, &o.hostname);
  field_uint(&f, &o.max_frame_size);
  field_ushort(&f, &o.channel_max);
  field_uint(&f, &o.idle_timeout_ms);
  field_raw(&f, &o.outgoing_locales_raw);
  field_raw(&f, &o.incoming_locales_raw);
  field_raw(&f, &o.offered_capabilities_raw);
  field_raw(&f, &o.desired_capabilities_raw);
  field_map(&f, &o.properties_raw);
  if (fields_end(&f) != SD_OK)
    return SD_PROTOCOL;
  *ret = o;
  return SD_OK;
}

sd_status sd_amqp_begin_decode(const sd_amqp_value *list, sd_amqp_begin *ret)
{
  fields f;
  sd_amqp_begin b = {.handle_max = UINT32_MAX};
  if (!fields_init(&f, list))
    return SD_PROTOCOL;
  b.has_remote_channel = field_ushort(&f, &b.remote_channel);
  if (!field_uint(&f, &b.next_outgoing_id) || !field_uint(&f, &b.incoming_window) ||
      !field_uint(&f, &b.outgoing_window))
    return SD_PROTOCOL;
  field_uint(&f, &b.handle_max);
  field_raw(&f, &b.offered_capabilities_raw);
  field_raw(&f, &b.desired_capabilities_raw);
  field_map(&f, &b.properties_raw);
  if (fields_end(&f) != SD_OK)
    return SD_PROTOCOL;
  *ret = b;
  return SD_OK;
}

sd_status sd_amqp_attach_decode(const sd_amqp_value *list, sd_amqp_attach *ret)
{
  fields f;
  bool receiver;
  sd_amqp_attach a = {.snd_settle_mode = SD_AMQP_SND_MIXED, .rcv_settle_mode = SD_AMQP_RCV_FIRST};
  if (!fields_init(&f, list) || !field_text(&f, &a.name) || !field_uint(&f, &a.handle) ||
      !field_boolean(&f, &receiver))
    return SD_PROTOCOL;
  a.role = receiver ? SD_AMQP_RECEIVER : SD_AMQP_SENDER;
  field_ubyte(&f, SD_AMQP_SND_MIXED, &a.snd_settle_mode);
  field_ubyte(&f, SD_AMQP_RCV_SECOND, &a.rcv_settle_mode);
  field_terminus(&f, &a.source);
  field_terminus(&f, &a.target);
  field_map(&f, &a.unsettled_raw);
  field_boolean(&f, &a.incomplete_unsettled);
  a.has_initial_delivery_count = field_uint(&f, &a.initial_delivery_count);
  field_ulong(&f, &a.max_message_size);
  field_raw(&f, &a.offered_capabilities_raw);
  field_raw(&f, &a.desired_capabilities_raw);
  field_map(&f, &a.properties_raw);
  if (fields_end(&f) != SD_OK)
    return SD_PROTOCOL;
  *ret = a;
  return SD_OK;
}

sd_status sd_amqp_flow_decode(const sd_amqp_value *list, sd_amqp_flow *ret)
{
  fields f;
  sd_amqp_flow w;
  memset(&w, 0, sizeof w);
  if (!fields_init(&f, list))
    return SD_PROTOCOL;
  w.has_next_incoming_id = field_uint(&f, &w.next_incoming_id);
  if (!field_uint(&f, &w.incoming_window) || !field_uint(&f, &w.next_outgoing_id) ||
      !field_uint(&f, &w.outgoing_window))
    return SD_PROTOCOL;
  w.has_handle = field_uint(&f, &w.handle);
  w.has_delivery_count = field_uint(&f, &w.delivery_count);
  w.has_link_credit = field_uint(&f, &w.link_credit);
  w.has_available = field_uint(&f, &w.available);
  field_boolean(&f, &w.drain);
  field_boolean(&f, &w.echo);
  field_map(&f, &w.properties_raw);
  if (fields_end(&f) != SD_OK)
    return SD_PROTOCOL;
  *ret = w;
  return SD_OK;
}

sd_status sd_amqp_transfer_decode(const sd_amqp_value *list, sd_amqp_transfer *ret)
{
  fields f;
  sd_amqp_transfer t;
  memset(&t, 0, sizeof t);
  if (!fields_init(&f, list) || !field_uint(&f, &t.handle))
    return SD_PROTOCOL;
  t.has_delivery_id = field_uint(&f, &t.delivery_id);
  field_binary(&f, &t.delivery_tag);
  t.has_message_format = field_uint(&f, &t.message_format);
  t.has_settled = field_boolean(&f, &t.settled);
  field_boolean(&f, &t.more);
  t.has_rcv_settle_mode = field_ubyte(&f, SD_AMQP_RCV_SECOND, &t.rcv_settle_mode);
  field_raw(&f, &t.state_raw);
  field_boolean(&f, &t.resume);
  field_boolean(&f, &t.aborted);
  field_boolean(&f, &t.batchable);
  if (fields_end(&f) != SD_OK)
    return SD_PROTOCOL;
  *ret = t;
  return SD_OK;
}

sd_status sd_amqp_disposition_decode(const sd_amqp_value *list, sd_amqp_disposition *ret)
{
  fields f;
  bool receiver;
  sd_amqp_disposition d;
  memset(&d, 0, sizeof d);
  if (!fields_init(&f, list) || !field_boolean(&f, &receiver) || !field_uint(&f, &d.first))
    return SD_PROTOCOL;
  d.role = receiver ? SD_AMQP_RECEIVER : SD_AMQP_SENDER;
  d.last = d.first;
  field_uint(&f, &d.last);
  field_boolean(&f, &d.settled);
  field_outcome(&f, &d.state);
  field_boolean(&f, &d.batchable);
  if (fields_end(&f) != SD_OK)
    return SD_PROTOCOL;
  *ret = d;
  return SD_OK;
}

sd_status sd_amqp_detach_decode(const sd_amqp_value *list, sd_amqp_detach *ret)
{
  fields f;
  sd_amqp_detach d;
  memset(&d, 0, sizeof d);
  if (!fields_init(&f, list) || !field_uint(&f, &d.handle))
    return SD_PROTOCOL;
  field_boolean(&f, &d.closed);
  field_error(&f, &d.error);
  if (fields_end(&f) != SD_OK)
    return SD_PROTOCOL;
  *ret = d;
  return SD_OK;
}

sd_status sd_amqp_close_decode(const sd_amqp_value *list, sd_amqp_close *ret)
{
  fields f;
  sd_amqp_close c;
  memset(&c, 0, sizeof c);
  if (!fields_init(&f, list))
    return SD_PROTOCOL;
  field_error(&f, &c.error);
  if (fields_end(&f) != SD_OK)
    return SD_PROTOCOL;
  *ret = c;
  return SD_OK;
}

sd_status sd_amqp_sasl_init_decode(const sd_amqp_value *list, sd_amqp_sasl_init *ret)
{
  fields f;
  sd_amqp_sasl_init i;
  memset(&i, 0, sizeof i);
  if (!fields_init(&f, list) || !field_text(&f, &i.mechanism))
    return SD_PROTOCOL;
  field_binary(&f, &i.initial_response);
  field_text(&f, &i.hostname);
  if (fields_end(&f) != SD_OK)
    return SD_PROTOCOL;
  *ret = i;
  return SD_OK;
}

sd_status sd_amqp_sasl_outcome_decode(const sd_amqp_value *list, sd_amqp_sasl_outcome *ret)
{
  fields f;
  sd_amqp_sasl_outcome o;
  sd_bytes additional;
  memset(&o, 0, sizeof o);
  if (!fields_init(&f, list) || !field_ubyte(&f, UINT8_MAX, &o.code))
    return SD_PROTOCOL;
  field_binary(&f, &additional);
  if (fields_end(&f) != SD_OK)
    return SD_PROTOCOL;
  *ret = o;
  return SD_OK;
}
