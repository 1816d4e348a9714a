/* test_codebuf.c - the code arena: two views, chunks, finding the block of a host pc, fork. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jit/blockmap.h"
#include "jit/codebuf.h"

static CodeBuf make(size_t size)
{
    CodeBuf cb;

    cr_assert_eq(codebuf_create(&cb, size, NULL, false), 0);
    return cb;
}

/* mov eax, value; ret */
static void write_function(uint8_t *at, uint32_t value)
{
    at[0] = 0xb8;
    memcpy(at + 1, &value, 4);
    at[5] = 0xc3;
}

static uint32_t call(const uint8_t *code)
{
    return ((uint32_t(*)(void))(uintptr_t)code)();
}

Test(codebuf, what_is_written_runs)
{
    CodeBuf cb = make(1u << 20);

    write_function(codebuf_rw(&cb, (uintptr_t)cb.rx), 42);
    cr_expect_eq(call(cb.rx), 42u);
    write_function(codebuf_rw(&cb, (uintptr_t)cb.rx), 43);
    cr_expect_eq(call(cb.rx), 43u);
    codebuf_destroy(&cb);
}

/* /proc/self/maps: none of the arena's mappings is writable and executable. */
Test(codebuf, no_page_is_writable_and_executable)
{
    CodeBuf cb = make(1u << 20);
    FILE *f = fopen("/proc/self/maps", "r");
    char line[512];
    unsigned seen = 0;

    while (fgets(line, sizeof line, f)) {
        if (strstr(line, "xemu-code")) {
            char perms[5] = "";
            cr_assert_eq(sscanf(line, "%*x-%*x %4s", perms), 1);
            cr_expect_not(perms[1] == 'w' && perms[2] == 'x', "%s", line);
            seen++;
        }
    }
    fclose(f);
    cr_expect_eq(seen, 2u);
    codebuf_destroy(&cb);
}

Test(codebuf, finds_the_block_of_a_pc)
{
    CodeBuf cb = make(1u << 20);
    CodeChunk *c1 = codebuf_chunk(&cb), *c2 = codebuf_chunk(&cb);
    Block blocks[6];
    uintptr_t at[6];

    memset(blocks, 0, sizeof blocks);
    for (unsigned i = 0; i < 6; i++) {
        CodeChunk *c = i & 1 ? c2 : c1;
        at[i] = (uintptr_t)cb.rx + c->next;
        codebuf_commit(&cb, c, 10 + 13 * i, &blocks[i]);
    }
    for (unsigned i = 0; i < 6; i++) {
        cr_expect_eq(codebuf_find(&cb, at[i]), &blocks[i]);
        cr_expect_eq(codebuf_find(&cb, at[i] + 9 + 13 * i), &blocks[i]);
    }
    cr_expect_null(codebuf_find(&cb, at[0] + 10)); /* between pieces */
    cr_expect_null(codebuf_find(&cb, (uintptr_t)cb.rx + c1->next));
    cr_expect_null(codebuf_find(&cb, (uintptr_t)cb.rx + cb.size - 1));
    cr_expect_null(codebuf_find(&cb, (uintptr_t)cb.rx - 1));
    codebuf_destroy(&cb);
}

Test(codebuf, chunks_run_out)
{
    CodeBuf cb = make(4 * CODEBUF_CHUNK);

    for (unsigned i = 0; i < 4; i++) {
        CodeChunk *c = codebuf_chunk(&cb);
        cr_assert_not_null(c);
        cr_expect_eq(c->end - c->start, CODEBUF_CHUNK);
    }
    cr_expect_null(codebuf_chunk(&cb));
    cr_expect_null(codebuf_chunk(&cb));
    codebuf_destroy(&cb);
}

/* Enough code for huge pages, where the host has them: both views show the same, and so does a
 * copy.
 */
