/* The network with AVX-512 VNNI: 64 products in one instruction. */
#include "network.h"

#ifdef XTREMEDISTIL_X86
#ifndef INTRINSICS
#define INTRINSICS <immintrin.h>
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
/* sums += codes * weights. Inline assembly, because gcc 12 copies sums around the intrinsic. */
#define DOT(sums, codes, weights) \
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(codes), "v"(weights))
#define DOT_MEMORY(sums, codes, weights) \
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(codes), "m"(*(const __m512i *)(weights)))
/* Keeps weights in a register, where gcc would read them again for each row. */
#define HOLD(weights) __asm__("" : "+v"(weights))
#endif
#include INTRINSICS
#include <string.h>

#define INLINE static inline __attribute__((always_inline)) TARGET
enum { LANES = 16, HALVES = 2 /* registers of a block: gates i and f, gates c and o */ };

INLINE __m512i load(const void *from)
{
    return _mm512_loadu_si512(from);
}

INLINE __m512i word(const uint8_t *codes)
{
    int32_t four;
    memcpy(&four, codes, sizeof four);
    return _mm512_set1_epi32(four);
}

/* sums[r][2 b + half] += the products of row r and block b, for the numbers of rows and blocks that
   a caller fixes when it is compiled, so that all sums stay in registers. */
INLINE void add_products(int rows, int blocks, const uint8_t *const *codes, int words,
                         const int8_t *weights, size_t block_bytes, __m512i sums[][4 * HALVES])
{
    for (int k = 0; k < words; k++, weights += WORD_BYTES) {
        if (rows == 1) { /* nothing is read twice */
            __m512i v = word(codes[0] + WORD * k);
#pragma GCC unroll 8
            for (int j = 0; j < HALVES * blocks; j++)
                DOT_MEMORY(sums[0][j], v, weights + j / HALVES * block_bytes + j % HALVES * LINE);
            continue;
        }
        __m512i w[4];
#pragma GCC unroll 4
        for (int j = 0; j < HALVES * blocks; j++) {
            w[j] = load(weights + j / HALVES * block_bytes + j % HALVES * LINE);
            HOLD(w[j]);
        }
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
            __m512i v = word(codes[r] + WORD * k);
#pragma GCC unroll 4
            for (int j = 0; j < HALVES * blocks; j++)
                DOT(sums[r][j], v, w[j]);
        }
    }
}

INLINE __m512i rounded(__m512i sums, const float *scale)
{
    return _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_cvtepi32_ps(sums), _mm512_loadu_ps(scale)));
}

INLINE void input_sums(int rows, int blocks, const Network *n, const Direction *d, int block,
                       const uint8_t *const *codes, __m512i sums[][4 * HALVES])
{
    size_t at = (size_t)block * COLUMNS, bytes = (size_t)n->input_words * WORD_BYTES;
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int j = 0; j < HALVES * blocks; j++)
            sums[r][j] = load(d->input_start + at + LANES * j);
    add_products(rows, blocks, codes, n->input_words, d->input_weights + block * bytes, bytes,
                 sums);
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int j = 0; j < HALVES * blocks; j++)
            sums[r][j] = _mm512_add_epi32(rounded(sums[r][j], d->input_ratio + at + LANES * j),
                                          load(d->bias + at + LANES * j));
}

INLINE void inputs_of(int rows, int blocks, const Network *n, const Direction *d, int block,
                      const uint8_t *const *codes, int32_t *out, size_t step)
{
    __m512i sums[MOST_ROWS][4 * HALVES];
    input_sums(rows, blocks, n, d, block, codes, sums);
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int j = 0; j < HALVES * blocks; j++)
            _mm512_storeu_si512(out + r * step + (size_t)block * COLUMNS + LANES * j, sums[r][j]);
}

INLINE __m512i curve(const int16_t table[2][SEGMENTS], __m512i z)
{
    __m512i segment = _mm512_srli_epi16(z, 10);
    __m512i at_zero = _mm512_permutex2var_epi16(load(table[0]), segment, load(table[0] + 32));
    __m512i slope = _mm512_permutex2var_epi16(load(table[1]), segment, load(table[1] + 32));
    return _mm512_adds_epi16(at_zero, _mm512_mulhrs_epi16(slope, z));
}

/* Two gates, before their activations, of the units of two blocks of one row: each 128 bits have
   four units of the first block and four of the second; the first gate fills the lower half. */
INLINE __m512i two_gates(const __m512i *sums, const float *scale, int half, int second)
{
    return _mm512_packs_epi32(
        rounded(sums[half], scale + LANES * half),
        rounded(sums[HALVES * second + half], scale + COLUMNS * second + LANES * half));
}

