/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The forms of well-known secrets. */
#include "base/scrub_patterns.h"

#include "base/scrub.h"

enum {
  KEY_WHOLE = 1,       /* the name must not be the end of a longer word */
  KEY_CAREFUL = 2,     /* after ':' only a quoted value, because people write "<name>: <text>" */
  KEY_WITH_SPACES = 4, /* an unquoted value may contain spaces and '&' */
  KEY_HEADER = 8       /* the value is a scheme and a credential */
};

#define KEY(name) name, sizeof(name) - 1
/* Names in lower case, with '_' for '_' and '-'. */
static const struct secret_key {
  const char *name;
  size_t len;
  int flags;
} secret_keys[] = {
    {KEY("motherduck_token"), 0},
    {KEY("sharedaccesskey"), 0},
    {KEY("sharedaccesssignature"), KEY_WITH_SPACES},
    {KEY("sig"), KEY_WHOLE | KEY_CAREFUL},
    {KEY("accountkey"), 0},
    {KEY("api_key"), 0},
    {KEY("apikey"), 0},
    {KEY("access_token"), 0},
    {KEY("refresh_token"), 0},
    {KEY("id_token"), KEY_WHOLE},
    {KEY("client_secret"), 0},
    {KEY("client_assertion"), 0},
    {KEY("password"), KEY_CAREFUL},
    {KEY("passwd"), KEY_CAREFUL},
    {KEY("authorization"), KEY_CAREFUL | KEY_HEADER},
};
#undef KEY

/* What follows "bearer" in prose and in challenges of servers, and is not a credential. */
static const char *const bearer_words[] = {
    "and",
    "auth",
    "authentication",
    "authorisation",
    "authorization",
    "challenge",
    "credential",
    "error",
    "credentials",
    "for",
    "format",
    "from",
    "header",
    "in",
    "is",
    "must",
    "not",
    "of",
    "or",
    "prefix",
    "realm",
    "requires",
    "scheme",
    "the",
    "token",
    "tokens",
    "type",
    "was",
    "with",
    "authorization_uri",
    "resource_uri",
    "scope",
};

#define LOW(c)             ((c)&31)
#define BEGINNING(a, b, c) [LOW(a) << 5 | LOW(b)] = UINT32_C(1) << LOW(c)
/* Of everything that sd_scrub_scan_at knows. */
const uint32_t sd_scrub_beginnings[SD_SCRUB_BEGINNINGS] = {
    BEGINNING(':', '/', '/'), BEGINNING(':', '\\', '/'),
    BEGINNING('a', 'c', 'c'), BEGINNING('a', 'p', 'i'),
    BEGINNING('a', 'u', 't'), BEGINNING('b', 'e', 'a'),
    BEGINNING('c', 'l', 'i'), BEGINNING('e', 'y', 'j'),
    BEGINNING('m', 'o', 't'), BEGINNING('p', 'a', 's'),
    BEGINNING('p', 'y', 'l'), BEGINNING('r', 'e', 'f'),
    BEGINNING('s', 'h', 'a'), BEGINNING('s', 'i', 'g'),
    BEGINNING('s', 'k', '-'), [LOW('i') << 5 | LOW('d')] = UINT32_C(1) << LOW('-') | UINT32_C(1) << LOW('_'),
};
#undef BEGINNING
#undef LOW

enum {
  JWT_SEGMENT_MIN = 8,     /* bytes of the header segment, "eyJ" included */
  JWT_BODY_MIN = 4,        /* bytes of the second segment */
  SK_KEY_MIN = 8,          /* bytes behind "sk-" when there is a digit among them */
  SK_KEY_MIN_LETTERS = 20, /* … when there is none */
  PYLF_KEY_MIN = 4,        /* bytes behind "pylf_" */
  BEARER_WORD_MAX = 24,    /* longer than each of bearer_words */
  SPACES_MAX = 16          /* around a separator */
};

static bool is_digit(uint8_t c)
{
  return c >= '0' && c <= '9';
}

