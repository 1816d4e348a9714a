/* faultmap.c - see faultmap.h. */
#include "jit/faultmap.h"

static uint8_t *put_number(uint8_t *p, uint64_t v)
{
    while (v >= 0x80) {
        *p++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *p++ = (uint8_t)v;
    return p;
}

static const uint8_t *get_number(const uint8_t *p, const uint8_t *end, uint64_t *v)
{
    unsigned shift = 0;
    *v = 0;
    while (p < end) {
        *v |= (uint64_t)(*p & 0x7f) << shift;
        shift += 7;
        if (!(*p++ & 0x80)) {
            break;
        }
    }
    return p;
}

void faultmap_begin(FaultMap *m, uint8_t *bytes, uint32_t cap)
{
    *m = (FaultMap){.bytes = bytes, .cap = cap};
}

bool faultmap_add(FaultMap *m, uint32_t host, int64_t guest)
{
    if (m->len + 16 > m->cap) {
        return false;
    }
    int64_t d = guest - m->last_guest;
    uint64_t zigzag = (uint64_t)d << 1 ^ (uint64_t)(d >> 63);
    if (((host - m->last_host) | zigzag) < 0x80) { /* a byte each, mostly */
        m->bytes[m->len] = (uint8_t)(host - m->last_host);
        m->bytes[m->len + 1] = (uint8_t)zigzag;
        m->len += 2;
        m->last_host = host;
        m->last_guest = guest;
        return true;
    }
    uint8_t *p = put_number(m->bytes + m->len, host - m->last_host);
    p = put_number(p, zigzag);
    m->len = (uint32_t)(p - m->bytes);
    m->last_host = host;
    m->last_guest = guest;
    return true;
}

bool faultmap_find(const uint8_t *bytes, uint32_t len, uint32_t host, int64_t *guest)
{
    const uint8_t *p = bytes, *end = bytes + len;
    uint64_t at = 0, d;
    int64_t g = 0;
    bool found = false;
    while (p < end) {
        p = get_number(p, end, &d);
        at += d;
        if (at > host) {
            break;
        }
        p = get_number(p, end, &d);
        g += (int64_t)(d >> 1) ^ -(int64_t)(d & 1);
        *guest = g;
        found = true;
    }
    return found;
}
