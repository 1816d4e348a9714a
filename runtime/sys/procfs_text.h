/* procfs_text.h - how the files of procfs.h are made: a growing text in a memory file. */
#ifndef XEMU_RUNTIME_SYS_PROCFS_TEXT_H
#define XEMU_RUNTIME_SYS_PROCFS_TEXT_H

#include "runtime/sys/proc_view.h"

typedef struct Text {
    int fd;
    size_t at;
    char buf[8192];
} Text;

void text_flush(Text *x);
/* Room for n bytes (at most PATH_MAX + 512); the caller adds to x->at what it used. */
char *text_room(Text *x, size_t n);
__attribute__((format(printf, 2, 3))) void text_print(Text *x, const char *format, ...);

/* Lines of a file of the host's. */
typedef struct Lines {
    int fd;
    size_t have, done;
    char buf[PATH_MAX + 1024];
} Lines;
bool lines_open(Lines *l, const char *path);
/* The next line without its end, NULL at the end of the file. */
char *lines_next(Lines *l);
void lines_close(Lines *l);

/* The files themselves, of the process in v; path: the host's. */
void procfs_maps(Text *x, const ProcView *v, const char *path);
void procfs_smaps(Text *x, const ProcView *v, const char *path);
void procfs_smaps_rollup(Text *x, const ProcView *v, const char *path);
void procfs_stat(Text *x, const ProcView *v, const char *path);
void procfs_statm(Text *x, const ProcView *v, const char *path);
void procfs_limits(Text *x, const ProcView *v, const char *path);
void procfs_syscall(Text *x, const ProcView *v, const char *path);
void procfs_status(Text *x, const ProcView *v, const char *path);

#endif
