/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Sockets and locks in the state directory. */
#include "cli/instance.h"

#include "base/random.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 16, REGISTER_TRIES = 8 };

static const char lock_ending[] = ".lock";
static const char socket_ending[] = ".sock";

/* mkdir -p, mode 0700 for what is made. */
static sd_status make_directory(const char *directory, sd_error *error)
{
  char path[PATH_MAX];
  size_t len = strlen(directory);
  if (len == 0 || len >= sizeof path)
    return sd_error_set(error, SD_CONFIG,
                        "there is no folder for the status socket: set HOME or give --state-dir");
  memcpy(path, directory, len + 1);
  for (size_t i = 1; i <= len; i++) {
    if (path[i] != '/' && path[i] != '\0')
      continue;
    char kept = path[i];
    path[i] = '\0';
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
      return sd_error_set_errno(error, SD_IO, errno, "the folder %s cannot be made", path);
    path[i] = kept;
  }
  return SD_OK;
}

static int open_directory(const char *directory)
{
  return open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* <name><ending> into dst. */
static void file_name(char *dst, size_t size, const char *name, const char *ending)
{
  snprintf(dst, size, "%s%s", name, ending);
}

/* A path is limited to 107 bytes, wherever the directory lies; one through its descriptor is always short. */
static void socket_path(char *dst, int directory_fd, const char *name)
{
  snprintf(dst, SD_INSTANCE_PATH_MAX, "/proc/self/fd/%d/%s%s", directory_fd, name, socket_ending);
}

/* Makes and locks <name>.lock. SD_AGAIN when somebody was faster. */
static sd_status take_lock(sd_instance *instance, sd_error *error)
{
  char file[SD_INSTANCE_NAME_MAX + 8];
  struct stat by_fd, by_name;
  snprintf(instance->name, sizeof instance->name, "%ld-%08" PRIx64, (long)getpid(),
           sd_random_u64() & UINT32_MAX);
  file_name(file, sizeof file, instance->name, lock_ending);
  int fd = openat(instance->directory_fd, file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return sd_error_set_errno(error, errno == EEXIST ? SD_AGAIN : SD_IO, errno, "%s cannot be made", file);
  /* A scan may take the new file for a dead instance's before it is locked, and remove it. */
  if (flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &by_fd) != 0 ||
      fstatat(instance->directory_fd, file, &by_name, AT_SYMLINK_NOFOLLOW) != 0 ||
      by_fd.st_ino != by_name.st_ino) {
    close(fd);
    return sd_error_set(error, SD_AGAIN, "%s was taken away", file);
  }
  instance->lock_fd = fd;
  return SD_OK;
}

static sd_status make_socket(sd_instance *instance, sd_error *error)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char path[SD_INSTANCE_PATH_MAX];
  char file[SD_INSTANCE_NAME_MAX + 8];
  socket_path(path, instance->directory_fd, instance->name);
  memcpy(address.sun_path, path, sizeof address.sun_path);
  file_name(file, sizeof file, instance->name, socket_ending);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return sd_error_set_errno(error, SD_IO, errno, "the status socket cannot be made");
  /* The mode is set before anybody can connect, which is after listen. */
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
      fchmodat(instance->directory_fd, file, 0600, 0) != 0 || listen(fd, LISTEN_BACKLOG) != 0) {
    int errnum = errno;
    close(fd);
    return sd_error_set_errno(error, SD_IO, errnum, "the status socket %s cannot be made", file);
  }
  instance->listen_fd = fd;
  return SD_OK;
}

sd_status sd_instance_register(const char *directory, sd_instance *ret_instance, sd_error *error)
{
  sd_instance instance = {.directory_fd = -1, .lock_fd = -1, .listen_fd = -1};
  sd_status status = make_directory(directory, error);
  if (status != SD_OK)
    return status;
  instance.directory_fd = open_directory(directory);
  if (instance.directory_fd < 0)
    return sd_error_set_errno(error, SD_IO, errno, "the folder %s cannot be opened", directory);
  status = SD_AGAIN;
  for (int i = 0; status == SD_AGAIN && i < REGISTER_TRIES; i++)
    status = take_lock(&instance, error);
  if (status == SD_OK)
    status = make_socket(&instance, error);
  if (status != SD_OK) {
    sd_instance_unregister(&instance);
    return status;
  }
  *ret_instance = instance;
  return SD_OK;
}

static void remove_files(int directory_fd, const char *name)
{
  char file[SD_INSTANCE_NAME_MAX + 8];
  struct stat info;
  file_name(file, sizeof file, name, socket_ending);
  if (fstatat(directory_fd, file, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(info.st_mode))
    unlinkat(directory_fd, file, 0);
  file_name(file, sizeof file, name, lock_ending);
  unlinkat(directory_fd, file, 0);
}

void sd_instance_unregister(sd_instance *instance)
{
  if (instance->listen_fd >= 0)
    close(instance->listen_fd);
  if (instance->lock_fd >= 0) {
    remove_files(instance->directory_fd, instance->name);
    close(instance->lock_fd);
  }
  if (instance->directory_fd >= 0)
    close(instance->directory_fd);
  *instance = (sd_instance){.directory_fd = -1, .lock_fd = -1, .listen_fd = -1};
}

/* "<digits>-<8 hex digits>.lock"; the name without ending into dst. */
static bool is_lock_name(const char *file, char *dst)
{
  size_t digits = strspn(file, "0123456789");
  if (digits == 0 || digits > 20 || file[digits] != '-')
    return false;
  size_t hex = strspn(file + digits + 1, "0123456789abcdef");
  size_t len = digits + 1 + hex;
  if (hex != 8 || strcmp(file + len, lock_ending) != 0)
    return false;
  memcpy(dst, file, len);
  dst[len] = '\0';
  return true;
}

/* True when the instance lives. The files of one that certainly does not are removed. */
static bool is_alive(int directory_fd, const char *file, const char *name)
{
  int fd = openat(directory_fd, file, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0)
    return false;
  bool is_dead = flock(fd, LOCK_EX | LOCK_NB) == 0;
  bool is_held = !is_dead && errno == EWOULDBLOCK;
  if (is_dead)
    remove_files(directory_fd, name);
  close(fd);
  return is_held;
}

sd_status sd_instance_each(const char *directory, sd_instance_fn *call, void *user, sd_error *error)
{
  int fd = directory[0] ? open_directory(directory) : -1;
  if (fd < 0 && (!directory[0] || errno == ENOENT))
    return SD_OK;
  if (fd < 0)
    return sd_error_set_errno(error, SD_IO, errno, "the folder %s cannot be read", directory);
  /* The stream owns its descriptor; sockets are reached through ours. */
  int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  DIR *stream = own >= 0 ? fdopendir(own) : NULL;
  if (!stream) {
    int errnum = errno;
    if (own >= 0)
      close(own);
    close(fd);
    return sd_error_set_errno(error, SD_IO, errnum, "the folder %s cannot be read", directory);
  }
  const struct dirent *entry;
  for (int i = 0; i < SD_INSTANCES_MAX && (entry = readdir(stream));) {
    char name[SD_INSTANCE_NAME_MAX], path[SD_INSTANCE_PATH_MAX];
    if (!is_lock_name(entry->d_name, name) || !is_alive(fd, entry->d_name, name))
      continue;
    socket_path(path, fd, name);
    call(user, path);
    i++;
  }
  closedir(stream);
  close(fd);
  return SD_OK;
}
