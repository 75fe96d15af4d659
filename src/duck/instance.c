/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The process's DuckDB instances and the databases attached to them, by reference count. */
#include "duck/instance.h"

#include "base/alloc.h"
#include "duck/instance_private.h"
#include "duck/library.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static sd_duck_instance *registry; /* the instances in use: few */

static bool same_text(const char *a, const char *b)
{
  return a && b ? strcmp(a, b) == 0 : a == b;
}

static void free_instance(sd_duck_instance *instance)
{
  if (instance->watchdog) {
    sd_duck_shut(instance);
    sd_duck_call_release(&instance->control);
    sd_duck_watchdog_free(instance->watchdog);
  }
  pthread_mutex_destroy(&instance->lock);
  sd_scrubber_free(instance->scrubber);
  sd_free(instance->extension);
  sd_free(instance->token);
  sd_free(instance);
}

static sd_status new_instance(const sd_duck_api *api, const sd_duck_instance_options *options,
                              const char *extension, sd_duck_instance **ret_instance, sd_error *error)
{
  sd_duck_instance *instance = sd_calloc(1, sizeof *instance);
  if (!instance)
    return sd_error_set(error, SD_NOMEM, "no memory for a DuckDB instance");
  instance->api = api;
  instance->refs = 1;
  atomic_init(&instance->generation, 1);
  pthread_mutex_init(&instance->lock, NULL);
  sd_status status = sd_scrubber_new(&instance->scrubber);
  if (status == SD_OK && options->motherduck_token) {
    instance->token = sd_strdup(options->motherduck_token);
    if (!instance->token)
      status = SD_NOMEM;
    else
      status = sd_scrubber_add(instance->scrubber, instance->token);
  }
  if (status == SD_OK && extension) {
    instance->extension = sd_strdup(extension);
    if (!instance->extension)
      status = SD_NOMEM;
  }
  if (status != SD_OK) {
    sd_error_set(error, status, "the MotherDuck token or extension path cannot be kept: %s",
                 sd_status_text(status));
    goto fail;
  }
  status = sd_duck_watchdog_new(&instance->watchdog, error);
  if (status != SD_OK)
    goto fail;
  instance->control.watchdog = instance->watchdog;
  instance->control.api = api;
  instance->control.scrubber = instance->scrubber;
  instance->control.max_ms = SD_DUCK_CALL_MAX_MS;
  instance->control.grace_ms = SD_DUCK_HUNG_GRACE_MS;
  status = sd_duck_call_init(&instance->control);
  if (status != SD_OK) {
    sd_duck_watchdog_free(instance->watchdog);
    instance->watchdog = NULL;
    sd_error_set(error, status, "no memory for a DuckDB instance");
    goto fail;
  }
  *ret_instance = instance;
  return SD_OK;

fail:
  free_instance(instance);
  return status;
}

/* Closes what is open, opens, and attaches the databases again. With the instance's lock held; waits until no
 * connection is in use. */
static sd_status renew(sd_duck_instance *instance, sd_error *error)
{
  for (sd_duck_connection *connection = instance->connections; connection; connection = connection->next)
    pthread_mutex_lock(&connection->use);
  for (sd_duck_connection *connection = instance->connections; connection; connection = connection->next)
    sd_duck_call_set_handle(&connection->call, NULL);
  sd_duck_shut(instance);
  for (sd_duck_database *database = instance->databases; database; database = database->next)
    atomic_store(&database->attached, false);
  atomic_fetch_add(&instance->generation, 1);
  sd_status status = sd_duck_open(instance, error);
  /* A database that fails here is tried again by its users, who then see the error. */
  for (sd_duck_database *database = instance->databases; status == SD_OK && database;
       database = database->next) {
    if (sd_duck_attach(instance, database, NULL) != SD_OK)
      atomic_store(&database->attached, false);
  }
  for (sd_duck_connection *connection = instance->connections; connection; connection = connection->next)
    pthread_mutex_unlock(&connection->use);
  return status;
}

