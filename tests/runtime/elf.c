/* The ELF reader: a good program, and hostile ones. */
#include "tests/runtime/elf.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/load/image.h"

enum { PH_CODE, PH_DATA, PH_INTERP, PH_STACK, PH_PROPERTY };

void sample_make(Sample *s)
{
    memset(s, 0, sizeof *s);
    s->eh = (Elf64_Ehdr){
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_DYN,
        .e_machine = EM_AARCH64,
        .e_version = EV_CURRENT,
        .e_entry = 0x400,
        .e_phoff = offsetof(Sample, ph),
        .e_ehsize = sizeof(Elf64_Ehdr),
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = 5,
    };
    s->ph[PH_CODE] = (Elf64_Phdr){.p_type = PT_LOAD,
                                  .p_flags = PF_R | PF_X,
                                  .p_filesz = 0x1000,
                                  .p_memsz = 0x1000,
                                  .p_align = 0x1000};
    s->ph[PH_DATA] = (Elf64_Phdr){.p_type = PT_LOAD,
                                  .p_flags = PF_R | PF_W,
                                  .p_offset = 0x2010,
                                  .p_vaddr = 0x12010,
                                  .p_filesz = 0x100,
                                  .p_memsz = 0x5000,
                                  .p_align = 0x10000};
    s->ph[PH_DATA].p_vaddr = 0x22010;
    s->ph[PH_DATA].p_align = 0x1000;
    s->ph[PH_INTERP] = (Elf64_Phdr){
        .p_type = PT_INTERP, .p_flags = PF_R, .p_offset = offsetof(Sample, interp), .p_filesz = 28};
    s->ph[PH_STACK] = (Elf64_Phdr){.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W};
    s->ph[PH_PROPERTY] = (Elf64_Phdr){.p_type = PT_GNU_PROPERTY,
                                      .p_flags = PF_R,
                                      .p_offset = offsetof(Sample, property),
                                      .p_filesz = 32};
    strcpy(s->interp, "/lib/ld-linux-aarch64.so.1");
    static const uint32_t property[8] = {4, 16, 5, 0x554e47, 0xc0000000, 4, 3, 0};
    memcpy(s->property, property, sizeof property);
    memset(s->rest, 0xee, sizeof s->rest);
}

long memory_read(void *ctx, void *buf, size_t n, uint64_t offset)
{
    const MemoryFile *f = ctx;
    if (offset >= f->size) {
        return 0;
    }
    n = n < f->size - offset ? n : f->size - offset;
    memcpy(buf, f->bytes + offset, n);
    return (long)n;
}

static int read_sample(const Sample *s, size_t size, ElfFile *elf, const char **why)
{
    MemoryFile f = {(const uint8_t *)s, size};
    *why = NULL;
    return elf_read(elf, EM_AARCH64, memory_read, &f, size, why);
}

Test(elf, good_program)
{
    Sample s;
    ElfFile elf;
    const char *why;
    sample_make(&s);
    cr_assert_eq(read_sample(&s, sizeof s, &elf, &why), 0);
    cr_assert_eq(elf.type, ET_DYN);
    cr_assert_eq(elf.entry, 0x400);
    cr_assert_eq(elf.low, 0);
    cr_assert_eq(elf.high, 0x28000);
    cr_assert_eq(elf.end, 0x27010);
    cr_assert_eq(elf.phdr, offsetof(Sample, ph));
    cr_assert(elf.bti && !elf.stack_exec && elf.has_interp);
    cr_assert_str_eq(elf.interp, "/lib/ld-linux-aarch64.so.1");
    elf_free(&elf);
}

Test(elf, cut_at_any_byte_of_what_is_loaded)
{
    Sample s;
    ElfFile elf;
    const char *why;
    sample_make(&s);
    for (size_t size = 0; size < 0x2110; size++) {
        cr_assert_eq(read_sample(&s, size, &elf, &why), -ENOEXEC, "cut at %zu", size);
        cr_assert_not_null(why, "cut at %zu", size);
        cr_assert_null(elf.ph);
    }
    cr_assert_eq(read_sample(&s, 0x2110, &elf, &why), 0,
                 "behind the last segment nothing is needed");
    elf_free(&elf);
}

