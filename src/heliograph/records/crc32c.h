/* CRC-32C (Castagnoli, RFC 3720 appendix B.4), and moving a CRC past bytes that are not read.
 *
 * In the usual reflected form a CRC is a polynomial over GF(2) with bit 31 as x^0. Two facts are used:
 *   - the processor's CRC instruction computes (state * x^64 + 8 bytes * x^32) mod P, three cycles late but one a
 *     cycle, so three streams run side by side and are joined afterwards;
 *   - a CRC moves past n bytes by a multiplication with x^8n mod P, which is a product of four table entries.
 * x86-64 with SSE4.2 and PCLMULQDQ and ARMv8 with the CRC extension are recognised at run time; elsewhere eight tables
 * are used ("slicing by eight"). Call crc32c_setup once before anything else.
 */
#ifndef HELIOGRAPH_CRC32C_H
#define HELIOGRAPH_CRC32C_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CRC32C_POLYNOMIAL 0x82F63B78u
#define CRC32C_ONE 0x80000000u /* the polynomial 1 */

static uint32_t crc32c_slices[8][256];
static uint32_t crc32c_moves[4][256]; /* [k][i]: x^(8 * i * 256^k) mod P */

/* --- by tables ---------------------------------------------------------------------------------------------------- */

static uint32_t crc32c_multiply_soft(uint32_t a, uint32_t b) {
    uint32_t product = 0;
    for (int bit = 0; bit < 32; bit++) {
        product ^= b & (0u - (a >> 31));
        a <<= 1;
        b = (b >> 1) ^ (CRC32C_POLYNOMIAL & (0u - (b & 1)));
    }
    return product;
}

static uint32_t crc32c_update_soft(uint32_t state, const uint8_t *bytes, size_t n) {
    for (; n >= 8; n -= 8, bytes += 8) {
        uint32_t low = state ^ ((uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
                                (uint32_t)bytes[3] << 24);
        state = crc32c_slices[7][low & 255] ^ crc32c_slices[6][low >> 8 & 255] ^ crc32c_slices[5][low >> 16 & 255] ^
                crc32c_slices[4][low >> 24] ^ crc32c_slices[3][bytes[4]] ^ crc32c_slices[2][bytes[5]] ^
                crc32c_slices[1][bytes[6]] ^ crc32c_slices[0][bytes[7]];
    }
    for (; n; n--, bytes++) {
        state = crc32c_slices[0][(state ^ *bytes) & 255] ^ state >> 8;
    }
    return state;
}

/* --- by the processor --------------------------------------------------------------------------------------------- */

#if defined(__x86_64__) && defined(__GNUC__)
#include <nmmintrin.h>
#include <wmmintrin.h>
#define CRC32C_HARDWARE 1
#define CRC32C_TARGET __attribute__((target("sse4.2,pclmul")))

static int crc32c_hardware_present(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

CRC32C_TARGET static inline uint32_t crc32c_step8(uint32_t state, const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    return (uint32_t)_mm_crc32_u64(state, word);
}

CRC32C_TARGET static inline uint32_t crc32c_step1(uint32_t state, uint8_t byte) { return _mm_crc32_u8(state, byte); }

/* The product of two reflected polynomials comes out one bit too low; its lower half is reduced by the CRC instruction. */
CRC32C_TARGET static inline uint32_t crc32c_multiply_hard(uint32_t a, uint32_t b) {
    __m128i product = _mm_clmulepi64_si128(_mm_cvtsi32_si128((int)a), _mm_cvtsi32_si128((int)b), 0);
    uint64_t whole = (uint64_t)_mm_cvtsi128_si64(product) << 1;
    return _mm_crc32_u32(0, (uint32_t)whole) ^ (uint32_t)(whole >> 32);
}

#elif defined(__aarch64__) && defined(__GNUC__) && defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#if defined(__linux__)
#include <sys/auxv.h>
#endif
#define CRC32C_HARDWARE 1
#define CRC32C_TARGET

static int crc32c_hardware_present(void) {
#if defined(__APPLE__)
    return 1;
#elif defined(__linux__)
    return (getauxval(AT_HWCAP) & (1ul << 7)) != 0; /* HWCAP_CRC32 */
#else
    return 0;
#endif
}

static inline uint32_t crc32c_step8(uint32_t state, const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(state) : "r"(word));
    return state;
}

static inline uint32_t crc32c_step1(uint32_t state, uint8_t byte) {
    __asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(state) : "r"((uint32_t)byte));
    return state;
}

static inline uint32_t crc32c_multiply_hard(uint32_t a, uint32_t b) { return crc32c_multiply_soft(a, b); }
#endif

