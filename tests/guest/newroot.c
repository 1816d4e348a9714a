// guest: link=static
// guest: native-flags=-static
// In a new root without /proc: a program that executes itself, all descriptors closed, and again.
#include "guest.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int copy_self(const char *to)
{
    static char buf[1 << 16];
    int from = open("/proc/self/exe", O_RDONLY), out = open(to, O_WRONLY | O_CREAT, 0755);
    ssize_t n;
    while ((n = read(from, buf, sizeof buf)) > 0) {
        if (write(out, buf, (size_t)n) != n) {
            return -1;
        }
    }
    return close(from) | close(out);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        char next[] = {argv[1][0] + 1, 0};
        printf("%s %s\n", argv[0], argv[1]);
        fflush(stdout);
        if (argv[1][0] == '2') {
            close_range(3, ~0u, 0);
        } else if (argv[1][0] == '3') {
            for (int fd = 3; fd < sysconf(_SC_OPEN_MAX) && fd < 1 << 16; fd++) {
                close(fd);
            }
        } else if (argv[1][0] == '4') {
            return 7;
        }
        execl("/program", "program", next, NULL);
        perror("execl");
        return 1;
    }
    char folder[] = "/tmp/newroot-XXXXXX", file[64];
    int status;
    snprintf(file, sizeof file, "%s/program", mkdtemp(folder));
    if (copy_self(file)) {
        perror(file);
    }
    if (!fork()) {
        if ((geteuid() && unshare(CLONE_NEWUSER)) || chroot(folder) || chdir("/")) {
            puts("no chroot here");
            exit(0);
        }
        execl("/program", "program", "1", NULL);
        perror("execl");
        exit(1);
    }
    wait(&status);
    printf("status %x\n", status);
    unlink(file);
    rmdir(folder);
    return 0;
}
