#include <stdio.h>
#include <string.h>

#include "tests/uop/text.h"

bool test_reg_name(uint32_t offset, unsigned bytes, char *buf, size_t size)
{
    (void)bytes;
    if (offset >= TEST_R && offset < TEST_Q && offset % 8 == 0) {
        snprintf(buf, size, "r%u", (offset - TEST_R) / 8);
    } else if (offset >= TEST_Q && offset < TEST_NZCV && offset % 8 == 0) {
        snprintf(buf, size, "q%u%s", (offset - TEST_Q) / 16,
                 offset % 16 == TEST_Q % 16 ? "" : "+8");
    } else if (offset == TEST_NZCV || offset == TEST_QC) {
        snprintf(buf, size, "%s", offset == TEST_QC ? "qc" : "nzcv");
    } else {
        return false;
    }
    return true;
}

bool test_reg_offset(const char *name, uint32_t *offset)
{
    unsigned n;
    if (strcmp(name, "nzcv") == 0) {
        *offset = TEST_NZCV;
    } else if (strcmp(name, "qc") == 0) {
        *offset = TEST_QC;
    } else if (sscanf(name, "r%u", &n) == 1 && n < 32) {
        *offset = TEST_R + 8 * n;
    } else if (sscanf(name, "q%u", &n) == 1 && n < 32) {
        *offset = TEST_Q + 16 * n + (strchr(name, '+') ? 8 : 0);
    } else {
        return false;
    }
    return true;
}
