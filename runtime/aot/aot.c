/* aot.c - the files of all programs, each once, in processes of their own: a file's process maps
 * nothing but the file, and what it took goes with it. Their order and number change nothing in
 * what is stored: entries are by file.
 */
#include "runtime/aot/aot.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cache/manage.h"
#include "runtime/aot/closure.h"
#include "runtime/aot/elfout.h"
#include "runtime/aot/report.h"
#include "runtime/code/store.h"
#include "runtime/sys/path.h"

typedef struct Job {
    char *path;
    uint64_t dev, ino;
    bool any_guarded;
    pid_t pid;
} Job;

typedef struct Aot {
    const Options *options;
    Process *process;
    Job *jobs;
    unsigned n;
    int status;
    const char *emit_elf, *profile;
    FileReport *reports; /* shared with the processes */
    int *spare;          /* the same: processors that none of them uses */
} Aot;

/* ---- which files ----------------------------------------------------------------------------- */

static void add_program(Aot *a, const char *path)
{
    Closure c;
    int status = closure_find(&c, a->process, path);
    a->status = a->status ? a->status : status;
    for (unsigned i = 0; i < c.n; i++) {
        Member *m = &c.members[i];
        bool known = false;
        for (unsigned k = 0; k < a->n && !known; k++) {
            known = a->jobs[k].dev == m->dev && a->jobs[k].ino == m->ino &&
                    a->jobs[k].any_guarded == c.any_guarded;
        }
        Job *jobs = known ? NULL : realloc(a->jobs, (a->n + 1) * sizeof *jobs);
        if (jobs) {
            a->jobs = jobs;
            a->jobs[a->n++] = (Job){m->path, m->dev, m->ino, c.any_guarded, 0};
            m->path = NULL;
        }
    }
    closure_free(&c);
}

static struct Found {
    char **paths;
    size_t n;
    uint16_t machine;
} * walk; /* nftw() has no context */

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    uint8_t head[64];
    (void)ftw;
    int fd =
        type == FTW_F && st->st_size > (off_t)sizeof head ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    bool program = fd >= 0 && read(fd, head, sizeof head) == (ssize_t)sizeof head &&
                   elf_is_for(head, sizeof head, walk->machine) &&
                   (head[16] == ET_EXEC || head[16] == ET_DYN);
    if (fd >= 0) {
        close(fd);
    }
    char **paths = program ? realloc(walk->paths, (walk->n + 1) * sizeof *paths) : NULL;
    if (paths) {
        walk->paths = paths;
        paths[walk->n] = strdup(path);
        walk->n += paths[walk->n] != NULL;
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_folder(Aot *a, const char *folder)
{
    struct Found found = {.machine = a->process->frontend->elf_machine};
    walk = &found;
    if (nftw(folder, visit, 32, FTW_PHYS)) {
        fprintf(stderr, "xemu: %s: cannot be read: %s; give a folder\n", folder, strerror(errno));
        a->status = a->status ? a->status : 127;
    }
    if (found.n) {
        qsort(found.paths, found.n, sizeof *found.paths, by_name);
    }
    for (size_t i = 0; i < found.n; i++) {
        add_program(a, found.paths[i]);
        free(found.paths[i]);
    }
    free(found.paths);
}

/* ---- one file -------------------------------------------------------------------------------- */

static double cpu_seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void fail(FileReport *r, const char *why, int err)
{
    r->failed = true;
    snprintf(r->why, sizeof r->why, "%s%s%s", why, err ? ": " : "", err ? strerror(-err) : "");
}

/* What was executed elsewhere begins blocks, too. */
static int use_profile(const Aot *a, Plan *plan, CodeFile *file, Profile *profile)
{
    FILE *from = a->profile ? fopen(a->profile, "re") : NULL;
    if (!a->profile) {
        return 0;
    }
    if (!from) {
        return -errno;
    }
    int err = profile_read(profile, plan->view, a->process->mem->store, file, from);
    for (uint32_t i = 0; i < profile->n; i++) {
        plan_add(plan, profile->spots[i].addr);
    }
    (void)fclose(from);
    return err ? err : plan->failed ? -ENOMEM : 0;
}

/* In a process of its own. */
static void do_file(const Aot *a, const Job *job, FileReport *r)
{
    Process *p = a->process;
    const char *why = "cannot be opened";
    double start = cpu_seconds();
    View v;
    Plan plan;
    Profile profile = {0};
    int fd = open(job->path, O_RDONLY | O_CLOEXEC);
    int err = fd < 0 ? -errno : view_open(&v, fd, p->frontend->elf_machine, &why);
    if (err) {
        fail(r, why, err);
        return;
    }
    p->mem->store = code_store_open(a->options, p->frontend);
    CodeFile *file = p->mem->store ? code_store_file(p->mem->store, fd) : NULL;
    err = file ? plan_make(&plan, &v, p->frontend) : -ENOENT;
    err = err ? err : use_profile(a, &plan, file, &profile);
    if (err) {
        fail(r, p->mem->store ? "cannot be read through" : "there is no folder for the cache",
             p->mem->store ? err : 0);
        return;
    }
    ElfOut *elf = a->emit_elf ? elfout_new(&plan) : NULL;
    MakeRequest q = {job->any_guarded, a->spare, elf, file, &profile};
    err = make_all(p, &plan, &q, &r->made, &why);
    if (!err && elf && (err = elfout_write(elf, a->emit_elf, job->path))) {
        why = "its image cannot be written";
    }
    elfout_free(elf);
    if (err) {
        fail(r, why, err);
    } else if (code_store_counters(p->mem->store)->store_errors) {
        fail(r, "could not be stored; look at the folder that --cachectl path names first", 0);
    }
    report_count(r, &plan);
    r->seconds = cpu_seconds() - start;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void start(Aot *a, unsigned i)
{
    fflush(NULL);
    a->jobs[i].pid = fork();
    if (a->jobs[i].pid == 0) {
        do_file(a, &a->jobs[i], &a->reports[i]);
        _exit(0);
    }
    if (a->jobs[i].pid < 0) {
        fail(&a->reports[i], "no process for it", -errno);
    }
}

/* One that has ended; UINT_MAX: none runs. */
static unsigned wait_for_one(Aot *a)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, 0)) > 0 || errno == EINTR) {
        for (unsigned i = 0; i < a->n && pid > 0; i++) {
            if (a->jobs[i].pid == pid) {
                if (!WIFEXITED(status)) {
                    fail(&a->reports[i], "its process was ended by a signal", 0);
                }
                return i;
            }
        }
    }
    return UINT_MAX;
}

