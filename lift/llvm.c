/* llvm.c - LLVM's part: starting it up, the passes, code generation. */
#include "lift/build.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <llvm-c/Analysis.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <llvm-c/Transforms/PassBuilder.h>

/* LLVM's static constructors, kept out of the start-up of the executable (cmake/XemuLlvm.cmake). */
typedef void Constructor(void);
extern Constructor *__start_llvm_ctors[], *__stop_llvm_ctors[];

static LLVMTargetMachineRef machine;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start_llvm(void)
{
    LLVMTargetRef target;
    char *message;
    for (Constructor **c = __start_llvm_ctors; c < __stop_llvm_ctors; c++) {
        (*c)();
    }
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    if (LLVMGetTargetFromTriple("x86_64-unknown-linux-gnu", &target, &message)) {
        LLVMDisposeMessage(message);
        return;
    }
    char *cpu = LLVMGetHostCPUName(), *features = LLVMGetHostCPUFeatures(), all[4096];
    /* LLVM 19 makes VPMADDWD of a multiplication of 16-bit lanes, and then takes lanes of each operand
     * to be of no account because the other's are zero, of both. */
    snprintf(all, sizeof all, "%s,+slow-pmaddwd", features);
    machine = LLVMCreateTargetMachine(target, "x86_64-unknown-linux-gnu", cpu, all,
                                      LLVMCodeGenLevelDefault, LLVMRelocPIC, LLVMCodeModelSmall);
    LLVMDisposeMessage(cpu);
    LLVMDisposeMessage(features);
}

bool llvm_start(void)
{
    pthread_once(&once, start_llvm);
    return machine != NULL;
}

static uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static const char passes[] =
    "function(sroa,early-cse<memssa>,simplifycfg,instcombine<no-verify-fixpoint>,loop-mssa(licm),"
    "gvn,instcombine<no-verify-fixpoint>,simplifycfg,dse)";

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

int llvm_emit(Lift *l, CodeObject *out)
{
    char *message = NULL;
    LLVMSetTarget(l->mod, "x86_64-unknown-linux-gnu");
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(machine);
    LLVMSetModuleDataLayout(l->mod, layout);
    LLVMDisposeTargetData(layout);
    if (l->r->dump && l->r->dump_ir) {
        dump_module(l, "IR");
    }
#ifndef NDEBUG
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
    LLVMMemoryBufferRef buffer;
    if (LLVMTargetMachineEmitToMemoryBuffer(machine, l->mod, LLVMObjectFile, &message, &buffer)) {
        LLVMDisposeMessage(message);
        return -EOPNOTSUPP;
    }
    int err = object_parse((const uint8_t *)LLVMGetBufferStart(buffer), LLVMGetBufferSize(buffer),
                           l, out);
    LLVMDisposeMemoryBuffer(buffer);
    out->codegen_ns = now_ns() - start;
    return err;
}
