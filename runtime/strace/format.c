/* Text of arguments. The types of syscalls.def:
 *
 *     int uint long size           numbers             fd dirfd            descriptors (AT_FDCWD)
 *     hex ptr addr word            numbers (sys/tagged.h)
 *     path str                     strings             buf outbuf outstr   bytes: the next
 * argument, or the result, is how many mode                         octal               fds two
 * descriptors, written by the call sig sigset                   signals             timespec
 * outtimespec sockaddr                     an address, its length in the next argument strv an
 * array of strings and the lists of names.def
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "runtime/sig/signal.h"
#include "runtime/strace/strace.h"

enum { STRING_SHOWN = 64, PATH_SHOWN = 1024, STRV_SHOWN = 16 };

typedef struct Out {
    char *buf;
    size_t size, *at;
} Out;

__attribute__((format(printf, 2, 3))) static void put(Out *o, const char *format, ...)
{
    va_list ap;
    size_t room = o->size - *o->at;
    va_start(ap, format);
    int n = vsnprintf(o->buf + *o->at, room, format, ap);
    va_end(ap);
    *o->at += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

typedef struct Word {
    const char *list, *name;
    uint64_t value;
    bool is_set;
} Word;

static const Word words[] = {
#define BITS(list, name, value) {#list, #name, value, true},
#define ENUM(list, name, value) {#list, #name, value, false},
#define SAME_BITS(list, name)   {#list, #name, name, true},
#define SAME_ENUM(list, name)   {#list, #name, name, false},
#include "runtime/strace/names.def"
#undef SAME_ENUM
#undef SAME_BITS
#undef BITS
#undef ENUM
};
enum { WORDS = sizeof words / sizeof words[0] };

static const Word *find_list(const char *list, size_t n)
{
    for (unsigned i = 0; i < WORDS; i++) {
        if (!strncmp(words[i].list, list, n) && !words[i].list[n]) {
            return &words[i];
        }
    }
    return NULL;
}

static void put_words(Out *o, const Word *w, uint64_t value)
{
    const char *list = w->list;
    bool any = false, set = w->is_set;
    if (!strcmp(list, "oflags") && (value & 3) == 0) {
        put(o, "O_RDONLY");
        any = true;
    }
    for (; w < words + WORDS && !strcmp(w->list, list); w++) {
        if (set ? (value & w->value) == w->value && w->value : value == w->value) {
            put(o, "%s%s", any ? "|" : "", w->name);
            any = true;
            value &= ~w->value;
            if (!set) {
                return;
            }
        }
    }
    if (value || !any) {
        put(o, any ? "|%#" PRIx64 : "%#" PRIx64, value);
    }
}

static void put_bytes(Out *o, GuestAddr addr, uint64_t n, uint64_t shown, bool cut)
{
    uint8_t bytes[PATH_SHOWN];
    n = n < shown ? n : shown;
    if (guest_read(bytes, addr, n)) {
        put(o, "%#" PRIx64, addr);
        return;
    }
    put(o, "\"");
    for (uint64_t i = 0; i < n; i++) {
        uint8_t c = bytes[i];
        if (c == '"' || c == '\\') {
            put(o, "\\%c", c);
        } else if (c >= ' ' && c < 127) {
            put(o, "%c", c);
        } else if (c == '\n') {
            put(o, "\\n");
        } else if (c == '\t') {
            put(o, "\\t");
        } else {
            put(o, "\\%o", c);
        }
    }
    put(o, cut ? "\"..." : "\"");
}

static void put_string(Out *o, GuestAddr addr, uint64_t shown)
{
    long n = addr ? guest_strnlen(addr, shown) : -1;
    if (n < 0) {
        put(o, addr ? "%#" PRIx64 : "NULL", addr);
        return;
    }
    put_bytes(o, addr, (uint64_t)n, shown, (uint64_t)n == shown);
}

static void put_strings(Out *o, GuestAddr addr)
{
    put(o, "[");
    for (unsigned i = 0; i < STRV_SHOWN; i++) {
        uint64_t p;
        if (guest_read_u64(addr + 8 * i, &p) || !p) {
            break;
        }
        put(o, i ? ", " : "");
        put_string(o, p, STRING_SHOWN);
    }
    put(o, "]");
}

static void put_signal(Out *o, uint64_t n)
{
    const char *name = sigabbrev_np((int)n);
    if (name) {
        put(o, "SIG%s", name);
    } else if (n >= 32 && n <= SIGNALS) {
        put(o, "SIGRT_%u", (unsigned)n - 32);
    } else {
        put(o, "%" PRIu64, n);
    }
}

static void put_sigset(Out *o, GuestAddr addr)
{
    uint64_t set;
    if (!addr || guest_read_u64(addr, &set)) {
        put(o, addr ? "%#" PRIx64 : "NULL", addr);
        return;
    }
    bool inverted = __builtin_popcountll(set) > 32, any = false;
    put(o, inverted ? "~[" : "[");
    for (unsigned n = 1; n <= SIGNALS; n++) {
        if (((set & SIGNAL_BIT(n)) != 0) != inverted) {
            put(o, any ? " " : "");
            put_signal(o, n);
            any = true;
        }
    }
    put(o, "]");
}

static void put_timespec(Out *o, GuestAddr addr)
{
    struct timespec ts;
    if (!addr || guest_read(&ts, addr, sizeof ts)) {
        put(o, addr ? "%#" PRIx64 : "NULL", addr);
    } else {
        put(o, "{tv_sec=%lld, tv_nsec=%ld}", (long long)ts.tv_sec, ts.tv_nsec);
    }
}

static void put_sockaddr(Out *o, GuestAddr addr, uint64_t n)
{
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    } u;
    char text[INET6_ADDRSTRLEN];
    memset(&u, 0, sizeof u);
    if (!addr || n < sizeof u.sa.sa_family || guest_read(&u, addr, n < sizeof u ? n : sizeof u)) {
        put(o, "%#" PRIx64, addr);
    } else if (u.sa.sa_family == AF_UNIX) {
        put(o, "{AF_UNIX, \"%s%.107s\"}", u.un.sun_path[0] ? "" : "@",
            u.un.sun_path + !u.un.sun_path[0]);
    } else if (u.sa.sa_family == AF_INET) {
        put(o, "{AF_INET, %s:%u}", inet_ntop(AF_INET, &u.in.sin_addr, text, sizeof text),
            ntohs(u.in.sin_port));
    } else if (u.sa.sa_family == AF_INET6) {
        put(o, "{AF_INET6, [%s]:%u}", inet_ntop(AF_INET6, &u.in6.sin6_addr, text, sizeof text),
            ntohs(u.in6.sin6_port));
    } else {
        put(o, "{family %u}", u.sa.sa_family);
    }
}

static const char *const plain_types[] = {
    "int",    "uint",     "long",        "size",     "hex",    "ptr",      "fd",   "dirfd",
    "path",   "str",      "buf",         "outbuf",   "outstr", "mode",     "fds",  "sig",
    "sigset", "timespec", "outtimespec", "sockaddr", "strv",   "socktype", "addr", "word",
};
enum {
    T_INT,
    T_UINT,
    T_LONG,
    T_SIZE,
    T_HEX,
    T_PTR,
    T_FD,
    T_DIRFD,
    T_PATH,
    T_STR,
    T_BUF,
    T_OUTBUF,
    T_OUTSTR,
    T_MODE,
    T_FDS,
    T_SIG,
    T_SIGSET,
    T_TIMESPEC,
    T_OUTTIMESPEC,
    T_SOCKADDR,
    T_STRV,
    T_SOCKTYPE,
    T_ADDR,
    T_WORD,
    PLAIN_TYPES
};
_Static_assert(sizeof plain_types / sizeof plain_types[0] == PLAIN_TYPES, "one name for each");

static int plain_type(const char *type, size_t n)
{
    for (int i = 0; i < PLAIN_TYPES; i++) {
        if (!strncmp(plain_types[i], type, n) && !plain_types[i][n]) {
            return i;
        }
    }
    return -1;
}

static void put_fds(Out *o, GuestAddr addr, bool done)
{
    int fds[2];
    if (!done || guest_read(fds, addr, sizeof fds)) {
        put(o, "%#" PRIx64, addr);
    } else {
        put(o, "[%d, %d]", fds[0], fds[1]);
    }
}

static void put_arg(Out *o, const char *type, size_t n, uint64_t v, uint64_t next, long result)
{
    bool done = result >= 0;
    switch (plain_type(type, n)) {
    case T_INT:
    case T_FD: put(o, "%d", (int)v); break;
    case T_UINT: put(o, "%u", (unsigned)v); break;
    case T_LONG: put(o, "%" PRId64, (int64_t)v); break;
    case T_SIZE: put(o, "%" PRIu64, v); break;
    case T_WORD:
    case T_HEX: put(o, v ? "%#" PRIx64 : "0", v); break;
    case T_ADDR:
    case T_PTR: put(o, v ? "%#" PRIx64 : "NULL", v); break;
    case T_DIRFD:
        if ((int)v == AT_FDCWD) {
            put(o, "AT_FDCWD");
        } else {
            put(o, "%d", (int)v);
        }
        break;
    case T_PATH: put_string(o, v, PATH_SHOWN); break;
    case T_STR: put_string(o, v, STRING_SHOWN); break;
    case T_BUF: put_bytes(o, v, next, STRING_SHOWN, next > STRING_SHOWN); break;
    case T_OUTBUF:
    case T_OUTSTR:
        if (done) {
            put_bytes(o, v, (uint64_t)result, STRING_SHOWN, result > STRING_SHOWN);
        } else {
            put(o, "%#" PRIx64, v);
        }
        break;
    case T_MODE: put(o, "0%o", (unsigned)v); break;
    case T_FDS: put_fds(o, v, done); break;
    case T_SIG: put_signal(o, (uint32_t)v); break;
    case T_SIGSET: put_sigset(o, v); break;
    case T_TIMESPEC: put_timespec(o, v); break;
    case T_OUTTIMESPEC: done ? put_timespec(o, v) : put(o, "%#" PRIx64, v); break;
    case T_SOCKADDR: put_sockaddr(o, v, next); break;
    case T_STRV: put_strings(o, v); break;
    case T_SOCKTYPE:
        put(o, "%s%s%s",
            (v & 15) == SOCK_STREAM  ? "SOCK_STREAM"
            : (v & 15) == SOCK_DGRAM ? "SOCK_DGRAM"
                                     : "SOCK_RAW",
            v & SOCK_CLOEXEC ? "|SOCK_CLOEXEC" : "", v & SOCK_NONBLOCK ? "|SOCK_NONBLOCK" : "");
        break;
    default: put_words(o, find_list(type, n), v); break;
    }
}

void strace_format_call(char *buf, size_t size, size_t *at, const SysEntry *entry,
                        const uint64_t args[6], long result)
{
    Out o = {buf, size, at};
    const char *type = entry->args;
    put(&o, "%s(", entry->name);
    for (unsigned i = 0; i < 6 && *type && *type != '='; i++) {
        size_t n = strcspn(type, " ");
        uint64_t next = i < 5 ? args[i + 1] : 0;
        put(&o, i ? ", " : "");
        /* The address of sendto comes before its length; that of bind and connect too. */
        put_arg(&o, type, n, args[i], next, result);
        type += n + (type[n] == ' ');
    }
    put(&o, ")");
}

void strace_format_result(char *buf, size_t size, size_t *at, const SysEntry *entry, long result)
{
    Out o = {buf, size, at};
    if (result == -HOST_ERESTART) {
        put(&o, " = ? (to be restarted)");
    } else if (result == SYS_REGISTERS_SET) {
        put(&o, " = ?");
    } else if (result < 0 && result >= -4095) {
        const char *name = strerrorname_np((int)-result);
        put(&o, " = -1 %s (%s)", name ? name : "?",
            strerrordesc_np((int)-result) ? strerrordesc_np((int)-result) : "unknown");
    } else {
        put(&o, entry && strstr(entry->args, "=hex") ? " = %#lx" : " = %ld", result);
    }
}

bool strace_types_known(const char *types)
{
    unsigned count = 0;
    while (*types && *types != '=') {
        size_t n = strcspn(types, " ");
        if (plain_type(types, n) < 0 && !find_list(types, n)) {
            return false;
        }
        count++;
        types += n + (types[n] == ' ');
    }
    return count <= 6 && (!*types || !strcmp(types, "=hex"));
}
