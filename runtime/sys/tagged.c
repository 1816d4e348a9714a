#include "runtime/sys/tagged.h"

#include <linux/futex.h>
#include <linux/prctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* ---- arguments ------------------------------------------------------------------------------- */

/* Is the argument of this type (syscalls.def) a pointer that the kernel follows? */
static bool is_pointer(const char *type, size_t n)
{
    static const char *const types[] = {"ptr",    "path", "str",     "buf",      "outbuf",
                                        "outstr", "fds",  "sigset",  "timespec", "outtimespec",
                                        "word",   "strv", "sockaddr"};
    for (unsigned i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strlen(types[i]) == n && !strncmp(type, types[i], n)) {
            return true;
        }
    }
    return false;
}

static void untag_arguments(const SysEntry *entry, const uint64_t args[6], uint64_t out[6])
{
    const char *type = entry->args;
    memcpy(out, args, 6 * sizeof out[0]);
    for (unsigned i = 0; i < 6 && *type; i++) {
        size_t n = strcspn(type, " ");
        if (is_pointer(type, n)) {
            out[i] = untagged(args[i]);
        }
        type += n + strspn(type + n, " ");
    }
}

/* ---- lists of buffers ------------------------------------------------------------------------ */

typedef long (*Run)(Thread *t, const SysEntry *entry, const uint64_t args[6]);

enum { MOST = 1024 }; /* UIO_MAXIOV */

/* A copy of n buffers without tags, to be freed. NULL: there is none to make; what is wrong is for
 * the host to find. */
static struct iovec *untag_list(GuestAddr list, uint64_t n)
{
    struct iovec *copy = n && n <= MOST ? malloc(n * sizeof *copy) : NULL;
    if (copy && guest_read(copy, list, n * sizeof *copy)) {
        free(copy);
        return NULL;
    }
    for (uint64_t i = 0; copy && i < n; i++) {
        copy[i].iov_base = guest_ptr(untagged(guest_addr(copy[i].iov_base)));
    }
    return copy;
}

/* Arguments number `at`, and `second` if that isn't 0, are lists, their lengths behind them. */
static long with_lists(Thread *t, const SysEntry *entry, uint64_t args[6], Run run, unsigned at,
                       unsigned second)
{
    struct iovec *list = untag_list(args[at], args[at + 1]);
    struct iovec *other = second ? untag_list(args[second], args[second + 1]) : NULL;
    if (list) {
        args[at] = (uintptr_t)list;
    }
    if (other) {
        args[second] = (uintptr_t)other;
    }
    long r = run(t, entry, args);
    free(list);
    free(other);
    return r;
}

/* Argument 0 is a list of n words to wait for. */
static long with_words(Thread *t, const SysEntry *entry, uint64_t args[6], Run run)
{
    struct futex_waitv words[FUTEX_WAITV_MAX];
    uint32_t n = (uint32_t)args[1];
    if (n <= FUTEX_WAITV_MAX && !guest_read(words, args[0], n * sizeof words[0])) {
        for (uint32_t i = 0; i < n; i++) {
            words[i].uaddr = untagged(words[i].uaddr);
        }
        args[0] = (uintptr_t)words;
    }
    return run(t, entry, args);
}

/* ---- messages -------------------------------------------------------------------------------- */

typedef struct Message { /* struct mmsghdr; for one message alone only its head counts */
    struct msghdr head;
    unsigned length;
} Message;

static bool untag_message(Message *m, GuestAddr from, size_t size)
{
    if (guest_read(m, from, size)) {
        return false;
    }
    struct msghdr *h = &m->head;
    h->msg_name = guest_ptr(untagged(guest_addr(h->msg_name)));
    h->msg_control = guest_ptr(untagged(guest_addr(h->msg_control)));
    h->msg_iov = guest_ptr(untagged(guest_addr(h->msg_iov)));
    return true;
}

