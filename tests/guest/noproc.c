// guest: link=static
// guest: native-flags=-static
// Where /proc is covered by something else, or its own is gone, programs are executed all the same.
#include "guest.h"
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char path[4096];
    int status;
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (argc > 1) {
        printf("program %s\n", argv[1]);
        fflush(stdout);
        if (argv[1][0] == '1')
            execl(argv[2], "program", "2", argv[2], NULL);
        return argv[1][0] == '2' ? 9 : 1;
    }
    path[n < 0 ? 0 : n] = 0;
    fflush(stdout);
    if (!fork()) {
        if ((geteuid() && unshare(CLONE_NEWUSER)) || unshare(CLONE_NEWNS) ||
            mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
            mount("none", "/proc", "tmpfs", 0, NULL)) {
            puts("no mounts here");
            exit(0);
        }
        execl(path, "program", "1", path, NULL);
        perror("execl");
        exit(1);
    }
    wait(&status);
    printf("status %x\n", status);
    return 0;
}
