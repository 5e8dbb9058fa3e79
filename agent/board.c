/* Invariant: a profile that says nothing of how it is recognised is never chosen by itself. */
#include "board.h"

#include <fnmatch.h>
#include <string.h>

/* Ranks of texts at the same place in the machine's list: plain ones before patterns. */
enum { RANKS_A_PLACE = 2 };

static bool is_pattern(const char *text)
{
    return strpbrk(text, "*?[") != NULL;
}

static bool fits(const char *pattern, const char *text)
{
    return fnmatch(pattern, text, FNM_NOESCAPE) == 0;
}

static uint32_t rank_compatible(const char *pattern, const struct board_facts *facts,
                                const char **fact)
{
    uint32_t place = 0;
    for (size_t at = 0; at < facts->compatible_size; place++) {
        const char *text = facts->compatible + at;
        size_t size = strnlen(text, facts->compatible_size - at);
        if (size == facts->compatible_size - at) break; /* without an end: not a text */
        if (fits(pattern, text)) {
            *fact = text;
            return place * RANKS_A_PLACE + is_pattern(pattern);
        }
        at += size + 1;
    }
    return UINT32_MAX;
}

static uint32_t rank_dmi(const char *pattern, const char *text, const char **fact)
{
    if (text[0] == '\0' || !fits(pattern, text)) return UINT32_MAX;
    *fact = text;
    return is_pattern(pattern);
}

static uint32_t rank_sign(const struct board_sign *sign, const struct board_facts *facts,
                          const char **fact)
{
    uint32_t rank = UINT32_MAX;
    const char *none;
    if (sign->dmi_vendor[0] != '\0') {
        rank = rank_dmi(sign->dmi_vendor, facts->dmi_vendor, fact);
        if (rank == UINT32_MAX) return rank;
    }
    if (sign->dmi_product[0] != '\0') {
        rank = rank_dmi(sign->dmi_product, facts->dmi_product, fact);
        if (rank == UINT32_MAX) return rank;
    }
    if (sign->compatible[0] == '\0') return rank;
    return rank_compatible(sign->compatible, facts, rank == UINT32_MAX ? fact : &none);
}

uint32_t board_rank(const struct board *board, const struct board_facts *facts, const char **fact)
{
    uint32_t best = UINT32_MAX;
    for (size_t i = 0; i < board->sign_count; i++) {
        const char *found = "";
        uint32_t rank = rank_sign(&board->signs[i], facts, &found);
        if (rank >= best) continue;
        best = rank;
        if (fact != NULL) *fact = found;
    }
    return best;
}

const struct board_port *board_find_port(const struct board *board, const char *name)
{
    for (size_t i = 0; i < board->port_count; i++)
        if (strcmp(board->ports[i].name, name) == 0) return &board->ports[i];
    return NULL;
}

const struct board_port *board_find_path(const struct board *board, const char *path)
{
    for (size_t i = 0; i < board->port_count; i++)
        if (strcmp(board->ports[i].path, path) == 0) return &board->ports[i];
    return NULL;
}
