/* cachectl.c - see cachectl.h. One function a command; each prints text for people, or one JSON
 * value. */
#include "tools/xemu/cachectl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/manage.h"

typedef struct Ctl {
    Cache *c;
    bool json;
    const char *file; /* the argument of export and import */
    uint64_t limit;
    unsigned long entries, bad, bad_parts;
    uint64_t disk, raw, packed, guest, units, parts;
} Ctl;

static int complain(const char *what, int err)
{
    fprintf(stderr, "xemu: --cachectl: %s: %s\n", what, strerror(err < 0 ? -err : err));
    return 1;
}

/* What a folder of the cache isn't used for. */
static int complain_folder(const Ctl *k, int err)
{
    const char *path = cache_layer(k->c, 0);
    if (err == -EPERM) {
        fprintf(stderr,
                "xemu: --cachectl: %s: not used: it, or the folder code in it, belongs to "
                "somebody else, or others may write it; chmod go-w, or name another folder with "
                "--cache-path\n",
                path);
        return 1;
    }
    if (err == -ENOTDIR || err == -ELOOP) {
        fprintf(stderr, "xemu: --cachectl: %s: not used: it is no folder, or a symbolic link\n",
                path);
        return 1;
    }
    return complain(path, err);
}

/* ---- ls, stat, verify ------------------------------------------------------------------------ */

static void count(Ctl *k, const CacheItem *i)
{
    k->entries++;
    k->bad += i->damaged || i->bad_parts;
    k->bad_parts += i->bad_parts;
    k->disk += i->disk_bytes;
    k->raw += i->raw;
    k->packed += i->packed;
    k->guest += i->guest_bytes;
    k->units += i->units;
    k->parts += i->parts;
}

/* Names come from files of the guest: only what is harmless is printed. */
static void print_name(const char *name)
{
    for (; *name; name++) {
        putchar(*name > ' ' && *name < 127 && *name != '"' && *name != '\\' ? *name : '?');
    }
}

static void list_item(void *ctx, const CacheItem *i)
{
    Ctl *k = ctx;
    if (k->json) {
        printf("%s{\"key\":\"%s\",\"layer\":%u,\"name\":\"", k->entries ? ",\n " : "[", i->key,
               i->layer);
        print_name(i->name);
        printf("\",\"file_size\":%" PRIu64 ",\"disk_bytes\":%" PRIu64
               ",\"parts\":%u,\"blocks\":%" PRIu64 ",\"guest_bytes\":%" PRIu64
               ",\"raw_bytes\":%" PRIu64 ",\"used\":%lld,\"damaged\":%s}",
               i->content_size, i->disk_bytes, i->parts, i->units, i->guest_bytes, i->raw,
               (long long)i->used, i->damaged ? "true" : "false");
    } else {
        char day[16] = "";
        struct tm tm;
        if (gmtime_r(&i->used, &tm)) {
            strftime(day, sizeof day, "%Y-%m-%d", &tm);
        }
        printf("%.16s  %8" PRIu64 " KiB  %3u parts  %8" PRIu64 " blocks  %s  ", i->key,
               i->disk_bytes / 1024, i->parts, i->units, day);
        print_name(i->damaged ? "(damaged)" : i->name);
        putchar('\n');
    }
    count(k, i);
}

static void count_item(void *ctx, const CacheItem *i)
{
    count(ctx, i);
}

static void verify_item(void *ctx, const CacheItem *i)
{
    Ctl *k = ctx;
    count(k, i);
    if (!k->json && (i->damaged || i->bad_parts)) {
        printf("damaged: %s in %s\n", i->key, cache_layer(k->c, i->layer));
    }
}

static int do_ls(Ctl *k)
{
    int err = cache_each(k->c, false, list_item, k);
    if (k->json) {
        puts(k->entries ? "]" : "[]");
    }
    return err ? complain_folder(k, err) : 0;
}

static int do_stat(Ctl *k)
{
    int err = cache_each(k->c, false, count_item, k);
    CacheShared shared = cache_shared_each(k->c, false);
    const char *format =
        k->json ? "{\"entries\":%lu,\"damaged\":%lu,\"parts\":%" PRIu64 ",\"blocks\":%" PRIu64
                  ",\"guest_bytes\":%" PRIu64 ",\"raw_bytes\":%" PRIu64 ",\"packed_bytes\":%" PRIu64
                  ",\"disk_bytes\":%" PRIu64 ",\"shared_copies\":%" PRIu64
                  ",\"shared_bytes\":%" PRIu64 "}\n"
                : "entries       %12lu\ndamaged       %12lu\nparts         %12" PRIu64
                  "\nblocks        %12" PRIu64 "\nguest bytes   %12" PRIu64
                  "\ndecompressed  %12" PRIu64 "\ncompressed    %12" PRIu64
                  "\non disk       %12" PRIu64 "\nshared copies %12" PRIu64
                  "\nin memory     %12" PRIu64 "\n";
    printf(format, k->entries, k->bad, k->parts, k->units, k->guest, k->raw, k->packed, k->disk,
           shared.copies, shared.bytes);
    return err ? complain_folder(k, err) : 0;
}