/* Each breaks the sample in one way. */
static void wrong_magic(Sample *s)
{
    s->eh.e_ident[1] = 'F';
}
static void wrong_class(Sample *s)
{
    s->eh.e_ident[EI_CLASS] = ELFCLASS32;
}
static void wrong_order(Sample *s)
{
    s->eh.e_ident[EI_DATA] = ELFDATA2MSB;
}
static void wrong_machine(Sample *s)
{
    s->eh.e_machine = EM_X86_64;
}
static void object_file(Sample *s)
{
    s->eh.e_type = ET_REL;
}
static void bad_phentsize(Sample *s)
{
    s->eh.e_phentsize = 55;
}
static void no_headers(Sample *s)
{
    s->eh.e_phnum = 0;
}
static void many_headers(Sample *s)
{
    s->eh.e_phnum = 0xffff;
}
static void headers_far(Sample *s)
{
    s->eh.e_phoff = UINT64_MAX - 10;
}
static void file_larger(Sample *s)
{
    s->ph[PH_DATA].p_filesz = s->ph[PH_DATA].p_memsz + 1;
}
static void huge_memory(Sample *s)
{
    s->ph[PH_DATA].p_memsz = UINT64_MAX - 0x1000;
}
static void beyond_space(Sample *s)
{
    s->ph[PH_DATA].p_vaddr = MEM_TASK_SIZE - 0x10 - 0xff0;
}
static void offset_wraps(Sample *s)
{
    s->ph[PH_DATA].p_offset = UINT64_MAX - 0xfef;
}
static void not_congruent(Sample *s)
{
    s->ph[PH_DATA].p_offset += 8;
}
static void overlap(Sample *s)
{
    s->ph[PH_DATA].p_vaddr = 0x10;
}
static void bad_align(Sample *s)
{
    s->ph[PH_DATA].p_align = 0x3000;
}
static void nothing_to_load(Sample *s)
{
    s->ph[PH_CODE].p_type = s->ph[PH_DATA].p_type = PT_NULL;
}
static void interp_empty(Sample *s)
{
    s->ph[PH_INTERP].p_filesz = 1;
}
static void interp_long(Sample *s)
{
    s->ph[PH_INTERP].p_filesz = PATH_MAX + 1;
}
static void interp_endless(Sample *s)
{
    s->ph[PH_INTERP].p_filesz = 4;
}
static void interp_beyond(Sample *s)
{
    s->ph[PH_INTERP].p_offset = SAMPLE_BYTES;
}

Test(elf, hostile_headers_are_refused)
{
    static const struct {
        const char *name;
        void (*spoil)(Sample *s);
    } cases[] = {
#define CASE(f) {#f, f}
        CASE(wrong_magic),     CASE(wrong_class),   CASE(wrong_order), CASE(wrong_machine),
        CASE(object_file),     CASE(bad_phentsize), CASE(no_headers),  CASE(many_headers),
        CASE(headers_far),     CASE(file_larger),   CASE(huge_memory), CASE(beyond_space),
        CASE(offset_wraps),    CASE(not_congruent), CASE(overlap),     CASE(bad_align),
        CASE(nothing_to_load), CASE(interp_empty),  CASE(interp_long), CASE(interp_endless),
        CASE(interp_beyond),
#undef CASE
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Sample s;
        ElfFile elf;
        const char *why;
        sample_make(&s);
        cases[i].spoil(&s);
        cr_assert_eq(read_sample(&s, sizeof s, &elf, &why), -ENOEXEC, "%s", cases[i].name);
        cr_assert_not_null(why, "%s", cases[i].name);
    }
}

