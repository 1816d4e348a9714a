/* landlock: a process that may read and execute below a few folders executes a program there, and reads nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void allow(int ruleset, const char *folder)
{
    struct landlock_path_beneath_attr rule = {
        .allowed_access = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
        .parent_fd = open(folder, O_PATH | O_DIRECTORY),
    };
    if (rule.parent_fd >= 0) {
        syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
        close(rule.parent_fd);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        int fd = open("/etc/passwd", O_RDONLY);
        printf("executed; elsewhere: %d %s\n", fd >= 0, fd < 0 ? strerror(errno) : "");
        return 7;
    }
    struct landlock_ruleset_attr attr = {
        .handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR};
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (ruleset < 0) {
        printf("landlock: %s\n", strerror(errno));
        return 0;
    }
    char folder[4096], *slash;
    ssize_t n = readlink("/proc/self/exe", folder, sizeof folder - 1);
    folder[n > 0 ? n : 0] = 0;
    char *self = strdup(folder);
    slash = strrchr(folder, '/');
    *slash = 0;
    allow(ruleset, folder);
    allow(ruleset, "/usr");
    allow(ruleset, "/lib");
    allow(ruleset, "/lib64");
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    printf("restricted %ld\n", syscall(SYS_landlock_restrict_self, ruleset, 0));
    fflush(stdout);
    if (fork() == 0) {
        execl(self, self, "again", NULL);
        printf("exec: %s\n", strerror(errno));
        fflush(stdout);
        _exit(1);
    }
    int status;
    wait(&status);
    printf("status %d\n", WEXITSTATUS(status));
    return 0;
}
