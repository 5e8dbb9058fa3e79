/* record_codec_old: records as version 0.1.0 wrote them; read only.  Private to record_codec. */
#ifndef ISOTHERM_STORE_RECORD_CODEC_OLD_H
#define ISOTHERM_STORE_RECORD_CODEC_OLD_H

#include "base/pack.h"
#include "base/status.h"
#include "stream/record.h"

#include <stdbool.h>
#include <stddef.h>

enum { RECORD_CODEC_OLD_VERSION = 1 };

/* Reads what follows the version.  ST_CORRUPT; ST_UNSUPPORTED: a kind not known. */
enum status record_codec_decode_old(struct pack_reader *reader,
                                    struct record *record) ISOTHERM_CHECK;

/* Has not changed since; what is malformed sets is_short. */
void record_codec_get_text(struct pack_reader *reader, char *text, size_t capacity);

#endif