/* The cell of two pairs of blocks, of one row or of two. A pair without a second block repeats its
   first one; what comes of it lies behind the last unit, where nothing reads it. */
INLINE void cells(const Network *n, const __m512i *sums[2], const float *scale[2], int second[2],
                  int16_t *c[2], uint8_t *out[2])
{
    __m512i first_if = two_gates(sums[0], scale[0], 0, second[0]);
    __m512i first_co = two_gates(sums[0], scale[0], 1, second[0]);
    __m512i other_if = two_gates(sums[1], scale[1], 0, second[1]);
    __m512i other_co = two_gates(sums[1], scale[1], 1, second[1]);
    __m512i i = curve(n->curves[0], _mm512_shuffle_i64x2(first_if, other_if, 0x44));
    __m512i f = curve(n->curves[0], _mm512_shuffle_i64x2(first_if, other_if, 0xEE));
    __m512i new = curve(n->curves[1], _mm512_shuffle_i64x2(first_co, other_co, 0x44));
    __m512i o = curve(n->curves[0], _mm512_shuffle_i64x2(first_co, other_co, 0xEE));
    __m512i now =
        _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)c[0])),
                           _mm256_loadu_si256((const __m256i *)c[1]), 1);
    now = _mm512_adds_epi16(_mm512_mulhrs_epi16(_mm512_adds_epi16(f, f), now),
                            _mm512_mulhrs_epi16(i, new));
    _mm256_storeu_si256((__m256i *)c[0], _mm512_castsi512_si256(now));
    _mm256_storeu_si256((__m256i *)c[1], _mm512_extracti64x4_epi64(now, 1));
    __m512i twice = _mm512_adds_epi16(now, now);
    __m512i tanh = curve(n->curves[2], _mm512_adds_epi16(twice, twice));
    __m512i h = _mm512_mulhrs_epi16(_mm512_mulhrs_epi16(o, tanh), _mm512_set1_epi16(1016));
    __m256i codes =
        _mm256_shuffle_epi32(_mm512_cvtepi16_epi8(h), 0xD8); /* the first block's first */
    codes = _mm256_xor_si256(codes, _mm256_set1_epi8((char)0x80));
    _mm_storeu_si128((__m128i *)out[0], _mm256_castsi256_si128(codes));
    _mm_storeu_si128((__m128i *)out[1], _mm256_extracti128_si256(codes, 1));
}

INLINE void step_of(int rows, int blocks, int from_sums, const Tile *t)
{
    const Network *n = t->network;
    const Direction *d = t->direction;
    size_t at = (size_t)t->block * COLUMNS, bytes = (size_t)n->state_words * WORD_BYTES;
    __m512i sums[MOST_ROWS][4 * HALVES];
    if (!from_sums)
        input_sums(rows, blocks, n, d, t->block, t->inputs, sums);
    else
#pragma GCC unroll 8
        for (int j = 0; j < HALVES * blocks; j++)
            sums[0][j] = load(t->sums + at + LANES * j);
    if (t->states) {
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
            for (int j = 0; j < HALVES * blocks; j++)
                sums[r][j] = _mm512_add_epi32(sums[r][j], load(d->state_start + at + LANES * j));
        add_products(rows, blocks, t->states, n->state_words, d->state_weights + t->block * bytes,
                     bytes, sums);
    }
    /* two rows at once, or two pairs of blocks of the one row; the last one may stand alone */
    int pairs = (blocks + 1) / 2, all = rows * pairs;
#pragma GCC unroll 2
    for (int first = 0; first < all; first += 2) {
        const __m512i *of[2];
        const float *scale[2];
        int second[2];
        int16_t *c[2];
        uint8_t *out[2];
#pragma GCC unroll 2
        for (int i = 0; i < 2; i++) {
            int number = first + i < all ? first + i : first, r = number / pairs,
                pair = number % pairs;
            of[i] = sums[r] + 2 * HALVES * pair;
            scale[i] = d->scale + at + (size_t)2 * COLUMNS * pair;
            second[i] = 2 * pair + 1 < blocks;
            c[i] = t->cells[r] + (t->block + 2 * pair) * UNITS;
            out[i] = t->out[r] + (t->block + 2 * pair) * UNITS;
        }
        cells(n, of, scale, second, c, out);
    }
}

