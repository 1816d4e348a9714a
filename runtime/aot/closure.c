#include "runtime/aot/closure.h"

#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/aot/view.h"
#include "runtime/load/program.h"
#include "runtime/sys/path.h"

enum { MOST_FOLDERS = 256, MOST_INCLUDES = 8 };

typedef struct Search {
    Closure *c;
    Process *p;
    char *folders[MOST_FOLDERS]; /* of ld.so.conf and the built-in ones, guest paths */
    unsigned nfolders;
    bool read;
} Search;

/* ---- members --------------------------------------------------------------------------------- */

static bool is_member(const Closure *c, const struct stat *st)
{
    for (unsigned i = 0; i < c->n; i++) {
        if (c->members[i].dev == st->st_dev && c->members[i].ino == st->st_ino) {
            return true;
        }
    }
    return false;
}

static void add_member(Closure *c, const char *path, const struct stat *st)
{
    Member *members = realloc(c->members, (c->n + 1) * sizeof *members);
    char *copy = strdup(path);
    if (members) {
        c->members = members;
    }
    if (members && copy) {
        members[c->n++] = (Member){copy, st->st_dev, st->st_ino};
    } else {
        free(copy);
    }
}

/* Opens a guest path if it is a file for the guest; the host's path in `host`. */
static bool open_view(Search *s, const char *guest, char host[PATH_MAX], View *v, struct stat *st)
{
    char buf[PATH_MAX];
    const char *why, *path = path_lookup(s->p, guest, true, buf);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    if (fstat(fd, st) || view_open(v, fd, s->p->frontend->elf_machine, &why)) {
        close(fd);
        return false;
    }
    snprintf(host, PATH_MAX, "%s", path);
    return true;
}

/* ---- where libraries are --------------------------------------------------------------------- */

static void add_folder(Search *s, const char *folder)
{
    if (s->nfolders < MOST_FOLDERS && (s->folders[s->nfolders] = strdup(folder))) {
        s->nfolders++;
    }
}

static void read_conf(Search *s, const char *path, unsigned depth);

static void include(Search *s, const char *pattern, unsigned depth)
{
    char whole[2 * PATH_MAX];
    glob_t g;
    snprintf(whole, sizeof whole, "%s%s", s->p->prefix, pattern);
    if (!glob(whole, 0, NULL, &g)) {
        for (size_t i = 0; i < g.gl_pathc; i++) {
            read_conf(s, g.gl_pathv[i] + strlen(s->p->prefix), depth + 1);
        }
        globfree(&g);
    }
}

static void read_conf(Search *s, const char *path, unsigned depth)
{
    char buf[PATH_MAX], line[PATH_MAX];
    FILE *f = depth < MOST_INCLUDES ? fopen(path_lookup(s->p, path, true, buf), "re") : NULL;
    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "#\n")] = 0;
        char *word = line + strspn(line, " \t");
        word[strcspn(word, " \t")] = word[0] == 'i' && !strncmp(word, "include", 7) ? ' ' : 0;
        if (!strncmp(word, "include ", 8)) {
            word += 8 + strspn(word + 8, " \t");
            include(s, word, depth);
        } else if (word[0] == '/') {
            add_folder(s, word);
        }
    }
    if (f) {
        fclose(f);
    }
}

static void read_folders(Search *s)
{
    static const char *const built_in[] = {"/lib", "/usr/lib", "/lib64", "/usr/lib64"};
    char multiarch[128];
    if (s->read) {
        return;
    }
    s->read = true;
    read_conf(s, "/etc/ld.so.conf", 0);
    snprintf(multiarch, sizeof multiarch, "/lib/%s-linux-gnu", s->p->frontend->name);
    add_folder(s, multiarch);
    snprintf(multiarch, sizeof multiarch, "/usr/lib/%s-linux-gnu", s->p->frontend->name);
    add_folder(s, multiarch);
    for (unsigned i = 0; i < sizeof built_in / sizeof *built_in; i++) {
        add_folder(s, built_in[i]);
    }
}

/* ---- looking one up -------------------------------------------------------------------------- */

/* $ORIGIN, $LIB, $PLATFORM in a folder's name. */
static void expand(const Search *s, const char *from, size_t n, const char *origin, char *to,
                   size_t room)
{
    size_t at = 0;
    for (size_t i = 0; i < n && at + 1 < room;) {
        const char *names[] = {"ORIGIN", "LIB", "PLATFORM"},
                   *values[] = {origin, "lib", s->p->frontend->name};
        bool done = false;
        for (unsigned k = 0; k < 3 && from[i] == '$' && !done; k++) {
            bool brace = i + 1 < n && from[i + 1] == '{';
            size_t len = strlen(names[k]), skip = i + 1 + brace;
            if (n - skip >= len + brace && skip < n && !strncmp(from + skip, names[k], len)) {
                at += (size_t)snprintf(to + at, room - at, "%s", values[k]);
                i = skip + len + brace;
                done = true;
            }
        }
        if (!done) {
            to[at++] = from[i++];
        }
    }
    to[at < room ? at : room - 1] = 0;
}

