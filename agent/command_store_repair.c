#include "command_store.h"

#include <stdio.h>

int command_store_repair(const struct store_request *request)
{
    int code;
    struct reader *reader = command_store_open(request, &code);
    reader_close(reader);
    if (reader == NULL) return code;
    (void)fputs("isotherm store: repair is not there yet\n", stderr);
    return EXIT_FAILED;
}
