/* LZ4 and snappy, unpacked within bounds.
 *
 * A topic of small compressed batches is unpacked once per batch, and there the set-up of a general library costs more than
 * the work. Both formats are byte-oriented copies of literals and of what was already written, so they fit here. Nothing
 * is trusted: each read is checked against the end of the input, each copy against the room and against what has been
 * written. What is taken here is plainly right; whatever is odd is left to the general library, whose word is the last:
 * so both kernels give the same answer to every body.
 * Formats: github.com/lz4/lz4/tree/dev/doc (block, frame), github.com/google/snappy/blob/main/format_description.txt.
 */
#ifndef HELIOGRAPH_INFLATE_H
#define HELIOGRAPH_INFLATE_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { INFLATE_OK = 0, INFLATE_MALFORMED = -1, INFLATE_OVERSIZED = -2, INFLATE_NO_MEMORY = -3 };

#define INFLATE_SLACK 32 /* bytes behind the room that copies of whole words may overwrite */

/* Output that grows, up to a limit. */
typedef struct {
    uint8_t *bytes;
    size_t used, room, limit;
} inflate_sink;

static int inflate_reserve(inflate_sink *sink, size_t n) {
    if (n > sink->limit - sink->used) return INFLATE_OVERSIZED;
    size_t wanted = sink->used + n + INFLATE_SLACK;
    if (wanted > sink->room) {
        size_t room = wanted + wanted / 2, room_max = sink->limit + INFLATE_SLACK;
        if (room > room_max) room = room_max;
        uint8_t *bytes = (uint8_t *)realloc(sink->bytes, room);
        if (!bytes) return INFLATE_NO_MEMORY;
        sink->bytes = bytes;
        sink->room = room;
    }
    return INFLATE_OK;
}

/* Copy n bytes from `distance` bytes before `to`; they may overlap, which repeats a pattern. May write up to 7 bytes more. */
static inline void inflate_repeat(uint8_t *to, size_t distance, size_t n) {
    const uint8_t *from = to - distance;
    if (distance >= 8) {
        uint8_t *end = to + n;
        for (; to < end; to += 8, from += 8) memcpy(to, from, 8);
    } else {
        while (n--) *to++ = *from++;
    }
}

/* Add the bytes of a length field that says 15: each adds up to 255, the first below 255 ends it. */
static inline int lz4_more_length(const uint8_t **at, const uint8_t *end, size_t *length) {
    uint8_t byte;
    do {
        if (*at == end) return INFLATE_MALFORMED;
        byte = *(*at)++;
        *length += byte;
    } while (byte == 255);
    return INFLATE_OK;
}

/* One LZ4 block to sink->bytes + sink->used, at most `room` bytes, with `history` bytes before it that it may refer to. */
static int lz4_block(const uint8_t *at, size_t n, inflate_sink *sink, size_t room, size_t history) {
    const uint8_t *end = at + n;
    uint8_t *start = sink->bytes + sink->used, *to = start, *room_end = start + room;
    const uint8_t *oldest = start - history, *last_match = NULL;
    for (;;) {
        if (at == end) return INFLATE_MALFORMED;
        uint8_t token = *at++;
        size_t literals = token >> 4;
        if (literals == 15 && lz4_more_length(&at, end, &literals)) return INFLATE_MALFORMED;
        if (literals > (size_t)(end - at)) return INFLATE_MALFORMED;
        if (literals > (size_t)(room_end - to)) return INFLATE_OVERSIZED;
        memcpy(to, at, literals);
        to += literals;
        at += literals;
        if (at == end) { /* the last sequence has no match; before it, the format keeps 5 literals and 12 bytes free */
            if (last_match && (literals < 5 || to - last_match < 12)) return INFLATE_MALFORMED;
            break;
        }
        if (end - at < 2) return INFLATE_MALFORMED;
        size_t distance = (size_t)at[0] | (size_t)at[1] << 8;
        at += 2;
        size_t match = token & 15;
        if (match == 15 && lz4_more_length(&at, end, &match)) return INFLATE_MALFORMED;
        match += 4;
        if (distance == 0 || distance > (size_t)(to - oldest)) return INFLATE_MALFORMED;
        if (match > (size_t)(room_end - to)) return INFLATE_OVERSIZED;
        last_match = to;
        inflate_repeat(to, distance, match);
        to += match;
    }
    sink->used += (size_t)(to - start);
    return INFLATE_OK;
}

