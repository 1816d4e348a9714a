/* options.c - see options.h; the options themselves are rows of options.def. */
#include "tools/xemu/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "cache/cache.h"
#include "jit/host.h"
#include "jit/jit.h"

enum { NONE, WORD, MAYBE };

typedef struct Parse {
    CommandLine *cl;
    const char *shown; /* the option as it was written, for messages */
    unsigned nenv, cap_env;
    unsigned cap_carry;
} Parse;

static int refuse(const Parse *p, const char *what)
{
    fprintf(stderr, "xemu: %s: %s; xemu -h lists the options\n", p->shown, what);
    return 126;
}

static void *grow(void *array, size_t bytes)
{
    void *fresh = realloc(array, bytes);
    if (!fresh) {
        fprintf(stderr, "xemu: out of memory while reading the command line\n");
        exit(126);
    }
    return fresh;
}

/* ---- numbers and lists ----------------------------------------------------------------------- */

static bool parse_size(const char *word, uint64_t *out)
{
    char *end;
    errno = 0;
    uint64_t v = strtoull(word, &end, 0);
    unsigned shift = 0;
    switch (*end) {
    case 'k':
    case 'K':
        shift = 10;
        end++;
        break;
    case 'm':
    case 'M':
        shift = 20;
        end++;
        break;
    case 'g':
    case 'G':
        shift = 30;
        end++;
        break;
    default: break;
    }
    if (errno || end == word || *end || *word == '-' || v > UINT64_MAX >> shift) {
        return false;
    }
    *out = v << shift;
    return true;
}

/* Calls each(p, item, length) for the items of a comma-separated list; stops at the first that
 * isn't 0. */
static int each_item(Parse *p, const char *list, int (*each)(Parse *, const char *, size_t))
{
    for (const char *at = list; *at;) {
        size_t n = strcspn(at, ",");
        int err = n ? each(p, at, n) : 0;
        if (err) {
            return err;
        }
        at += n + (at[n] == ',');
    }
    return 0;
}

static bool is_word(const char *item, size_t n, const char *word)
{
    return strlen(word) == n && memcmp(item, word, n) == 0;
}

/* ---- the program's environment --------------------------------------------------------------- */

static void env_unset(Parse *p, const char *name, size_t n)
{
    char **envp = p->cl->envp;
    unsigned kept = 0;
    for (unsigned i = 0; i < p->nenv; i++) {
        if (strncmp(envp[i], name, n) != 0 || envp[i][n] != '=') {
            envp[kept++] = envp[i];
        }
    }
    p->nenv = kept;
    envp[kept] = NULL;
}

static void env_add(Parse *p, char *setting)
{
    if (p->nenv + 1 >= p->cap_env) {
        p->cap_env = p->cap_env * 2 + 64;
        p->cl->envp = grow(p->cl->envp, sizeof(char *) * p->cap_env);
    }
    p->cl->envp[p->nenv++] = setting;
    p->cl->envp[p->nenv] = NULL;
}

static int env_set_item(Parse *p, const char *item, size_t n)
{
    const char *eq = memchr(item, '=', n);
    if (!eq || eq == item) {
        return refuse(p, "wants variable=value");
    }
    env_unset(p, item, (size_t)(eq - item));
    env_add(p, strndup(item, n));
    return 0;
}

static int env_unset_item(Parse *p, const char *item, size_t n)
{
    if (memchr(item, '=', n)) {
        return refuse(p, "wants a variable's name, without a value");
    }
    env_unset(p, item, n);
    return 0;
}

/* ---- one function an option ------------------------------------------------------------------ */

