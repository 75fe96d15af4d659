/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Words that announce a secret, and keys that are safe. */
#include "trace/scrub_words.h"

#include "base/alloc.h"

enum {
  EDGE = 1,      /* a word begins here, or with an underscore */
  EDGES = 2,     /* … and ends like that */
  NO_AUTHOR = 4, /* not as in author and authors */
  VERSION = 8    /* digits and an underscore follow */
};

/* In this order: the first that fits is the match. */
static const struct word {
  const char *head;
  const char *tail; /* behind one separator or none; NULL: no second word */
  int rules;
} words_known[] = {
    {"password", NULL, 0},
    {"passwd", NULL, 0},
    {"mysql_pwd", NULL, 0},
    {"secret", NULL, 0},
    {"auth", NULL, NO_AUTHOR},
    {"credential", NULL, 0},
    {"private", "key", 0},
    {"passphrase", NULL, 0},
    {"signing", "key", 0},
    {"hmac", "key", 0},
    {"api", "key", 0},
    {"session", NULL, 0},
    {"cookie", NULL, 0},
    {"social", "security", 0},
    {"credit", "card", 0},
    {"logfire", "token", 0},
    {"access", "token", 0},
    {"refresh", "token", 0},
    {"bearer", "token", 0},
    {"id", "token", EDGE},
    {"pylf_v", NULL, VERSION},
    {"csrf", NULL, EDGE | EDGES},
    {"xsrf", NULL, EDGE | EDGES},
    {"jwt", NULL, EDGE | EDGES},
    {"ssn", NULL, EDGE | EDGES},
};

/* In the order of strcmp. */
static const char *const safe_keys[] = {
    "agent_session_id",
    "binary_content",
    "code.filepath",
    "code.function",
    "code.lineno",
    "db.plan",
    "db.query.text",
    "db.statement",
    "do_not_scrub",
    "error.type",
    "event.name",
    "exception.message",
    "exception.stacktrace",
    "exception.type",
    "gen_ai.conversation.id",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "gen_ai.system",
    "gen_ai.system_instructions",
    "gen_ai.tool.call.id",
    "gen_ai.tool.definitions",
    "gen_ai.tool.name",
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.raw",
    "http.method",
    "http.route",
    "http.scheme",
    "http.status_code",
    "http.target",
    "http.url",
    "logfire.config",
    "logfire.json_schema",
    "logfire.level_name",
    "logfire.level_num",
    "logfire.logger_name",
    "logfire.msg",
    "logfire.msg_template",
    "logfire.package_versions",
    "logfire.pending_parent_id",
    "logfire.sample_rate",
    "logfire.scrubbed",
    "logfire.span_type",
    "logfire.tags",
    "logfire.version",
    "model_request_parameters",
    "pydantic_ai.all_messages",
    "rpc.method",
    "url.full",
    "url.path",
    "url.query",
};

static uint8_t lower(uint8_t c)
{
  return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool is_digit(uint8_t c)
{
  return c >= '0' && c <= '9';
}

/* Other characters than ASCII's end a word: what stands beside them is looked at, rather than let through. */
static bool is_word_byte(uint8_t c)
{
  return is_digit(c) || c == '_' || (lower(c) >= 'a' && lower(c) <= 'z');
}

/* Whether exactly one side of `at` belongs to a word. */
static bool is_edge(sd_bytes text, size_t at)
{
  bool before = at > 0 && is_word_byte(text.data[at - 1]);
  bool behind = at < text.len && is_word_byte(text.data[at]);
  return before != behind;
}

/* Moves *at behind the word, which is in lower case. */
static bool take(sd_bytes text, size_t *at, const char *word)
{
  size_t i = *at;
  for (; *word; word++, i++) {
    if (i >= text.len || lower(text.data[i]) != (uint8_t)*word)
      return false;
  }
  *at = i;
  return true;
}

static bool take_byte(sd_bytes text, size_t *at, uint8_t byte)
{
  if (*at >= text.len || text.data[*at] != byte)
    return false;
  (*at)++;
  return true;
}

static bool take_tail(sd_bytes text, size_t *at, const char *tail)
{
  if (take(text, at, tail))
    return true;
  size_t behind = *at + 1;
  if (behind > text.len || !text.data[*at] || !strchr("._ -", text.data[*at]) || !take(text, &behind, tail))
    return false;
  *at = behind;
  return true;
}

static bool is_author(sd_bytes text, size_t behind_auth)
{
  size_t at = behind_auth;
  if (!take(text, &at, "or"))
    return false;
  if (is_edge(text, at))
    return true;
  return take(text, &at, "s") && is_edge(text, at);
}

/* The end of the word that begins at `at`; `at` when none does. */
static size_t match_word(const struct word *word, sd_bytes text, size_t at)
{
  size_t end = at;
  if (word->rules & EDGE && !is_edge(text, at) && !take_byte(text, &end, '_'))
    return at;
  if (!take(text, &end, word->head)) {
    /* "_id_token" at a text's start: the underscore is an edge too, and part of the word. */
    end = at;
    if (!(word->rules & EDGE) || !take_byte(text, &end, '_') || !take(text, &end, word->head))
      return at;
  }
  if (word->tail && !take_tail(text, &end, word->tail))
    return at;
  if (word->rules & NO_AUTHOR && is_author(text, end))
    return at;
  if (word->rules & VERSION) {
    size_t digits = end;
    while (end < text.len && is_digit(text.data[end]))
      end++;
    if (end == digits || !take_byte(text, &end, '_'))
      return at;
  }
  if (word->rules & EDGES && !is_edge(text, end) && !take_byte(text, &end, '_'))
    return at;
  return end;
}

static size_t match_extra(const sd_scrub_words *words, sd_bytes text, size_t at)
{
  for (size_t i = 0; i < words->extra_count; i++) {
    size_t end = at;
    if (take(text, &end, words->extra[i]))
      return end;
  }
  return at;
}

static size_t match_any(const sd_scrub_words *words, sd_bytes text, size_t at)
{
  size_t end = at;
  for (size_t i = 0; end == at && i < sizeof words_known / sizeof words_known[0]; i++)
    end = match_word(&words_known[i], text, at);
  return end > at ? end : match_extra(words, text, at);
}

bool sd_scrub_words_find(const sd_scrub_words *words, sd_bytes text, sd_bytes *ret_match)
{
  uint32_t row = text.len > 0 ? text.data[0] & 31 : 0;
  for (size_t at = 0; at < text.len; at++) {
    uint8_t second = at + 1 < text.len ? text.data[at + 1] : 0;
    uint8_t third = at + 2 < text.len ? text.data[at + 2] : 0;
    row = (row << 5 | (second & 31)) & 1023;
    if (!(words->beginnings[row] >> (third & 31) & 1))
      continue;
    size_t end = match_any(words, text, at);
    if (end > at) {
      *ret_match = sd_bytes_make(text.data + at, end - at);
      return true;
    }
  }
  return false;
}

bool sd_scrub_key_is_safe(sd_bytes key)
{
  size_t low = 0;
  size_t high = sizeof safe_keys / sizeof safe_keys[0];
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    const char *safe = safe_keys[middle];
    size_t len = strlen(safe);
    int order = memcmp(key.len ? key.data : (const uint8_t *)"", safe, key.len < len ? key.len : len);
    if (order == 0 && key.len == len)
      return true;
    if (order < 0 || (order == 0 && key.len < len))
      high = middle;
    else
      low = middle + 1;
  }
  return false;
}

