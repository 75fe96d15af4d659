/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Signatures of computations: whatever matters changes them, and nothing else. */
#include "base/alloc.h"
#include "opaque.h"
#include "pipeline/signature.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <streamduck/cache.h>
#include <string.h>

#include <cmocka.h>

enum { CASES_MAX = 40 };

typedef struct rig {
  sd_signature_memo *memo;
  sd_signer *signer;
  uint8_t seen[CASES_MAX][SD_SIGNATURE_SIZE];
  size_t count;
} rig;

static int set_up(void **state)
{
  static rig it;
  memset(&it, 0, sizeof it);
  *state = &it;
  return sd_signature_memo_new(&it.memo) != SD_OK || sd_signer_new(it.memo, &it.signer) != SD_OK;
}

static int tear_down(void **state)
{
  rig *it = *state;
  sd_signer_free(it->signer);
  sd_signature_memo_free(it->memo);
  return box_count;
}

static sd_value text_of(char c, size_t len)
{
  static char text[4096];
  sd_value value;
  memset(text, c, sizeof text);
  assert_int_equal(sd_value_string(text, len, &value), SD_OK);
  return value;
}

static void end(rig *it, uint8_t *ret)
{
  sd_error error;
  assert_int_equal(sd_signer_end(it->signer, ret, &error), SD_OK);
}

/* Ends the signature; it must be unlike all others of the test. */
static void end_new(rig *it)
{
  uint8_t *signature = it->seen[it->count];
  assert_true(it->count < CASES_MAX);
  end(it, signature);
  for (size_t i = 0; i < it->count; i++)
    assert_memory_not_equal(signature, it->seen[i], SD_SIGNATURE_SIZE);
  it->count++;
}

static const uint8_t code_a[SD_SIGNATURE_SIZE] = {1};
static const uint8_t code_b[SD_SIGNATURE_SIZE] = {2};

static void begin(rig *it, const uint8_t *code, const char *environment)
{
  sd_signer_begin(it->signer, SD_SIGN_NODE);
  sd_signer_computation(it->signer, code, sd_bytes_of(environment));
}

static void everything_that_matters_changes_a_signature(void **state)
{
  rig *it = *state;
  begin(it, code_a, "");
  end_new(it);
  begin(it, code_b, "");
  end_new(it);
  begin(it, code_a, "env");
  end_new(it);
  begin(it, code_a, "");
  sd_signer_value(it->signer, "x", sd_value_int(1), NULL);
  end_new(it);
  begin(it, code_a, "");
  sd_signer_value(it->signer, "y", sd_value_int(1), NULL);
  end_new(it);
  begin(it, code_a, "");
  sd_signer_value(it->signer, "x", sd_value_bool(true), NULL);
  end_new(it);
  begin(it, code_a, "");
  sd_value one = text_of('1', 1);
  sd_signer_value(it->signer, "x", one, NULL);
  sd_value_release(one);
  end_new(it);
  begin(it, code_a, "");
  sd_signer_value(it->signer, "x", sd_value_int(1), NULL);
  sd_signer_value(it->signer, "y", sd_value_int(2), NULL);
  end_new(it);
  begin(it, code_a, "");
  sd_signer_value(it->signer, "x", sd_value_int(2), NULL);
  sd_signer_value(it->signer, "y", sd_value_int(1), NULL);
  end_new(it);
  for (uint32_t output = 0; output < 2; output++) {
    begin(it, code_a, "");
    sd_signer_upstream(it->signer, "x", code_b, output);
    end_new(it);
  }
  begin(it, code_a, "");
  sd_signer_upstream(it->signer, "x", code_a, 0);
  end_new(it);
  sd_signer_begin(it->signer, SD_SIGN_ITEMS);
  sd_signer_part(it->signer, code_a);
  end_new(it);
  sd_signer_begin(it->signer, SD_SIGN_STRUCTURE);
  sd_signer_part(it->signer, code_a);
  end_new(it);
}

