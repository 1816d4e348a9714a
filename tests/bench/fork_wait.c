// group: system
// Children that end at once.
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

BENCH(800, system)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        int status;
        pid_t pid = fork();
        if (pid == 0)
            _exit((int)i & 127);
        waitpid(pid, &status, 0);
        sum += (uint64_t)status;
    }
    return sum;
}
