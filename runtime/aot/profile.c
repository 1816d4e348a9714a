#include "runtime/aot/profile.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/aot/plan.h"

static bool address_of(const View *v, uint64_t offset, uint64_t *addr)
{
    for (unsigned i = 0; i < v->elf.phnum; i++) {
        const Elf64_Phdr *ph = &v->elf.ph[i];
        if (ph->p_type == PT_LOAD && ph->p_flags & PF_X && offset - ph->p_offset < ph->p_filesz) {
            *addr = offset - ph->p_offset + ph->p_vaddr;
            return true;
        }
    }
    return false;
}

static void add(void *ctx, uint64_t offset, uint32_t mode, bool hot)
{
    Profile *p = ctx;
    uint64_t addr;
    if (!address_of(p->view, offset, &addr)) {
        return;
    }
    ProfileSpot *spots = plan_grown(p->spots, p->n, &p->room, sizeof *spots);
    if (!spots) {
        p->failed = true;
        return;
    }
    p->spots = spots;
    p->spots[p->n++] = (ProfileSpot){addr, mode, hot};
}

static int by_address(const void *a, const void *b)
{
    const ProfileSpot *x = a, *y = b;
    if (x->addr != y->addr) {
        return x->addr < y->addr ? -1 : 1;
    }
    return x->mode < y->mode ? -1 : x->mode > y->mode;
}

int profile_read(Profile *p, const View *view, CodeStore *store, CodeFile *file, FILE *archive)
{
    uint32_t kept = 0;
    *p = (Profile){.view = view};
    code_store_spots(store, file, archive, add, p);
    if (p->n) {
        qsort(p->spots, p->n, sizeof *p->spots, by_address);
    }
    for (uint32_t i = 0; i < p->n; i++) {
        if (kept && !by_address(&p->spots[i], &p->spots[kept - 1])) {
            p->spots[kept - 1].hot |= p->spots[i].hot;
        } else {
            p->spots[kept++] = p->spots[i];
        }
    }
    p->n = kept;
    return p->failed ? -ENOMEM : 0;
}

void profile_free(Profile *p)
{
    free(p->spots);
    *p = (Profile){0};
}
