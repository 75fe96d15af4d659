/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Views of bytes, numbers and UTF-8. */
#include "base/alloc.h"
#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void views_of_text_know_their_length(void **state)
{
  (void)state;
  assert_int_equal(sd_bytes_of("duck").len, 4);
  assert_int_equal(sd_bytes_of(NULL).len, 0);
  assert_true(sd_bytes_equal(sd_bytes_of(NULL), sd_bytes_of("")));
}

static void equality_compares_length_and_content(void **state)
{
  (void)state;
  assert_true(sd_bytes_equal(sd_bytes_of("abc"), sd_bytes_make("abcd", 3)));
  assert_false(sd_bytes_equal(sd_bytes_of("abc"), sd_bytes_of("abd")));
  assert_false(sd_bytes_equal(sd_bytes_of("abc"), sd_bytes_of("ab")));
  assert_true(sd_bytes_equal(sd_bytes_make("a\0b", 3), sd_bytes_make("a\0b", 3)));
  assert_false(sd_bytes_equal_text(sd_bytes_make("a\0b", 3), "a"));
  assert_true(sd_bytes_equal_text(sd_bytes_make("abc", 3), "abc"));
}

static void only_ascii_letters_are_folded(void **state)
{
  (void)state;
  assert_true(sd_bytes_equal_nocase(sd_bytes_of("EndPoint"), sd_bytes_of("eNDpOINT")));
  assert_false(sd_bytes_equal_nocase(sd_bytes_of("@[`{"), sd_bytes_of("`{@[")));
  assert_false(sd_bytes_equal_nocase(sd_bytes_of("\xC3\x84"), sd_bytes_of("\xC3\xA4")));
  assert_false(sd_bytes_equal_nocase(sd_bytes_of("a"), sd_bytes_of("aa")));
}

static void a_prefix_is_compared_without_case(void **state)
{
  (void)state;
  assert_true(sd_bytes_starts_with_nocase(sd_bytes_of("Bearer x"), "bearer "));
  assert_true(sd_bytes_starts_with_nocase(sd_bytes_of("x"), ""));
  assert_true(sd_bytes_starts_with_nocase(sd_bytes_of(NULL), ""));
  assert_false(sd_bytes_starts_with_nocase(sd_bytes_of("bear"), "bearer"));
}

static void text_is_cut_to_its_place(void **state)
{
  (void)state;
  char dst[4] = "zzz";
  assert_true(sd_bytes_to_text(sd_bytes_of("abc"), dst, sizeof dst));
  assert_string_equal(dst, "abc");
  assert_false(sd_bytes_to_text(sd_bytes_of("abcd"), dst, sizeof dst));
  assert_string_equal(dst, "abc");
  assert_true(sd_bytes_to_text(sd_bytes_of(NULL), dst, 1));
  assert_string_equal(dst, "");
  assert_false(sd_bytes_to_text(sd_bytes_of("a"), dst, 0));
}

static void decimal_text_becomes_a_number(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    int64_t value;
  } good[] = {
      {"0", 0},
      {"-0", 0},
      {"7", 7},
      {"0012", 12},
      {"-5", -5},
      {"9223372036854775807", INT64_MAX},
      {"-9223372036854775808", INT64_MIN},
      {"00000000000000000000000009223372036854775807", INT64_MAX},
  };
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    int64_t value = 42;
    assert_true(sd_bytes_to_int64(sd_bytes_of(good[i].text), &value));
    assert_true(value == good[i].value);
  }
}

static void anything_but_a_number_is_refused_and_writes_nothing(void **state)
{
  (void)state;
  static const char *const bad[] = {"",
                                    "-",
                                    "+1",
                                    " 1",
                                    "1 ",
                                    "1.0",
                                    "0x10",
                                    "--1",
                                    "1-",
                                    "9223372036854775808",
                                    "-9223372036854775809",
                                    "99999999999999999999",
                                    "12a"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    int64_t value = 42;
    assert_false(sd_bytes_to_int64(sd_bytes_of(bad[i]), &value));
    assert_true(value == 42);
  }
}

/* An independent judge: decodes by the bit pattern and then checks the code point. */
static bool decodes(const uint8_t *p, size_t len)
{
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  while (len > 0) {
    size_t n = p[0] < 0x80             ? 1
               : (p[0] & 0xE0) == 0xC0 ? 2
               : (p[0] & 0xF0) == 0xE0 ? 3
               : (p[0] & 0xF8) == 0xF0 ? 4
                                       : 0;
    if (n == 0 || n > len)
      return false;
    uint32_t point = n == 1 ? p[0] : p[0] & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++) {
      if ((p[i] & 0xC0) != 0x80)
        return false;
      point = point << 6 | (p[i] & 0x3Fu);
    }
    if (point < least[n] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
      return false;
    p += n;
    len -= n;
  }
  return true;
}

