// Fork among code that changes: parent and child go on from the same translations and must not
// disturb each other.
#include "guest.h"
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

typedef int (*Function)(void);
enum { PAGE = 4096, FUNCTIONS = 64 };
static uint8_t *code;

// "return v" as function number k.
static void emit(int k, unsigned v)
{
    uint8_t *at = code + k * 64;
#ifdef __aarch64__
    uint32_t text[2] = {0x52800000u | (v & 0xffff) << 5, 0xd65f03c0u};
    memcpy(at, text, 8);
    __builtin___clear_cache((char *)at, (char *)at + 8);
#else
    uint8_t text[8] = {0xb8, (uint8_t)v, (uint8_t)(v >> 8), 0, 0, 0xc3};
    memcpy(at, text, 8);
#endif
}

static int call(int k)
{
    return ((Function)(code + k * 64))();
}

static unsigned sum(void)
{
    unsigned s = 0;
    for (int k = 0; k < FUNCTIONS; k++)
        s = s * 31 + (unsigned)call(k);
    return s;
}

// Code that only one of them reaches, in many places.
static __attribute__((noinline)) unsigned way(unsigned n, unsigned x)
{
    switch (n % 16) {
    case 0: return x * 3 + 1;
    case 1: return x ^ 0x55;
    case 2: return x + way(n + 1, x >> 1);
    case 3: return x * x;
    case 4: return x % 77 + way(n + 3, x / 3);
    case 5: return x << 3;
    case 6: return ~x;
    case 7: return x - 9;
    case 8: return x * 7 + way(n + 5, x >> 2);
    case 9: return x / 5;
    case 10: return x | 1;
    case 11: return x & 0xffff;
    case 12: return x + 12;
    case 13: return x ^ x >> 7;
    case 14: return x * 31;
    default: return x + way(n + 2, x >> 3);
    }
}

static unsigned result_of(pid_t pid)
{
    int status;
    if (waitpid(pid, &status, 0) != pid)
        return 1000;
    return WIFEXITED(status) ? (unsigned)WEXITSTATUS(status) : 2000 + (unsigned)WTERMSIG(status);
}

static volatile int stop;
static void *rewrite(void *arg)
{
    unsigned bad = 0;
    for (unsigned i = 0; !stop; i++) {
        int k = (int)(i % FUNCTIONS);
        emit(k, i);
        bad += call(k) != (int)(i & 0xffff);
    }
    return (void *)(uintptr_t)bad;
}

int main(void)
{
    int pipes[2][2];
    code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int k = 0; k < FUNCTIONS; k++)
        emit(k, (unsigned)k);
    printf("before %u\n", sum());

    // The child changes functions while the parent runs them, and the other way round, in step.
    pipe(pipes[0]);
    pipe(pipes[1]);
    pid_t pid = fork();
    if (pid == 0) {
        unsigned s = 0;
        char c;
        for (int i = 0; i < 20; i++) {
            emit(i, (unsigned)(1000 + i));
            s = s * 7 + sum() + way((unsigned)i, s);
            write(pipes[0][1], "x", 1);
            read(pipes[1][0], &c, 1);
        }
        _exit((int)(s % 251));
    }
    unsigned s = 0;
    char c;
    for (int i = 0; i < 20; i++) {
        read(pipes[0][0], &c, 1);
        emit(63 - i, (unsigned)(2000 + i));
        s = s * 5 + sum() + way((unsigned)i + 7, s);
        write(pipes[1][1], "y", 1);
    }
    printf("in step %u %u\n", s, result_of(pid));

    // Children that are killed, that stay, and that fork themselves.
    pid_t stay[4];
    for (int i = 0; i < 4; i++) {
        stay[i] = fork();
        if (stay[i] == 0) {
            volatile unsigned all = 0; // never ends, however fast it is
            for (unsigned n = 0;; n++)
                all += way(n, n);
        }
    }
    unsigned total = 0;
    for (int i = 0; i < 40; i++) {
        pid = fork();
        if (pid == 0) {
            pid_t inner = fork();
            if (inner == 0) {
                emit(i, 3000);
                _exit((int)((sum() + way((unsigned)i, 5)) % 199));
            }
            _exit((int)((result_of(inner) + sum() + way((unsigned)i + 3, 9)) % 211));
        }
        emit(i, (unsigned)(i * 9));
        total = total * 3 + sum() + result_of(pid);
    }
    for (int i = 0; i < 4; i++) {
        kill(stay[i], i & 1 ? SIGKILL : SIGTERM);
        total = total * 3 + result_of(stay[i]);
    }
    printf("many %u\n", total);

    // Failing to execute, then going on.
    pid = fork();
    if (pid == 0) {
        char *argv[] = {"nothing", NULL};
        execv("/dev/null", argv);
        emit(0, 77);
        _exit((int)(sum() % 97));
    }
    printf("no exec %u\n", result_of(pid));

    // A parent that forks often gets to know what its children run: code that isn't there in the parent, and later is other code.
    code = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    total = 0;
    for (int i = 0; i < 24; i++) {
        pid = fork();
        if (pid == 0) {
            mprotect(code, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
            for (int k = 0; i < 18 && k < FUNCTIONS; k++)
                emit(k, (unsigned)(k + i));
            _exit((int)((sum() + way((unsigned)i, 11)) % 193));
        }
        total = total * 3 + result_of(pid);
        if (i >= 12) {
            mprotect(code, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
            for (int k = 0; k < FUNCTIONS; k += 2)
                emit(k, (unsigned)(k * i));
            for (int k = 1; i == 12 && k < FUNCTIONS; k += 2)
                emit(k, 8);
            total += sum();
        }
    }
    printf("learned %u\n", total);

    // A thread rewrites code while another forks.
    pthread_t thread;
    pthread_create(&thread, NULL, rewrite, NULL);
    unsigned bad = 0;
    for (int i = 0; i < 60; i++) {
        pid = fork();
        if (pid == 0) {
            emit(5, (unsigned)i);
            _exit(call(5) == i && way((unsigned)i, 3) != 99 ? 3 : 4);
        }
        bad += result_of(pid) != 3;
    }
    stop = 1;
    void *wrong;
    pthread_join(thread, &wrong);
    printf("among threads %u %u\n", bad, (unsigned)(uintptr_t)wrong);
    return 0;
}
