/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Detecting the resource. */
#include "trace/resource.h"

#include "base/random.h"
#include "trace/text.h"

#include <errno.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

#ifndef SD_VERSION
#define SD_VERSION "0"
#endif

enum { ALIGN = 8, ARENA_BLOCK = 4096 };

static sd_status copy_any(sd_arena *arena, const sd_any *from, unsigned depth, sd_any *to);

static sd_status copy_text(sd_arena *arena, sd_bytes text, const char **ret_text, size_t *ret_len)
{
  size_t size = sd_text_size(text, 0);
  uint8_t *copy = sd_arena_alloc(arena, size + 1, 1);
  if (!copy)
    return SD_LIMIT;
  sd_text_put(text, 0, copy);
  copy[size] = '\0';
  *ret_text = (const char *)copy;
  *ret_len = size;
  return SD_OK;
}

static sd_status copy_attribute(sd_arena *arena, const sd_attribute *from, unsigned depth, sd_attribute *to)
{
  size_t len;
  sd_status status = copy_text(arena, sd_bytes_of(from->key), &to->key, &len);
  return status == SD_OK ? copy_any(arena, &from->value, depth, &to->value) : status;
}

static sd_status copy_members(sd_arena *arena, const sd_any *from, unsigned depth, sd_any *to)
{
  bool is_array = from->type == SD_ANY_ARRAY;
  size_t size = is_array ? sizeof(sd_any) : sizeof(sd_attribute);
  if (from->len > SD_RESOURCE_BYTES_MAX / size)
    return SD_LIMIT;
  void *members = sd_arena_alloc(arena, from->len * size + 1, ALIGN);
  if (!members)
    return SD_LIMIT;
  sd_status status = SD_OK;
  for (size_t i = 0; i < from->len && status == SD_OK; i++) {
    if (is_array)
      status = copy_any(arena, &from->as.array[i], depth + 1, (sd_any *)members + i);
    else
      status = copy_attribute(arena, &from->as.map[i], depth + 1, (sd_attribute *)members + i);
  }
  if (is_array)
    to->as.array = members;
  else
    to->as.map = members;
  return status;
}

static sd_status copy_any(sd_arena *arena, const sd_any *from, unsigned depth, sd_any *to)
{
  *to = *from;
  switch (from->type) {
  case SD_ANY_STRING:
    return copy_text(arena, sd_bytes_make(from->as.string, from->len), &to->as.string, &to->len);
  case SD_ANY_BYTES:
    to->as.bytes = sd_arena_copy(arena, from->as.bytes, from->len);
    return to->as.bytes ? SD_OK : SD_LIMIT;
  case SD_ANY_ARRAY:
  case SD_ANY_MAP:
    if (depth >= SD_VALUE_DEPTH_MAX) {
      *to = sd_any_null();
      return SD_OK;
    }
    return copy_members(arena, from, depth, to);
  case SD_ANY_NULL:
  case SD_ANY_BOOL:
  case SD_ANY_INT:
  case SD_ANY_DOUBLE:
    break;
  }
  return SD_OK;
}

static sd_attribute *find(const sd_resource *resource, const char *key)
{
  for (size_t i = 0; i < resource->count; i++) {
    if (strcmp(resource->attributes[i].key, key) == 0)
      return &resource->attributes[i];
  }
  return NULL;
}

static sd_status put(sd_resource *resource, const char *key, sd_any value)
{
  sd_attribute from = sd_attribute_make(key, value);
  sd_attribute copy;
  sd_status status = copy_attribute(&resource->arena, &from, 0, &copy);
  if (status != SD_OK)
    return status;
  sd_attribute *at = find(resource, copy.key);
  if (!at) {
    if (resource->count == SD_RESOURCE_ATTRIBUTES_MAX)
      return SD_LIMIT;
    at = &resource->attributes[resource->count++];
  }
  *at = copy;
  return SD_OK;
}

static sd_status put_text(sd_resource *resource, const char *key, const char *text)
{
  return text && text[0] ? put(resource, key, sd_any_string(text)) : SD_OK;
}

