/* server.c - the optimizer: a process that compiles regions for one guest process, one after the
 * other, and ends with it. */
#ifdef XEMU_LLVM
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "jit/orc/channel.h"

enum { LOOK_SECONDS = 1, IDLE_SECONDS = 20 };

static Slot *oldest(Channel *ch)
{
    Slot *best = NULL;
    for (unsigned i = 0; i < CHANNEL_SLOTS; i++) {
        Slot *s = &ch->slots[i];
        if (__atomic_load_n(&s->state, __ATOMIC_ACQUIRE) == SLOT_ASKED &&
            (!best || (int32_t)(s->order - best->order) < 0)) {
            best = s;
        }
    }
    return best;
}

static void serve(Channel *ch, Slot *s)
{
    uint32_t asked = SLOT_ASKED, result = SLOT_REFUSED;
    if (!__atomic_compare_exchange_n(&s->state, &asked, SLOT_AT_WORK, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST)) {
        return;
    }
    Request *r = request_read(s->data, sizeof s->data);
    CodeObject o;
    char *text = NULL;
    size_t len = 0;
    if (r && (r->region.dump_ir || r->region.dump_ir_opt || r->region.dump_asm)) {
        r->region.dump = open_memstream(&text, &len);
    }
    int err = r ? lift_compile(&r->region, &o) : -EINVAL;
    if (r && r->region.dump) {
        (void)fclose(r->region.dump);
    }
    if (!err) {
        o.dump = text;
        o.dump_len = (uint32_t)len;
        text = NULL;
        result = answer_write(s->data, sizeof s->data, &o) ? SLOT_DONE : SLOT_REFUSED;
        code_object_free(&o);
    }
    free(r);
    free(text);
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    ch->peak_kb = (uint32_t)u.ru_maxrss;
    __atomic_store_n(&s->state, result, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&ch->answered, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &ch->answered, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

static bool guest_is_gone(const Channel *ch)
{
    return __atomic_load_n(&ch->closed, __ATOMIC_ACQUIRE) ||
           (kill(ch->guest, 0) != 0 && errno == ESRCH);
}

int optimizer_main(int fd)
{
    Channel *ch = mmap(NULL, sizeof *ch, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (ch == MAP_FAILED) {
        return 1;
    }
    close(fd);
    pthread_mutex_lock(&ch->life);
    __atomic_store_n(&ch->alive, 1, __ATOMIC_SEQ_CST);
    prctl(PR_SET_NAME, "xemu-optimizer");
    (void)setpriority(PRIO_PROCESS, 0, 5); /* the guest goes first where processors are short */
    for (unsigned idle = 0; idle < IDLE_SECONDS && !guest_is_gone(ch);) {
        uint32_t seen = __atomic_load_n(&ch->asked, __ATOMIC_SEQ_CST);
        Slot *s = oldest(ch);
        if (s) {
            serve(ch, s);
            idle = 0;
            continue;
        }
        struct timespec wait = {.tv_sec = LOOK_SECONDS};
        long r = syscall(SYS_futex, &ch->asked, FUTEX_WAIT, seen, &wait, NULL, 0);
        idle += r != 0 && errno == ETIMEDOUT;
    }
    return 0; /* the lock of its life says so */
}
#else
typedef int no_server;
#endif