Test(elf, recognized_for_exec)
{
    Sample s;
    sample_make(&s);
    cr_assert(elf_is_for(&s, sizeof s, EM_AARCH64));
    cr_assert_not(elf_is_for(&s, sizeof(Elf64_Ehdr) - 1, EM_AARCH64));
    cr_assert_not(elf_is_for(&s, sizeof s, EM_RISCV));
}

static int sample_file(const Sample *s)
{
    int fd = memfd_create("sample", 0);
    cr_assert_eq(write(fd, s, sizeof *s), sizeof *s);
    return fd;
}

static long file_read(void *ctx, void *buf, size_t n, uint64_t offset)
{
    return pread(*(int *)ctx, buf, n, (off_t)offset);
}

static void map_sample(const Sample *s, Mem *mem, Image *image, int *err)
{
    ElfFile elf;
    const char *why = NULL;
    int fd = sample_file(s);
    cr_assert_eq(elf_read(&elf, EM_AARCH64, file_read, &fd, sizeof *s, &why), 0);
    mem_init(mem, 0);
    *err = image_map(image, mem, &elf, fd, 0, &why);
    cr_assert_eq(*err != 0, why != NULL);
    elf_free(&elf);
    close(fd);
}

Test(image, position_independent)
{
    Sample s;
    Mem mem;
    Image image;
    MapRange r;
    int err;
    sample_make(&s);
    map_sample(&s, &mem, &image, &err);
    cr_assert_eq(err, 0);
    cr_assert_eq(image.entry, image.bias + 0x400);
    cr_assert_arr_eq(guest_ptr(image.low), &s, 0x1000);
    cr_assert_arr_eq(guest_ptr(image.low + 0x22010), (const uint8_t *)&s + 0x2010, 0x100);
    const uint8_t *bss = guest_ptr(image.low + 0x22110);
    for (size_t i = 0; i < 0x5000 - 0x110; i++) {
        cr_assert_eq(bss[i], 0, "BSS at %zu", i);
    }
    cr_assert(mem_lookup(&mem, image.low, &r));
    cr_assert_eq(r.prot, PROT_READ | PROT_EXEC);
    cr_assert(r.flags & MAP_FLAG_BTI);
    cr_assert(mem_lookup(&mem, image.low + 0x22000, &r));
    cr_assert_eq(r.prot, PROT_READ | PROT_WRITE);
    cr_assert_not(mem_lookup(&mem, image.low + 0x10000, &r),
                  "the hole between the segments is free");
}

Test(image, aligned_beyond_the_page)
{
    Sample s;
    Mem mem;
    Image image;
    int err;
    sample_make(&s);
    s.ph[PH_CODE].p_align = 0x200000;
    map_sample(&s, &mem, &image, &err);
    cr_assert_eq(err, 0);
    cr_assert_eq(image.low & 0x1fffff, 0);
    cr_assert_eq(mem.map.bytes, 0x1000 + 0x6000, "nothing else is left mapped");
}

Test(image, fixed_address_over_xemu_is_refused)
{
    static int here;
    Sample s;
    Mem mem;
    Image image;
    int err;
    sample_make(&s);
    s.eh.e_type = ET_EXEC;
    s.ph[PH_CODE].p_vaddr = mem_page_down((uintptr_t)&here);
    s.ph[PH_DATA].p_vaddr += s.ph[PH_CODE].p_vaddr;
    map_sample(&s, &mem, &image, &err);
    cr_assert_neq(err, 0);
    cr_assert_eq(mem.map.count, 0, "nothing stays mapped");
}

Test(image, too_large)
{
    Sample s;
    Mem mem;
    Image image;
    int err;
    sample_make(&s);
    s.ph[PH_DATA].p_memsz = MEM_TASK_SIZE - 0x100000;
    map_sample(&s, &mem, &image, &err);
    cr_assert_eq(err, -ENOMEM);
    cr_assert_eq(mem.map.count, 0, "nothing stays mapped");
}
