/* What a program finds when it starts: the vDSO's symbols, and the stack. */
#include <cpuid.h>
#include <criterion/criterion.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "runtime/host/cacheinfo.h"
#include "runtime/load/stack.h"
#include "runtime/load/vdso.h"

/* Looks a symbol up as a C library does: hash table, name, version. */
static const Elf64_Sym *vdso_symbol(const uint8_t *base, const char *name)
{
    const Elf64_Ehdr *eh = (const void *)base;
    const Elf64_Phdr *ph = (const void *)(base + eh->e_phoff);
    const Elf64_Dyn *dyn = NULL;
    uint64_t at[64] = {0};
    for (unsigned i = 0; i < eh->e_phnum; i++) {
        if (ph[i].p_type == PT_DYNAMIC) {
            dyn = (const void *)(base + ph[i].p_vaddr);
        }
    }
    for (; dyn && dyn->d_tag; dyn++) {
        if (dyn->d_tag < 64) {
            at[dyn->d_tag] = dyn->d_un.d_ptr;
        } else if (dyn->d_tag == DT_VERSYM) {
            at[60] = dyn->d_un.d_ptr;
        } else if (dyn->d_tag == DT_VERDEF) {
            at[61] = dyn->d_un.d_ptr;
        }
    }
    const uint32_t *hash = (const void *)(base + at[DT_HASH]);
    const Elf64_Sym *sym = (const void *)(base + at[DT_SYMTAB]);
    const char *str = (const void *)(base + at[DT_STRTAB]);
    const uint16_t *versym = (const void *)(base + at[60]);
    const Elf64_Verdef *base_def = (const void *)(base + at[61]);
    const Elf64_Verdef *def = (const void *)((const uint8_t *)base_def + base_def->vd_next);
    const Elf64_Verdaux *aux = (const void *)((const uint8_t *)def + def->vd_aux);
    cr_assert_str_eq(str + aux->vda_name, "LINUX_2.6.39");
    cr_assert_eq(def->vd_hash, 0x075fcb89);
    for (uint32_t i = hash[2]; i; i = hash[2 + hash[0] + i]) {
        if (!strcmp(str + sym[i].st_name, name)) {
            cr_assert_eq(versym[i], def->vd_ndx);
            return &sym[i];
        }
    }
    return NULL;
}

Test(vdso, symbols)
{
    size_t size;
    const uint8_t *base = vdso_image(&size);
    static const struct {
        const char *name;
        unsigned number;
    } functions[] = {{"__kernel_rt_sigreturn", 139},
                     {"__kernel_gettimeofday", 169},
                     {"__kernel_clock_gettime", 113},
                     {"__kernel_clock_getres", 114}};
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        const Elf64_Sym *s = vdso_symbol(base, functions[i].name);
        cr_assert_not_null(s, "%s", functions[i].name);
        cr_assert_leq(s->st_value + s->st_size, size);
        /* mov x8, #number; svc #0 within it */
        uint32_t code[32];
        cr_assert_leq(s->st_size, sizeof code);
        memcpy(code, base + s->st_value, s->st_size);
        bool found = false;
        for (size_t k = 0; k + 1 < s->st_size / 4; k++) {
            found |=
                code[k] == (0xd2800008u | functions[i].number << 5) && code[k + 1] == 0xd4000001u;
        }
        cr_assert(found, "%s", functions[i].name);
    }
    cr_assert_null(vdso_symbol(base, "__kernel_nothing"));
}

Test(vdso, mapped)
{
    Mem mem;
    mem_init(&mem, 0);
    cr_assert_eq(vdso_map(&mem), 0);
    MapRange r;
    cr_assert(mem_lookup(&mem, mem.vdso, &r));
    cr_assert_eq(r.prot, 5);
    uint32_t code[2];
    memcpy(code, guest_ptr(vdso_sigreturn(&mem)), sizeof code);
    cr_assert_eq(code[0], 0xd2801168u, "mov x8, #139: what unwinders look for");
    cr_assert_eq(code[1], 0xd4000001u);
}

static uint64_t aux_value(const uint64_t *aux, uint64_t type)
{
    for (; aux[0] != AT_NULL; aux += 2) {
        if (aux[0] == type) {
            return aux[1];
        }
    }
    return UINT64_MAX;
}

