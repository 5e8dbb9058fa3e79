/* Invariant: everything is counted, whatever is told. */
#include "problems.h"

#include <stdarg.h>
#include <stdio.h>

enum { LINE_SIZE = 512 };

void problems_add(struct problems *problems, const char *format, ...)
{
    if (problems->count++ >= problems->told_most) return;
    char line[LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    problems->tell(problems->context, line);
}