/* ---- Words
 * ------------------------------------------------------------------------------------------------------ */

/* Admits the first three bytes of text; what it is too short for may be anything. */
static void admit(sd_scrub_words *words, const char *text)
{
  size_t len = strlen(text);
  uint32_t first = (uint8_t)text[0] & 31;
  uint32_t second = len > 1 ? (uint8_t)text[1] & 31 : 0;
  for (uint32_t row = 0; row < 32; row++) {
    if (len > 1 && row != second)
      continue;
    words->beginnings[first << 5 | row] |= len > 2 ? UINT32_C(1) << ((uint8_t)text[2] & 31) : UINT32_MAX;
  }
}

static void admit_known(sd_scrub_words *words)
{
  for (size_t i = 0; i < sizeof words_known / sizeof words_known[0]; i++) {
    const char *head = words_known[i].head;
    char with_underscore[] = {'_', head[0], head[1], '\0'};
    admit(words, head);
    if (words_known[i].rules & EDGE)
      admit(words, with_underscore);
  }
}

static sd_status add_extra(sd_scrub_words *words, const char *text, sd_error *error)
{
  size_t len = strlen(text);
  if (len == 0)
    return sd_error_set(error, SD_INVALID, "a word to scrub is empty: every text would be taken out");
  if (len > SD_SCRUB_EXTRA_MAX_LEN)
    return sd_error_set(error, SD_LIMIT, "a word to scrub has %zu bytes; the maximum is %d", len,
                        SD_SCRUB_EXTRA_MAX_LEN);
  char *copy = sd_strdup(text);
  if (!copy)
    return sd_error_set(error, SD_NOMEM, "no memory for the words to scrub");
  for (size_t i = 0; i < len; i++)
    copy[i] = (char)lower((uint8_t)copy[i]);
  words->extra[words->extra_count++] = copy;
  admit(words, copy);
  return SD_OK;
}

sd_status sd_scrub_words_init(sd_scrub_words *words, const char *const *extra, sd_error *error)
{
  sd_status status = SD_OK;
  sd_scrub_words made;
  memset(&made, 0, sizeof made);
  admit_known(&made);
  size_t count = 0;
  while (extra && extra[count])
    count++;
  if (count > SD_SCRUB_EXTRA_MAX)
    return sd_error_set(error, SD_LIMIT, "%zu words to scrub; the maximum is %d", count, SD_SCRUB_EXTRA_MAX);
  if (count > 0 && !(made.extra = sd_calloc(count, sizeof *made.extra)))
    return sd_error_set(error, SD_NOMEM, "no memory for the words to scrub");
  for (size_t i = 0; i < count && status == SD_OK; i++)
    status = add_extra(&made, extra[i], error);
  if (status == SD_OK)
    *words = made;
  else
    sd_scrub_words_release(&made);
  return status;
}

void sd_scrub_words_release(sd_scrub_words *words)
{
  for (size_t i = 0; i < words->extra_count; i++)
    sd_free(words->extra[i]);
  sd_free(words->extra);
  memset(words, 0, sizeof *words);
}
