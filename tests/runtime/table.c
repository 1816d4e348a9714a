/* The table of system calls, and the text of traces. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/strace/strace.h"
#include "runtime/sys/convert.h"

Test(table, rows_are_sound)
{
    unsigned rows = 0;
    for (unsigned n = 0; n < SYS_TABLE_SIZE; n++) {
        const SysEntry *e = sys_entry(n);
        if (!e) {
            continue;
        }
        rows++;
        cr_assert(strace_types_known(e->args), "%s: types '%s'", e->name, e->args);
        cr_assert(e->host < 0 || !e->handler, "%s", e->name);
        for (unsigned k = 0; k < n; k++) {
            cr_assert(!sys_entry(k) || strcmp(sys_entry(k)->name, e->name), "%s twice", e->name);
        }
    }
    cr_assert_geq(rows, 320);
    cr_assert_null(sys_entry(244), "the architecture's own range is empty");
    cr_assert_null(sys_entry(SYS_TABLE_SIZE));
    cr_assert_null(sys_entry(UINT64_MAX));
}

Test(table, well_known_numbers)
{
    static const struct {
        unsigned number;
        const char *name;
        int host;
    } known[] = {{63, "read", -1},         {64, "write", -1},       {56, "openat", -1},
                 {57, "close", -1},        {93, "exit", -1},        {172, "getpid", 39},
                 {220, "clone", -1},       {221, "execve", -1},     {222, "mmap", -1},
                 {260, "wait4", -1},       {278, "getrandom", 318}, {435, "clone3", -1},
                 {449, "futex_waitv", 449}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const SysEntry *e = sys_entry(known[i].number);
        cr_assert_not_null(e);
        cr_assert_str_eq(e->name, known[i].name);
        cr_assert_eq(e->host, known[i].host, "%s", e->name);
    }
}

Test(table, open_flags_there_and_back)
{
    cr_assert_eq(convert_open_flags_to_host(GUEST_O_DIRECTORY | GUEST_O_NOFOLLOW | O_CLOEXEC),
                 O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    cr_assert_eq(convert_open_flags_to_host(GUEST_O_DIRECT | O_RDWR), O_DIRECT | O_RDWR);
    for (unsigned bit = 0; bit < 25; bit++) {
        uint64_t flag = (uint64_t)1 << bit;
        cr_assert_eq(convert_open_flags_to_guest(convert_open_flags_to_host(flag)), flag, "bit %u",
                     bit);
    }
}

static const char *call(unsigned number, long result, uint64_t a, uint64_t b, uint64_t c,
                        uint64_t d, uint64_t e, uint64_t f)
{
    static char line[2048];
    size_t at = 0;
    const uint64_t args[6] = {a, b, c, d, e, f};
    const SysEntry *entry = sys_entry(number);
    strace_format_call(line, sizeof line, &at, entry, args, result);
    strace_format_result(line, sizeof line, &at, entry, result);
    return line;
}

Test(strace, lines)
{
    cr_assert_str_eq(
        call(56, 3, (uint64_t)-100, guest_addr("/etc/pass\"wd"), 02040000, 0, 0, 0),
        "openat(AT_FDCWD, \"/etc/pass\\\"wd\", O_RDONLY|O_DIRECTORY|O_CLOEXEC, 00) = 3");
    cr_assert_str_eq(call(57, -9, 99, 0, 0, 0, 0, 0), "close(99) = -1 EBADF (Bad file descriptor)");
    cr_assert_str_eq(call(64, 3, 1, guest_addr("a\nb"), 3, 0, 0, 0), "write(1, \"a\\nb\", 3) = 3");
    cr_assert_str_eq(
        call(222, 0x7000000000, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
             (uint64_t)-1, 0),
        "mmap(NULL, 4096, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7000000000");
    uint64_t set = 1 << 1 | 1 << 16;
    cr_assert_str_eq(call(135, 0, 0, guest_addr(&set), 0, 8, 0, 0),
                     "rt_sigprocmask(SIG_BLOCK, [SIGINT SIGCHLD], NULL, 8) = 0");
    cr_assert_str_eq(call(129, 0, 5, 15, 0, 0, 0, 0), "kill(5, SIGTERM) = 0");
    cr_assert_str_eq(call(113, -HOST_ERESTART, 1, 0x10, 0, 0, 0, 0),
                     "clock_gettime(CLOCK_MONOTONIC, 0x10) = ? (to be restarted)");
    cr_assert_str_eq(call(62, 5, 3, (uint64_t)-5, 1, 0, 0, 0), "lseek(3, -5, SEEK_CUR) = 5");
}

Test(strace, long_texts_are_cut_not_overrun)
{
    char small[32];
    size_t at = 0;
    const uint64_t args[6] = {(uint64_t)-100, guest_addr("/a/very/long/path/that/does/not/fit"), 0};
    memset(small, 'x', sizeof small);
    strace_format_call(small, 24, &at, sys_entry(56), args, 0);
    cr_assert_eq(at, 23);
    cr_assert_eq(small[23], 0);
    cr_assert_eq(small[24], 'x');
}