static int do_verify(Ctl *k)
{
    int err = cache_each(k->c, true, verify_item, k);
    CacheShared shared = cache_shared_each(k->c, true);
    if (k->json) {
        printf("{\"entries\":%lu,\"damaged\":%lu,\"damaged_parts\":%lu,\"damaged_shared\":%" PRIu64
               "}\n",
               k->entries, k->bad, k->bad_parts, shared.damaged);
    } else {
        printf("%lu entries, %lu damaged\n", k->entries, k->bad);
        if (shared.damaged) {
            printf("%" PRIu64 " damaged shared copies\n", shared.damaged);
        }
    }
    if (k->bad && cache_mode(k->c) == CACHE_RW) {
        cache_drop_damaged(k->c);
    }
    return err ? complain_folder(k, err) : k->bad || shared.damaged;
}

/* ---- prune, clear, export, import, path ------------------------------------------------------ */

static int done(const Ctl *k, const char *what, uint64_t n)
{
    if (k->json) {
        printf("{\"%s\":%" PRIu64 "}\n", what, n);
    } else {
        printf("%s: %" PRIu64 "\n", what, n);
    }
    return 0;
}

static int do_prune(Ctl *k)
{
    int err = cache_prune(k->c, k->limit);
    return err ? complain_folder(k, err) : done(k, "evicted", cache_counters(k->c)->evicted);
}

static int do_clear(Ctl *k)
{
    int err = cache_clear(k->c);
    cache_shared_clear(k->c);
    return err ? complain_folder(k, err) : done(k, "evicted", cache_counters(k->c)->evicted);
}

static int do_export(Ctl *k)
{
    bool out = !strcmp(k->file, "-");
    uint64_t n = 0;
    char partial[4096];
    snprintf(partial, sizeof partial, "%s.partial", k->file);
    FILE *f = out ? stdout : fopen(partial, "we");
    if (!f) {
        return complain(k->file, errno);
    }
    int err = cache_export(k->c, f, &n);
    if (!out && fclose(f) && !err) {
        err = -errno;
    }
    if (!out && !err && rename(partial, k->file)) {
        err = -errno;
    }
    if (!out && err) {
        unlink(partial);
    }
    return err ? complain(k->file, err) : out ? 0 : done(k, "exported", n);
}

static int do_import(Ctl *k)
{
    bool in = !strcmp(k->file, "-");
    FILE *f = in ? stdin : fopen(k->file, "re");
    uint64_t added = 0;
    if (!f) {
        return complain(k->file, errno);
    }
    int err = cache_import(k->c, f, &added);
    if (!in) {
        fclose(f);
    }
    if (err == -EBADMSG) {
        fprintf(stderr, "xemu: --cachectl: %s: not an exported cache, or not all of it\n", k->file);
        return 1;
    }
    return err ? complain(k->file, err) : done(k, "imported", added);
}

static int do_path(Ctl *k)
{
    const char *path;
    for (unsigned i = 0; (path = cache_layer(k->c, i)); i++) {
        printf(k->json ? "%s\"%s\"" : "%s%s\n", k->json ? (i ? "," : "[") : "", path);
    }
    if (k->json) {
        puts("]");
    }
    return 0;
}

typedef struct Command {
    const char *name;
    bool takes_file, writes;
    int (*run)(Ctl *k);
} Command;

static const Command commands[] = {
    {"ls", false, false, do_ls},         {"stat", false, false, do_stat},
    {"verify", false, false, do_verify}, {"prune", false, true, do_prune},
    {"clear", false, true, do_clear},    {"export", true, false, do_export},
    {"import", true, true, do_import},   {"path", false, false, do_path},
};

static int usage(void)
{
    fprintf(stderr, "xemu: usage: xemu [--cache-path=...] --cachectl ls|stat|verify|prune|clear|"
                    "export FILE|import FILE|path [--json]\n");
    return 2;
}

int cachectl(const Options *o, int argc, char **argv)
{
    CacheConfig config = {
        .path = o->cache_path, .mode = CACHE_RW, .limit = o->cache_size, .shared = o->cache_shared};
    Ctl k = {.limit = o->cache_size ? o->cache_size : (uint64_t)2 << 30};
    const Command *command = NULL;
    const char *file = NULL;

    for (int i = 0; i < argc; i++) {
        if (!strcmp(argv[i], "--json")) {
            k.json = true;
        } else if (!command) {
            for (size_t n = 0; n < sizeof commands / sizeof *commands; n++) {
                command = strcmp(argv[i], commands[n].name) ? command : &commands[n];
            }
            if (!command) {
                return usage();
            }
        } else if (command->takes_file && !file) {
            file = argv[i];
        } else {
            return usage();
        }
    }
    if (!command || (command->takes_file && !file)) {
        return usage();
    }
    k.file = file;
    k.c = cache_open(&config);
    if (!k.c) {
        fprintf(stderr, "xemu: --cachectl: no folder for the cache: set HOME, XDG_CACHE_HOME or "
                        "XEMU_CACHE_PATH\n");
        return 1;
    }
    int status = command->run(&k);
    cache_close(k.c);
    return status;
}
