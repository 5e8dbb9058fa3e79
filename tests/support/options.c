/* Invariant: nothing is set that the configuration could not set. */
#include "support/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

void options_set(const struct driver *driver, void *options, const char *const *names_and_texts)
{
    assert_int_equal(field_set_defaults(driver->options, options), ST_OK);
    for (size_t i = 0; names_and_texts[i] != NULL; i += 2) {
        const struct field *field = field_find(driver->options, names_and_texts[i]);
        char problem[128] = "no such field";
        enum status status = ST_NOT_FOUND;
        if (field != NULL)
            status =
                field_set_text(field, options, names_and_texts[i + 1], problem, sizeof problem);
        if (status != ST_OK) fail_msg("%s: %s", names_and_texts[i], problem);
    }
}
