/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Clocks, and RFC 3339 time stamps in both directions. */
#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <streamduck/error.h>
#include <time.h>

#define US_PER_S        INT64_C(1000000)
#define FIRST_SECOND    INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define LAST_SECOND     INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define SECONDS_PER_DAY 86400

uint64_t sd_clock_monotonic_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

uint64_t sd_clock_monotonic_ms(void)
{
  return sd_clock_monotonic_ns() / 1000000;
}

int64_t sd_clock_unix_us(void)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

int64_t sd_clock_unix_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * (US_PER_S * 1000) + now.tv_nsec;
}

char *sd_clock_iso8601(int64_t unix_us, char *dst)
{
  int64_t seconds = unix_us / US_PER_S;
  int64_t us = unix_us % US_PER_S;
  if (us < 0) {
    seconds--;
    us += US_PER_S;
  }
  time_t time = (time_t)seconds;
  struct tm tm;
  if (seconds < FIRST_SECOND || seconds > LAST_SECOND || !gmtime_r(&time, &tm)) {
    snprintf(dst, SD_CLOCK_ISO8601_SIZE, "invalid");
    return dst;
  }
  /* Not strftime: its %Y does not fill up to four digits. */
  int len = snprintf(dst, SD_CLOCK_ISO8601_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900,
                     tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
  char *end = dst + len;
  size_t room = SD_CLOCK_ISO8601_SIZE - (size_t)len;
  if (us != 0)
    snprintf(end, room, ".%06uZ", (unsigned)us % 1000000u);
  else
    snprintf(end, room, "Z");
  return dst;
}

/* Exactly `count` digits at *p, which moves behind them; -1 when there are others. */
static int take_digits(const char **p, int count)
{
  int value = 0;
  for (int i = 0; i < count; i++, (*p)++) {
    if (**p < '0' || **p > '9')
      return -1;
    value = value * 10 + (**p - '0');
  }
  return value;
}

static bool take_char(const char **p, char expected)
{
  if (**p != expected)
    return false;
  (*p)++;
  return true;
}

static bool take_letter(const char **p, char upper)
{
  return take_char(p, upper) || take_char(p, (char)(upper + ('a' - 'A')));
}

static bool take_date(const char **p, struct tm *tm)
{
  static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int year = take_digits(p, 4);
  if (year < 1 || !take_char(p, '-'))
    return false;
  int month = take_digits(p, 2);
  if (month < 1 || month > 12 || !take_char(p, '-'))
    return false;
  bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  int day = take_digits(p, 2);
  if (day < 1 || day > days[month - 1] + (month == 2 && leap ? 1 : 0))
    return false;
  tm->tm_year = year - 1900;
  tm->tm_mon = month - 1;
  tm->tm_mday = day;
  return true;
}

static bool take_time(const char **p, struct tm *tm)
{
  tm->tm_hour = take_digits(p, 2);
  if (tm->tm_hour < 0 || tm->tm_hour > 23 || !take_char(p, ':'))
    return false;
  tm->tm_min = take_digits(p, 2);
  if (tm->tm_min < 0 || tm->tm_min > 59 || !take_char(p, ':'))
    return false;
  tm->tm_sec = take_digits(p, 2);
  return tm->tm_sec >= 0 && tm->tm_sec <= 60;
}

static bool take_fraction(const char **p, int64_t *us)
{
  *us = 0;
  if (!take_char(p, '.'))
    return true;
  int digits = 0;
  int64_t unit = US_PER_S / 10;
  for (; **p >= '0' && **p <= '9'; (*p)++, unit /= 10) {
    if (++digits > 9)
      return false;
    *us += (**p - '0') * unit;
  }
  return digits > 0;
}

static bool take_offset(const char **p, int64_t *seconds)
{
  *seconds = 0;
  if (take_letter(p, 'Z'))
    return true;
  bool west = take_char(p, '-');
  if (!west && !take_char(p, '+'))
    return false;
  int hours = take_digits(p, 2);
  if (hours < 0 || hours > 23 || !take_char(p, ':'))
    return false;
  int minutes = take_digits(p, 2);
  if (minutes < 0 || minutes > 59)
    return false;
  *seconds = (west ? -1 : 1) * (hours * INT64_C(3600) + minutes * INT64_C(60));
  return true;
}

int32_t sd_clock_parse_iso8601(const char *text, int64_t *ret_unix_us)
{
  struct tm tm = {0};
  int64_t us;
  int64_t offset;
  const char *p = text;
  if (!text || !take_date(&p, &tm) || !take_letter(&p, 'T') || !take_time(&p, &tm) ||
      !take_fraction(&p, &us) || !take_offset(&p, &offset) || *p != '\0')
    return SD_INVALID;
  /* A leap second (:60) exists only at the end of a day in UTC; it becomes the first second of the next day.
   */
  bool leap_second = tm.tm_sec == 60;
  int64_t seconds = (int64_t)timegm(&tm) - offset;
  if ((leap_second && seconds % SECONDS_PER_DAY != 0) || seconds < FIRST_SECOND || seconds > LAST_SECOND)
    return SD_INVALID;
  *ret_unix_us = seconds * US_PER_S + us;
  return SD_OK;
}