Test(codebuf, much_code)
{
    enum { CHUNKS = 24, EACH = 4, STEP = CODEBUF_CHUNK / EACH };
    size_t size = CHUNKS * CODEBUF_CHUNK;
    void *hint = mmap(NULL, CODEBUF_SPAN(size), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CodeBuf cb;
    Block b;
    int status;

    memset(&b, 0, sizeof b);
    cr_assert_neq(hint, MAP_FAILED);
    munmap(hint, CODEBUF_SPAN(size));
    cr_assert_eq(codebuf_create(&cb, size, hint, false), 0);
    for (uint32_t n = 0; n < CHUNKS; n++) {
        CodeChunk *c = codebuf_chunk(&cb);
        for (uint32_t i = 0; i < EACH; i++) {
            write_function(codebuf_rw(&cb, (uintptr_t)cb.rx + c->next), n * EACH + i);
            codebuf_commit(&cb, c, STEP, &b);
        }
    }
    cr_assert_eq(codebuf_fork_prepare(&cb), 0);
    pid_t pid = fork();
    if (!pid) {
        bool good = true;
        codebuf_fork_child(&cb);
        good = codebuf_own(&cb) == 0;
        for (uint32_t i = 0; i < CHUNKS * EACH && good; i++) {
            good = call(cb.rx + i * STEP) == i;
            write_function(codebuf_rw(&cb, (uintptr_t)cb.rx + i * STEP), i + 1000);
            good = good && call(cb.rx + i * STEP) == i + 1000;
        }
        _exit(good ? 0 : 1);
    }
    codebuf_fork_parent(&cb, true);
    cr_assert(waitpid(pid, &status, 0) == pid && status == 0);
    for (uint32_t i = 0; i < CHUNKS * EACH; i++)
        cr_expect_eq(call(cb.rx + i * STEP), i);
    codebuf_destroy(&cb);
}

/* After fork both run the same code, which neither changes until it has a copy or is the only one
 * left. */
Test(codebuf, fork_shares_until_someone_writes)
{
    CodeBuf cb = make(1u << 20);
    CodeChunk *c = codebuf_chunk(&cb);
    uint8_t *rw = codebuf_rw(&cb, (uintptr_t)cb.rx + c->start);
    const uint8_t *rx = cb.rx + c->start;
    Block b;

    memset(&b, 0, sizeof b);
    write_function(rw, 1);
    codebuf_commit(&cb, c, 6, &b);
    cr_expect(codebuf_may_patch(&cb));
    cr_assert_eq(codebuf_fork_prepare(&cb), 0);
    pid_t child = fork();
    if (child == 0) {
        codebuf_fork_child(&cb);
        if (codebuf_may_append(&cb) || codebuf_may_patch(&cb) || call(rx) != 1)
            _exit(1);
        if (codebuf_own(&cb) || !codebuf_may_append(&cb) || !codebuf_may_patch(&cb) ||
            call(rx) != 1)
            _exit(2);
        write_function(rw, 2);
        _exit(call(rx) == 2 ? 0 : 3);
    }
    codebuf_fork_parent(&cb, true);
    cr_expect(codebuf_may_append(&cb));
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0);
    cr_expect_eq(call(rx), 1u);
    cr_expect(codebuf_may_patch(&cb));
    codebuf_destroy(&cb);
}

/* A child that is killed never says that it is done: its parent goes on with a copy. */
Test(codebuf, fork_and_a_child_that_says_nothing)
{
    CodeBuf cb = make(1u << 20);
    CodeChunk *c = codebuf_chunk(&cb);
    uint8_t *rw = codebuf_rw(&cb, (uintptr_t)cb.rx + c->start);
    const uint8_t *rx = cb.rx + c->start;
    Block b;
    int status;

    memset(&b, 0, sizeof b);
    write_function(rw, 1);
    codebuf_commit(&cb, c, 6, &b);
    for (int leaves = 1; leaves >= 0; leaves--) {
        cr_assert_eq(codebuf_fork_prepare(&cb), 0);
        pid_t child = fork();
        if (child == 0) {
            codebuf_fork_child(&cb);
            if (leaves)
                codebuf_leave(&cb);
            _exit(0);
        }
        codebuf_fork_parent(&cb, true);
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_expect_eq(codebuf_may_patch(&cb), (bool)leaves);
    }
    cr_assert_eq(codebuf_own(&cb), 0);
    cr_expect(codebuf_may_patch(&cb));
    cr_expect_eq(call(rx), 1u);
    write_function(rw, 3);
    cr_expect_eq(call(rx), 3u);
    codebuf_destroy(&cb);
}

