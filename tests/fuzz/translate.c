/* Any bytes are guest code: they must translate to micro-operations that the verifier accepts,
 * before and after the optimizer, which can be printed and parsed again to the same text, and they
 * must disassemble. */
#include <stdlib.h>
#include <string.h>

#include "frontend/aarch64/a64_decode.h"
#include "frontend/frontend.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Code {
    const uint8_t *bytes;
    size_t size;
    GuestAddr at;
} Code;

static const uint8_t *fetch(void *ctx, GuestAddr pc, size_t *avail)
{
    const Code *code = ctx;
    if (pc < code->at || pc - code->at >= code->size) {
        return NULL;
    }
    *avail = code->size - (pc - code->at);
    return code->bytes + (pc - code->at);
}

static void verify(const UopBlock *b, const char *when)
{
    char msg[200];
    if (uop_verify(b, msg, sizeof msg) != 0) {
        fprintf(stderr, "%s: %s\n", when, msg);
        uop_print(stderr, b, frontend_aarch64.reg_name);
        abort();
    }
}

static char *print(const UopBlock *b)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    uop_print(f, b, frontend_aarch64.reg_name);
    fclose(f);
    return text;
}

/* What is printed parses, and prints the same again. */
static void round_trip(const UopBlock *b)
{
    static UopBlock again;
    if (!again.uops) {
        uop_block_init(&again);
    }
    char msg[200], *text = print(b);
    if (uop_parse(&again, text, frontend_aarch64.reg_offset, msg, sizeof msg) != 0) {
        fprintf(stderr, "%s\n%s", msg, text);
        abort();
    }
    char *second = print(&again);
    if (strcmp(text, second) != 0) {
        fprintf(stderr, "printed:\n%sparsed:\n%s", text, second);
        abort();
    }
    free(text);
    free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static UopBlock block;
    if (size < 6) {
        return 0;
    }
    if (!block.uops) {
        uop_block_init(&block);
    }
    uint32_t mode =
        data[0] & (CPU_MODE_FZ | CPU_MODE_FZ16 | CPU_MODE_DN | CPU_MODE_AHP | CPU_MODE_TAGGED);
    Code code = {data + 2, size - 2, 0x10000};
    TranslateRequest req = {.pc = code.at,
                            .mode = mode,
                            .max_insns = (uint32_t)data[1] % 64 + 1,
                            .fetch = fetch,
                            .fetch_ctx = &code};
    frontend_aarch64.translate(&req, &block);
    verify(&block, "translated");
    UopFile file = {.flags_offset = frontend_aarch64.flags_offset};
    uop_optimize(&block, &file);
    verify(&block, "optimized");
    round_trip(&block);
    for (size_t at = 0; at + 4 <= code.size; at += 4) {
        char text[128];
        uint32_t insn;
        memcpy(&insn, code.bytes + at, 4);
        a64_disassemble(insn, code.at + at, text, sizeof text);
        frontend_aarch64.flags_use_at(&req, code.at + at);
    }
    return 0;
}
