/* Invariant: at <= end; after a problem at == end and nothing is taken any more. */
#include "alarm/model_scan.h"

#include "base/decimal.h"

#include <stdio.h>
#include <string.h>

void model_scan_begin(struct model_scan *scan, const char *bytes, size_t size,
                      struct model_problem *problem)
{
    *scan = (struct model_scan){
        .at = bytes, .end = bytes + size, .line_start = bytes, .line = 1, .problem = problem};
}

void model_scan_fail(struct model_scan *scan, const char *text)
{
    if (scan->has_failed) return;
    scan->has_failed = true;
    scan->problem->line = scan->line;
    scan->problem->column = (unsigned)(scan->at - scan->line_start) + 1;
    (void)snprintf(scan->problem->text, sizeof scan->problem->text, "%s", text);
    scan->at = scan->end;
}

static void skip_space(struct model_scan *scan)
{
    for (; scan->at < scan->end; scan->at++) {
        if (*scan->at == '\n') {
            scan->line++;
            scan->line_start = scan->at + 1;
        } else if (*scan->at != ' ' && *scan->at != '\t' && *scan->at != '\r') {
            return;
        }
    }
}

static bool take_if(struct model_scan *scan, char mark)
{
    skip_space(scan);
    if (scan->at == scan->end || *scan->at != mark) return false;
    scan->at++;
    return true;
}

void model_scan_take(struct model_scan *scan, char mark)
{
    if (take_if(scan, mark)) return;
    char text[32];
    (void)snprintf(text, sizeof text, "'%c' is missing here", mark);
    model_scan_fail(scan, text);
}

bool model_scan_next(struct model_scan *scan, char closing, bool *is_first)
{
    bool was_first = *is_first;
    *is_first = false;
    if (scan->has_failed || take_if(scan, closing)) return false;
    if (!was_first) model_scan_take(scan, ',');
    return !scan->has_failed;
}

void model_scan_string(struct model_scan *scan, char *string, size_t capacity)
{
    string[0] = '\0';
    model_scan_take(scan, '"');
    size_t left = (size_t)(scan->end - scan->at), size = 0;
    while (size < left && scan->at[size] >= ' ' && scan->at[size] <= '~' && scan->at[size] != '"' &&
           scan->at[size] != '\\')
        size++;
    if (size == left || scan->at[size] != '"') {
        model_scan_fail(scan, "a string of plain ASCII without \\ must end with \"");
    } else if (size >= capacity) {
        model_scan_fail(scan, "this string is too long");
    } else {
        memcpy(string, scan->at, size);
        string[size] = '\0';
        scan->at += size + 1;
    }
}

int64_t model_scan_micro(struct model_scan *scan)
{
    skip_space(scan);
    size_t left = (size_t)(scan->end - scan->at), size = 0;
    while (size < left && scan->at[size] != '\0' && strchr("+-.0123456789eE", scan->at[size]))
        size++;
    int64_t micro = 0;
    enum verdict verdict = decimal_parse_micro(scan->at, size, DECIMAL_JSON, &micro);
    if (verdict != VERDICT_OK) {
        model_scan_fail(scan, verdict == VERDICT_RANGE ? "no thermometer means this number"
                                                       : "a number is missing here");
        return 0;
    }
    scan->at += size;
    return micro;
}

void model_scan_end(struct model_scan *scan)
{
    skip_space(scan);
    if (scan->at < scan->end) model_scan_fail(scan, "the file should end here");
}
