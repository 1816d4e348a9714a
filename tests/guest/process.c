// Processes: fork, wait, pipes between them, exit statuses, exec of this program again.
#include "guest.h"
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "child") == 0) {
        printf("child: argc %d %s, %s\n", argc, argv[2], getenv("FROM"));
        return 9;
    }
    int p[2];
    setvbuf(stdout, NULL, _IONBF, 0);
    if (pipe(p) != 0)
        return 1;
    for (int i = 0; i < 3; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            char text[40];
            int n = snprintf(text, sizeof text, "from child %d", i);
            uint64_t x = (uint64_t)i;
            for (int k = 0; k < 10000; k++)
                x = x * 6364136223846793005u + 1;
            n += snprintf(text + n, sizeof text - (size_t)n, " %08x", (unsigned)(x >> 32));
            _exit(write(p[1], text, (size_t)n) == n ? 40 + i : 1);
        }
        int status = 0;
        pid_t got = waitpid(pid, &status, 0);
        char text[80] = "";
        ssize_t n = read(p[0], text, sizeof text - 1);
        printf("%s (%zd), status %d, right pid %d\n", text, n, WEXITSTATUS(status), got == pid);
    }
    int none = wait(NULL);
    printf("no child: %d %d\n", none, errno == ECHILD);
    pid_t pid = fork();
    if (pid == 0) {
        setenv("FROM", "parent", 1);
        execl("/proc/self/exe", argv[0], "child", "argument", (char *)NULL);
        printf("exec failed: %s\n", strerror(errno));
        _exit(1);
    }
    int status;
    waitpid(pid, &status, 0);
    printf("exec status %d\n", WEXITSTATUS(status));
    int bad = execl("/nonexistent", "x", (char *)NULL);
    printf("bad exec %d %d\n", bad, errno == ENOENT);
    FILE *f = popen("echo through the shell", "r");
    char line[100] = "";
    if (f && fgets(line, sizeof line, f))
        printf("popen: %s", line);
    printf("pclose %d\n", f ? pclose(f) : -1);
    printf("ids %d %d %d\n", getpid() > 0, getppid() > 0, getuid() == geteuid());
    return 0;
}
