/* fetch.h - the instruction word at an address, out of what was fetched last where that reaches. */
#ifndef XEMU_FRONTEND_AARCH64_FETCH_H
#define XEMU_FRONTEND_AARCH64_FETCH_H

#include <string.h>

#include "frontend/frontend.h"

/* false: there's none. pc is a multiple of 4, so that no instruction crosses pages. */
static inline bool a64_fetch(const TranslateRequest *req, FetchRun *run, GuestAddr pc,
                             uint32_t *insn)
{
    GuestAddr at = pc - run->pc;
    if (__builtin_expect(at >= run->len || run->len - at < 4, 0)) {
        run->len = 0;
        run->pc = pc;
        run->bytes = req->fetch(req->fetch_ctx, pc, &run->len);
        run->guarded = run->bytes && req->guarded && req->guarded(req->fetch_ctx, pc);
        if (!run->bytes || run->len < 4) {
            return false;
        }
        at = 0;
    }
    memcpy(insn, run->bytes + at, sizeof *insn);
    return true;
}

#endif
