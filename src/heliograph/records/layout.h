/* Numbers as Kafka lays them out in bytes: big-endian fields of headers, zig-zag varints of records. */
#ifndef HELIOGRAPH_LAYOUT_H
#define HELIOGRAPH_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

/* Ask for the header after next, guessing that neighbouring batches are alike: a scan reads one header in every few cache
 * lines, and each says only where the following one is. A hint never faults, wherever it points. */
static inline void prefetch_header(const uint8_t *batch, int64_t batch_bytes) {
#if defined(__GNUC__)
    uintptr_t ahead = (uintptr_t)batch + 4 * (uintptr_t)batch_bytes;
    __builtin_prefetch((const void *)ahead);
    __builtin_prefetch((const void *)(ahead + 60));
#else
    (void)batch;
    (void)batch_bytes;
#endif
}

static inline uint32_t load32(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline uint64_t load64(const uint8_t *at) { return (uint64_t)load32(at) << 32 | load32(at + 4); }

static inline void store16(uint8_t *at, uint16_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void store32(uint8_t *at, uint32_t value) {
    store16(at, (uint16_t)(value >> 16));
    store16(at + 2, (uint16_t)value);
}

static inline void store64(uint8_t *at, uint64_t value) {
    store32(at, (uint32_t)(value >> 32));
    store32(at + 4, (uint32_t)value);
}

/* Read a varint of at most `bytes_max` (5 or 10) bytes before `end`. Gives the byte after it, or NULL if there is none. */
static inline const uint8_t *load_varint(const uint8_t *at, const uint8_t *end, int bytes_max, int64_t *value) {
    uint64_t raw = 0;
    if (at >= end) return NULL;
    if (*at < 128) {
        raw = *at++;
    } else {
        if (end - at > bytes_max) end = at + bytes_max;
        for (int shift = 0;; shift += 7) {
            if (at == end) return NULL;
            raw |= (uint64_t)(*at & 127) << shift;
            if (*at++ < 128) break;
        }
        if (bytes_max == 5) raw &= 0xFFFFFFFFu;
    }
    *value = (int64_t)(raw >> 1) ^ -(int64_t)(raw & 1);
    return at;
}

static inline uint8_t *store_varint(uint8_t *at, int64_t value) {
    uint64_t raw = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
    for (; raw > 127; raw >>= 7) *at++ = (uint8_t)(raw | 128);
    *at++ = (uint8_t)raw;
    return at;
}

static inline int varint_bytes(int64_t value) {
    uint64_t raw = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
    int n = 1;
    for (; raw > 127; raw >>= 7) n++;
    return n;
}

#endif