static void usage(void)
{
    printf("usage: xemu [options] program [arguments...]\n\n"
           "Runs a Linux program built for another CPU (AArch64) on this machine.\n\n");
#define OPTION(id, long_name, variable, argument, arg_name, text)                                  \
    do {                                                                                           \
        char left[64];                                                                             \
        const char *fmt = sizeof(#id) <= 7 && strcmp(#id, "tiers") && strcmp(#id, "stats") &&      \
                                  strcmp(#id, "dump")                                              \
                              ? "-%s %s, --%s"                                                     \
                              : "%.0s%.0s--%s";                                                    \
        snprintf(left, sizeof left, fmt, #id, arg_name, long_name);                                \
        if (argument == MAYBE || (argument == WORD && fmt[0] == '%')) {                            \
            size_t n = strlen(left);                                                               \
            snprintf(left + n, sizeof left - n, argument == MAYBE ? "[=%s]" : "=%s", arg_name);    \
        }                                                                                          \
        printf("  %-36s %s%s%s\n", left, text, *variable ? "  XEMU_" : "", variable);              \
    } while (0);
#include "tools/xemu/options.def"
#undef OPTION
    printf("\nEach variable is also known as QEMU_... . Options end at the program's name.\n");
}

static int set_h(Parse *p, const char *word)
{
    (void)word;
    usage();
    p->cl->done = true;
    return 0;
}

static int set_version(Parse *p, const char *word)
{
    (void)word;
    printf("xemu version " XEMU_VERSION " (guest aarch64)\n");
    p->cl->done = true;
    return 0;
}

static int set_L(Parse *p, const char *word)
{
    p->cl->options.prefix = word;
    return 0;
}

static int set_E(Parse *p, const char *word)
{
    return each_item(p, word, env_set_item);
}
static int set_U(Parse *p, const char *word)
{
    return each_item(p, word, env_unset_item);
}

static int set_0(Parse *p, const char *word)
{
    p->cl->options.argv0 = word;
    return 0;
}

static int set_cpu(Parse *p, const char *word)
{
    static const char *const models[] = {"max",        "any",        "cortex-a53", "cortex-a57",
                                         "cortex-a72", "cortex-a76", "neoverse-n1"};
    if (strcmp(word, "help") == 0 || strcmp(word, "?") == 0) {
        printf("Available CPUs (each stands for what xemu implements, see AT_HWCAP):\n");
        for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
            printf("  %s\n", models[i]);
        }
        p->cl->done = true;
        return 0;
    }
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        if (is_word(word, strcspn(word, ","), models[i])) {
            p->cl->options.cpu = word;
            return 0;
        }
    }
    return refuse(p, "unknown CPU model; -cpu help lists them");
}

static int set_s(Parse *p, const char *word)
{
    return parse_size(word, &p->cl->options.stack_size) ? 0 : refuse(p, "wants a size in bytes");
}

static int set_B(Parse *p, const char *word)
{
    uint64_t base; /* nothing depends on it: guest addresses are host addresses */
    return parse_size(word, &base) ? 0 : refuse(p, "wants an address");
}

static int set_R(Parse *p, const char *word)
{
    return parse_size(word, &p->cl->options.reserved_va) ? 0 : refuse(p, "wants a size in bytes");
}

static int set_strace(Parse *p, const char *word)
{
    (void)word;
    p->cl->options.strace = true;
    return 0;
}

static int set_D(Parse *p, const char *word)
{
    p->cl->options.log_file = word;
    return 0;
}

static const struct LogItem {
    const char *name;
    uint32_t dump;
    const char *text;
} log_items[] = {
    {"in_asm", JIT_DUMP_IN_ASM, "guest instructions of each translated block"},
    {"op", JIT_DUMP_UOP, "micro-operations"},
    {"op_opt", JIT_DUMP_UOP_OPT, "micro-operations after optimizing"},
    {"out_asm", JIT_DUMP_HOST, "host code"},
    {"exec", JIT_DUMP_EXEC, "each entry from the dispatcher"},
    {"cpu", JIT_DUMP_CPU, "registers at each entry from the dispatcher"},
    {"strace", 0, "system calls"},
    {"uop", JIT_DUMP_UOP | JIT_DUMP_UOP_OPT, "both stages of micro-operations"},
    {"host", JIT_DUMP_HOST, "host code"},
    {"ir", JIT_DUMP_IR, "tier 2: LLVM IR as lifted"},
    {"ir-opt", JIT_DUMP_IR_OPT, "tier 2: LLVM IR, optimized"},
    {"asm", JIT_DUMP_ASM, "tier 2: host code, assembly"},
};
enum { LOG_ITEMS = sizeof log_items / sizeof *log_items };

static int log_item(Parse *p, const char *item, size_t n)
{
    if (is_word(item, n, "nochain") || is_word(item, n, "page") || is_word(item, n, "unimp") ||
        is_word(item, n, "guest_errors")) {
        return 0; /* known to users of other emulators; nothing here to log */
    }
    for (int i = 0; i < LOG_ITEMS; i++) {
        if (is_word(item, n, log_items[i].name)) {
            p->cl->options.dump |= log_items[i].dump;
            p->cl->options.strace |= log_items[i].dump == 0;
            return 0;
        }
    }
    return refuse(p, "unknown log item; -d help lists them");
}

static int set_d(Parse *p, const char *word)
{
    if (strcmp(word, "help") == 0 || strcmp(word, "?") == 0) {
        printf("Log items:\n");
        for (int i = 0; i < LOG_ITEMS; i++) {
            printf("  %-10s %s\n", log_items[i].name, log_items[i].text);
        }
        p->cl->done = true;
        return 0;
    }
    return each_item(p, word, log_item);
}

static int set_one_insn(Parse *p, const char *word)
{
    (void)word;
    p->cl->options.one_insn_per_block = true;
    return 0;
}

static int tier_item(Parse *p, const char *item, size_t n)
{
    if (is_word(item, n, "interp")) {
        p->cl->options.tiers |= JIT_TIER_INTERP;
    } else if (is_word(item, n, "1")) {
        p->cl->options.tiers |= JIT_TIER_TEMPLATE;
    } else if (is_word(item, n, "2")) {
        p->cl->options.tiers |= JIT_TIER_LLVM;
    } else {
        return refuse(p, "wants interp, 1 or 2");
    }
    return 0;
}

static int set_tiers(Parse *p, const char *word)
{
    p->cl->options.tiers = 0;
    int err = each_item(p, word, tier_item);
    return !err && !p->cl->options.tiers ? refuse(p, "wants interp, 1 or 2") : err;
}

static int set_cache(Parse *p, const char *word)
{
    static const char *const modes[] = {"off", "ro", "rw"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(word, modes[i]) == 0) {
            p->cl->options.cache = i;
            return 0;
        }
    }
    return refuse(p, "wants rw, ro or off");
}

