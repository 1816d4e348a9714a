// What the stress programs share. Each takes a factor by which it does more than the tests' second or so; what it prints depends on
// that alone, never on time or on the order in which threads run.
#ifndef TESTS_STRESS_STRESS_H
#define TESTS_STRESS_STRESS_H

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static inline long factor(int argc, char **argv)
{
    long n = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
    return n > 0 ? n : 1;
}

static inline void must(bool good, const char *what)
{
    if (!good) {
        printf("%s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static inline pthread_t start(void *(*fn)(void *), long arg)
{
    pthread_t t;
    int err = pthread_create(&t, NULL, fn, (void *)(intptr_t)arg);
    errno = err;
    must(!err, "pthread_create");
    return t;
}

static inline long finish(pthread_t t)
{
    void *r;
    int err = pthread_join(t, &r);
    errno = err;
    must(!err, "pthread_join");
    return (long)(intptr_t)r;
}

#endif