static void all_texts_of_up_to_three_bytes_are_judged_right(void **state)
{
  (void)state;
  size_t wrong = 0;
  for (uint32_t i = 0; i < 0x1000000; i++) {
    const uint8_t p[] = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
    wrong += sd_utf8_valid(p, 3) != decodes(p, 3);
    if (i < 0x10000)
      wrong += sd_utf8_valid(p + 1, 2) != decodes(p + 1, 2);
    if (i < 0x100)
      wrong += sd_utf8_valid(p + 2, 1) != decodes(p + 2, 1);
  }
  assert_int_equal(wrong, 0);
}

static void all_texts_of_four_bytes_at_the_boundaries_are_judged_right(void **state)
{
  (void)state;
  static const uint8_t edge[] = {0x00, 0x41, 0x7F, 0x80, 0x81, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0,
                                 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1,
                                 0xF3, 0xF4, 0xF5, 0xF7, 0xF8, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF};
  size_t wrong = 0;
  for (uint32_t lead = 0; lead < 256; lead++) {
    for (uint32_t second = 0; second < 256; second++) {
      for (size_t k = 0; k < sizeof edge; k++) {
        for (size_t l = 0; l < sizeof edge; l++) {
          const uint8_t p[] = {(uint8_t)lead, (uint8_t)second, edge[k], edge[l]};
          wrong += sd_utf8_valid(p, 4) != decodes(p, 4);
        }
      }
    }
  }
  assert_int_equal(wrong, 0);
}

static void every_code_point_is_well_formed_but_the_surrogates(void **state)
{
  (void)state;
  size_t wrong = 0;
  for (uint32_t point = 0; point <= 0x1FFFFF; point++) {
    uint8_t p[4];
    size_t n = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const uint8_t marks[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n; i-- > 1;)
      p[i] = (uint8_t)(0x80 | (point >> (6 * (n - 1 - i)) & 0x3F));
    p[0] = (uint8_t)(marks[n] | point >> (6 * (n - 1)));
    bool good = point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
    wrong += sd_utf8_valid(p, n) != good;
  }
  assert_int_equal(wrong, 0);
}

/* In exactly sized heap memory, so that AddressSanitizer sees a read past the end. */
static void a_bad_or_cut_character_is_found_at_every_position(void **state)
{
  (void)state;
  static const char *const pieces[] = {"\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\xA6\x86"};
  for (size_t len = 1; len <= 72; len++) {
    uint8_t *text = sd_alloc(len);
    for (size_t at = 0; at < len; at++) {
      memset(text, 'a', len);
      assert_true(sd_utf8_valid(text, len));
      text[at] = 0x80;
      assert_false(sd_utf8_valid(text, len));
      text[at] = 0xFF;
      assert_false(sd_utf8_valid(text, len));
      text[at] = 0;
      assert_true(sd_utf8_valid(text, len));
      for (size_t k = 0; k < 3; k++) {
        size_t n = strlen(pieces[k]);
        memset(text, 'a', len);
        memcpy(text + at, pieces[k], n < len - at ? n : len - at);
        assert_int_equal(sd_utf8_valid(text, len), n <= len - at);
      }
    }
    sd_free(text);
  }
}

static void an_empty_text_is_well_formed(void **state)
{
  (void)state;
  assert_true(sd_utf8_valid(NULL, 0));
}

static void a_cut_falls_between_characters(void **state)
{
  (void)state;
  const char *text = "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\xA6\x86";
  static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10};
  for (size_t max = 0; max <= 10; max++)
    assert_int_equal(sd_utf8_cut(text, 10, max), expected[max]);
  assert_int_equal(sd_utf8_cut(text, 10, 100), 10);
  assert_int_equal(sd_utf8_cut("\x80\x80\x80\x80\x80\x80", 6, 5), 5);
  assert_int_equal(sd_utf8_cut("\x80\x80\x80", 3, 2), 2);
}

static void repair_replaces_only_what_is_malformed(void **state)
{
  (void)state;
  char text[] = "\xC3\xA4\xC0\xAF\xED\xA0\x80|\xE2\x82\xAC\xF0\x9F";
  sd_utf8_repair(text, sizeof text - 1);
  assert_string_equal(text, "\xC3\xA4?????|\xE2\x82\xAC??");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(views_of_text_know_their_length),
      cmocka_unit_test(equality_compares_length_and_content),
      cmocka_unit_test(only_ascii_letters_are_folded),
      cmocka_unit_test(a_prefix_is_compared_without_case),
      cmocka_unit_test(text_is_cut_to_its_place),
      cmocka_unit_test(decimal_text_becomes_a_number),
      cmocka_unit_test(anything_but_a_number_is_refused_and_writes_nothing),
      cmocka_unit_test(all_texts_of_up_to_three_bytes_are_judged_right),
      cmocka_unit_test(all_texts_of_four_bytes_at_the_boundaries_are_judged_right),
      cmocka_unit_test(every_code_point_is_well_formed_but_the_surrogates),
      cmocka_unit_test(a_bad_or_cut_character_is_found_at_every_position),
      cmocka_unit_test(an_empty_text_is_well_formed),
      cmocka_unit_test(a_cut_falls_between_characters),
      cmocka_unit_test(repair_replaces_only_what_is_malformed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