/* Names of the semantic conventions (host.arch) for what uname says. */
static const char *architecture(const char *machine)
{
  static const char *const names[][2] = {
      {"x86_64", "amd64"}, {"aarch64", "arm64"}, {"i386", "x86"},    {"i686", "x86"},
      {"armv6l", "arm32"}, {"armv7l", "arm32"},  {"ppc64", "ppc64"}, {"ppc64le", "ppc64"},
  };
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (strcmp(machine, names[i][0]) == 0)
      return names[i][1];
  }
  return machine;
}

static sd_status detect(sd_resource *resource)
{
  char instance_id[SD_UUID_TEXT_SIZE];
  char default_name[256];
  const char *program = program_invocation_short_name;
  snprintf(default_name, sizeof default_name, "unknown_service:%s", program && program[0] ? program : "c");
  struct utsname system;
  bool has_system = uname(&system) == 0;
  struct {
    const char *key;
    const char *text;
  } const found[] = {
      {"service.name", default_name},
      {"service.instance.id", sd_random_uuid(instance_id)},
      {"telemetry.sdk.language", "c"},
      {"telemetry.sdk.name", "streamduck"},
      {"telemetry.sdk.version", SD_VERSION},
      {"process.executable.name", program},
      {"host.name", has_system ? system.nodename : NULL},
      {"host.arch", has_system ? architecture(system.machine) : NULL},
      {"os.type", "linux"},
      {"os.version", has_system ? system.release : NULL},
  };
  sd_status status = put(resource, "process.pid", sd_any_int(getpid()));
  for (size_t i = 0; i < sizeof found / sizeof found[0] && status == SD_OK; i++)
    status = put_text(resource, found[i].key, found[i].text);
  return status;
}

/* What a fork changes, where it was detected. */
static void mark_own(sd_resource *resource, const sd_telemetry_options *options)
{
  sd_attribute *id = find(resource, "service.instance.id");
  sd_attribute *pid = find(resource, "process.pid");
  for (size_t i = 0; i < options->resource_count; i++) {
    if (strcmp(options->resource[i].key, "service.instance.id") == 0)
      id = NULL;
    else if (strcmp(options->resource[i].key, "process.pid") == 0)
      pid = NULL;
  }
  resource->instance_id = id ? (char *)(uintptr_t)id->value.as.string : NULL;
  resource->pid = pid;
}

sd_status sd_resource_init(sd_resource *resource, const sd_telemetry_options *options, sd_error *error)
{
  memset(resource, 0, sizeof *resource);
  sd_arena_init(&resource->arena, ARENA_BLOCK, SD_RESOURCE_BYTES_MAX);
  resource->attributes =
      sd_arena_alloc(&resource->arena, SD_RESOURCE_ATTRIBUTES_MAX * sizeof *resource->attributes, ALIGN);
  sd_status status = resource->attributes ? detect(resource) : SD_NOMEM;
  for (size_t i = 0; i < options->resource_count && status == SD_OK; i++) {
    if (!options->resource[i].key || !options->resource[i].key[0])
      status = SD_INVALID;
    else
      status = put(resource, options->resource[i].key, options->resource[i].value);
  }
  if (status == SD_OK)
    status = put_text(resource, "service.name", options->service_name);
  if (status == SD_OK)
    status = put_text(resource, "service.version", options->service_version);
  if (status == SD_OK)
    status = put_text(resource, "deployment.environment.name", options->environment);
  if (status != SD_OK) {
    sd_resource_release(resource);
    return sd_error_set(error, status, "resource attributes: %s",
                        status == SD_INVALID ? "a key is empty"
                                             : "more than 256 attributes or 256 KiB, or no memory");
  }
  mark_own(resource, options);
  return SD_OK;
}

void sd_resource_release(sd_resource *resource)
{
  sd_arena_release(&resource->arena);
  resource->attributes = NULL;
  resource->count = 0;
}

void sd_resource_after_fork(sd_resource *resource)
{
  if (resource->instance_id)
    sd_random_uuid(resource->instance_id);
  if (resource->pid)
    resource->pid->value.as.integer = getpid();
}