/* What the kernel has written to m, but for the pointers. */
static void give_back(GuestAddr to, const Message *m, size_t size)
{
    Message old;
    if (!guest_read(&old, to, size)) {
        old.head.msg_namelen = m->head.msg_namelen;
        old.head.msg_controllen = m->head.msg_controllen;
        old.head.msg_flags = m->head.msg_flags;
        old.length = m->length;
        guest_write(to, &old, size);
    }
}

/* Argument 1 is a message, or n of them. */
static long with_messages(Thread *t, const SysEntry *entry, uint64_t args[6], Run run, uint64_t n,
                          bool several)
{
    GuestAddr from = args[1];
    size_t size = several ? sizeof(Message) : sizeof(struct msghdr);
    n = n < MOST ? n : MOST;
    Message *copy = calloc(n ? n : 1, sizeof *copy);
    struct iovec **lists = calloc(n ? n : 1, sizeof(struct iovec *));
    bool good = copy && lists && n;
    for (uint64_t i = 0; good && i < n; i++) {
        good = untag_message(&copy[i], from + i * size, size);
        lists[i] =
            good ? untag_list(guest_addr(copy[i].head.msg_iov), copy[i].head.msg_iovlen) : NULL;
        copy[i].head.msg_iov = lists[i] ? lists[i] : copy[i].head.msg_iov;
    }
    if (good) {
        args[1] = (uintptr_t)copy;
    }
    long r = run(t, entry, args);
    long written = !good || r < 0 ? 0 : several ? r : 1;
    for (long i = 0; i < written; i++) {
        give_back(from + (uint64_t)i * size, &copy[i], size);
    }
    for (uint64_t i = 0; lists && i < n; i++) {
        free(lists[i]);
    }
    free(lists);
    free(copy);
    return r;
}

long tagged_call(Thread *t, const SysEntry *entry, const uint64_t args[6], Run run)
{
    enum { NO_LISTS, LIST, TWO_LISTS, MESSAGE, MESSAGES, WORDS };
    static const struct {
        const char *name;
        int kind;
    } calls[] = {
        {"readv", LIST},
        {"writev", LIST},
        {"preadv", LIST},
        {"pwritev", LIST},
        {"preadv2", LIST},
        {"pwritev2", LIST},
        {"vmsplice", LIST},
        {"process_madvise", LIST},
        {"process_vm_readv", TWO_LISTS},
        {"process_vm_writev", TWO_LISTS},
        {"sendmsg", MESSAGE},
        {"recvmsg", MESSAGE},
        {"sendmmsg", MESSAGES},
        {"recvmmsg", MESSAGES},
        {"futex_waitv", WORDS},
    };
    uint64_t a[6];
    untag_arguments(entry, args, a);
    int kind = NO_LISTS;
    for (unsigned i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (!strcmp(entry->name, calls[i].name)) {
            kind = calls[i].kind;
        }
    }
    switch (kind) {
    case LIST: return with_lists(t, entry, a, run, 1, 0);
    case TWO_LISTS: return with_lists(t, entry, a, run, 1, 3);
    case MESSAGE: return with_messages(t, entry, a, run, 1, false);
    case MESSAGES: return with_messages(t, entry, a, run, (uint32_t)a[2], true);
    case WORDS: return with_words(t, entry, a, run);
    default: return run(t, entry, a);
    }
}

/* ---- asking for it (arch/arm64/kernel/process.c, set_tagged_addr_ctrl()) --------------------- */

long tagged_prctl_set(Thread *t, const uint64_t a[6])
{
    if (!t->process->frontend->tagged_addresses || a[2] || a[3] || a[4] ||
        (a[1] & ~(uint64_t)PR_TAGGED_ADDR_ENABLE)) {
        return -EINVAL;
    }
    t->tagged = a[1] & PR_TAGGED_ADDR_ENABLE;
    if (t->tagged) {
        guest_ignore_tags();
    }
    return 0;
}

long tagged_prctl_get(Thread *t, const uint64_t a[6])
{
    if (!t->process->frontend->tagged_addresses || a[1] || a[2] || a[3] || a[4]) {
        return -EINVAL;
    }
    return t->tagged ? PR_TAGGED_ADDR_ENABLE : 0;
}
