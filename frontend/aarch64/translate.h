/* translate.h - guest code to micro-ops: what the descriptor of frontend.h asks for. */
#ifndef XEMU_FRONTEND_AARCH64_TRANSLATE_H
#define XEMU_FRONTEND_AARCH64_TRANSLATE_H

#include "frontend/frontend.h"

void a64_translate(const TranslateRequest *req, UopBlock *out);
unsigned a64_shapes(const TranslateRequest *req, GuestAddr pc, InsnShape *out, unsigned max,
                    unsigned branches);
int32_t a64_shape_example(const InsnShape *s, uint8_t *bytes);
uint32_t a64_explore(const Explore *e, GuestAddr pc, uint32_t most);
uint32_t a64_landings(const uint8_t *code, bool guarded, FoundKind kind);
/* What an indirect branch finds: the block at a pc that has more than an address (translate.c). */
typedef enum A64Landing { A64_LAND, A64_LAND_REFUSED, A64_LAND_NOWHERE } A64Landing;
A64Landing a64_land(const TranslateRequest *req, FetchRun *run, GuestAddr pc, uint32_t *insn);
UopFlagsUse a64_flags_use_at(const TranslateRequest *req, GuestAddr pc);
/* Does it read flags? */
bool a64_reads_flags(uint32_t insn);

#endif
