// What the kernel hands to a program: auxiliary vector, stack layout, identity of the machine.
#include "guest.h"
#include <elf.h>
#include <sys/auxv.h>
#include <sys/utsname.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv)
{
    printf("page %lu\n", getauxval(AT_PAGESZ));
    printf("random %d\n", getauxval(AT_RANDOM) != 0);
    printf("secure %lu\n", getauxval(AT_SECURE));
    printf("phdr %d %lu\n", getauxval(AT_PHDR) != 0, getauxval(AT_PHENT));
    printf("entry %d\n", getauxval(AT_ENTRY) != 0);
    printf("uid %d\n", getauxval(AT_UID) == getuid());
    const char *name = (const char *)getauxval(AT_EXECFN);
    printf("execfn %d\n", name && *name);
    printf("ticks %lu\n", getauxval(AT_CLKTCK));
#ifdef __aarch64__
    struct utsname u;
    bool right = uname(&u) == 0 && strcmp(u.machine, "aarch64") == 0;
    right &= strcmp((const char *)getauxval(AT_PLATFORM), "aarch64") == 0;
    right &= (getauxval(AT_HWCAP) & 3) == 3; // FP and Advanced SIMD
    uint64_t ctr, dczid, tls, fpcr;
    __asm__("mrs %0, ctr_el0" : "=r"(ctr));
    __asm__("mrs %0, dczid_el0" : "=r"(dczid));
    __asm__("mrs %0, tpidr_el0" : "=r"(tls));
    __asm__("mrs %0, fpcr" : "=r"(fpcr));
    right &= (ctr >> 31 & 1) == 1 && (dczid & 0x10) == 0 && tls != 0 && fpcr == 0;
    if (getauxval(AT_HWCAP) & (1u << 11)) { // ID registers can be read
        uint64_t pfr0, midr;
        __asm__("mrs %0, id_aa64pfr0_el1" : "=r"(pfr0));
        __asm__("mrs %0, midr_el1" : "=r"(midr));
        right &= (pfr0 & 0xff) == 0x11 && midr != 0;
    }
    printf("machine %d\n", right);
#else
    printf("machine 1\n");
#endif
    printf("stack aligned %d\n", ((uintptr_t)__builtin_frame_address(0) & 15) == 0);
    printf("argv %d environ after argv %d\n", argc == 1 && argv[1] == NULL, (char **)environ == argv + argc + 1);
    char link[300];
    ssize_t n = readlink("/proc/self/exe", link, sizeof link - 1);
    link[n > 0 ? n : 0] = 0;
    const char *base = strrchr(link, '/'), *own = strrchr(argv[0], '/');
    printf("exe %d\n", base && own && strcmp(base, own) == 0);
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[500];
    int found = 0, stack = 0;
    while (maps && fgets(line, sizeof line, maps)) {
        unsigned long low, high;
        if (sscanf(line, "%lx-%lx", &low, &high) == 2)
            found += low <= (unsigned long)(uintptr_t)&main && (unsigned long)(uintptr_t)&main < high;
        stack += strstr(line, "[stack]") != NULL;
    }
    printf("maps %d stack %d\n", found, stack);
    char self[64] = "";
    FILE *comm = fopen("/proc/self/cmdline", "r");
    printf("cmdline %d\n", comm && fread(self, 1, sizeof self - 1, comm) > 0 && strncmp(self, argv[0], 40) == 0);
    return 0;
}