Test(codebuf, fork_that_fails)
{
    CodeBuf cb = make(1u << 20);

    cr_assert_eq(codebuf_fork_prepare(&cb), 0);
    cr_expect_not(codebuf_may_patch(&cb));
    codebuf_fork_parent(&cb, false);
    cr_expect(codebuf_may_patch(&cb));
    codebuf_destroy(&cb);
}

/* A file of two pages, each with a function at its start. */
static int file_of_two(void)
{
    uint8_t pages[2 * CODEBUF_PAGE] = {0};
    int fd = memfd_create("two", MFD_CLOEXEC);

    write_function(pages, 1);
    write_function(pages + CODEBUF_PAGE, 2);
    cr_assert_eq(write(fd, pages, sizeof pages), (ssize_t)sizeof pages);
    return fd;
}

Test(codebuf, pages_of_a_file_are_copied_when_they_are_patched)
{
    CodeBuf cb = make(2u << 20);
    CodeChunk *c[2];
    int fd = file_of_two();
    uint8_t bytes[6];

    cr_assert(codebuf_chunks(&cb, 2, false, c));
    uint32_t at = c[1]->start + 3 * CODEBUF_PAGE, far = at + 16 * CODEBUF_PAGE;
    cr_assert_eq(codebuf_share(c[1], 3, 2, fd, 0), 0);
    cr_assert_eq(codebuf_share(c[1], 19, 1, fd, CODEBUF_PAGE), 0);
    cr_expect_eq(call(cb.rx + at), 1u);
    cr_expect_eq(call(cb.rx + at + CODEBUF_PAGE), 2u);
    cr_expect_eq(call(cb.rx + far), 2u);
    cr_assert(codebuf_patchable(&cb, at + 1, 4));
    write_function(codebuf_rw(&cb, (uintptr_t)cb.rx + at), 7);
    cr_expect_eq(call(cb.rx + at), 7u);
    cr_expect_eq(call(cb.rx + at + CODEBUF_PAGE), 2u, "its neighbour keeps what it has");
    cr_expect_eq(c[1]->shared, UINT64_C(1) << 19, "what is far off is the file's still");
    cr_assert_eq(pread(fd, bytes, 6, 0), 6);
    cr_expect_eq(bytes[1], 1, "the file isn't changed");
    close(fd);
    codebuf_destroy(&cb);
}

Test(codebuf, an_own_copy_leaves_pages_of_a_file)
{
    CodeBuf cb = make(2u << 20);
    CodeChunk *c;
    int fd = file_of_two(), status;

    cr_assert(codebuf_chunks(&cb, 1, false, &c));
    c->next = c->end;
    cr_assert_eq(codebuf_share(c, 0, 1, fd, 0), 0);
    cr_assert_eq(codebuf_share(c, 40, 1, fd, CODEBUF_PAGE), 0);
    uint8_t *between = cb.rx + c->start + 20 * CODEBUF_PAGE;
    write_function(codebuf_rw(&cb, (uintptr_t)between), 5);
    cr_assert_eq(codebuf_fork_prepare(&cb), 0);
    pid_t pid = fork();
    if (!pid) {
        codebuf_fork_child(&cb);
        bool good = codebuf_own(&cb) == 0 && call(cb.rx + c->start) == 1 &&
                    call(cb.rx + c->start + 40 * CODEBUF_PAGE) == 2 && call(between) == 5;
        write_function(codebuf_rw(&cb, (uintptr_t)between), 6);
        good = good && call(between) == 6 && codebuf_patchable(&cb, c->start, 4);
        write_function(codebuf_rw(&cb, (uintptr_t)cb.rx + c->start), 9);
        _exit(good && call(cb.rx + c->start) == 9 ? 0 : 1);
    }
    codebuf_fork_parent(&cb, true);
    cr_assert(waitpid(pid, &status, 0) == pid && status == 0);
    cr_expect_eq(call(between), 5u);
    cr_expect_eq(call(cb.rx + c->start), 1u);
    close(fd);
    codebuf_destroy(&cb);
}
