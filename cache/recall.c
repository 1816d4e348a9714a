/* recall.c - a number remembered under a key, a small file in memo/ beside the memos of key.c. */
#include <string.h>
#include <unistd.h>

#include "cache/check.h"
#include "cache/internal.h"

typedef struct Note {
    char magic[8];
    uint8_t key[CACHE_KEY_SIZE];
    uint64_t value, check;
} Note;

static const char note_magic[8] = "xemunum1";

static void note_name(const uint8_t key[CACHE_KEY_SIZE], char name[33])
{
    key_hex(key, 16, name);
}

uint64_t cache_recall(Cache *c, const uint8_t key[CACHE_KEY_SIZE])
{
    char name[33];
    Note n;
    struct stat st;
    bool good = false;

    note_name(key, name);
    int fd = dir_memo(c, name, &st);
    if (fd >= 0) {
        good = st.st_size == sizeof n && !dir_read(fd, &n, sizeof n) &&
               !memcmp(n.magic, note_magic, sizeof n.magic) && !memcmp(n.key, key, sizeof n.key) &&
               n.check == check_sum(&n, offsetof(Note, check));
        c->counters.corrupt += !good;
        close(fd);
    }
    return good ? n.value : 0;
}

void cache_remember(Cache *c, const uint8_t key[CACHE_KEY_SIZE], uint64_t value)
{
    char name[33];
    Note n = {.value = value};
    const void *bytes = &n;
    size_t size = sizeof n;
    int dir = c->writable ? dir_memos(c, true) : -1;

    if (dir < 0)
        return;
    memcpy(n.magic, note_magic, sizeof n.magic);
    memcpy(n.key, key, sizeof n.key);
    n.check = check_sum(&n, offsetof(Note, check));
    note_name(key, name);
    dir_write(dir, name, &bytes, &size, 1, false);
    close(dir);
}