static void do_all(Aot *a, unsigned most)
{
    unsigned next = 0, running = 0, done = 0;
    *a->spare = most > a->n ? (int)(most - a->n) : 0;
    while (done < a->n) {
        while (running < most && next < a->n) {
            start(a, next);
            running += a->jobs[next].pid > 0;
            done += a->jobs[next].pid <= 0;
            next++;
        }
        unsigned i = running ? wait_for_one(a) : UINT_MAX;
        if (i == UINT_MAX) {
            continue;
        }
        running--;
        __atomic_add_fetch(a->spare, next == a->n, __ATOMIC_SEQ_CST);
        report_progress(++done, a->n, a->jobs[i].path);
    }
}

static int refuse(const char *what)
{
    fprintf(stderr, "xemu: --aot: %s\n", what);
    return 126;
}

int aot_run(const Options *options, const AotRequest *q)
{
    static Process process;
    static Mem memory;
    Aot a = {
        .options = options, .process = &process, .emit_elf = q->emit_elf, .profile = q->profile};
    if (options->cache != CACHE_RW) {
        return refuse("translations go into the cache, which is not written to; leave --cache out, "
                      "or say rw");
    }
    FILE *profile = q->profile ? fopen(q->profile, "re") : NULL;
    if (q->profile && (!profile || !cache_archive_is_one(profile))) {
        fprintf(stderr, "xemu: --profile-use: %s: %s; give a file that --cachectl export made\n",
                q->profile, profile ? "is no exported cache" : strerror(errno));
        return 126;
    }
    if (profile) {
        (void)fclose(profile);
    }
    process = (Process){.options = options,
                        .frontend = &frontend_aarch64,
                        .mem = &memory,
                        .exe_fd = -1,
                        .prefix_fd = -1,
                        .program_fd = -1,
                        .log_fd = -1,
                        .report_fd = -1,
                        .count_fd = -1};
    if (q->emit_elf && mkdir(q->emit_elf, 0777) && errno != EEXIST) {
        fprintf(stderr, "xemu: --emit-elf: %s: cannot be made: %s; give a folder\n", q->emit_elf,
                strerror(errno));
        return 126;
    }
    mem_init(&memory, 0);
    path_set_prefix(&process, options->prefix);
    for (unsigned i = 0; i < q->n; i++) {
        if (q->all) {
            add_folder(&a, q->paths[i]);
        } else {
            add_program(&a, q->paths[i]);
        }
    }
    size_t bytes = (a.n + 1) * sizeof *a.reports + sizeof *a.spare;
    a.reports = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char **paths = calloc(a.n + 1, sizeof *paths);
    if (a.reports == MAP_FAILED || !paths) {
        return refuse("out of memory");
    }
    a.spare = (int *)(void *)(a.reports + a.n + 1);
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    do_all(&a, q->jobs ? q->jobs : cpus > 0 ? (unsigned)cpus : 1);
    for (unsigned i = 0; i < a.n; i++) {
        paths[i] = a.jobs[i].path;
        if (!q->json) {
            report_line(paths[i], &a.reports[i]);
        }
        if (a.reports[i].failed && !a.status) {
            a.status = 126;
        }
    }
    if (q->json) {
        report_json(paths, a.reports, a.n);
    } else {
        report_sum(a.reports, a.n);
    }
    return a.status;
}
