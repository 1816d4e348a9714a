/* llvm.c - LLVM's part: starting it up, the passes, code generation. */
#include "lift/build.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <llvm-c/Analysis.h>
#include <llvm-c/Support.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <llvm-c/Transforms/PassBuilder.h>

/* LLVM's static constructors, kept out of the start-up of the executable (cmake/XemuLlvm.cmake). */
typedef void Constructor(void);
extern Constructor *__start_llvm_ctors[], *__stop_llvm_ctors[];

static LLVMTargetMachineRef machine, without_avx512, without_sse;
static bool has_avx, has_masks, tests_masks;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static LLVMTargetMachineRef create_machine(LLVMTargetRef target, const char *more)
{
    char *cpu = LLVMGetHostCPUName(), *features = LLVMGetHostCPUFeatures(), all[4096];
    snprintf(all, sizeof all, "%s,%s", features, more);
    LLVMTargetMachineRef m =
        LLVMCreateTargetMachine(target, "x86_64-unknown-linux-gnu", cpu, all,
                                LLVMCodeGenLevelDefault, LLVMRelocPIC, LLVMCodeModelSmall);
    LLVMDisposeMessage(cpu);
    LLVMDisposeMessage(features);
    return m;
}

static void start_llvm(void)
{
    LLVMTargetRef target;
    char *message;
    for (Constructor **c = __start_llvm_ctors; c < __stop_llvm_ctors; c++) {
        (*c)();
    }
    /* Schedulers for a host that reorders by itself: a sixth of the time of code generation, and no
     * benchmark is faster by them. What is live behind a patchpoint nobody asks, and LLVM 19
     * crashes when that is a register of no class. */
    static const char *const options[] = {"xemu", "-enable-misched=0", "-disable-post-ra",
                                          "-enable-patchpoint-liveness=0"};
    LLVMParseCommandLineOptions(sizeof options / sizeof options[0], options, "");
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser(); /* inline assembly */
    if (LLVMGetTargetFromTriple("x86_64-unknown-linux-gnu", &target, &message)) {
        LLVMDisposeMessage(message);
        return;
    }
    /* LLVM 19 makes VPMADDWD of a multiplication of 16-bit lanes, and then takes lanes of each
     * operand to be of no account because the other's are zero, of both. */
    machine = create_machine(target, "+slow-pmaddwd");
    message = LLVMGetTargetMachineFeatureString(machine);
    has_avx = strstr(message, "+avx,") != NULL;
    has_masks = strstr(message, "+avx512dq,") && strstr(message, "+avx512vl,");
    LLVMDisposeMessage(message);
    message = LLVMGetHostCPUName();
    tests_masks = strncmp(message, "znver", 5) != 0;
    LLVMDisposeMessage(message);
    /* For what merges_by_table() finds. */
    without_avx512 = create_machine(target, "+slow-pmaddwd,-avx512f");
    /* For regions that leave vector registers alone: so does code that is made without them. */
    without_sse = create_machine(target, "-sse");
}

bool llvm_start(void)
{
    pthread_once(&once, start_llvm);
    return machine != NULL;
}

bool llvm_has_avx(void)
{
    return has_avx;
}

bool llvm_has_masks(void)
{
    return has_masks;
}

bool llvm_tests_masks(void)
{
    return tests_masks;
}

static uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static const char passes[] =
    "function(sroa,early-cse<memssa>,instcombine<no-verify-fixpoint>,simplifycfg,loop-mssa(licm),"
    "gvn,dse)";

static void dump_module(Lift *l, const char *what)
{
    char *text = LLVMPrintModuleToString(l->mod);
    fprintf(l->r->dump, "; %s of the region at %#llx\n%s\n", what,
            (unsigned long long)l->r->blocks[0].ub->pc, text);
    LLVMDisposeMessage(text);
}

static void dump_asm(Lift *l)
{
    LLVMMemoryBufferRef buffer;
    char *message = NULL;
    LLVMModuleRef copy = LLVMCloneModule(l->mod);
    if (LLVMTargetMachineEmitToMemoryBuffer(machine, copy, LLVMAssemblyFile, &message, &buffer)) {
        LLVMDisposeMessage(message);
    } else {
        fwrite(LLVMGetBufferStart(buffer), 1, LLVMGetBufferSize(buffer), l->r->dump);
        LLVMDisposeMemoryBuffer(buffer);
    }
    LLVMDisposeModule(copy);
}

/* Is there a VPTERNLOG of an operand in memory (map 0F3A, 25) that keeps lanes by a mask? LLVM 19
 * gets its table wrong in two of six orders of the operands. What only looks like one is compiled
 * twice in vain. */
static bool merges_by_table(const CodeObject *o)
{
    for (uint32_t k = 0; k + 6 <= o->len; k++) {
        const uint8_t *p = o->code + k;
        if (p[0] == 0x62 && (p[1] & 7) == 3 && (p[2] & 3) == 1 && p[3] & 7 && !(p[3] & 0x80) &&
            p[4] == 0x25 && p[5] < 0xc0) {
            return true;
        }
    }
    return false;
}

static int generate(Lift *l, LLVMTargetMachineRef by, CodeObject *out)
{
    LLVMMemoryBufferRef buffer;
    char *message = NULL;
    if (LLVMTargetMachineEmitToMemoryBuffer(by, l->mod, LLVMObjectFile, &message, &buffer)) {
        LLVMDisposeMessage(message);
        return -EOPNOTSUPP;
    }
    int err = object_parse((const uint8_t *)LLVMGetBufferStart(buffer), LLVMGetBufferSize(buffer),
                           l, out);
    LLVMDisposeMemoryBuffer(buffer);
    return err;
}

int llvm_emit(Lift *l, CodeObject *out)
{
    LLVMSetTarget(l->mod, "x86_64-unknown-linux-gnu");
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(machine);
    LLVMSetModuleDataLayout(l->mod, layout);
    LLVMDisposeTargetData(layout);
    if (l->r->dump && l->r->dump_ir) {
        dump_module(l, "IR");
    }
#ifndef NDEBUG
    char *message = NULL;
    if (LLVMVerifyModule(l->mod, LLVMPrintMessageAction, &message)) {
        dump_module(l, "bad IR");
        abort();
    }
    LLVMDisposeMessage(message);
#endif
    uint64_t start = now_ns();
    LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
    LLVMErrorRef e = LLVMRunPasses(l->mod, passes, machine, options);
    LLVMDisposePassBuilderOptions(options);
    if (e) {
        LLVMConsumeError(e);
        return -EOPNOTSUPP;
    }
    out->passes_ns = now_ns() - start;
    if (l->r->dump && l->r->dump_ir_opt) {
        dump_module(l, "IR, optimized,");
    }
    if (l->r->dump && l->r->dump_asm) {
        dump_asm(l);
    }
    start = now_ns();
    CodeObject made = *out;
    /* A fault finds the sixteen vector registers of AVX in its signal frame. */
    int err = generate(l, l->ints ? without_sse : l->r->precise ? without_avx512 : machine, &made);
    if (!err && merges_by_table(&made)) {
        code_object_free(&made);
        made = *out;
        err = l->masks ? -EAGAIN : generate(l, without_avx512, &made);
    }
    *out = made;
    out->codegen_ns = now_ns() - start;
    return err;
}
