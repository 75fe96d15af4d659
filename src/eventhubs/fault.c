/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The table of conditions, and advice for those that stop. */
#include "eventhubs/fault.h"

#include "base/bytes.h"

#include <stdio.h>
#include <strings.h>

static const struct {
  const char *condition;
  sd_fault fault;
} conditions[] = {
    {"amqp:link:stolen", SD_FAULT_PARTITION_LOST},
    {"amqp:link:detach-forced", SD_FAULT_QUIET},
    {"amqp:connection:forced", SD_FAULT_QUIET},
    {"com.microsoft:server-busy", SD_FAULT_BUSY},
    {"com.microsoft:timeout", SD_FAULT_TIMEOUT},
    {"amqp:not-found", SD_FAULT_STOP},
    {"amqp:unauthorized-access", SD_FAULT_UNAUTHORIZED},
    {"com.microsoft:auth-failed", SD_FAULT_UNAUTHORIZED},
    {"amqp:resource-limit-exceeded", SD_FAULT_QUOTA},
    {"com.microsoft:georeplication:invalid-offset", SD_FAULT_OFFSET_LOST},
    {"com.microsoft:argument-error", SD_FAULT_STOP},
    {"com.microsoft:argument-out-of-range", SD_FAULT_STOP},
    {"com.microsoft:entity-disabled", SD_FAULT_STOP},
    {"com.microsoft:publisher-revoked", SD_FAULT_STOP},
    {"amqp:link:message-size-exceeded", SD_FAULT_STOP},
};

/* "The supplied offset 'X' is invalid. The last offset in the system is 'Y'", also of a sequence number. The
 * same conditions are used for a partition that does not exist. */
static bool speaks_of_position(const char *message)
{
  return strcasestr(message, "invalid") != NULL &&
         (strcasestr(message, "supplied offset") != NULL || strcasestr(message, "sequence number") != NULL);
}

sd_fault sd_fault_of(const sd_error *error)
{
  if (error->condition[0] == '\0') {
    /* A certificate that was refused will be refused again; other TLS and network errors pass. */
    if (error->source == SD_SOURCE_TLS && error->code == SD_DENIED)
      return SD_FAULT_STOP;
    return SD_FAULT_RETRY;
  }
  if (strncmp(error->condition, "com.microsoft:argument-", 23) == 0 && speaks_of_position(error->message))
    return SD_FAULT_OFFSET_LOST;
  for (size_t i = 0; i < sizeof conditions / sizeof conditions[0]; i++) {
    if (strcmp(error->condition, conditions[i].condition) == 0)
      return conditions[i].fault;
  }
  return SD_FAULT_RETRY;
}

uint32_t sd_fault_wait_ms(sd_fault fault, const sd_eventhubs_timing *timing)
{
  switch (fault) {
  case SD_FAULT_BUSY:
    return timing->busy_wait_ms;
  case SD_FAULT_TIMEOUT:
    return timing->timeout_wait_ms;
  case SD_FAULT_QUOTA:
    return timing->backoff_cap_ms;
  case SD_FAULT_RETRY:
  case SD_FAULT_QUIET:
  case SD_FAULT_UNAUTHORIZED:
  case SD_FAULT_PARTITION_LOST:
  case SD_FAULT_OFFSET_LOST:
  case SD_FAULT_STOP:
    break;
  }
  return 0;
}

static bool is_condition(const sd_error *error, const char *condition)
{
  return strcmp(error->condition, condition) == 0;
}

void sd_fault_advise(sd_error *error, const sd_fault_names *names)
{
  char group[96] = "";
  if (names->consumer_group)
    snprintf(group, sizeof group, " or its consumer group \"%s\"", names->consumer_group);
  const char *role = names->consumer_group ? "Receiver" : "Sender";
  if (is_condition(error, "amqp:not-found"))
    sd_error_prefix(error, "hub \"%s\"%s does not exist at %s: check the names", names->hub, group,
                    names->host);
  else if (is_condition(error, "amqp:unauthorized-access") ||
           is_condition(error, "com.microsoft:auth-failed"))
    sd_error_prefix(error,
                    "not authorized for hub \"%s\" at %s: grant \"Azure Event Hubs Data %s\" (a key: the %s "
                    "claim) or check the key",
                    names->hub, names->host, role, names->consumer_group ? "Listen" : "Send");
  else if (is_condition(error, "com.microsoft:entity-disabled"))
    sd_error_prefix(error, "hub \"%s\" at %s is disabled: enable it", names->hub, names->host);
  else if (is_condition(error, "com.microsoft:publisher-revoked"))
    sd_error_prefix(error, "the publisher is revoked for hub \"%s\": lift the revocation", names->hub);
  else if (is_condition(error, "amqp:link:message-size-exceeded"))
    sd_error_prefix(error, "hub \"%s\": a message is larger than a link of it allows", names->hub);
}