sd_status sd_duck_instance_acquire(const sd_duck_instance_options *options, sd_duck_instance **ret_instance,
                                   sd_error *error)
{
  const sd_duck_api *api = options->api;
  sd_status status = api ? SD_OK : sd_duck_library_load(options->libduckdb, &api, error);
  if (status == SD_OK && options->motherduck_token)
    status = sd_duck_library_check_motherduck(api, error);
  if (status != SD_OK)
    return status;
  const char *extension = options->motherduck_extension;
  if (!extension)
    extension = getenv("STREAMDUCK_MOTHERDUCK_EXTENSION");
  if (extension && !*extension)
    extension = NULL;

  pthread_mutex_lock(&registry_lock);
  sd_duck_instance *instance = registry;
  while (instance && !(instance->api == api && same_text(instance->token, options->motherduck_token)))
    instance = instance->next;
  if (instance) {
    instance->refs++;
  } else {
    status = new_instance(api, options, extension, &instance, error);
    if (status == SD_OK) {
      instance->next = registry;
      registry = instance;
    }
  }
  pthread_mutex_unlock(&registry_lock);
  if (status != SD_OK)
    return status;

  /* Opening may take long; only those who want this very instance wait. */
  status = sd_duck_ensure_open(instance, error);
  if (status != SD_OK) {
    sd_duck_instance_release(instance);
    return status;
  }
  *ret_instance = instance;
  return SD_OK;
}

void sd_duck_instance_release(sd_duck_instance *instance)
{
  if (!instance)
    return;
  pthread_mutex_lock(&registry_lock);
  bool last = --instance->refs == 0;
  if (last) {
    sd_duck_instance **at = &registry;
    while (*at != instance)
      at = &(*at)->next;
    *at = instance->next;
  }
  pthread_mutex_unlock(&registry_lock);
  if (last)
    free_instance(instance);
}

/* The path with links and dots resolved, without opening the file (that would drop DuckDB's lock on it). */
static sd_status canonical_path(const char *path, char *dst, size_t size, sd_error *error)
{
  char folder[PATH_MAX];
  char real[PATH_MAX];
  if (strlen(path) == 0 || strlen(path) >= sizeof folder)
    return sd_error_set(error, SD_CONFIG, "the database's path is empty or too long");
  if (realpath(path, real)) {
    snprintf(dst, size, "%s", real);
    return SD_OK;
  }
  snprintf(folder, sizeof folder, "%s", path);
  char *slash = strrchr(folder, '/');
  const char *name = slash ? slash + 1 : path;
  if (slash == folder)
    slash++;
  if (slash)
    *slash = '\0';
  if (!*name)
    return sd_error_set(error, SD_CONFIG, "%s names a folder, not a database file", path);
  if (!realpath(slash ? folder : ".", real))
    return sd_error_set(error, SD_NOT_FOUND,
                        "the folder of the database file %s does not exist: make it first", path);
  int n =
      snprintf(dst, size, "%s/%s", strcmp(real, "/") == 0 ? "" : real, slash ? path + (name - folder) : path);
  if (n < 0 || (size_t)n >= size)
    return sd_error_set(error, SD_CONFIG, "the database's path is too long");
  return SD_OK;
}

sd_status sd_duck_motherduck_name_check(const char *name, sd_error *error)
{
  size_t len = strlen(name);
  if (len == 0 || len >= SD_DUCK_ALIAS_MAX || strpbrk(name, "?&='\";:/"))
    return sd_error_set(
        error, SD_CONFIG,
        "\"%s\" cannot be the name of a MotherDuck database: give the bare name, without md: and "
        "without parameters",
        name);
  return SD_OK;
}

static void free_database(sd_duck_database *database)
{
  sd_free(database->name);
  sd_free(database);
}