static bool is_alnum(uint8_t c)
{
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_space(uint8_t c)
{
  return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_quote(uint8_t c)
{
  return c == '"' || c == '\'' || c == '`';
}

static bool is_base64url(uint8_t c)
{
  return is_alnum(c) || c == '-' || c == '_';
}

static int hex_value(uint8_t c)
{
  if (is_digit(c))
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

bool sd_scrub_percent_byte(sd_bytes text, size_t at, uint8_t *ret_byte)
{
  if (text.len - at < 3 || text.data[at] != '%')
    return false;
  int high = hex_value(text.data[at + 1]);
  int low = hex_value(text.data[at + 2]);
  if (high < 0 || low < 0)
    return false;
  *ret_byte = (uint8_t)(high * 16 + low);
  return true;
}

static bool begins_nocase(sd_bytes text, size_t at, const char *prefix)
{
  return sd_bytes_starts_with_nocase(sd_bytes_make(text.data + at, text.len - at), prefix);
}

static bool begins(sd_bytes text, size_t at, const char *prefix)
{
  size_t len = strlen(prefix);
  return text.len - at >= len && memcmp(text.data + at, prefix, len) == 0;
}

/* True when no word goes on across `at`; behind "%26" or "\n" of an encoded text a new one begins. */
static bool word_begins(sd_bytes text, size_t at)
{
  uint8_t byte;
  if (at == 0 || !(is_alnum(text.data[at - 1]) || text.data[at - 1] == '_'))
    return true;
  if (at >= 3 && sd_scrub_percent_byte(text, at - 3, &byte))
    return true;
  return at >= 2 && text.data[at - 2] == '\\';
}

static size_t skip_blanks(sd_bytes text, size_t at)
{
  for (int i = 0; i < SPACES_MAX && at < text.len && (text.data[at] == ' ' || text.data[at] == '\t'); i++)
    at++;
  return at;
}

/* Key names are compared without regard to case and to '-' or '_'. */
static bool key_begins(sd_bytes text, size_t at, const char *name, size_t *ret_end)
{
  for (; *name; name++, at++) {
    if (at >= text.len)
      return false;
    uint8_t c = text.data[at];
    if (c >= 'A' && c <= 'Z')
      c = (uint8_t)(c + ('a' - 'A'));
    else if (c == '-')
      c = '_';
    if (c != (uint8_t)*name)
      return false;
  }
  *ret_end = at;
  return true;
}

typedef struct separator {
  size_t end;   /* where the value or its quote begins */
  bool colon;   /* else '=' */
  bool encoded; /* it was percent-encoded, and so is the value */
} separator;

/* Between a key and its value: a quote that closes the key, blanks, '=' or ':'. */
static bool parse_separator(sd_bytes text, size_t at, separator *ret)
{
  if (at + 1 < text.len && text.data[at] == '\\' && is_quote(text.data[at + 1]))
    at += 2;
  else if (at < text.len && is_quote(text.data[at]))
    at++;
  at = skip_blanks(text, at);
  if (at >= text.len)
    return false;
  uint8_t c = text.data[at];
  bool encoded = sd_scrub_percent_byte(text, at, &c);
  if (c != '=' && c != ':')
    return false;
  at += encoded ? 3 : 1;
  if (!encoded && at < text.len && (text.data[at] == '=' || text.data[at] == '>'))
    at++;
  ret->end = skip_blanks(text, at);
  ret->colon = c == ':';
  ret->encoded = encoded;
  return true;
}

static bool ends_value(uint8_t c, bool with_spaces)
{
  if (with_spaces)
    return c == ';' || c == '\r' || c == '\n' || is_quote(c);
  return is_space(c) || is_quote(c) || c == ';' || c == '&' || c == ',' || c == ')' || c == ']' || c == '}' ||
         c == '<' || c == '>' || c == '\\';
}

static size_t plain_value_end(sd_bytes text, size_t at, bool with_spaces, bool encoded)
{
  for (; at < text.len && !ends_value(text.data[at], with_spaces); at++) {
    uint8_t c;
    if (encoded && sd_scrub_percent_byte(text, at, &c) && ends_value(c, with_spaces))
      break;
  }
  return at;
}

/* The end of a value that began behind `quote`: in '…' a doubled quote and in "…" a backslash does not end
 * it. */
static size_t quoted_value_end(sd_bytes text, size_t at, uint8_t quote)
{
  for (; at < text.len; at++) {
    uint8_t c = text.data[at];
    if (c == '\\' && quote == '"') {
      at++;
    } else if (c == quote) {
      if (quote != '\'' || at + 1 >= text.len || text.data[at + 1] != quote)
        return at;
      at++;
    }
  }
  return text.len;
}

/* The end of a value that began behind an escaped quote: the next backslash or quote. */
static size_t escaped_value_end(sd_bytes text, size_t at)
{
  while (at < text.len && text.data[at] != '\\' && !is_quote(text.data[at]))
    at++;
  return at;
}

static size_t skip_scheme(sd_bytes text, size_t at)
{
  static const char *const schemes[] = {"bearer ", "basic "};
  for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
    if (begins_nocase(text, at, schemes[i]))
      return skip_blanks(text, at + strlen(schemes[i]));
  }
  return at;
}

static bool find_value(sd_bytes text, const separator *sep, int flags, sd_scrub_span *ret)
{
  size_t from = sep->end;
  uint8_t quote = 0;
  bool escaped = from + 1 < text.len && text.data[from] == '\\' && is_quote(text.data[from + 1]);
  if (escaped) {
    from += 2;
  } else if (from < text.len && is_quote(text.data[from])) {
    quote = text.data[from++];
  } else if (sep->encoded && sd_scrub_percent_byte(text, from, &quote)) {
    from += is_quote(quote) ? 3 : 0;
    quote = 0;
  }
  size_t credential = skip_scheme(text, from);
  if ((flags & KEY_HEADER) && credential == from)
    return false;
  if ((flags & KEY_CAREFUL) && !(flags & KEY_HEADER) && sep->colon && !quote && !escaped)
    return false;
  size_t to;
  if (escaped)
    to = escaped_value_end(text, credential);
  else if (quote)
    to = quoted_value_end(text, credential, quote);
  else
    to = plain_value_end(text, credential, (flags & KEY_WITH_SPACES) != 0, sep->encoded);
  if (to <= credential)
    return false;
  ret->from = credential;
  ret->to = to;
  return true;
}

static bool find_key_value(sd_bytes text, size_t at, sd_scrub_span *ret)
{
  for (size_t i = 0; i < sizeof secret_keys / sizeof secret_keys[0]; i++) {
    const struct secret_key *key = &secret_keys[i];
    size_t end;
    separator sep;
    if (key_begins(text, at, key->name, &end) && (!(key->flags & KEY_WHOLE) || word_begins(text, at)) &&
        parse_separator(text, end, &sep) && find_value(text, &sep, key->flags, ret))
      return true;
  }
  return false;
}

bool sd_scrub_names_secret(sd_bytes key)
{
  for (size_t i = 0; i < sizeof secret_keys / sizeof secret_keys[0]; i++) {
    const struct secret_key *known = &secret_keys[i];
    size_t end;
    if (key.len < known->len)
      continue;
    size_t at = key.len - known->len;
    /* The low bits of the ends tell most keys apart. */
    if (((key.data[key.len - 1] ^ known->name[known->len - 1]) & 31) == 0 &&
        ((key.data[key.len - 2] ^ known->name[known->len - 2]) & 31) == 0 &&
        key_begins(key, at, known->name, &end) && (!(known->flags & KEY_WHOLE) || word_begins(key, at)))
      return true;
  }
  return false;
}

static bool is_token68(uint8_t c)
{
  return is_base64url(c) || (c != 0 && strchr("._~+/=%", c));
}

/* Whether a word of prose stands at `at`, as in "bearer token expired." or `Bearer realm="x"`. */
static bool is_bearer_prose(sd_bytes text, size_t at)
{
  size_t end = at;
  while (end < text.len && (is_alnum(text.data[end]) || text.data[end] == '_') && end - at < BEARER_WORD_MAX)
    end++;
  if (end < text.len && is_token68(text.data[end]) && text.data[end] != '=' &&
      !(text.data[end] == '.' && (end + 1 == text.len || !is_token68(text.data[end + 1]))))
    return false;
  sd_bytes word = sd_bytes_make(text.data + at, end - at);
  for (size_t i = 0; i < sizeof bearer_words / sizeof bearer_words[0]; i++) {
    if (sd_bytes_equal_nocase(word, sd_bytes_of(bearer_words[i])))
      return true;
  }
  return false;
}

static bool find_bearer(sd_bytes text, size_t at, sd_scrub_span *ret)
{
  if (!begins_nocase(text, at, "bearer") || !word_begins(text, at))
    return false;
  size_t end = at + strlen("bearer");
  size_t from = skip_blanks(text, end);
  uint8_t c;
  if (from == end && from < text.len) {
    if (sd_scrub_percent_byte(text, from, &c) && c == ' ')
      from += 3;
    else if (text.data[from] == '+')
      from++;
  }
  if (from == end)
    return false;
  if (is_bearer_prose(text, from))
    return false;
  size_t to = from;
  while (to < text.len && is_token68(text.data[to]))
    to++;
  if (to == from)
    return false;
  ret->from = from;
  ret->to = to;
  return true;
}

/* A key that is known by its prefix. */
static bool find_prefixed(sd_bytes text, size_t at, const char *prefix, size_t min_len, size_t min_letters,
                          sd_scrub_span *ret)
{
  if (!begins(text, at, prefix) || !word_begins(text, at))
    return false;
  size_t from = at + strlen(prefix);
  size_t to = from;
  bool digit = false;
  for (; to < text.len && is_base64url(text.data[to]); to++)
    digit = digit || is_digit(text.data[to]);
  if (to - from < (digit ? min_len : min_letters))
    return false;
  ret->from = at;
  ret->to = to;
  return true;
}

/* The end of the base64url characters from `at` on, remembered per segment. */
static size_t segment_end(sd_scrub_scan *scan, int segment, size_t at)
{
  sd_scrub_span *known = &scan->segments[segment];
  if (at < known->from || at >= known->to) {
    known->from = at;
    known->to = at;
    while (known->to < scan->text.len && is_base64url(scan->text.data[known->to]))
      known->to++;
  }
  return known->to;
}

static bool is_dot(sd_bytes text, size_t at)
{
  return at < text.len && text.data[at] == '.';
}

static bool find_web_token(sd_scrub_scan *scan, size_t at, sd_scrub_span *ret)
{
  sd_bytes text = scan->text;
  if (!begins(text, at, "eyJ"))
    return false;
  size_t header_end = segment_end(scan, 0, at);
  if (header_end - at < JWT_SEGMENT_MIN || !is_dot(text, header_end))
    return false;
  size_t body_end = segment_end(scan, 1, header_end + 1);
  if (body_end - (header_end + 1) < JWT_BODY_MIN)
    return false;
  /* A token that was cut in its second segment is known by that segment's own beginning. */
  if (!is_dot(text, body_end) && !begins(text, header_end + 1, "eyJ"))
    return false;
  size_t to = is_dot(text, body_end) ? segment_end(scan, 2, body_end + 1) : body_end;
  while (is_dot(text, to) && to + 1 < text.len && is_base64url(text.data[to + 1])) {
    to++;
    while (to < text.len && is_base64url(text.data[to]))
      to++;
  }
  ret->from = at;
  ret->to = to;
  return true;
}

static bool ends_word(uint8_t c)
{
  return is_space(c) || is_quote(c) || c == '<' || c == '>';
}

/* The last '@' of the word that `at` lies in, when it is not before `at`; else text.len. */
static size_t last_at_sign(sd_scrub_scan *scan, size_t at)
{
  if (at < scan->word.from || at >= scan->word.to) {
    scan->word.from = at;
    scan->word_last_at = scan->text.len;
    size_t i = at;
    for (; i < scan->text.len && !ends_word(scan->text.data[i]); i++) {
      if (scan->text.data[i] == '@')
        scan->word_last_at = i;
    }
    scan->word.to = i;
  }
  return scan->word_last_at >= at ? scan->word_last_at : scan->text.len;
}

static bool find_userinfo(sd_scrub_scan *scan, size_t at, sd_scrub_span *ret)
{
  sd_bytes text = scan->text;
  bool json = begins(text, at, ":\\/\\/");
  if (!json && !begins(text, at, "://"))
    return false;
  size_t from = at + (json ? strlen(":\\/\\/") : strlen("://"));
  size_t sign = text.len;
  size_t colon = text.len;
  size_t end = from;
  for (; end < text.len && !ends_word(text.data[end]) && !strchr("/?#", text.data[end]); end++) {
    if (text.data[end] == '@')
      sign = end;
    else if (text.data[end] == ':' && colon == text.len)
      colon = end;
  }
  /* "user:pa/ss@host": what follows the colon is no port, so this is a password that nobody encoded. */
  if (sign == text.len && colon < end && end < text.len && !ends_word(text.data[end]) &&
      text.data[from] != '[') {
    size_t i = colon + 1;
    while (i < end && is_digit(text.data[i]))
      i++;
    if (i < end)
      sign = last_at_sign(scan, end);
  }
  if (sign == text.len || sign == from)
    return false;
  ret->from = from;
  ret->to = sign;
  return true;
}

void sd_scrub_scan_init(sd_scrub_scan *scan, sd_bytes text)
{
  memset(scan, 0, sizeof *scan);
  scan->text = text;
}

bool sd_scrub_scan_at(sd_scrub_scan *scan, size_t at, sd_scrub_span *ret_secret)
{
  sd_bytes text = scan->text;
  switch (text.data[at]) {
  case ':':
    return find_userinfo(scan, at, ret_secret);
  case 'e':
    return find_web_token(scan, at, ret_secret);
  case 'b':
  case 'B':
    return find_bearer(text, at, ret_secret);
  case 's':
    if (find_prefixed(text, at, "sk-", SK_KEY_MIN, SK_KEY_MIN_LETTERS, ret_secret))
      return true;
    break;
  case 'p':
    if (find_prefixed(text, at, "pylf_", PYLF_KEY_MIN, PYLF_KEY_MIN, ret_secret))
      return true;
    break;
  case 'a':
  case 'c':
  case 'i':
  case 'm':
  case 'r':
  case 'A':
  case 'C':
  case 'I':
  case 'M':
  case 'P':
  case 'R':
  case 'S':
    break;
  default:
    return false;
  }
  return find_key_value(text, at, ret_secret);
}