Test(stack, layout)
{
    Mem mem;
    mem_init(&mem, 0);
    cr_assert_eq(mem_make_stack(&mem, 1 << 20, 0, false), 0);
    mem.vdso = 0x1234000;
    char *argv[] = {"prog", "one", "", NULL}, *envp[] = {"A=b", "LONG=value", NULL};
    const uint8_t random[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    Image image = {.entry = 0x400100, .phdr = 0x400040};
    StackPlan plan = {.frontend = &frontend_aarch64,
                      .argv = argv,
                      .envp = envp,
                      .execfn = "/bin/prog",
                      .program = &image,
                      .phnum = 7,
                      .base = 0x7f0000,
                      .execfd = -1,
                      .random = random};
    StackInfo info;
    cr_assert_eq(stack_build(&info, &mem, &plan), 0);
    cr_assert_eq(info.sp % 16, 0);
    const uint64_t *w = guest_ptr(info.sp);
    cr_assert_eq(*w++, 3);
    for (int i = 0; i < 3; i++) {
        cr_assert_str_eq(guest_ptr(*w++), argv[i]);
    }
    cr_assert_eq(*w++, 0);
    cr_assert_str_eq(guest_ptr(*w++), "A=b");
    cr_assert_str_eq(guest_ptr(*w++), "LONG=value");
    cr_assert_eq(*w++, 0);
    cr_assert_eq(guest_addr(w), info.auxv);
    cr_assert_eq(aux_value(w, AT_PHDR), 0x400040);
    cr_assert_eq(aux_value(w, AT_PHNUM), 7);
    cr_assert_eq(aux_value(w, AT_BASE), 0x7f0000);
    cr_assert_eq(aux_value(w, AT_ENTRY), 0x400100);
    cr_assert_eq(aux_value(w, AT_PAGESZ), 4096);
    cr_assert_eq(aux_value(w, AT_SYSINFO_EHDR), 0x1234000);
    cr_assert_eq(aux_value(w, AT_HWCAP), frontend_aarch64.hwcap);
    cr_assert_eq(aux_value(w, AT_HWCAP2), frontend_aarch64.hwcap2);
    cr_assert_eq(aux_value(w, AT_SECURE), 0);
    cr_assert_str_eq(guest_ptr(aux_value(w, AT_PLATFORM)), "aarch64");
    cr_assert_str_eq(guest_ptr(aux_value(w, AT_EXECFN)), "/bin/prog");
    cr_assert_arr_eq(guest_ptr(aux_value(w, AT_RANDOM)), random, 16);
    /* The strings stand in the kernel's order, without gaps. */
    cr_assert_arr_eq(guest_ptr(info.arg_start), "prog\0one\0\0A=b\0LONG=value\0/bin/prog", 35);
    cr_assert_eq(info.arg_end, info.env_start);
    cr_assert_eq(mem.stack_high - 8 - sizeof "/bin/prog", info.env_end);
}

Test(stack, too_small)
{
    Mem mem;
    mem_init(&mem, 0);
    cr_assert_eq(mem_make_stack(&mem, 32 << 10, 0, false), 0);
    static char huge[40 << 10];
    memset(huge, 'x', sizeof huge - 1);
    char *argv[] = {huge, NULL}, *envp[] = {NULL};
    const uint8_t random[16] = {0};
    Image image = {0};
    StackPlan plan = {.frontend = &frontend_aarch64,
                      .argv = argv,
                      .envp = envp,
                      .execfn = "x",
                      .program = &image,
                      .random = random};
    StackInfo info;
    cr_assert_eq(stack_build(&info, &mem, &plan), -E2BIG);
}

/* libc of this test asks the processor itself. */
Test(start, cache_info)
{
    unsigned vendor = 0, a, c, d;
    __cpuid(0, a, vendor, c, d);
    if (vendor != signature_INTEL_ebx && vendor != signature_AMD_ebx)
        cr_skip_test("neither an Intel processor nor one of AMD");
    for (int name = _SC_LEVEL1_DCACHE_SIZE; name <= _SC_LEVEL3_CACHE_LINESIZE; name++) {
        long own = vendor == signature_AMD_ebx ? host_cache_info_amd(name) : host_cache_info(name);
        cr_assert_eq(own, sysconf(name), "%d: %ld, %ld", name, own, sysconf(name));
    }
}
