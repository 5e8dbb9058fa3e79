/* Walks cJSON's tree, writes the pointer of every node, and asks the scanner for it. */
#include "fuzz/json_oracle.h"

#include "fuzz/fuzz.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "decode_json.h"

/* cJSON copies a number into a buffer of so many bytes and leaves what is beyond. */
enum { CJSON_NUMBER_LIMIT = 60 };

struct walk {
    const char *text;
    size_t size;
    char pointer[4096];
};

static enum json_kind kind_of(const cJSON *node)
{
    if (cJSON_IsNull(node)) return JSON_NULL;
    if (cJSON_IsBool(node)) return JSON_BOOL;
    if (cJSON_IsNumber(node)) return JSON_NUMBER;
    if (cJSON_IsString(node)) return JSON_STRING;
    return cJSON_IsArray(node) ? JSON_ARRAY : JSON_OBJECT;
}

static void compare_number(const struct json_slice *found, double expected)
{
    char digits[CJSON_NUMBER_LIMIT + 1];
    FUZZ_REQUIRE(found->size < sizeof digits);
    memcpy(digits, found->text, found->size);
    digits[found->size] = '\0';
    double number = strtod(digits, NULL);
    FUZZ_REQUIRE(memcmp(&number, &expected, sizeof number) == 0);
}

static void compare_string(const struct json_slice *found, const char *expected)
{
    size_t size = strlen(expected);
    char *bytes = malloc(size + 1);
    FUZZ_REQUIRE(bytes != NULL);
    FUZZ_REQUIRE(decode_json_string(found, bytes, size + 1) == size);
    FUZZ_REQUIRE(memcmp(bytes, expected, size) == 0);
    FUZZ_REQUIRE(found->has_escapes || found->size == size);
    free(bytes);
}

static void compare_node(const struct walk *walk, const cJSON *node)
{
    const char *pointers[DECODE_JSON_POINTERS] = {"/no such", walk->pointer, "", walk->pointer};
    struct json_slice found[DECODE_JSON_POINTERS];
    const char *detail;
    FUZZ_REQUIRE(decode_json(walk->text, walk->size, pointers, DECODE_JSON_POINTERS, found,
                             &detail) == VERDICT_OK);
    FUZZ_REQUIRE(found[1].kind == kind_of(node) && found[3].text == found[1].text);
    FUZZ_REQUIRE(found[2].kind == JSON_MISSING);
    if (cJSON_IsNumber(node)) compare_number(&found[1], node->valuedouble);
    if (cJSON_IsString(node)) compare_string(&found[1], node->valuestring);
}

/* Appends a step to the pointer; false when it does not fit. */
static bool push_step(struct walk *walk, const char *name)
{
    size_t size = strlen(walk->pointer);
    if (size + 2 * strlen(name) + 2 > sizeof walk->pointer) return false;
    walk->pointer[size++] = '/';
    for (; *name != '\0'; name++) {
        if (*name == '~' || *name == '/') walk->pointer[size++] = '~';
        walk->pointer[size++] = *name == '~' ? '0' : (char)(*name == '/' ? '1' : *name);
    }
    walk->pointer[size] = '\0';
    return true;
}

static void visit(struct walk *walk, const cJSON *parent)
{
    unsigned index = 0;
    const cJSON *node;
    cJSON_ArrayForEach(node, parent)
    {
        char digits[16];
        size_t before = strlen(walk->pointer);
        (void)snprintf(digits, sizeof digits, "%u", index++);
        if (index > 64) break; /* enough, since each costs a scan */
        if (!push_step(walk, node->string != NULL ? node->string : digits)) continue;
        compare_node(walk, node);
        visit(walk, node);
        walk->pointer[before] = '\0';
    }
}

static bool has_long_number(const char *text, size_t size)
{
    size_t run = 0;
    for (size_t i = 0; i < size; i++) {
        run = memchr("0123456789+-.eE", text[i], 15) != NULL ? run + 1 : 0;
        if (run > CJSON_NUMBER_LIMIT) return true;
    }
    return false;
}

bool json_oracle_compare(const char *text, size_t size)
{
    const char *detail = NULL;
    if (decode_json(text, size, NULL, 0, NULL, &detail) != VERDICT_OK) {
        FUZZ_REQUIRE(detail != NULL);
        return false;
    }
    if (has_long_number(text, size)) return true;
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithLengthOpts(text, size, &end, false);
    FUZZ_REQUIRE(root != NULL);
    while (end < text + size && strchr(" \t\r\n", *end) != NULL) end++;
    FUZZ_REQUIRE(end == text + size);
    struct walk walk = {.text = text, .size = size, .pointer = ""};
    visit(&walk, root);
    cJSON_Delete(root);
    return true;
}