static void the_same_computation_has_the_same_signature_with_and_without_a_memo(void **state)
{
  rig *it = *state;
  sd_signer *plain;
  assert_int_equal(sd_signer_new(NULL, &plain), SD_OK);
  uint8_t first[SD_SIGNATURE_SIZE];
  uint8_t again[SD_SIGNATURE_SIZE];
  for (size_t len = 0; len < 2000; len += 50) { /* passes what a memo and a buffer hold */
    sd_value value = text_of('v', len);
    sd_signer *signers[] = {plain, it->signer, it->signer};
    for (size_t i = 0; i < 3; i++) {
      sd_signer_begin(signers[i], SD_SIGN_NODE);
      sd_signer_computation(signers[i], code_a, sd_bytes_of("env"));
      for (int k = 0; k < 3; k++)
        sd_signer_value(signers[i], "x", value, NULL);
      assert_int_equal(sd_signer_end(signers[i], i == 0 ? first : again, NULL), SD_OK);
      if (i > 0)
        assert_memory_equal(first, again, sizeof first);
    }
    sd_value_release(value);
  }
  sd_signer_free(plain);
}

static void a_digest_at_hand_gives_the_same_signature(void **state)
{
  rig *it = *state;
  sd_value big = text_of('v', 4000);
  uint8_t digest[SD_SIGNATURE_SIZE];
  uint8_t one[SD_SIGNATURE_SIZE];
  uint8_t two[SD_SIGNATURE_SIZE];
  assert_true(sd_signer_wants_digest(big));
  assert_false(sd_signer_wants_digest(sd_value_int(1)));
  assert_int_equal(sd_value_hash(big, digest, NULL), SD_OK);
  begin(it, code_a, "");
  sd_signer_value(it->signer, "x", big, NULL);
  end(it, one);
  begin(it, code_a, "");
  sd_signer_value(it->signer, "x", big, digest);
  end(it, two);
  assert_memory_equal(one, two, sizeof one);
  /* A digest is not even looked at where the value enters as it is. */
  begin(it, code_a, "");
  sd_signer_value(it->signer, "x", sd_value_int(1), NULL);
  end(it, one);
  begin(it, code_a, "");
  sd_signer_value(it->signer, "x", sd_value_int(1), digest);
  end(it, two);
  assert_memory_equal(one, two, sizeof one);
  sd_value_release(big);
}

static void items_are_signed_in_their_order(void **state)
{
  rig *it = *state;
  const uint8_t *orders[2][2] = {{code_a, code_b}, {code_b, code_a}};
  for (size_t i = 0; i < 2; i++) {
    sd_signer_begin(it->signer, SD_SIGN_ITEMS);
    sd_signer_part(it->signer, orders[i][0]);
    sd_signer_part(it->signer, orders[i][1]);
    end_new(it);
  }
}

static sd_node_options node_options(void)
{
  static const sd_node_input inputs[] = {{.name = "x"}, {.name = "y"}};
  static const char *const outputs[] = {"out"};
  return (sd_node_options){.struct_size = sizeof(sd_node_options),
                           .name = "node",
                           .inputs = inputs,
                           .input_count = 2,
                           .outputs = outputs,
                           .output_count = 1};
}

static void end_new_code(rig *it, const sd_node_options *options)
{
  assert_int_equal(sd_signer_code(it->signer, options, it->seen[it->count]), SD_OK);
  for (size_t i = 0; i < it->count; i++)
    assert_memory_not_equal(it->seen[it->count], it->seen[i], SD_SIGNATURE_SIZE);
  it->count++;
}

static void code_version_and_shape_make_the_codes_digest(void **state)
{
  rig *it = *state;
  sd_node_options options = node_options();
  end_new_code(it, &options);
  options.name = "other";
  end_new_code(it, &options);
  options = node_options();
  options.code = "return x;";
  end_new_code(it, &options);
  options.code = "return x;\0more";
  options.code_len = 14;
  end_new_code(it, &options);
  options = node_options();
  options.version = "return x;";
  end_new_code(it, &options);
  options.version = "";
  end_new_code(it, &options);
  options = node_options();
  options.input_count = 1;
  end_new_code(it, &options);
  static const char *const two[] = {"out", "y"};
  options = node_options();
  options.outputs = two;
  options.output_count = 2;
  end_new_code(it, &options);
  static const char *const renamed[] = {"out2"};
  options = node_options();
  options.outputs = renamed;
  end_new_code(it, &options);
  /* What does not matter. */
  uint8_t digest[SD_SIGNATURE_SIZE];
  options = node_options();
  options.gpu = "A100";
  options.cache = SD_CACHE_ALWAYS;
  options.retry.attempts = 3;
  assert_int_equal(sd_signer_code(it->signer, &options, digest), SD_OK);
  assert_memory_equal(digest, it->seen[0], sizeof digest);
}

