/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The descriptors that the specification defines: peers may write them as numbers or as symbols. */
#include "amqp/message.h"
#include "amqp/performative.h"
#include "amqp/wire.h"

static const struct {
  const char *symbol;
  uint8_t code;
} descriptors[] = {
    {"amqp:open:list", SD_AMQP_CODE_OPEN},
    {"amqp:begin:list", SD_AMQP_CODE_BEGIN},
    {"amqp:attach:list", SD_AMQP_CODE_ATTACH},
    {"amqp:flow:list", SD_AMQP_CODE_FLOW},
    {"amqp:transfer:list", SD_AMQP_CODE_TRANSFER},
    {"amqp:disposition:list", SD_AMQP_CODE_DISPOSITION},
    {"amqp:detach:list", SD_AMQP_CODE_DETACH},
    {"amqp:end:list", SD_AMQP_CODE_END},
    {"amqp:close:list", SD_AMQP_CODE_CLOSE},
    {"amqp:error:list", SD_AMQP_CODE_ERROR},
    {"amqp:received:list", SD_AMQP_CODE_RECEIVED},
    {"amqp:accepted:list", SD_AMQP_CODE_ACCEPTED},
    {"amqp:rejected:list", SD_AMQP_CODE_REJECTED},
    {"amqp:released:list", SD_AMQP_CODE_RELEASED},
    {"amqp:modified:list", SD_AMQP_CODE_MODIFIED},
    {"amqp:source:list", SD_AMQP_CODE_SOURCE},
    {"amqp:target:list", SD_AMQP_CODE_TARGET},
    {"amqp:coordinator:list", SD_AMQP_CODE_COORDINATOR},
    {"amqp:sasl-mechanisms:list", SD_AMQP_CODE_SASL_MECHANISMS},
    {"amqp:sasl-init:list", SD_AMQP_CODE_SASL_INIT},
    {"amqp:sasl-challenge:list", SD_AMQP_CODE_SASL_CHALLENGE},
    {"amqp:sasl-response:list", SD_AMQP_CODE_SASL_RESPONSE},
    {"amqp:sasl-outcome:list", SD_AMQP_CODE_SASL_OUTCOME},
    {"amqp:header:list", SD_AMQP_SECTION_HEADER},
    {"amqp:delivery-annotations:map", SD_AMQP_SECTION_DELIVERY_ANNOTATIONS},
    {"amqp:message-annotations:map", SD_AMQP_SECTION_MESSAGE_ANNOTATIONS},
    {"amqp:properties:list", SD_AMQP_SECTION_PROPERTIES},
    {"amqp:application-properties:map", SD_AMQP_SECTION_APPLICATION_PROPERTIES},
    {"amqp:data:binary", SD_AMQP_SECTION_DATA},
    {"amqp:amqp-sequence:list", SD_AMQP_SECTION_SEQUENCE},
    {"amqp:amqp-value:*", SD_AMQP_SECTION_VALUE},
    {"amqp:footer:map", SD_AMQP_SECTION_FOOTER},
};

bool sd_amqp_descriptor_known(const sd_amqp_value *value, uint8_t *ret_code)
{
  const sd_bytes *d = &value->descriptor;
  if (d->len == 2 && d->data[0] == WIRE_SMALLULONG) {
    *ret_code = d->data[1];
    return true;
  }
  uint64_t code;
  if (sd_amqp_descriptor_code(value, &code)) {
    if (code > UINT8_MAX)
      return false;
    *ret_code = (uint8_t)code;
    return true;
  }
  sd_bytes symbol;
  if (!sd_amqp_descriptor_symbol(value, &symbol))
    return false;
  for (size_t i = 0; i < sizeof descriptors / sizeof *descriptors; i++) {
    if (sd_bytes_equal_text(symbol, descriptors[i].symbol)) {
      *ret_code = descriptors[i].code;
      return true;
    }
  }
  return false;
}
