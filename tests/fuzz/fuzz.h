/* fuzz: what the harnesses have in common.
 *
 * A harness is one function that gets any bytes and must neither crash nor break a rule it states
 * with FUZZ_REQUIRE.  libFuzzer or replay.c calls it. */
#ifndef ISOTHERM_FUZZ_FUZZ_H
#define ISOTHERM_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_REQUIRE(claim)                                                                        \
    do {                                                                                           \
        if (!(claim)) {                                                                            \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #claim);                    \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
