/* Our JSON scanner against cJSON over generated and damaged documents. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/backoff.h"
#include "base/text.h"
#include "fuzz/json_oracle.h"

static const char *const scalars[] = {"null",         "true",
                                      "false",        "0",
                                      "-0",           "21.5",
                                      "-4e-3",        "1E+2",
                                      "1e999",        "\"\"",
                                      "\"nan\"",      "\"\\u00e9\"",
                                      "\"\xC3\xA9\"", "\"\\ud83d\\ude00\"",
                                      "\"a\\n\\/\"",  "[]",
                                      "{}",           "12345678901234567890"};
static const char *const keys[] = {"a", "b",        "a/b", "m~n", "\\u0061b",
                                   "",  "\xC3\xA9", "0",   "e.f", "\\\"q"};

#define PICK(array, seed) (array)[backoff_random(seed) % (sizeof(array) / sizeof(array)[0])]

static void generate(struct text *text, uint64_t *seed, int depth)
{
    uint64_t kind = backoff_random(seed) % 4;
    if (depth == 0 || kind >= 2) {
        text_add(text, PICK(scalars, seed));
        return;
    }
    uint64_t count = backoff_random(seed) % 4;
    text_add(text, kind == 0 ? "{ " : "[\n");
    for (uint64_t i = 0; i < count; i++) {
        if (i > 0) text_add(text, ",");
        if (kind == 0) {
            text_add(text, "\"");
            text_add(text, PICK(keys, seed));
            text_add(text, "\":");
        }
        generate(text, seed, depth - 1);
    }
    text_add(text, kind == 0 ? "}" : "]");
}

/* Compares an exact copy on the heap, so that the sanitizer sees a read beyond the end. */
static bool compare(const char *text, size_t size)
{
    char *copy = malloc(size + 1);
    assert_non_null(copy);
    memcpy(copy + 1, text, size);
    bool is_taken = json_oracle_compare(copy + 1, size);
    free(copy);
    return is_taken;
}

static void test_what_we_take_cjson_takes_with_the_same_values(void **state)
{
    (void)state;
    uint64_t seed = 1721;
    unsigned taken = 0;
    for (int round = 0; round < 3000; round++) {
        char bytes[2048];
        struct text text;
        text_init(&text, bytes, sizeof bytes);
        generate(&text, &seed, 6);
        taken += compare(bytes, text.size);
    }
    assert_in_range(taken, 1000, 2999); /* some have the same key twice */
}

static void test_damaged_documents(void **state)
{
    (void)state;
    uint64_t seed = 1722;
    unsigned taken = 0;
    for (int round = 0; round < 10000; round++) {
        char bytes[2048];
        struct text text;
        text_init(&text, bytes, sizeof bytes);
        generate(&text, &seed, 4);
        bytes[backoff_random(&seed) % text.size] = (char)backoff_random(&seed);
        taken += compare(bytes, text.size);
    }
    assert_in_range(taken, 1, 9000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_we_take_cjson_takes_with_the_same_values),
        cmocka_unit_test(test_damaged_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