static bool try_list(Search *s, const char *list, const char *origin, const char *name,
                     char host[PATH_MAX], View *v, struct stat *st)
{
    for (const char *at = list; at && *at;) {
        char folder[PATH_MAX], path[2 * PATH_MAX];
        size_t n = strcspn(at, ":");
        expand(s, at, n, origin, folder, sizeof folder);
        snprintf(path, sizeof path, "%s/%s", folder, name);
        if (n && open_view(s, path, host, v, st)) {
            return true;
        }
        at += n + (at[n] == ':');
    }
    return false;
}

static const char *dynamic_string(const View *v, int64_t tag)
{
    uint64_t table, at;
    return view_dynamic(v, DT_STRTAB, &table) && view_dynamic(v, tag, &at)
               ? view_string(v, table + at)
               : NULL;
}

static bool find_library(Search *s, const View *of, const char *origin, const char *rpath,
                         const char *name, char host[PATH_MAX], View *v, struct stat *st)
{
    if (strchr(name, '/')) {
        return open_view(s, name, host, v, st);
    }
    const char *runpath = dynamic_string(of, DT_RUNPATH);
    const char *own = runpath ? NULL : dynamic_string(of, DT_RPATH);
    if (try_list(s, own, origin, name, host, v, st) ||
        (!runpath && try_list(s, rpath, origin, name, host, v, st)) ||
        try_list(s, getenv("LD_LIBRARY_PATH"), origin, name, host, v, st) ||
        try_list(s, runpath, origin, name, host, v, st)) {
        return true;
    }
    read_folders(s);
    for (unsigned i = 0; i < s->nfolders; i++) {
        if (try_list(s, s->folders[i], origin, name, host, v, st)) {
            return true;
        }
    }
    return false;
}

/* ---- all of them ----------------------------------------------------------------------------- */

typedef struct Needed {
    Search *s;
    const View *of;
    const char *path, *origin, *rpath;
} Needed;

static void take(Search *s, const char *path, View *v, const struct stat *st, const char *rpath);

static void needed(void *ctx, int64_t tag, uint64_t value)
{
    Needed *n = ctx;
    uint64_t table;
    const char *name = tag == DT_NEEDED && view_dynamic(n->of, DT_STRTAB, &table)
                           ? view_string(n->of, table + value)
                           : NULL;
    char host[PATH_MAX];
    struct stat st;
    View v;
    if (!name) {
        return;
    }
    if (find_library(n->s, n->of, n->origin, n->rpath, name, host, &v, &st)) {
        take(n->s, host, &v, &st, n->rpath);
    } else {
        fprintf(stderr, "xemu: warning: %s: needs %s, which is not there; left out\n", n->path,
                name);
    }
}

/* Its path as the guest sees it, without the last name. */
static void origin_of(const Search *s, const char *path, char origin[PATH_MAX])
{
    char real[PATH_MAX];
    size_t n = strlen(s->p->prefix);
    const char *seen = realpath(path, real) ? real : path;
    if (n && !strncmp(seen, s->p->prefix, n) && seen[n] == '/') {
        seen += n;
    }
    snprintf(origin, PATH_MAX, "%s", seen);
    char *slash = strrchr(origin, '/');
    if (slash) {
        *slash = 0;
    }
}

/* Closes the view. */
static void take(Search *s, const char *path, View *v, const struct stat *st, const char *rpath)
{
    if (!is_member(s->c, st)) {
        char origin[PATH_MAX], host[PATH_MAX];
        struct stat interp_st;
        View interp;
        add_member(s->c, path, st);
        s->c->any_guarded |= v->elf.bti;
        if (v->elf.has_interp) {
            LoadError error;
            int fd;
            if (program_open_interp(s->p, path, v->elf.interp, &fd, &error)) {
                fprintf(stderr, "xemu: warning: %s\n", error.text);
            } else {
                close(fd);
                if (open_view(s, v->elf.interp, host, &interp, &interp_st)) {
                    take(s, host, &interp, &interp_st, rpath);
                }
            }
        }
        origin_of(s, path, origin);
        const char *own = dynamic_string(v, DT_RUNPATH) ? NULL : dynamic_string(v, DT_RPATH);
        Needed n = {s, v, path, origin, rpath ? rpath : own};
        view_each_dynamic(v, needed, &n);
    }
    view_close(v);
}

int closure_find(Closure *c, Process *p, const char *path)
{
    Search *s = calloc(1, sizeof *s);
    struct stat st;
    View v;
    const char *why = "out of memory";
    *c = (Closure){0};
    int fd = s ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) {
        int status = errno == ENOENT || errno == ENOTDIR ? 127 : 126;
        fprintf(stderr, "xemu: %s: cannot be opened: %s; check the path\n", path, strerror(errno));
        free(s);
        return status;
    }
    s->c = c;
    s->p = p;
    if (fstat(fd, &st) || view_open(&v, fd, p->frontend->elf_machine, &why)) {
        fprintf(stderr, "xemu: %s: %s; give an AArch64 Linux program\n", path, why);
        close(fd);
        free(s);
        return 126;
    }
    take(s, path, &v, &st, NULL);
    for (unsigned i = 0; i < s->nfolders; i++) {
        free(s->folders[i]);
    }
    free(s);
    return 0;
}

void closure_free(Closure *c)
{
    for (unsigned i = 0; i < c->n; i++) {
        free(c->members[i].path);
    }
    free(c->members);
}