#if defined(CRC32C_HARDWARE)
static int crc32c_uses_hardware = 0;

/* Three streams of `stride` bytes each, as often as they fit; `once` and `twice` move a CRC past one and two strides. */
CRC32C_TARGET static inline uint32_t crc32c_three(uint32_t state, const uint8_t **bytes, size_t *n, size_t stride,
                                                  uint32_t once, uint32_t twice) {
    while (*n >= 3 * stride) {
        const uint8_t *at = *bytes;
        uint32_t second = 0, third = 0;
        for (size_t i = 0; i < stride; i += 8) {
            state = crc32c_step8(state, at + i);
            second = crc32c_step8(second, at + stride + i);
            third = crc32c_step8(third, at + 2 * stride + i);
        }
        state = crc32c_multiply_hard(state, twice) ^ crc32c_multiply_hard(second, once) ^ third;
        *bytes += 3 * stride;
        *n -= 3 * stride;
    }
    return state;
}

#define CRC32C_LONG 4096
#define CRC32C_MIDDLE 512
#define CRC32C_SHORT 64

static uint32_t crc32c_strides[3][2];

CRC32C_TARGET static uint32_t crc32c_update_hard(uint32_t state, const uint8_t *bytes, size_t n) {
    state = crc32c_three(state, &bytes, &n, CRC32C_LONG, crc32c_strides[0][0], crc32c_strides[0][1]);
    state = crc32c_three(state, &bytes, &n, CRC32C_MIDDLE, crc32c_strides[1][0], crc32c_strides[1][1]);
#if defined(__x86_64__) /* without a fast multiplication, short streams are not worth joining */
    state = crc32c_three(state, &bytes, &n, CRC32C_SHORT, crc32c_strides[2][0], crc32c_strides[2][1]);
#endif
    for (; n >= 8; n -= 8, bytes += 8) state = crc32c_step8(state, bytes);
    for (; n; n--, bytes++) state = crc32c_step1(state, *bytes);
    return state;
}
#else
#define crc32c_uses_hardware 0
#define crc32c_update_hard crc32c_update_soft
#define crc32c_multiply_hard crc32c_multiply_soft
#endif

/* --- what others call --------------------------------------------------------------------------------------------- */

static inline uint32_t crc32c_multiply(uint32_t a, uint32_t b) {
    return crc32c_uses_hardware ? crc32c_multiply_hard(a, b) : crc32c_multiply_soft(a, b);
}

/* Move a CRC past `n` zero bytes (n < 2^32), without the inversions at its ends. */
static uint32_t crc32c_move(uint32_t crc, uint32_t n) {
    for (int k = 0; n; k++, n >>= 8) {
        if (n & 255) crc = crc32c_multiply(crc, crc32c_moves[k][n & 255]);
    }
    return crc;
}

/* The CRC of what `crc` covers (0: nothing) followed by `n` bytes. */
static uint32_t crc32c_extend(uint32_t crc, const uint8_t *bytes, size_t n) {
    return ~(crc32c_uses_hardware ? crc32c_update_hard(~crc, bytes, n) : crc32c_update_soft(~crc, bytes, n));
}

static void crc32c_setup(int allow_hardware) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t state = i;
        for (int bit = 0; bit < 8; bit++) state = state >> 1 ^ (CRC32C_POLYNOMIAL & (0u - (state & 1)));
        crc32c_slices[0][i] = state;
    }
    for (int k = 1; k < 8; k++) {
        for (int i = 0; i < 256; i++) {
            uint32_t before = crc32c_slices[k - 1][i];
            crc32c_slices[k][i] = before >> 8 ^ crc32c_slices[0][before & 255];
        }
    }
    uint32_t unit = CRC32C_ONE >> 8; /* x^8: past one byte */
    for (int k = 0; k < 4; k++) {
        crc32c_moves[k][0] = CRC32C_ONE;
        for (int i = 1; i < 256; i++) crc32c_moves[k][i] = crc32c_multiply_soft(crc32c_moves[k][i - 1], unit);
        unit = crc32c_multiply_soft(crc32c_moves[k][255], unit);
    }
#if defined(CRC32C_HARDWARE)
    static const uint32_t strides[3] = {CRC32C_LONG, CRC32C_MIDDLE, CRC32C_SHORT};
    crc32c_uses_hardware = 0;
    for (int i = 0; i < 3; i++) {
        crc32c_strides[i][0] = crc32c_move(CRC32C_ONE, strides[i]);
        crc32c_strides[i][1] = crc32c_move(CRC32C_ONE, 2 * strides[i]);
    }
    crc32c_uses_hardware = allow_hardware && crc32c_hardware_present();
#else
    (void)allow_hardware;
#endif
}

#endif
