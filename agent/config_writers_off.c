/* Stands in for config_writers.c, and the documents it writes, in a build without tools. */
#include "config.h"

enum status config_write_document(enum config_document document, void *stdio_file)
{
    (void)document;
    (void)stdio_file;
    return ST_UNSUPPORTED;
}