static void an_input_that_cannot_be_hashed_is_named_and_forgotten(void **state)
{
  rig *it = *state;
  sd_error error;
  uint8_t one[SD_SIGNATURE_SIZE];
  sd_value closed = box_new(&closed_type, "");
  begin(it, code_a, "");
  sd_signer_value(it->signer, "model", closed, NULL);
  sd_signer_value(it->signer, "x", sd_value_int(1), NULL);
  assert_int_equal(sd_signer_end(it->signer, one, &error), SD_UNSUPPORTED);
  assert_string_equal(error.message, "input \"model\": a value of type \"test/closed\" cannot be hashed");
  begin(it, code_a, "");
  end(it, one);
  sd_value_release(closed);
}

static void a_full_memo_still_answers_rightly(void **state)
{
  rig *it = *state;
  sd_signer *plain;
  assert_int_equal(sd_signer_new(NULL, &plain), SD_OK);
  for (int64_t round = 0; round < 2; round++) {
    for (int64_t i = 0; i < 3 * SD_SIGNATURE_MEMO_ENTRIES; i++) {
      sd_signer *signers[] = {plain, it->signer};
      uint8_t signatures[2][SD_SIGNATURE_SIZE];
      for (size_t k = 0; k < 2; k++) {
        sd_signer_begin(signers[k], SD_SIGN_NODE);
        sd_signer_value(signers[k], "x", sd_value_int(i), NULL);
        assert_int_equal(sd_signer_end(signers[k], signatures[k], NULL), SD_OK);
      }
      assert_memory_equal(signatures[0], signatures[1], SD_SIGNATURE_SIZE);
    }
  }
  sd_signer_free(plain);
}

static void without_memory_it_works_without_remembering(void **state)
{
  rig *it = *state;
  uint8_t one[SD_SIGNATURE_SIZE];
  uint8_t two[SD_SIGNATURE_SIZE];
  begin(it, code_a, "");
  sd_alloc_fail_nth(1);
  end(it, one);
  sd_alloc_fail_nth(0);
  begin(it, code_a, "");
  end(it, two);
  assert_memory_equal(one, two, sizeof one);
  sd_signer *signer = NULL;
  sd_signature_memo *memo = NULL;
  sd_alloc_fail_nth(1);
  assert_int_equal(sd_signer_new(NULL, &signer), SD_NOMEM);
  sd_alloc_fail_nth(1);
  assert_int_equal(sd_signature_memo_new(&memo), SD_NOMEM);
  sd_alloc_fail_nth(0);
}

static void a_signature_as_text_begins_with_its_algorithm(void **state)
{
  (void)state;
  char text[SD_SIGNATURE_TEXT_SIZE];
  uint8_t signature[SD_SIGNATURE_SIZE] = {0x01, 0xab, [31] = 0xff};
  assert_string_equal(sd_signature_text(signature, text),
                      "sha256:01ab0000000000000000000000000000000000000000000000000000000000ff");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      CASE(everything_that_matters_changes_a_signature),
      CASE(the_same_computation_has_the_same_signature_with_and_without_a_memo),
      CASE(a_digest_at_hand_gives_the_same_signature),
      CASE(items_are_signed_in_their_order),
      CASE(code_version_and_shape_make_the_codes_digest),
      CASE(an_input_that_cannot_be_hashed_is_named_and_forgotten),
      CASE(a_full_memo_still_answers_rightly),
      CASE(without_memory_it_works_without_remembering),
      CASE(a_signature_as_text_begins_with_its_algorithm),
  };
  return cmocka_run_group_tests_name("pipeline/signature", tests, NULL, NULL);
}
