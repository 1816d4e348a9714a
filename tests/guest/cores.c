/* Core files: a process with three threads dies by a signal; what its core says is read back. */
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile char marked[40000] = "marked memory";

static void *spins(void *arg)
{
    for (volatile long i = 0;; i++) {
    }
}

static void *blocks(void *arg)
{
    pause();
    return arg;
}

static void dies(int how)
{
    pthread_t thread;
    pthread_create(&thread, NULL, spins, NULL);
    pthread_create(&thread, NULL, blocks, NULL);
    usleep(20000);
    strcpy((char *)marked + 30000, "written");
    if (how == SIGSEGV) {
        *(volatile int *)16 = 1;
    }
    if (how == SIGABRT) {
        abort();
    }
    kill(getpid(), how);
    for (;;) {
        pause();
    }
}

static void examine(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &st)) {
        printf("no core\n");
        return;
    }
    const char *m = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    const Elf64_Ehdr *eh = (const void *)m;
#ifdef __aarch64__
    int machine = EM_AARCH64;
#else
    int machine = EM_X86_64;
#endif
    printf("core type %d machine %d\n", eh->e_type, eh->e_machine == machine);
    int threads = 0, fp = 0, auxv = 0, info = 0, files = 0, ps = 0, written = 0, signo = 0;
    for (int i = 0; i < eh->e_phnum; i++) {
        const Elf64_Phdr *ph = (const Elf64_Phdr *)(m + eh->e_phoff) + i;
        unsigned long at = (unsigned long)marked + 30000;
        if (ph->p_type == PT_LOAD && at >= ph->p_vaddr && at < ph->p_vaddr + ph->p_filesz) {
            written = !strcmp(m + ph->p_offset + (at - ph->p_vaddr), "written");
        }
        if (ph->p_type != PT_NOTE) {
            continue;
        }
        for (unsigned long o = 0; o < ph->p_filesz;) {
            const Elf64_Nhdr *n = (const void *)(m + ph->p_offset + o);
            const char *data = (const char *)(n + 1) + (n->n_namesz + 3 & ~3u);
            if (n->n_type == NT_PRSTATUS && threads++ == 0) {
                signo = *(const int *)data;
            }
            fp += n->n_type == NT_FPREGSET;
            auxv += n->n_type == NT_AUXV;
            ps += n->n_type == NT_PRPSINFO;
            info += n->n_type == 0x53494749 && *(const int *)data == signo;
            files += n->n_type == 0x46494c45;
            o += sizeof *n + (n->n_namesz + 3 & ~3u) + (n->n_descsz + 3 & ~3u);
        }
    }
    printf("threads %d fp %d auxv %d psinfo %d siginfo %d files %d, signal %d, memory %d\n", threads, fp, auxv, ps, info, files,
           signo, written);
    close(fd);
}

int main(void)
{
    static const int signals[] = {SIGSEGV, SIGABRT, SIGQUIT, SIGTERM};
    char pattern[200] = "";
    FILE *f = fopen("/proc/sys/kernel/core_pattern", "r");
    if (!f || !fgets(pattern, sizeof pattern, f) || strcmp(pattern, "core\n")) {
        printf("cores go elsewhere\n");
        return 0;
    }
    for (int i = 0; i < 5; i++) {
        int status;
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) {
            struct rlimit all = {1 << 28, 1 << 28}, none = {0, 0};
            setrlimit(RLIMIT_CORE, i < 4 ? &all : &none);
            dies(signals[i & 3]);
        }
        waitpid(pid, &status, 0);
        printf("signal %d core %d\n", WTERMSIG(status), WCOREDUMP(status) != 0);
        char name[32];
        sprintf(name, "core.%d", pid);
        examine(access("core", F_OK) ? name : "core");
        unlink("core");
        unlink(name);
    }
    return 0;
}