static int set_cache_shared(Parse *p, const char *word)
{
    p->cl->options.cache_shared = word;
    return 0;
}

static int set_cache_path(Parse *p, const char *word)
{
    p->cl->options.cache_path = word;
    return 0;
}

static int set_cachectl(Parse *p, const char *word)
{
    (void)word;
    p->cl->cachectl = true;
    return 0;
}

static int set_aot(Parse *p, const char *word)
{
    (void)word;
    p->cl->aot = true;
    return 0;
}

static int set_all(Parse *p, const char *word)
{
    (void)word;
    p->cl->ahead.all = true;
    return 0;
}

static int set_emit_elf(Parse *p, const char *word)
{
    p->cl->ahead.emit_elf = word;
    return 0;
}

static int set_profile_use(Parse *p, const char *word)
{
    p->cl->ahead.profile = word;
    return 0;
}

static int set_json(Parse *p, const char *word)
{
    (void)word;
    p->cl->ahead.json = true;
    return 0;
}

static bool parse_number(const char *word, unsigned long least, unsigned long most,
                         unsigned long *out)
{
    char *end;
    *out = strtoul(word, &end, 10);
    return !*end && end != word && *out >= least && *out <= most;
}

static int set_number(Parse *p, const char *word, unsigned long least, unsigned long most,
                      uint32_t *out)
{
    unsigned long n;
    if (!parse_number(word, least, most, &n)) {
        return refuse(p, "wants a number");
    }
    *out = (uint32_t)n;
    return 0;
}

static int set_j(Parse *p, const char *word)
{
    return set_number(p, word, 1, 1024, &p->cl->ahead.jobs);
}

static int set_cache_size(Parse *p, const char *word)
{
    return parse_size(word, &p->cl->options.cache_size) ? 0 : refuse(p, "wants a size in bytes");
}

static int set_hot(Parse *p, const char *word)
{
    return set_number(p, word, 1, 1000000000, &p->cl->options.hot);
}

static int set_optimizer_memory(Parse *p, const char *word)
{
    return parse_size(word, &p->cl->options.optimizer_memory) ? 0
                                                              : refuse(p, "wants a size in bytes");
}

static int set_stress(Parse *p, const char *word)
{
    return set_number(p, word, 0, UINT32_MAX, &p->cl->options.stress);
}

static int set_spoil(Parse *p, const char *word)
{
    return set_number(p, word, 0, UINT32_MAX, &p->cl->options.spoil);
}

static int set_quick(Parse *p, const char *word)
{
    unsigned long n;
    if (strcmp(word, "off") == 0) {
        p->cl->options.quick = OPTIONS_QUICK_OFF;
    } else if (strcmp(word, "only") == 0) {
        p->cl->options.quick = JIT_QUICK_ONLY;
    } else if (!parse_number(word, 1, 1000000000, &n)) {
        return refuse(p, "wants a number, off or only");
    } else {
        p->cl->options.quick = (uint32_t)n;
    }
    return 0;
}

