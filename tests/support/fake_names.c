/* fake_names: a shared library to be preloaded, which answers for names that end in ".test".
 *
 * FAKE_NAMES_FILE holds the answer, and is read anew for each question: numeric addresses, "fail"
 * (the server failed, for now), "none" (there is no such name), or "hole" (no answer until the file
 * says something else).  Each question adds a byte to the file of that name with ".asked". */
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <dlfcn.h>

enum { ANSWER_SIZE = 4096 };

typedef int lookup_fn(const char *node, const char *service, const struct addrinfo *hints,
                      struct addrinfo **result);

static void read_answer(char *answer)
{
    answer[0] = '\0';
    int fd = open(getenv("FAKE_NAMES_FILE"), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    ssize_t size = read(fd, answer, ANSWER_SIZE - 1);
    answer[size > 0 ? size : 0] = '\0';
    (void)close(fd);
}

static void note_question(void)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s.asked", getenv("FAKE_NAMES_FILE"));
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, "?", 1) != 1) abort();
    (void)close(fd);
}

/* One list of all; freeaddrinfo of the C library frees what it chained by itself one by one.  A
 * word that is no address has none: no real name server is asked. */
static int collect(lookup_fn *next, char *answer, const char *service, const struct addrinfo *hints,
                   struct addrinfo **result)
{
    char *rest = NULL;
    struct addrinfo numeric = hints != NULL ? *hints : (struct addrinfo){0};
    struct addrinfo **end = result;
    numeric.ai_flags |= AI_NUMERICHOST;
    *result = NULL;
    for (char *word = strtok_r(answer, " \n", &rest); word != NULL;
         word = strtok_r(NULL, " \n", &rest)) {
        if (next(word, service, &numeric, end) != 0) continue;
        while (*end != NULL) end = &(*end)->ai_next;
    }
    return *result == NULL ? EAI_NONAME : 0;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **result)
{
    static const char ours[] = ".test";
    lookup_fn *next;
    void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
    memcpy(&next, &symbol, sizeof symbol);
    size_t length = node != NULL ? strlen(node) : 0;
    if (length < sizeof ours || strcmp(node + length - (sizeof ours - 1), ours) != 0)
        return next(node, service, hints, result);
    note_question();
    char answer[ANSWER_SIZE];
    const struct timespec step = {.tv_nsec = 10000000};
    for (read_answer(answer); strncmp(answer, "hole", 4) == 0; read_answer(answer))
        (void)nanosleep(&step, NULL);
    if (strncmp(answer, "fail", 4) == 0) return EAI_AGAIN;
    return collect(next, answer, service, hints, result);
}
