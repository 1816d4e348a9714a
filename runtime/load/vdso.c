/* The image is a C structure whose layout is the file's: offsets in it are addresses in the
 * library. The functions' names and version are those that C libraries look for
 * (arch/arm64/kernel/vdso/vdso.lds.S). The two clocks that programs read all the time are registers
 * of this processor (frontend/aarch64/sys.decode, MRS_clock); the others are system calls, which
 * cost no entry into the host's kernel either (sys/time.c).
 *
 * __kernel_rt_sigreturn has no unwind information: unwinders know such a frame by its two
 * instructions, which therefore stand there exactly as in the kernel's, with a nop before them (a
 * return address is looked up one byte earlier).
 */
#include "runtime/load/vdso.h"

#include <elf.h>
#include <linux/mman.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "runtime/code/store.h"

enum {
    INSN_NOP = 0xd503201f,
    INSN_BTI_C = 0xd503245f,
    INSN_SVC = 0xd4000001,
    INSN_RET = 0xd65f03c0,
    INSN_MOV_X8 = 0xd2800008, /* movz x8, #imm16 << 5 */
};
#define MOV_X8(nr) (INSN_MOV_X8 | (unsigned)(nr) << 5)
enum { SYMBOLS = 6, DYN_ENTRIES = 9 };

#define STRINGS(X)                                                                                 \
    X(empty, "")                                                                                   \
    X(soname, "linux-vdso.so.1")                                                                   \
    X(version, "LINUX_2.6.39")                                                                     \
    X(sigreturn, "__kernel_rt_sigreturn")                                                          \
    X(gettimeofday, "__kernel_gettimeofday")                                                       \
    X(clock_gettime, "__kernel_clock_gettime")                                                     \
    X(clock_getres, "__kernel_clock_getres")

typedef struct Strings {
#define STRING_MEMBER(name, text) char name[sizeof text];
    STRINGS(STRING_MEMBER)
#undef STRING_MEMBER
} Strings;

typedef struct VdsoImage {
    Elf64_Ehdr eh;
    Elf64_Phdr ph[2];
    uint32_t hash[2 + 1 + SYMBOLS]; /* nbucket, nchain, one bucket, chains */
    Elf64_Sym sym[SYMBOLS];
    uint16_t versym[SYMBOLS + SYMBOLS % 2];
    struct {
        Elf64_Verdef def;
        Elf64_Verdaux aux;
    } verdef[2];
    Strings strings;
    _Alignas(8) Elf64_Dyn dyn[DYN_ENTRIES];
    _Alignas(16) uint32_t code_sigreturn[3];
    _Alignas(16) uint32_t code_gettimeofday[14];
    _Alignas(16) uint32_t code_clock_gettime[15];
    _Alignas(16) uint32_t code_clock_getres[15];
} VdsoImage;
_Static_assert(sizeof(VdsoImage) <= MEM_PAGE, "the vDSO is one page");

#define AT(member) offsetof(VdsoImage, member)
#define STR(name)  offsetof(Strings, name)
#define FUNCTION(name, code, skip)                                                                 \
    {                                                                                              \
        .st_name = STR(name), .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), .st_shndx = 1,       \
        .st_value = AT(code) + (skip), .st_size = sizeof((VdsoImage *)0)->code - (skip)            \
    }

