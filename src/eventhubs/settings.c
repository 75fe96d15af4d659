/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Options, checked and copied; tokens. */
#include "eventhubs/settings.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "crypto/sas.h"

enum { PORT_PLAIN = 5672, PORT_TLS = 5671, FRAME_SIZE_MIN = 512, FRAME_SIZE_MAX = 1024 * 1024 };

/* Official emulators accept any key, but want to be asked. */
static const char anonymous_key_name[] = "RootManageSharedAccessKey";
static const char anonymous_key[] = "none";

static sd_status copy_name(char *dst, const char *name, const char *option, bool required, sd_error *error)
{
  if (!name || name[0] == '\0')
    return required ? sd_error_set(error, SD_CONFIG, "%s is missing", option) : SD_OK;
  if (!sd_bytes_to_text(sd_bytes_of(name), dst, SD_EVENTHUBS_NAME_MAX))
    return sd_error_set(error, SD_CONFIG, "%s is longer than %d bytes", option,
                        (int)SD_EVENTHUBS_NAME_MAX - 1);
  return SD_OK;
}

static sd_status copy_credentials(sd_hub_settings *settings, const sd_eventhubs_options *options,
                                  sd_error *error)
{
  if (options->sas_token) {
    sd_sas_token parts;
    if (options->sas_key || options->sas_key_name)
      return sd_error_set(error, SD_CONFIG, "give either a SAS token or a key, not both");
    sd_bytes text = sd_bytes_of(options->sas_token);
    if (text.len > SD_EVENTHUBS_TOKEN_MAX || sd_sas_parse(text, &parts) != SD_OK)
      return sd_error_set(error, SD_CONFIG,
                          "the SharedAccessSignature is not of the form \"SharedAccessSignature "
                          "sr=…&sig=…&se=…&skn=…\"");
    settings->token = sd_strdup(options->sas_token);
    return settings->token ? SD_OK : sd_error_set(error, SD_NOMEM, "out of memory");
  }
  if (!options->sas_key != !options->sas_key_name)
    return sd_error_set(error, SD_CONFIG, "a SAS key and its name belong together; one is missing");
  settings->key_name = sd_strdup(options->sas_key_name ? options->sas_key_name : anonymous_key_name);
  settings->key = sd_strdup(options->sas_key ? options->sas_key : anonymous_key);
  if (!settings->key || !settings->key_name)
    return sd_error_set(error, SD_NOMEM, "out of memory");
  return SD_OK;
}

sd_status sd_hub_settings_init(sd_hub_settings *settings, uv_loop_t *loop, const sd_eventhubs_options *given,
                               bool needs_group, sd_log *log, sd_error *error)
{
  sd_eventhubs_options options;
  memset(&options, 0, sizeof options);
  memcpy(&options, given, given->struct_size < sizeof options ? given->struct_size : sizeof options);
  const sd_eventhubs_timing timing = SD_EVENTHUBS_TIMING_DEFAULT;
  memset(settings, 0, sizeof *settings);
  settings->loop = loop;
  settings->log = log;
  settings->timing = timing;
  settings->port = options.port ? options.port : options.tls ? PORT_TLS : PORT_PLAIN;
  settings->max_frame_size =
      options.max_frame_size ? options.max_frame_size : (uint32_t)SD_EVENTHUBS_FRAME_SIZE_DEFAULT;
  sd_status status = copy_name(settings->host, options.host, "the broker's host", true, error);
  if (status == SD_OK)
    status = copy_name(settings->hub, options.hub, "the hub's name", true, error);
  if (status == SD_OK && needs_group)
    status = copy_name(settings->consumer_group, options.consumer_group, "the consumer group", true, error);
  if (status == SD_OK)
    status = copy_name(settings->receiver_name, options.receiver_name, "the receiver's name", false, error);
  if (status == SD_OK &&
      (settings->max_frame_size < FRAME_SIZE_MIN || settings->max_frame_size > FRAME_SIZE_MAX))
    status = sd_error_set(error, SD_CONFIG, "the frame size must be from %d to %d bytes", (int)FRAME_SIZE_MIN,
                          (int)FRAME_SIZE_MAX);
  if (status == SD_OK)
    status = copy_credentials(settings, &options, error);
  if (status == SD_OK && options.tls)
    status = sd_tls_client_new(options.ca_file, &settings->tls, error);
  if (status != SD_OK)
    sd_hub_settings_release(settings);
  return status;
}

static void wipe(char *secret)
{
  if (!secret)
    return;
  explicit_bzero(secret, strlen(secret));
  sd_free(secret);
}

void sd_hub_settings_release(sd_hub_settings *settings)
{
  if (settings->tls)
    sd_tls_context_free(settings->tls);
  sd_free(settings->key_name);
  wipe(settings->key);
  wipe(settings->token);
  memset(settings, 0, sizeof *settings);
}

sd_status sd_hub_audience(const sd_hub_settings *settings, sd_buf *out)
{
  return sd_buf_appendf(out, "sb://%s/%s", settings->host, settings->hub);
}

static sd_status ready_token(const sd_hub_settings *settings, sd_buf *out, uint64_t *ret_lifetime_ms,
                             sd_error *error)
{
  sd_sas_token parts;
  char when[SD_CLOCK_ISO8601_SIZE];
  sd_bytes text = sd_bytes_of(settings->token);
  if (sd_sas_parse(text, &parts) != SD_OK)
    return sd_error_set(error, SD_CONFIG, "the SharedAccessSignature is malformed");
  int64_t now_s = sd_clock_unix_us() / 1000000;
  if (parts.expiry_unix_s <= now_s)
    return sd_error_set(
        error, SD_DENIED,
        "the SharedAccessSignature for hub \"%s\" expired at %s: give a new one, or a key, from "
        "which tokens are made anew",
        settings->hub, sd_clock_iso8601(parts.expiry_unix_s * 1000000, when));
  *ret_lifetime_ms = (uint64_t)(parts.expiry_unix_s - now_s) * 1000;
  return sd_buf_append_bytes(out, text);
}

sd_status sd_hub_token(const sd_hub_settings *settings, sd_buf *out, uint64_t *ret_lifetime_ms,
                       sd_error *error)
{
  sd_buf_clear(out);
  uint64_t lifetime_ms = settings->timing.token_lifetime_ms;
  sd_status status;
  if (settings->token) {
    status = ready_token(settings, out, &lifetime_ms, error);
    if (status == SD_DENIED || status == SD_CONFIG)
      return status;
  } else {
    sd_buf audience;
    sd_buf_init(&audience, SD_EVENTHUBS_TOKEN_MAX);
    /* Whole seconds, not earlier than the life that we count on. */
    int64_t expiry_s = sd_clock_unix_us() / 1000000 + (int64_t)((lifetime_ms + 999) / 1000) + 1;
    sd_hub_audience(settings, &audience);
    status = sd_buf_status(&audience);
    if (status == SD_OK)
      status = sd_sas_sign(sd_buf_text(&audience), settings->key_name, settings->key, expiry_s, out);
    sd_buf_release(&audience);
  }
  if (status != SD_OK)
    return sd_error_set(error, status, "a token for hub \"%s\" could not be made: %s", settings->hub,
                        sd_status_text(status));
  *ret_lifetime_ms = lifetime_ms;
  return SD_OK;
}