/* With the instance's lock held. */
static sd_status add_database(sd_duck_instance *instance, const char *name, bool read_only,
                              sd_duck_database **ret_database, sd_error *error)
{
  sd_duck_database *database = sd_calloc(1, sizeof *database);
  char *copy = sd_strdup(name);
  if (!database || !copy) {
    sd_free(copy);
    sd_free(database);
    return sd_error_set(error, SD_NOMEM, "no memory to open %s", name);
  }
  database->instance = instance;
  database->name = copy;
  database->read_only = read_only;
  database->refs = 1;
  atomic_init(&database->attached, false);
  if (instance->token)
    snprintf(database->alias, sizeof database->alias, "%.*s", SD_DUCK_ALIAS_MAX - 1, name);
  else
    snprintf(database->alias, sizeof database->alias, "db_%" PRIu32, ++instance->aliases);
  sd_status status = instance->handle ? SD_OK : renew(instance, error);
  if (status == SD_OK)
    status = sd_duck_attach(instance, database, error);
  if (status != SD_OK) {
    free_database(database);
    return status;
  }
  database->next = instance->databases;
  instance->databases = database;
  *ret_database = database;
  return SD_OK;
}

sd_status sd_duck_database_attach(sd_duck_instance *instance, const char *name, bool read_only,
                                  sd_duck_database **ret_database, sd_error *error)
{
  char canonical[PATH_MAX];
  sd_status status;
  if (instance->token) {
    status = sd_duck_motherduck_name_check(name, error);
    snprintf(canonical, sizeof canonical, "%s", name);
  } else {
    status = canonical_path(name, canonical, sizeof canonical, error);
  }
  if (status != SD_OK)
    return status;
  pthread_mutex_lock(&instance->lock);
  sd_duck_database *database = instance->databases;
  while (database && strcmp(database->name, canonical) != 0)
    database = database->next;
  if (database && database->read_only && !read_only) {
    status = sd_error_set(error, SD_STATE, "%s is open in this process for reading only", name);
  } else if (database) {
    database->refs++;
    *ret_database = database;
  } else {
    status = add_database(instance, canonical, read_only, ret_database, error);
  }
  pthread_mutex_unlock(&instance->lock);
  return status;
}

void sd_duck_database_detach(sd_duck_database *database)
{
  if (!database)
    return;
  sd_duck_instance *instance = database->instance;
  pthread_mutex_lock(&instance->lock);
  bool last = --database->refs == 0;
  if (last) {
    sd_duck_database **at = &instance->databases;
    while (*at != database)
      at = &(*at)->next;
    *at = database->next;
    sd_duck_detach(instance, database);
  }
  pthread_mutex_unlock(&instance->lock);
  if (last)
    free_database(database);
}

const char *sd_duck_database_alias(const sd_duck_database *database)
{
  return database->alias;
}

const char *sd_duck_database_path(const sd_duck_database *database)
{
  return database->instance->token ? NULL : database->name;
}

sd_status sd_duck_ensure_open(sd_duck_instance *instance, sd_error *error)
{
  pthread_mutex_lock(&instance->lock);
  sd_status status = instance->handle ? SD_OK : renew(instance, error);
  pthread_mutex_unlock(&instance->lock);
  return status;
}

sd_status sd_duck_database_ensure(sd_duck_database *database, sd_error *error)
{
  sd_duck_instance *instance = database->instance;
  pthread_mutex_lock(&instance->lock);
  sd_status status = instance->handle ? SD_OK : renew(instance, error);
  if (status == SD_OK && !atomic_load(&database->attached))
    status = sd_duck_attach(instance, database, error);
  pthread_mutex_unlock(&instance->lock);
  return status;
}

sd_status sd_duck_instance_raise_memory(sd_duck_instance *instance, uint32_t *ret_limit_mb, sd_error *error)
{
  pthread_mutex_lock(&instance->lock);
  sd_status status = instance->handle ? SD_OK : renew(instance, error);
  if (status == SD_OK)
    status = sd_duck_raise_memory(instance, error);
  if (status == SD_OK)
    *ret_limit_mb = instance->memory_limit_mb;
  pthread_mutex_unlock(&instance->lock);
  return status;
}

sd_status sd_duck_instance_reopen(sd_duck_instance *instance, uint64_t generation, sd_error *error)
{
  sd_status status = SD_OK;
  pthread_mutex_lock(&instance->lock);
  if (!instance->handle || atomic_load(&instance->generation) == generation)
    status = renew(instance, error);
  pthread_mutex_unlock(&instance->lock);
  return status;
}