/* gelu of a parabola in each segment. */
INLINE __m512 gelu(const float (*table)[GELU_SEGMENTS], __m512 x)
{
    __m512 inside = _mm512_min_ps(_mm512_max_ps(x, _mm512_set1_ps(-4.0f)), _mm512_set1_ps(3.999f));
    __m512i segment = _mm512_cvt_roundps_epi32(_mm512_mul_ps(inside, _mm512_set1_ps(4.0f)),
                                               _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    __m512 c[3];
#pragma GCC unroll 3
    for (int i = 0; i < 3; i++)
        c[i] = _mm512_permutex2var_ps(_mm512_loadu_ps(table[i]), segment,
                                      _mm512_loadu_ps(table[i] + LANES));
    return _mm512_fmadd_ps(_mm512_fmadd_ps(c[2], x, c[1]), x, c[0]);
}

INLINE void project_of(int rows, int blocks, const Network *n, int block,
                       const uint8_t *const *forward, const uint8_t *const *backward,
                       float *features)
{
    size_t at = (size_t)block * COLUMNS, bytes = (size_t)2 * n->state_words * WORD_BYTES;
    const int8_t *weights = n->projection_weights + block * bytes;
    __m512i sums[MOST_ROWS][4 * HALVES];
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int j = 0; j < HALVES * blocks; j++)
            sums[r][j] = load(n->projection_start + at + LANES * j);
    add_products(rows, blocks, forward, n->state_words, weights, bytes, sums);
    add_products(rows, blocks, backward, n->state_words, weights + bytes / 2, bytes, sums);
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int j = 0; j < HALVES * blocks; j++) {
            __m512 scale = _mm512_loadu_ps(n->projection_scale + at + LANES * j);
            __m512 x = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[r][j]), scale);
            _mm512_storeu_ps(features + (size_t)r * n->features + at + LANES * j, gelu(n->gelu, x));
        }
}

INLINE void head_of(int rows, int classes, const Network *n, const float *features, int class,
                    float *logits)
{
    const float *weights = n->head + (size_t)class * n->features;
    __m512 sums[MOST_ROWS][4];
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int c = 0; c < classes; c++)
            sums[r][c] = _mm512_setzero_ps();
    for (int k = 0; k < n->features; k += LANES) {
        __m512 x[MOST_ROWS];
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++)
            x[r] = _mm512_loadu_ps(features + (size_t)r * n->features + k);
#pragma GCC unroll 4
        for (int c = 0; c < classes; c++) {
            __m512 w = _mm512_loadu_ps(weights + (size_t)c * n->features + k);
#pragma GCC unroll 4
            for (int r = 0; r < rows; r++)
                sums[r][c] = _mm512_fmadd_ps(x[r], w, sums[r][c]);
        }
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int c = 0; c < classes; c++) {
            float partial[PARTIAL_SUMS];
            _mm512_storeu_ps(partial, sums[r][c]);
            logits[(size_t)r * n->classes + class + c] =
                add_partial_sums(partial) + n->head_bias[class + c];
        }
}

/* Calls what is compiled for each number of rows, and of blocks or classes. */
#define FOR_ROWS(rows, call) \
    switch (rows) { \
    case 1: call(1); break; \
    case 2: call(2); break; \
    case 3: call(3); break; \
    default: call(4); \
    }

TARGET static void inputs(const Network *n, const Direction *d, int block, int blocks, int rows,
                          const uint8_t *const *codes, int32_t *sums, size_t step)
{
#define CALL(r) \
    if (blocks == 2) \
        inputs_of(r, 2, n, d, block, codes, sums, step); \
    else \
        inputs_of(r, 1, n, d, block, codes, sums, step)
    FOR_ROWS(rows, CALL)
#undef CALL
}

TARGET static void step(const Tile *t)
{
    if (t->sums) {
        switch (t->blocks) {
        case 1: step_of(1, 1, 1, t); break;
        case 2: step_of(1, 2, 1, t); break;
        case 3: step_of(1, 3, 1, t); break;
        default: step_of(1, 4, 1, t);
        }
        return;
    }
#define CALL(r) \
    if (t->blocks == 2) \
        step_of(r, 2, 0, t); \
    else \
        step_of(r, 1, 0, t)
    FOR_ROWS(t->rows, CALL)
#undef CALL
}

TARGET static void project(const Network *n, int block, int blocks, int rows,
                           const uint8_t *const *forward, const uint8_t *const *backward,
                           float *features)
{
#define CALL(r) \
    if (blocks == 2) \
        project_of(r, 2, n, block, forward, backward, features); \
    else \
        project_of(r, 1, n, block, forward, backward, features)
    FOR_ROWS(rows, CALL)
#undef CALL
}

TARGET static void head(const Network *n, int rows, const float *features, float *logits)
{
    int class = 0;
#define CALL(r) \
    for (; class + 4 <= n->classes; class += 4) \
        head_of(r, 4, n, features, class, logits); \
    for (; class < n->classes; class++) \
    head_of(r, 1, n, features, class, logits)
    FOR_ROWS(rows, CALL)
#undef CALL
}

const Kernel vnni_kernel = {"vnni", 128, inputs, step, project, head};
#endif