static int set_stats(Parse *p, const char *word)
{
    if (word && *word && strcmp(word, "json") != 0 && strcmp(word, "text") != 0 &&
        strcmp(word, "1") != 0 && strcmp(word, "0") != 0) {
        return refuse(p, "wants nothing or json");
    }
    p->cl->options.stats = !word || !*word             ? 1
                           : strcmp(word, "json") == 0 ? 2
                                                       : strcmp(word, "0") != 0;
    return 0;
}

static int set_count(Parse *p, const char *word)
{
    p->cl->options.count = word ? word : "";
    return 0;
}

static int set_perf_map(Parse *p, const char *word)
{
    p->cl->options.perf_map = !word || strcmp(word, "0") != 0;
    return 0;
}

static int set_jitdump(Parse *p, const char *word)
{
    p->cl->options.jitdump = word && *word ? word : ".";
    return 0;
}

static int set_dump(Parse *p, const char *word)
{
    const char *colon = strchr(word, ':');
    if (colon) {
        char *end;
        p->cl->options.dump_from = strtoull(colon + 1, &end, 16);
        if (end == colon + 1 || *end != '-') {
            return refuse(p, "wants a range as from-to, in hexadecimal");
        }
        const char *to = end + 1;
        p->cl->options.dump_to = strtoull(to, &end, 16);
        if (end == to || *end) {
            return refuse(p, "wants a range as from-to, in hexadecimal");
        }
    }
    char *items = strndup(word, colon ? (size_t)(colon - word) : strlen(word));
    int err = items ? each_item(p, items, log_item) : refuse(p, "out of memory");
    free(items);
    return err;
}

static int feature_item(Parse *p, const char *item, size_t n)
{
#define FEATURE(name, bit, text)                                                                   \
    if (n > 1 && *item == '-' && is_word(item + 1, n - 1, text)) {                                 \
        p->cl->options.host_features_off |= 1u << (bit);                                           \
        return 0;                                                                                  \
    }
    JIT_HOST_LIST(FEATURE)
#undef FEATURE
    return refuse(p, "unknown host feature; write it as -avx512,-avx2");
}

static int set_host_features(Parse *p, const char *word)
{
    return each_item(p, word, feature_item);
}

static int set_exec_fd(Parse *p, const char *word)
{
    uint64_t fd;
    if (!parse_size(word, &fd) || fd > INT32_MAX || fcntl((int)fd, F_SETFD, FD_CLOEXEC) != 0) {
        return refuse(p, "wants an open descriptor");
    }
    p->cl->options.execfd = (int)fd;
    return 0;
}

static int set_reaped(Parse *p, const char *word)
{
    (void)word;
    p->cl->options.reaped = true;
    return 0;
}

static int set_exe_fd(Parse *p, const char *word)
{
    uint64_t fd;
    if (!parse_size(word, &fd) || fd > INT32_MAX || fcntl((int)fd, F_SETFD, FD_CLOEXEC) != 0) {
        return refuse(p, "wants an open descriptor");
    }
    p->cl->options.exe_fd = (int)fd;
    return 0;
}

static int set_filters(Parse *p, const char *word)
{
    uint64_t fd;
    if (!parse_size(word, &fd) || fd > INT32_MAX || fcntl((int)fd, F_GETFD) < 0) {
        return refuse(p, "wants an open descriptor");
    }
    p->cl->options.filters = (int)fd;
    return 0;
}

static bool two_sizes(const char *word, uint64_t *first, uint64_t *second)
{
    char text[32];
    const char *comma = strchr(word, ',');
    size_t n = comma ? (size_t)(comma - word) : sizeof text;
    if (n >= sizeof text) {
        return false;
    }
    memcpy(text, word, n);
    text[n] = 0;
    return parse_size(text, first) && parse_size(comma + 1, second);
}

static int set_rlimit_as(Parse *p, const char *word)
{
    Options *o = &p->cl->options;
    o->limits_as = two_sizes(word, &o->as_soft, &o->as_hard);
    return o->limits_as ? 0 : refuse(p, "wants two sizes");
}

static int set_rlimit_data(Parse *p, const char *word)
{
    Options *o = &p->cl->options;
    o->limits_data = two_sizes(word, &o->data_soft, &o->data_hard);
    return o->limits_data ? 0 : refuse(p, "wants two sizes");
}

/* ---- the tables ------------------------------------------------------------------------------ */

