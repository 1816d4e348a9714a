// System calls on files and directories.
#include "guest.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

static void check(bool ok, const char *what)
{
    printf("%s %s\n", what, ok ? "ok" : "WRONG");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

int main(void)
{
    char dir[] = "/tmp/guest-files-XXXXXX";
    check(mkdtemp(dir) != NULL && chdir(dir) == 0, "mkdtemp");
    char here[200];
    check(getcwd(here, sizeof here) && strcmp(here, dir) == 0, "getcwd");
    int fd = open("file", O_RDWR | O_CREAT | O_EXCL, 0640);
    check(fd >= 0, "create");
    check(open("file", O_RDWR | O_CREAT | O_EXCL, 0640) == -1 && errno == EEXIST, "exclusive");
    check(write(fd, "hello world\n", 12) == 12 && lseek(fd, 6, SEEK_SET) == 6, "write");
    char text[64] = "";
    check(read(fd, text, 5) == 5 && strcmp(text, "world") == 0, "read");
    check(pread(fd, text, 5, 0) == 5 && memcmp(text, "hello", 5) == 0 && lseek(fd, 0, SEEK_CUR) == 11, "pread");
    struct iovec out[3] = {{"one", 3}, {"two", 3}, {"three", 5}};
    check(writev(fd, out, 3) == 11, "writev");
    char x[4], y[8];
    struct iovec in[2] = {{x, 4}, {y, 8}};
    check(preadv(fd, in, 2, 0) == 12 && memcmp(x, "hell", 4) == 0 && memcmp(y, "o world", 7) == 0, "preadv");
    struct stat st;
    check(fstat(fd, &st) == 0 && st.st_size == 22 && S_ISREG(st.st_mode) && (st.st_mode & 0777) == 0640 &&
              st.st_nlink == 1 && st.st_blksize > 0,
          "fstat");
    check(ftruncate(fd, 100000) == 0 && stat("file", &st) == 0 && st.st_size == 100000, "truncate");
    check(fchmod(fd, 0600) == 0 && access("file", R_OK | W_OK) == 0 && access("none", F_OK) == -1, "access");
    check(symlink("file", "link") == 0 && readlink("link", text, sizeof text) == 4 && memcmp(text, "file", 4) == 0,
          "symlink");
    check(lstat("link", &st) == 0 && S_ISLNK(st.st_mode) && stat("link", &st) == 0 && S_ISREG(st.st_mode), "lstat");
    check(link("file", "hard") == 0 && fstat(fd, &st) == 0 && st.st_nlink == 2, "link");
    check(rename("hard", "moved") == 0 && access("hard", F_OK) == -1, "rename");
    check(mkdir("sub", 0755) == 0 && mkdir("sub", 0755) == -1 && errno == EEXIST, "mkdir");
    check(rmdir("none") == -1 && errno == ENOENT && open("sub", O_WRONLY) == -1 && errno == EISDIR, "errors");
    char names[10][16];
    int n = 0;
    DIR *d = opendir(".");
    for (struct dirent *e; (e = readdir(d)) && n < 10;)
        snprintf(names[n++], sizeof *names, "%s", e->d_name);
    closedir(d);
    qsort(names, (size_t)n, sizeof *names, by_name);
    for (int i = 0; i < n; i++)
        printf("%s ", names[i]);
    putchar('\n');
    int dup_fd = dup(fd);
    check(dup_fd > fd && dup2(fd, 100) == 100 && fcntl(100, F_GETFD) == 0, "dup");
    check(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC, "cloexec");
    check((fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND)) == O_RDWR && fcntl(fd, F_SETFL, O_APPEND) == 0 &&
              (fcntl(dup_fd, F_GETFL) & O_APPEND),
          "flags");
    int p[2];
    check(pipe2(p, O_NONBLOCK) == 0 && read(p[0], text, 1) == -1 && errno == EAGAIN, "pipe");
    check(write(p[1], "abc", 3) == 3 && read(p[0], text, 9) == 3, "pipe data");
    close(p[1]);
    check(read(p[0], text, 1) == 0, "end of pipe");
    struct timespec times[2] = {{1000000000, 5}, {1100000000, 7}};
    check(futimens(fd, times) == 0 && fstat(fd, &st) == 0 && st.st_mtim.tv_sec == 1100000000 && st.st_mtim.tv_nsec == 7,
          "times");
    struct statvfs vfs;
    check(statvfs(".", &vfs) == 0 && vfs.f_bsize > 0, "statvfs");
    int at = open(".", O_RDONLY | O_DIRECTORY);
    check(faccessat(at, "moved", R_OK, 0) == 0 && fstatat(at, "link", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
              unlinkat(at, "moved", 0) == 0,
          "at");
    check(close(99) == -1 && errno == EBADF && write(fd, NULL, 0) == 0 && read(-1, text, 1) == -1, "bad fds");
    check(write(fd, (const void *)1, 5) == -1 && errno == EFAULT, "bad address");
    FILE *f = fopen("stdio", "w+");
    for (int i = 0; i < 2000; i++)
        fprintf(f, "line %d\n", i);
    fseek(f, 0, SEEK_SET);
    size_t size = 0;
    char *line = NULL;
    int lines = 0;
    while (getline(&line, &size, f) > 0)
        lines++;
    free(line);
    check(lines == 2000 && ungetc('x', f) == 'x' && getc(f) == 'x', "stdio");
    fclose(f);
    check(unlink("stdio") == 0 && unlink("file") == 0 && unlink("link") == 0 && rmdir("sub") == 0 && chdir("/") == 0 &&
              rmdir(dir) == 0,
          "clean");
    printf("umask %o\n", (unsigned)umask(022) & 0);
    check(open("/nonexistent/x", O_RDONLY) == -1 && errno == ENOENT, strerror(ENOENT));
    return 0;
}
