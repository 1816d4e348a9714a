#include "runtime/code/files.h"

#include <stdlib.h>
#include <string.h>

static bool make_room(FileTable *t)
{
    if (t->n < t->cap) {
        return true;
    }
    unsigned cap = t->cap ? 2 * t->cap : 16;
    FileRange *more = realloc(t->ranges, cap * sizeof *more);
    if (!more) {
        return false;
    }
    t->ranges = more;
    t->cap = cap;
    return true;
}

void files_add(FileTable *t, GuestAddr start, GuestAddr end, uint64_t offset, struct CodeFile *file)
{
    if (make_room(t)) {
        t->ranges[t->n++] = (FileRange){start, end, start - offset, file, ++t->serial};
    }
}

void files_cut(FileTable *t, GuestAddr start, GuestAddr end)
{
    for (unsigned i = 0; i < t->n;) {
        FileRange *r = &t->ranges[i];
        if (r->end <= start || end <= r->start) {
            i++;
        } else if (r->start < start && end < r->end) {
            FileRange tail = *r;
            r->end = start;
            tail.start = end;
            if (make_room(t)) {
                t->ranges[t->n++] = tail;
            }
            i++;
        } else if (r->start < start) {
            r->end = start;
            i++;
        } else if (end < r->end) {
            r->start = end;
            i++;
        } else {
            *r = t->ranges[--t->n];
        }
    }
}

bool files_find(const FileTable *t, GuestAddr addr, FileRange *out)
{
    for (unsigned i = 0; i < t->n; i++) {
        if (addr - t->ranges[i].start < t->ranges[i].end - t->ranges[i].start) {
            *out = t->ranges[i];
            return true;
        }
    }
    return false;
}

void files_free(FileTable *t)
{
    free(t->ranges);
    memset(t, 0, sizeof *t);
}
