/* decode_line: a line of text becomes a value with its time, for everything that speaks in lines
 * (serial ports, recordings).
 *
 * A line is JSON, key=value pairs or fits a template such as "{device},{value}", and may be framed
 * by a checksum.  Finding the ends of lines in a stream is the caller's work.  Pure. */
#ifndef ISOTHERM_DECODE_LINE_H
#define ISOTHERM_DECODE_LINE_H

#include "base/field.h"
#include "base/status.h"
#include "base/verdict.h"
#include "mapping.h"

#include <stddef.h>
#include <stdint.h>

/* What follows the last '*' of a line, in hex digits of either case. */
enum line_checksum {
    LINE_CHECKSUM_NONE,
    LINE_CHECKSUM_XOR,   /* NMEA 0183: $payload*HH, all bytes between $ and * xored; what stands
                            before the last $ belongs to no frame and is skipped */
    LINE_CHECKSUM_SUM8,  /* payload*HH, the sum of all bytes before * modulo 256 */
    LINE_CHECKSUM_CRC16, /* payload*HHHH, the CRC-16 of Modbus over all bytes before * */
};

/* Names of the checksums for option tables, in the order of the enum, ended by NULL. */
extern const char *const line_checksum_names[];

/* The `line` option is
 *   json        the line is a JSON document; value, time, unit, device are pointers into it;
 *   kv          T=23.50 H=45.1 or temp: 23.5, rh: 40: pairs of a key, = or :, and a value, which
 *               holds no blank, comma or semicolon; these stand between pairs.  value, time, unit,
 *               device, quality are keys;
 *   a template  literal text and fields: {value} once, {time}, {unit} and {quality} at most once,
 * {device} up to LINE_DEVICES times (parts of the id, in this order), {skip} or {} for what is not
 * wanted; {{ and }} stand for { and }.  A field ends where the text behind it in the template
 * stands for the first time, the last field at the end of the line; blanks around it do not count.
 * A run of blanks in the template fits any run of blanks or tabs.  Everything must fit to the end
 * of the line. With a template the mapping's value, time and device must be "" and its unit a unit,
 * which {unit} overrides. */
struct line_options {
    char line[128];
    int checksum; /* enum line_checksum */
    struct mapping mapping;
};

/* Rows of a field table for a member `member` (a struct line_options) of `options_type`. */
#define LINE_FIELDS(options_type, member)                                                          \
    {.name = "line",                                                                               \
     .type = FIELD_TEXT,                                                                           \
     .offset = offsetof(options_type, member.line),                                                \
     .size = sizeof((options_type *)0)->member.line,                                               \
     .default_text = "{value}",                                                                    \
     FIELD_HELP(                                                                                   \
         "What a line looks like: json, kv (T=23.5 H=45), or a template of literal text and "      \
         "{value} {time} {unit} {device} {quality} {skip}, e.g. {device},{value}.")},              \
        {.name = "checksum",                                                                       \
         .type = FIELD_CHOICE,                                                                     \
         .offset = offsetof(options_type, member.checksum),                                        \
         .choices = line_checksum_names,                                                           \
         .default_text = "none",                                                                   \
         FIELD_HELP(                                                                               \
             "What stands behind the last * of each line: none, xor (NMEA, from $ on), sum8, "     \
             "or crc16 (Modbus), in hex. Lines without it are refused.")},                         \
        MAPPING_FIELDS(options_type, member.mapping)

enum { LINE_ITEMS = 32, LINE_DEVICES = 4 };

enum line_form { LINE_FORM_TEMPLATE, LINE_FORM_JSON, LINE_FORM_KV };

enum line_item_kind {
    LINE_ITEM_LITERAL,
    LINE_ITEM_BLANKS,
    LINE_ITEM_SKIP,
    LINE_ITEM_VALUE,
    LINE_ITEM_TIME,
    LINE_ITEM_UNIT,
    LINE_ITEM_DEVICE,
    LINE_ITEM_QUALITY
};

/* Compiled options; the fields are private.  A plain value: may be copied, needs no release. */
struct line_template {
    enum line_form form;
    enum line_checksum checksum;
    size_t item_count;
    struct line_item {
        enum line_item_kind kind;
        uint8_t start, size; /* of a literal in `literals` */
    } items[LINE_ITEMS];
    char literals[128];
};

/* Compiles the options.  ST_INVALID: they make no sense; then *field_name (static) is the option
 * and *problem (static) what is wrong with it, and the template must not be used. */
enum status decode_line_compile(const struct line_options *options, struct line_template *template,
                                const char **field_name, const char **problem) ISOTHERM_CHECK;

/* For the check of a field table: compiles and reports what is wrong, the mapping included. */
void decode_line_check(const struct line_options *options, const struct field_report *report);

/* Decodes one line of `size` bytes, with or without its line end, which need not be
 * NUL-terminated.  `mapping` is that of the compiled options.  The caller sets result->device (""
 * or the parts known so far) before; the rest is as in mapping_decode.  VERDICT_LENGTH: nothing but
 * blanks, or an id too long; VERDICT_FRAME: no $ before the checksum, or control characters or
 * bytes 0xFF, as on a line at the wrong speed; VERDICT_CHECKSUM: missing or wrong; VERDICT_SYNTAX:
 * not in the form of `line`. */
enum verdict decode_line(const struct line_template *template, const struct mapping *mapping,
                         const char *line, size_t size, struct mapping_result *result,
                         const char **detail);

#endif
