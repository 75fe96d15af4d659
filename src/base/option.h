/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * One row says all about one option: how its variable and its flag are called, what a value must look like,
 * and the words for people. Parsing, help, man page, .env.example and the reference are made from rows.
 *
 * Tables are static arrays that end with a row without variable and flag. Everything here may be called from
 * any thread.
 */
#ifndef SD_BASE_OPTION_H
#define SD_BASE_OPTION_H

#include "base/buf.h"

typedef enum sd_option_type {
  SD_OPTION_TEXT = 0,
  SD_OPTION_SECRET = 1,   /* text that is never printed: `***` stands for it */
  SD_OPTION_INTEGER = 2,  /* decimal digits, '_' between them is allowed */
  SD_OPTION_SIZE = 3,     /* bytes: "24MB" (powers of 1000) or "24MiB" (powers of 1024), fractions allowed */
  SD_OPTION_DURATION = 4, /* milliseconds: a plain number is seconds; units ms, s, m, h; fractions allowed */
  SD_OPTION_BOOLEAN = 5,  /* true false 1 0 yes no on off; as a flag it takes no value */
  SD_OPTION_CHOICE = 6,   /* one of `choices`, without case */
  SD_OPTION_POSITION = 7  /* where to begin in a stream: earliest, latest, @TIME, offset:TEXT */
} sd_option_type;

enum {
  SD_OPTION_REPEATED = 1, /* flags only: may be given several times; each occurrence takes all words up to the
                             next flag when the command has no positional arguments */
  SD_OPTION_UNUSED = 2,   /* accepted and checked; this version does nothing with it */
  SD_OPTION_TO_FILL = 4,  /* .env.example leaves the value open */
  SD_OPTION_SWITCHED = 8  /* matters only where another option switches it on: an example's placeholder counts
                             as not set */
};

enum {
  SD_OPTION_TEXT_MAX = 8192, /* bytes of a value */
  SD_OPTION_NAME_MAX = 128   /* bytes of a variable's name with NUL */
};

typedef enum sd_option_position_kind {
  SD_OPTION_POSITION_EARLIEST = 0,
  SD_OPTION_POSITION_LATEST = 1,
  SD_OPTION_POSITION_TIME = 2,
  SD_OPTION_POSITION_OFFSET = 3
} sd_option_position_kind;

typedef struct sd_option_value {
  const char *text; /* the parsed text, borrowed; POSITION: the offset in it or NULL */
  int64_t number;   /* INTEGER; SIZE: bytes; DURATION: ms; BOOLEAN: 0, 1; CHOICE: index; POSITION: kind */
  int64_t time_us;  /* POSITION with a time: microseconds since 1970 */
} sd_option_value;

/* Looks at a value that is well formed for its type. SD_CONFIG with what is wrong, worded to stand behind the
 * option's name ("must end in …"). */
typedef sd_status sd_option_check_fn(const char *text, sd_error *error);

typedef struct sd_option {
  const char *variable; /* "MOTHERDUCK_{N}_BATCH"; {N} stands for a mapping's number. NULL: only a flag */
  const char *flag;     /* "env-file" of --env-file. NULL: only a variable */
  char letter;          /* 'e' of -e, 0: none */
  sd_option_type type;
  unsigned flags;            /* SD_OPTION_REPEATED … */
  const char *default_value; /* as somebody would write it; NULL: none */
  const char *default_text;  /* in words, when the default depends on something; else NULL */
  int64_t min;               /* INTEGER, SIZE, DURATION, inclusive; both 0: any that is not negative */
  int64_t max;
  const char *choices;       /* CHOICE: "text|blob" */
  const char *wrong;         /* CHOICE: what a wrong value is called in the message; NULL: nothing more */
  sd_option_check_fn *check; /* NULL: none */
  const char *value_name;    /* in help: "FILE". NULL: by type */
  const char *section;       /* heading in help and reference; rows of one section stand together */
  const char *example;       /* for .env.example; NULL: the default */
  const char *needed;        /* "when …": it must be set then. NULL: optional */
  const char *text;          /* what it does: sentences, no line breaks */
} sd_option;

static inline bool sd_option_is_end(const sd_option *option)
{
  return !option->variable && !option->flag;
}

/* Parses and checks a value. SD_CONFIG with a message that begins with `name` (the variable's or flag's name
 * as the user wrote it) and says what is allowed; a secret's value is never quoted. */
SD_MUST_CHECK sd_status sd_option_parse(const sd_option *option, const char *name, const char *text,
                                        sd_option_value *ret_value, sd_error *error);

/* "integer, 1 to 122880", "text or blob": what a value may be. */
sd_status sd_option_describe_type(const sd_option *option, sd_buf *out);

/* "FILE", "N", "SIZE": the value's name in a synopsis; "" for a boolean. Static string. */
const char *sd_option_value_name(const sd_option *option);

/* "24MB", "1.5s": numbers as an option would take them, exactly. */
sd_status sd_option_format_size(int64_t bytes, sd_buf *out);
sd_status sd_option_format_duration(int64_t ms, sd_buf *out);

/* Matches a variable's name against the row's: *ret_number is N where the row has {N} (no leading zeros, at
 * most SD_OPTION_NUMBER_MAX), else 0. */
enum { SD_OPTION_NUMBER_MAX = 99999 };
bool sd_option_match(const sd_option *option, const char *variable, int *ret_number);

/* The variable's name with N filled in. False when it does not fit into size. */
bool sd_option_name(const sd_option *option, int number, char *dst, size_t size);

/* Number of single-character insertions, deletions, substitutions and swaps of neighbours between two names,
 * without regard to case; at most SD_OPTION_NAME_MAX - 1 bytes of each are compared. */
unsigned sd_option_distance(const char *a, const char *b);

/* True when `distance` is small enough for a name of this length to be a slip of the pen. */
bool sd_option_is_near(unsigned distance, const char *name);

#endif
