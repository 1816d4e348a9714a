/* disas_simd.c - the formats of the disassembly templates that fp.decode and simd.decode declare.
 */
#include "a64_decode.h"

/* log2 of the lane's bytes that immh:immb says: from its highest one bit, which is bit 3 or above.
 */
static int32_t immhb_size(int32_t immhb)
{
    return 28 - __builtin_clz((unsigned)immhb | 8);
}

static void put_number(A64Text *out, int32_t n)
{
    char digits[10];
    int count = 0;
    do {
        digits[count++] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    while (count && out->at < out->end) {
        *out->at++ = digits[--count];
    }
}

void a64_format_fp(A64Text *out, int32_t ftype, int32_t n)
{
    a64_format_f(out, ftype == 3 ? 1 : 2 + ftype, n);
}

void a64_format_vsh(A64Text *out, int32_t q, int32_t immhb, int32_t n)
{
    a64_format_v(out, q, immhb_size(immhb), n);
}

void a64_format_vshw(A64Text *out, int32_t immhb, int32_t n)
{
    a64_format_v(out, 1, immhb_size(immhb) + 1, n);
}

void a64_format_fsh(A64Text *out, int32_t immhb, int32_t n)
{
    a64_format_f(out, immhb_size(immhb), n);
}

void a64_format_fshw(A64Text *out, int32_t immhb, int32_t n)
{
    a64_format_f(out, immhb_size(immhb) + 1, n);
}

void a64_format_shr(A64Text *out, int32_t immhb)
{
    put_number(out, (16 << immhb_size(immhb)) - immhb);
}

void a64_format_shl(A64Text *out, int32_t immhb)
{
    put_number(out, immhb - (8 << immhb_size(immhb)));
}