typedef struct OptionRow {
    const char *name, *long_name, *variable;
    int argument;
    int (*set)(Parse *, const char *);
} OptionRow;

static const OptionRow rows[] = {
#define OPTION(id, long_name, variable, argument, arg_name, text)                                  \
    {#id, long_name, variable, argument, set_##id},
#include "tools/xemu/options.def"
#undef OPTION
    {"singlestep", "singlestep", "SINGLESTEP", NONE, set_one_insn},
    {"help", "help", "", NONE, set_h},
};
enum { ROWS = sizeof rows / sizeof *rows };

static const OptionRow *find_row(const char *word, size_t n, bool is_long)
{
    for (int i = 0; i < ROWS; i++) {
        if (is_word(word, n, rows[i].long_name) || (!is_long && is_word(word, n, rows[i].name))) {
            return &rows[i];
        }
    }
    return is_long ? find_row(word, n, false) : NULL;
}

/* What is given again on the command line of a program that the guest executes; the environment
 * carries the rest. */
static void carry(Parse *p, const char *word)
{
    Options *o = &p->cl->options;
    if (o->ncarry == p->cap_carry) {
        p->cap_carry = p->cap_carry * 2 + 8;
        o->carry = grow(o->carry, sizeof *o->carry * p->cap_carry);
    }
    o->carry[o->ncarry++] = word;
}

static bool is_carried(const OptionRow *row)
{
    static const char *const once[] = {"0",         "E",           "U",       "h",
                                       "version",   "help",        "exec_fd", "exe_fd",
                                       "rlimit_as", "rlimit_data", "filters", "reaped"};
    for (size_t i = 0; i < sizeof once / sizeof *once; i++) {
        if (strcmp(row->name, once[i]) == 0) {
            return false;
        }
    }
    return true;
}

static int from_environment(Parse *p, char **envp)
{
    /* Not for a program with more rights than who started it. */
    if (getauxval(AT_SECURE)) {
        return 0;
    }
    for (int i = 0; i < ROWS; i++) {
        for (int alias = 0; alias < 2 && *rows[i].variable; alias++) {
            char name[64];
            snprintf(name, sizeof name, "%s%s", alias ? "XEMU_" : "QEMU_", rows[i].variable);
            size_t n = strlen(name);
            for (char **e = envp; *e; e++) {
                if (strncmp(*e, name, n) == 0 && (*e)[n] == '=') {
                    p->shown = name;
                    int err = rows[i].set(p, *e + n + 1);
                    if (err) {
                        return err;
                    }
                }
            }
        }
    }
    return 0;
}

static int one_option(Parse *p, int argc, char **argv, int *at)
{
    char *word = argv[*at];
    p->shown = word;
    bool is_long = word[1] == '-';
    const char *name = word + 1 + is_long, *eq = strchr(name, '=');
    const OptionRow *row = find_row(name, eq ? (size_t)(eq - name) : strlen(name), is_long);
    if (!row) {
        return refuse(p, "unknown option");
    }
    const char *value = eq ? eq + 1 : NULL;
    if (eq && row->argument == NONE) {
        return refuse(p, "takes no value");
    }
    bool separate = !eq && row->argument == WORD;
    if (separate) {
        if (*at + 1 >= argc) {
            return refuse(p, "wants a value");
        }
        value = argv[++*at];
    }
    if (is_carried(row)) {
        carry(p, word);
        if (separate) {
            carry(p, value);
        }
    }
    return row->set(p, value);
}

int options_parse(CommandLine *cl, int argc, char **argv, char **envp)
{
    *cl = (CommandLine){.program = argc};
    cl->options.cache = CACHE_RW;
    cl->options.execfd = -1;
    cl->options.exe_fd = -1;
    cl->options.filters = -1;

    Parse p = {.cl = cl, .shown = ""};
    for (char **e = envp; *e; e++) {
        env_add(&p, *e);
    }
    if (!*envp) {
        p.cap_env = 64;
        cl->envp = grow(NULL, sizeof(char *) * p.cap_env);
        cl->envp[0] = NULL;
    }
    int err = from_environment(&p, envp);
    int at = 1;
    for (; !err && !cl->done && !cl->cachectl && at < argc && argv[at][0] == '-' && argv[at][1];
         at++) {
        if (strcmp(argv[at], "--") == 0) {
            at++;
            break;
        }
        err = one_option(&p, argc, argv, &at);
    }
    cl->program = at < argc ? at : argc;
    return err;
}
