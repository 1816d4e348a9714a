// A program that executes a copy of itself in sealed memory, as container runtimes do, and looks at
// /proc/self/exe: that has to be the copy, and to anything that takes a name the program itself.
#include "guest.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifndef SYS_open_tree
#define SYS_open_tree 428
#endif

extern char **environ;

static int machine(int fd)
{
    Elf64_Ehdr h = {0};
    return pread(fd, &h, sizeof h, 0) == sizeof h ? h.e_machine : -1;
}

static int own_machine(void)
{
#ifdef __aarch64__
    return EM_AARCH64;
#else
    return EM_X86_64;
#endif
}

static void look(const char *when)
{
    struct stat by_name, by_fd;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    printf("%s: own machine %d seals %d", when, machine(fd) == own_machine(),
           fcntl(fd, F_GET_SEALS) > 0);
    fstat(fd, &by_fd);
    stat("/proc/self/exe", &by_name);
    printf(" same %d", by_name.st_ino == by_fd.st_ino && by_name.st_dev == by_fd.st_dev);
    close(fd);
    int tree = (int)syscall(SYS_open_tree, -1, "/proc/self/exe", O_CLOEXEC);
    if (tree >= 0) {
        fstat(tree, &by_fd);
        close(tree);
    }
    printf(" tree %d\n", by_name.st_ino == by_fd.st_ino && by_name.st_dev == by_fd.st_dev);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        look("copy");
        for (int fd = 3; fd < 4096; fd++) {
            close(fd);
        }
        look("closed");
        fflush(stdout);
        if (!fork()) {
            look("child");
            exit(0);
        }
        wait(NULL);
        return 3;
    }
    look("file");
    fflush(stdout);
    int self = open("/proc/self/exe", O_RDONLY), copy = memfd_create("copy", MFD_ALLOW_SEALING);
    char buf[65536];
    for (ssize_t n; (n = read(self, buf, sizeof buf)) > 0;) {
        if (write(copy, buf, (size_t)n) != n) {
            perror("write");
        }
    }
    close(self);
    fcntl(copy, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
    int status = -1;
    pid_t pid = fork();
    if (!pid) {
        char *const args[] = {argv[0], "again", NULL};
        fexecve(copy, args, environ);
        perror("fexecve");
        _exit(1);
    }
    waitpid(pid, &status, 0);
    printf("status %x\n", status);
    return 0;
}