static const VdsoImage image = {
    .eh =
        {
            .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
            .e_type = ET_DYN,
            .e_machine = EM_AARCH64,
            .e_version = EV_CURRENT,
            .e_phoff = AT(ph),
            .e_ehsize = sizeof(Elf64_Ehdr),
            .e_phentsize = sizeof(Elf64_Phdr),
            .e_phnum = 2,
        },
    .ph =
        {
            {.p_type = PT_LOAD,
             .p_flags = PF_R | PF_X,
             .p_filesz = sizeof(VdsoImage),
             .p_memsz = sizeof(VdsoImage),
             .p_align = MEM_PAGE},
            {.p_type = PT_DYNAMIC,
             .p_flags = PF_R,
             .p_offset = AT(dyn),
             .p_vaddr = AT(dyn),
             .p_paddr = AT(dyn),
             .p_filesz = sizeof image.dyn,
             .p_memsz = sizeof image.dyn,
             .p_align = 8},
        },
    .hash = {1, SYMBOLS, 1, 0, 2, 3, 4, 5, 0},
    .sym =
        {
            [1] = FUNCTION(sigreturn, code_sigreturn, 4),
            [2] = FUNCTION(gettimeofday, code_gettimeofday, 0),
            [3] = FUNCTION(clock_gettime, code_clock_gettime, 0),
            [4] = FUNCTION(clock_getres, code_clock_getres, 0),
            [5] = {.st_name = STR(version),
                   .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT),
                   .st_shndx = SHN_ABS},
        },
    .versym = {0, 2, 2, 2, 2, 2},
    .verdef =
        {
            {{.vd_version = 1,
              .vd_flags = VER_FLG_BASE,
              .vd_ndx = 1,
              .vd_cnt = 1,
              .vd_hash = 0x0deebfa1,
              .vd_aux = sizeof(Elf64_Verdef),
              .vd_next = sizeof(Elf64_Verdef) + sizeof(Elf64_Verdaux)},
             {.vda_name = STR(soname)}},
            {{.vd_version = 1,
              .vd_ndx = 2,
              .vd_cnt = 1,
              .vd_hash = 0x075fcb89,
              .vd_aux = sizeof(Elf64_Verdef)},
             {.vda_name = STR(version)}},
        },
    .strings =
        {
#define STRING_VALUE(name, text) .name = text,
            STRINGS(STRING_VALUE)
#undef STRING_VALUE
        },
    .dyn =
        {
            {DT_SONAME, {STR(soname)}},
            {DT_HASH, {AT(hash)}},
            {DT_STRTAB, {AT(strings)}},
            {DT_SYMTAB, {AT(sym)}},
            {DT_STRSZ, {sizeof(Strings)}},
            {DT_SYMENT, {sizeof(Elf64_Sym)}},
            {DT_VERSYM, {AT(versym)}},
            {DT_VERDEF, {AT(verdef)}},
            /* The kernel's has DT_VERDEFNUM too; no C library reads it. DT_NULL ends. */
        },
    .code_sigreturn = {INSN_NOP, MOV_X8(139), INSN_SVC},
    .code_gettimeofday =
        {
            INSN_BTI_C,
            0xb5000141, /* cbnz x1, 1f: the time zone is the kernel's */
            0xb40000e0, /* cbz x0, 2f */
            0xd53bf002, /* mrs x2, s3_3_c15_c0_0 */
            0xd35efc43, /* lsr x3, x2, 30 */
            0x92407442, /* and x2, x2, 0x3fffffff */
            0x52807d04, /* mov w4, 1000 */
            0x9ac40842, /* udiv x2, x2, x4 */
            0xa9000803, /* stp x3, x2, [x0] */
            0x52800000, /* 2: mov w0, 0 */
            INSN_RET,
            MOV_X8(169), /* 1: */
            INSN_SVC,
            INSN_RET,
        },
    .code_clock_gettime =
        {
            INSN_BTI_C,
            0x7100041f, /* cmp w0, CLOCK_MONOTONIC */
            0x540000a0, /* b.eq 1f */
            0x340000c0, /* cbz w0, 2f: CLOCK_REALTIME */
            MOV_X8(113),
            INSN_SVC,
            INSN_RET,
            0xd53bf022, /* 1: mrs x2, s3_3_c15_c0_1 */
            0x14000002, /* b 3f */
            0xd53bf002, /* 2: mrs x2, s3_3_c15_c0_0 */
            0xd35efc43, /* 3: lsr x3, x2, 30 */
            0x92407442, /* and x2, x2, 0x3fffffff */
            0xa9000823, /* stp x3, x2, [x1] */
            0x52800000, /* mov w0, 0 */
            INSN_RET,
        },
    .code_clock_getres =
        {
            INSN_BTI_C,
            0x7100041f, /* cmp w0, CLOCK_MONOTONIC */
            0x54000109, /* b.ls 1f, and CLOCK_REALTIME */
            0x7100101f, /* cmp w0, CLOCK_MONOTONIC_RAW */
            0x540000c0, /* b.eq 1f */
            0x71001c1f, /* cmp w0, CLOCK_BOOTTIME */
            0x54000080, /* b.eq 1f */
            MOV_X8(114),
            INSN_SVC,
            INSN_RET,
            0xb4000061, /* 1: cbz x1, 2f */
            0xd2800022, /* mov x2, 1 */
            0xa900083f, /* stp xzr, x2, [x1] */
            0x52800000, /* 2: mov w0, 0 */
            INSN_RET,
        },
};

const void *vdso_image(size_t *size)
{
    *size = sizeof image;
    return &image;
}

int vdso_map(Mem *mem)
{
    /* A kernel's data for it lie in front; here they are in registers. */
    enum { DATA = 2 * MEM_PAGE };
    long p = mem_mmap(mem, 0, DATA + MEM_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                      -1, 0);
    if (p < 0) {
        return (int)p;
    }
    int err = (int)mem_mprotect(mem, (GuestAddr)p, DATA, PROT_READ, -1);
    if (err) {
        return err;
    }
    mem_mark(mem, (GuestAddr)p, (GuestAddr)p + DATA, MAP_FLAG_VVAR);
    p += DATA;
    memcpy(guest_ptr((GuestAddr)p), &image, sizeof image);
    struct timespec res;
    bool usual = !clock_getres(CLOCK_MONOTONIC, &res) && !res.tv_sec && res.tv_nsec == 1;
    if (!usual) { /* timers without high resolution: the kernel knows */
        static const uint32_t call[] = {INSN_BTI_C, MOV_X8(114), INSN_SVC, INSN_RET};
        memcpy(guest_ptr((GuestAddr)p + AT(code_clock_getres)), call, sizeof call);
    }
    long r = mem_mprotect(mem, (GuestAddr)p, MEM_PAGE, PROT_READ | PROT_EXEC, -1);
    mem_mark(mem, (GuestAddr)p, (GuestAddr)p + MEM_PAGE, MAP_FLAG_VDSO);
    if (mem->store && usual) {
        struct CodeFile *file = code_store_memory(mem->store, "vdso", &image, sizeof image);
        lock_take(&mem->lock);
        if (file) {
            files_add(&mem->files, (GuestAddr)p, (GuestAddr)p + MEM_PAGE, 0, file);
        }
        lock_release(&mem->lock);
    }
    mem->vdso = (GuestAddr)p;
    mem->vdso_end = (GuestAddr)p + MEM_PAGE;
    return (int)r;
}

GuestAddr vdso_sigreturn(const Mem *mem)
{
    return mem->vdso + AT(code_sigreturn) + 4;
}
