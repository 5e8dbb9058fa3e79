/* Any bytes as parts of an id, a NUL between two: the id is safe, the parts can be had back, and
 * matching any pattern ends. */
#include "fuzz/fuzz.h"

#include <string.h>

#include "base/device_id.h"

static int hex(char c)
{
    FUZZ_REQUIRE((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'));
    return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* The part that stands behind the last slash must be this one, escaped. */
static void require_last_part(const char *id, const char *part, size_t part_size)
{
    const char *slash = strrchr(id, '/');
    const char *at = slash == NULL ? id : slash + 1;
    for (size_t i = 0; i < part_size; i++) {
        char byte = *at++;
        FUZZ_REQUIRE(byte > ' ' && byte < 0x7F && strchr("/+#$*?\\\"", byte) == NULL);
        if (byte == '%') {
            byte = (char)(hex(at[0]) * 16 + hex(at[1]));
            at += 2;
        }
        FUZZ_REQUIRE(byte == part[i]);
    }
    FUZZ_REQUIRE(*at == '\0');
}

static void require_one_level(const char *id)
{
    char level[3 * LIMIT_DEVICE_ID_SIZE];
    FUZZ_REQUIRE(device_id_to_topic_level(id, level, sizeof level));
    FUZZ_REQUIRE(strpbrk(level, "/+#") == NULL);
    char small[8];
    bool fits = device_id_to_topic_level(id, small, sizeof small);
    FUZZ_REQUIRE(fits == (strlen(level) < sizeof small));
    FUZZ_REQUIRE(!fits || strcmp(small, level) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    char id[LIMIT_DEVICE_ID_SIZE] = "";
    for (size_t start = 0; start <= size;) {
        const char *zero = start < size ? memchr(text + start, 0, size - start) : NULL;
        size_t part_size = zero != NULL ? (size_t)(zero - text) - start : size - start;
        char before[LIMIT_DEVICE_ID_SIZE];
        memcpy(before, id, sizeof id);
        enum verdict verdict = device_id_append(id, text + start, part_size);
        FUZZ_REQUIRE(strlen(id) < sizeof id);
        if (verdict == VERDICT_OK) require_last_part(id, text + start, part_size);
        if (verdict != VERDICT_OK) FUZZ_REQUIRE(strcmp(before, id) == 0);
        FUZZ_REQUIRE((part_size == 0) == (verdict == VERDICT_FIELD));
        start += part_size + 1;
    }
    if (size > 0 && size <= 20) { /* as one part, NULs and all: it fits, however escaped */
        char whole[LIMIT_DEVICE_ID_SIZE] = "";
        FUZZ_REQUIRE(device_id_append(whole, text, size) == VERDICT_OK);
        require_last_part(whole, text, size);
    }
    require_one_level(id);
    FUZZ_REQUIRE(device_id_matches("*", id));
    FUZZ_REQUIRE(device_id_matches(id, id));
    char pattern[LIMIT_DEVICE_ID_SIZE];
    size_t pattern_size = size < sizeof pattern ? size : sizeof pattern - 1;
    memcpy(pattern, data, pattern_size);
    pattern[pattern_size] = '\0';
    (void)device_id_matches(pattern, id);
    return 0;
}
