/* Any bytes in any pieces give the lines that a search over all of them at once gives. */
#include "fuzz/fuzz.h"

#include <string.h>

#include "line_splitter.h"

enum { PIECES_MAX = 64, LIMIT_MAX = 32 };

struct oracle {
    const char *at, *end;
    size_t limit_bytes;
    bool is_skipping;
};

static const char *find_end(const char *at, const char *end)
{
    while (at < end && *at != '\n' && *at != '\r') at++;
    return at;
}

static bool is_blank(const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (line[i] != ' ' && line[i] != '\t') return false;
    return true;
}

static enum line_found next_expected(struct oracle *oracle, const char **line, size_t *size)
{
    while (oracle->at < oracle->end) {
        const char *stop = find_end(oracle->at, oracle->end);
        bool is_whole = stop < oracle->end;
        bool is_skipped = oracle->is_skipping;
        *line = oracle->at;
        *size = (size_t)(stop - oracle->at);
        oracle->at = is_whole ? stop + 1 : oracle->end;
        oracle->is_skipping = false;
        if (is_skipped) continue;
        if (*size > oracle->limit_bytes) return LINE_TOO_LONG;
        if (!is_whole || is_blank(*line, *size)) continue;
        bool is_damaged = memchr(*line, '\0', *size) != NULL || memchr(*line, 0xff, *size) != NULL;
        return is_damaged ? LINE_DAMAGED : LINE_READY;
    }
    return LINE_NONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    bool skips_first = (data[0] & 1) != 0;
    size_t limit_bytes = 1 + (data[0] >> 1) % LIMIT_MAX;
    size_t piece_bytes = 1 + data[1] % PIECES_MAX;
    static struct line_splitter splitter;
    line_splitter_init(&splitter, limit_bytes, skips_first);
    struct oracle oracle = {.at = (const char *)data + 2,
                            .end = (const char *)data + size,
                            .limit_bytes = limit_bytes,
                            .is_skipping = skips_first};
    const char *line, *expected_line;
    size_t line_size, expected_size;
    for (size_t at = 2; at < size;) {
        size_t space;
        char *to = line_splitter_space(&splitter, &space);
        size_t count = size - at < piece_bytes ? size - at : piece_bytes;
        FUZZ_REQUIRE(space >= count);
        memcpy(to, data + at, count);
        line_splitter_add(&splitter, count);
        at += count;
        enum line_found found;
        while ((found = line_splitter_peek(&splitter, &line, &line_size)) != LINE_NONE) {
            FUZZ_REQUIRE(found == next_expected(&oracle, &expected_line, &expected_size));
            FUZZ_REQUIRE(found != LINE_READY || (line_size == expected_size &&
                                                 memcmp(line, expected_line, line_size) == 0));
            line_splitter_take(&splitter);
        }
    }
    FUZZ_REQUIRE(next_expected(&oracle, &expected_line, &expected_size) == LINE_NONE);
    return 0;
}
