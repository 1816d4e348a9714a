/* The hash against its published test vectors (input: bytes i % 251), in one piece and read piece
 * by piece. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/blake3.h"

static bool from_memory(void *ctx, uint64_t offset, uint8_t *to, size_t n)
{
    memcpy(to, (const uint8_t *)ctx + offset, n);
    return true;
}

static void check(size_t len, const char *expected)
{
    uint8_t *bytes = malloc(len + 1), *room = malloc(BLAKE3_PIECE), out[2][BLAKE3_SIZE];
    char text[2][2 * BLAKE3_SIZE + 1];
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(i % 251);
    blake3(bytes, len, out[0]);
    cr_assert(blake3_read(from_memory, bytes, len, room, out[1]));
    for (unsigned k = 0; k < 2; k++) {
        for (unsigned i = 0; i < BLAKE3_SIZE; i++)
            sprintf(text[k] + 2 * i, "%02x", out[k][i]);
        cr_expect_str_eq(text[k], expected, "%zu bytes", len);
    }
    free(bytes);
    free(room);
}

Test(blake3, vectors)
{
    check(0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
    check(1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213");
    check(63, "e9bc37a594daad83be9470df7f7b3798297c3d834ce80ba85d6e207627b7db7b");
    check(64, "4eed7141ea4a5cd4b788606bd23f46e212af9cacebacdc7d1f4c6dc7f2511b98");
    check(65, "de1e5fa0be70df6d2be8fffd0e99ceaa8eb6e8c93a63f2d8d1c30ecb6b263dee");
    check(1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11");
    check(1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7");
    check(1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444");
    check(2048, "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a");
    check(2049, "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030");
    check(8191, "bae8dc916e8643c6cf024097237cde1cba35c05b5d84c02834cb6b886edb76d9");
    check(8192, "aae792484c8efe4f19e2ca7d371d8c467ffb10748d8a5a1ae579948f718a2a63");
    check(8193, "bab6c09cb8ce8cf459261398d2e7aef35700bf488116ceb94a36d0f5f1b7bc3b");
    check(16384, "f875d6646de28985646f34ee13be9a576fd515f76b5b0a26bb324735041ddde4");
    check(31744, "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47");
    check(102400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085");
    check(262144, "d57dc906e20d3fd326ffaa85535500486f46a0979f5a323f028dcabfd381fd4a");
    check(262145, "531c319935cf78f34869faebd865e5748266b1799039103bfb851a680d9ed30c");
    check(1000000, "5e82c663d164c54e4fcdfcd70e3ca464662228bdbad45cce2e0c2bff999064ef");
}