static uint32_t inflate_le32(const uint8_t *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline uint32_t xxh32_round(uint32_t state, uint32_t lane) {
    state += lane * 0x85EBCA77u;
    return (state << 13 | state >> 19) * 0x9E3779B1u;
}

/* xxHash32 with seed 0 (the xxHash specification): the checksum of an LZ4 frame's content. */
static uint32_t xxh32(const uint8_t *at, size_t n) {
    uint32_t total = 0x165667B1u, length = (uint32_t)n;
    if (n >= 16) {
        uint32_t a = 0x9E3779B1u + 0x85EBCA77u, b = 0x85EBCA77u, c = 0, d = 0u - 0x9E3779B1u;
        for (; n >= 16; n -= 16, at += 16) {
            a = xxh32_round(a, inflate_le32(at));
            b = xxh32_round(b, inflate_le32(at + 4));
            c = xxh32_round(c, inflate_le32(at + 8));
            d = xxh32_round(d, inflate_le32(at + 12));
        }
        total = (a << 1 | a >> 31) + (b << 7 | b >> 25) + (c << 12 | c >> 20) + (d << 18 | d >> 14);
    }
    total += length;
    for (; n >= 4; n -= 4, at += 4) {
        total += inflate_le32(at) * 0xC2B2AE3Du;
        total = (total << 17 | total >> 15) * 0x27D4EB2Fu;
    }
    for (; n; n--, at++) {
        total += *at * 0x165667B1u;
        total = (total << 11 | total >> 21) * 0x9E3779B1u;
    }
    total = (total ^ total >> 15) * 0x85EBCA77u;
    total = (total ^ total >> 13) * 0xC2B2AE3Du;
    return total ^ total >> 16;
}

enum { LZ4_VERSION_1 = 0x40, LZ4_INDEPENDENT = 0x20, LZ4_CONTENT_CHECKSUM = 4 };

/* One LZ4 frame as Kafka's clients write it: blocks, independent or not, end mark, perhaps a checksum of the content. The
 * header's own checksum is not looked at: old Java clients wrote a wrong one (KAFKA-3160). */
static int lz4_frame(const uint8_t *at, size_t n, inflate_sink *sink) {
    const uint8_t *end = at + n;
    if (n < 7 || inflate_le32(at) != 0x184D2204u) return INFLATE_MALFORMED;
    uint8_t flags = at[4], block_code = at[5] >> 4;
    if ((flags & ~(LZ4_INDEPENDENT | LZ4_CONTENT_CHECKSUM)) != LZ4_VERSION_1) return INFLATE_MALFORMED;
    if (at[5] & 15 || block_code < 4 || block_code > 7) return INFLATE_MALFORMED;
    size_t block_max = (size_t)1 << (2 * block_code + 8), frame_start = sink->used;
    at += 7;
    for (;;) {
        if (end - at < 4) return INFLATE_MALFORMED;
        uint32_t word = inflate_le32(at), size = word & 0x7FFFFFFFu;
        at += 4;
        if (word == 0) break;
        if (size == 0 || size > block_max || size > (size_t)(end - at)) return INFLATE_MALFORMED;
        size_t allowed = sink->limit - sink->used < block_max ? sink->limit - sink->used : block_max;
        int result;
        if (word >> 31) {
            if ((result = inflate_reserve(sink, size))) return result;
            memcpy(sink->bytes + sink->used, at, size);
            sink->used += size;
        } else {
            if ((result = inflate_reserve(sink, allowed))) return result;
            size_t history = flags & LZ4_INDEPENDENT ? 0 : sink->used - frame_start;
            if ((result = lz4_block(at, size, sink, allowed, history))) return result;
        }
        at += size;
    }
    if (flags & LZ4_CONTENT_CHECKSUM) {
        if (end - at < 4 || inflate_le32(at) != xxh32(sink->bytes + frame_start, sink->used - frame_start))
            return INFLATE_MALFORMED;
        at += 4;
    }
    return at == end ? INFLATE_OK : INFLATE_MALFORMED;
}

/* One raw snappy block, which begins with its unpacked size. */
static int snappy_block(const uint8_t *at, size_t n, inflate_sink *sink) {
    const uint8_t *end = at + n;
    uint64_t size = 0;
    for (int shift = 0;; shift += 7) {
        if (at == end || shift > 28) return INFLATE_MALFORMED;
        size |= (uint64_t)(*at & 127) << shift;
        if (*at++ < 128) break;
    }
    if (size > 22 * (uint64_t)n) return INFLATE_MALFORMED; /* the densest element gives 64 bytes for 3 */
    int result = inflate_reserve(sink, (size_t)size);
    if (result) return result;
    uint8_t *start = sink->bytes + sink->used, *to = start, *room_end = start + size;
    while (at < end) {
        uint8_t tag = *at++;
        size_t length = (size_t)(tag >> 2) + 1, distance;
        if ((tag & 3) == 0) {
            if (length > 60) {
                size_t extra = length - 60;
                if (extra > (size_t)(end - at)) return INFLATE_MALFORMED;
                length = 1;
                for (size_t i = 0; i < extra; i++) length += (size_t)at[i] << (8 * i);
                at += extra;
            }
            if (length > (size_t)(end - at) || length > (size_t)(room_end - to)) return INFLATE_MALFORMED;
            memcpy(to, at, length);
            at += length;
            to += length;
            continue;
        }
        size_t extra = (tag & 3) == 3 ? 4 : (size_t)(tag & 3);
        if (extra > (size_t)(end - at)) return INFLATE_MALFORMED;
        if (extra == 1) {
            length = (size_t)(tag >> 2 & 7) + 4;
            distance = (size_t)(tag >> 5) << 8 | at[0];
        } else if (extra == 2) {
            distance = (size_t)at[0] | (size_t)at[1] << 8;
        } else {
            distance = inflate_le32(at);
        }
        at += extra;
        if (distance == 0 || distance > (size_t)(to - start) || length > (size_t)(room_end - to)) return INFLATE_MALFORMED;
        inflate_repeat(to, distance, length);
        to += length;
    }
    if (to != room_end) return INFLATE_MALFORMED;
    sink->used += (size_t)size;
    return INFLATE_OK;
}

/* Snappy in the framing of the xerial library (16 bytes, then blocks with their size in front), or one raw block. */
static int snappy_stream(const uint8_t *at, size_t n, inflate_sink *sink) {
    static const uint8_t xerial[8] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
    if (n < 16 || memcmp(at, xerial, 8) != 0) return snappy_block(at, n, sink);
    const uint8_t *end = at + n;
    at += 16;
    while (at < end) {
        if (end - at < 4) return INFLATE_MALFORMED;
        size_t size = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
        at += 4;
        if (size > (size_t)(end - at)) return INFLATE_MALFORMED;
        int result = snappy_block(at, size, sink);
        if (result) return result;
        at += size;
    }
    return INFLATE_OK;
}

#endif
