/* The network with AVX2. Products of 8-bit codes are added in 16 bits, first two neighbours, then
   those of two words: 128 times the sum of four weights, which pack.py keeps below 256. One of the
   codes has to be unsigned, so the signs of inputs and states move to the weights. */
#include "network.h"

#ifdef XTREMEDISTIL_X86
#include <immintrin.h>
#include <string.h>

#define TARGET __attribute__((target("avx2,fma")))
#define INLINE static inline __attribute__((always_inline)) TARGET
enum { LANES = 8, GATES = 4 };

INLINE __m256i load(const void *from)
{
    return _mm256_loadu_si256((const __m256i *)from);
}

/* Codes of four inputs, the same ones in every lane. */
typedef struct {
    __m256i sign, size;
} Codes;

INLINE Codes word(const uint8_t *codes)
{
    int32_t four;
    memcpy(&four, codes, sizeof four);
    __m256i all = _mm256_set1_epi32(four);
    return (Codes){all, _mm256_abs_epi8(all)};
}

/* sums += |codes| * (weights with the codes' signs), for one word of codes or for two. Inline
   assembly, because gcc 12 moves the sums to memory and back around the intrinsics. */
INLINE void dot(__m256i *sums, Codes x, const int8_t *weights, __m256i ones)
{
    __m256i products;
    __asm__("vmovdqu %[w], %[p]\n\t"
            "vpsignb %[sign], %[p], %[p]\n\t"
            "vpmaddubsw %[p], %[size], %[p]\n\t"
            "vpmaddwd %[ones], %[p], %[p]\n\t"
            "vpaddd %[p], %[sums], %[sums]"
            : [sums] "+x"(*sums), [p] "=&x"(products)
            : [size] "x"(x.size), [sign] "x"(x.sign), [w] "m"(*(const __m256i *)weights),
              [ones] "x"(ones));
}

INLINE void dot_two(__m256i *sums, Codes x, Codes y, const int8_t *weights, __m256i ones)
{
    __m256i p, q;
    __asm__("vmovdqu %[v], %[p]\n\t"
            "vpsignb %[sign_x], %[p], %[p]\n\t"
            "vpmaddubsw %[p], %[size_x], %[p]\n\t"
            "vmovdqu %[w], %[q]\n\t"
            "vpsignb %[sign_y], %[q], %[q]\n\t"
            "vpmaddubsw %[q], %[size_y], %[q]\n\t"
            "vpaddw %[q], %[p], %[p]\n\t"
            "vpmaddwd %[ones], %[p], %[p]\n\t"
            "vpaddd %[p], %[sums], %[sums]"
            : [sums] "+x"(*sums), [p] "=&x"(p), [q] "=&x"(q)
            : [size_x] "x"(x.size), [sign_x] "x"(x.sign), [size_y] "x"(y.size),
              [sign_y] "x"(y.sign), [v] "m"(*(const __m256i *)weights),
              [w] "m"(*(const __m256i *)(weights + WORD_BYTES)), [ones] "x"(ones));
}

/* sums[r][4 b + g] += the products of row r and a quarter of block b: one row of up to two blocks,
   or two rows of one block, so that all sums stay in registers. */
INLINE void add_products(int rows, int blocks, const uint8_t *const *codes, int words,
                         const int8_t *weights, size_t block_bytes, __m256i sums[][2 * GATES])
{
    const __m256i ones = _mm256_set1_epi16(1);
    int k = 0;
    for (; k + 2 <= words; k += 2, weights += 2 * WORD_BYTES)
#pragma GCC unroll 2
        for (int r = 0; r < rows; r++) {
            Codes x = word(codes[r] + WORD * k), y = word(codes[r] + WORD * (k + 1));
#pragma GCC unroll 8
            for (int j = 0; j < GATES * blocks; j++)
                dot_two(&sums[r][j], x, y, weights + j / GATES * block_bytes + j % GATES * 32,
                        ones);
        }
    if (k < words)
#pragma GCC unroll 2
        for (int r = 0; r < rows; r++) {
            Codes x = word(codes[r] + WORD * k);
#pragma GCC unroll 8
            for (int j = 0; j < GATES * blocks; j++)
                dot(&sums[r][j], x, weights + j / GATES * block_bytes + j % GATES * 32, ones);
        }
}

INLINE __m256i rounded(__m256i sums, const float *scale)
{
    return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(sums), _mm256_loadu_ps(scale)));
}

INLINE void input_sums(int rows, int blocks, const Network *n, const Direction *d, int block,
                       const uint8_t *const *codes, __m256i sums[][2 * GATES])
{
    size_t at = (size_t)block * COLUMNS, bytes = (size_t)n->input_words * WORD_BYTES;
#pragma GCC unroll 2
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
        for (int j = 0; j < GATES * blocks; j++)
            sums[r][j] = _mm256_setzero_si256();
    add_products(rows, blocks, codes, n->input_words, d->input_weights + block * bytes, bytes,
                 sums);
#pragma GCC unroll 2
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
        for (int j = 0; j < GATES * blocks; j++)
            sums[r][j] = _mm256_add_epi32(rounded(sums[r][j], d->input_ratio + at + LANES * j),
                                          load(d->bias + at + LANES * j));
}

INLINE void inputs_of(int rows, const Network *n, const Direction *d, int block,
                      const uint8_t *const *codes, int32_t *out, size_t step)
{
    __m256i sums[2][2 * GATES];
    input_sums(rows, 1, n, d, block, codes, sums);
#pragma GCC unroll 2
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int g = 0; g < GATES; g++)
            _mm256_storeu_si256((__m256i *)(out + r * step + (size_t)block * COLUMNS + LANES * g),
                                sums[r][g]);
}

/* The values of a curve at twice sixteen arguments. A table of bytes is looked up sixteen entries
   at a time: a shuffle gives 0 where the upper bit of an index is set, as it is in all but one
   quarter. */
INLINE void curve(const uint8_t bytes[4][SEGMENTS], __m256i *a, __m256i *b)
{
    __m256i segments = _mm256_packus_epi16(_mm256_srli_epi16(*a, 10), _mm256_srli_epi16(*b, 10));
    __m256i found[4];
#pragma GCC unroll 4
    for (int quarter = 0; quarter < 4; quarter++) {
        __m256i index = _mm256_xor_si256(segments, _mm256_set1_epi8((char)(16 * quarter)));
        index = _mm256_add_epi8(index, _mm256_set1_epi8(0x70));
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            __m128i part = _mm_loadu_si128((const __m128i *)(bytes[i] + 16 * quarter));
            __m256i some = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(part), index);
            found[i] = quarter ? _mm256_or_si256(found[i], some) : some;
        }
    }
    __m256i slope_a = _mm256_unpacklo_epi8(found[2], found[3]);
    __m256i slope_b = _mm256_unpackhi_epi8(found[2], found[3]);
    *a = _mm256_adds_epi16(_mm256_unpacklo_epi8(found[0], found[1]),
                           _mm256_mulhrs_epi16(slope_a, *a));
    *b = _mm256_adds_epi16(_mm256_unpackhi_epi8(found[0], found[1]),
                           _mm256_mulhrs_epi16(slope_b, *b));
}

/* The gates of a pair of blocks of a row: each 128 bits have four units of the first block and four
   of the second; and where the row's cells and states go. */
typedef struct {
    __m256i gates[GATES];
    int16_t *cells;
    uint8_t *out;
} Pair;

INLINE void cells(const Network *n, Pair *a, Pair *b)
{
    static const int curves[GATES] = {0, 0, 1, 0};
#pragma GCC unroll 4
    for (int g = 0; g < GATES; g++)
        curve(n->curve_bytes[curves[g]], &a->gates[g], &b->gates[g]);
    Pair *both[2] = {a, b};
    __m256i now[2], tanh[2];
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        __m256i f = both[i]->gates[1];
        __m256i kept = _mm256_mulhrs_epi16(_mm256_adds_epi16(f, f), load(both[i]->cells));
        now[i] = _mm256_adds_epi16(kept, _mm256_mulhrs_epi16(both[i]->gates[0], both[i]->gates[2]));
        __m256i twice = _mm256_adds_epi16(now[i], now[i]);
        tanh[i] = _mm256_adds_epi16(twice, twice);
    }
    curve(n->curve_bytes[2], &tanh[0], &tanh[1]);
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        __m256i h = _mm256_mulhrs_epi16(both[i]->gates[3], tanh[i]);
        h = _mm256_mulhrs_epi16(h, _mm256_set1_epi16(1016));
        _mm256_storeu_si256((__m256i *)both[i]->cells, now[i]);
        __m128i codes = _mm_packs_epi16(_mm256_castsi256_si128(h), _mm256_extracti128_si256(h, 1));
        _mm_storeu_si128((__m128i *)both[i]->out, _mm_shuffle_epi32(codes, 0xD8));
    }
}

/* The gates of a row's block before their activations, from its sums. */
INLINE void set_gates(const Direction *d, int block, const __m256i *sums, __m256i gates[GATES])
{
#pragma GCC unroll 4
    for (int g = 0; g < GATES; g++)
        gates[g] = rounded(sums[g], d->scale + (size_t)block * COLUMNS + LANES * g);
}

/* The gates of one block of one or two rows. */
INLINE void gates_of(int rows, const Tile *t, int row, int block, __m256i gates[2][GATES])
{
    const Direction *d = t->direction;
    int words = t->network->state_words;
    __m256i sums[2][2 * GATES];
    input_sums(rows, 1, t->network, d, block, t->inputs + row, sums);
    if (t->states)
        add_products(rows, 1, t->states + row, words,
                     d->state_weights + (size_t)block * words * WORD_BYTES, 0, sums);
#pragma GCC unroll 2
    for (int r = 0; r < rows; r++)
        set_gates(d, block, sums[r], gates[r]);
}

/* A pair of blocks of a row. One without a second block repeats its first one; what comes of it
   lies behind the last unit, where nothing reads it. */
INLINE void set_pair(Pair *pair, const Tile *t, int row, int block, const __m256i first[GATES],
                     const __m256i second[GATES])
{
#pragma GCC unroll 4
    for (int g = 0; g < GATES; g++)
        pair->gates[g] = _mm256_packs_epi32(first[g], second[g]);
    pair->cells = t->cells[row] + block * UNITS;
    pair->out = t->out[row] + block * UNITS;
}

/* One or two rows of a pair of blocks. */
INLINE void rows_of(int rows, const Tile *t, int row)
{
    __m256i gates[2][2][GATES]; /* [block][row] */
    Pair pairs[2];
    gates_of(rows, t, row, t->block, gates[0]);
    if (t->blocks == 2)
        gates_of(rows, t, row, t->block + 1, gates[1]);
    for (int r = 0; r < 2; r++)
        set_pair(&pairs[r], t, row + r % rows, t->block, gates[0][r % rows],
                 gates[t->blocks - 1][r % rows]);
    cells(t->network, &pairs[0], &pairs[1]);
}

/* One or two blocks of the one row whose inputs are in its sums. */
INLINE void one_row(int blocks, const Tile *t, int block, Pair *pair)
{
    const Direction *d = t->direction;
    size_t bytes = (size_t)t->network->state_words * WORD_BYTES;
    __m256i sums[1][2 * GATES], gates[2][GATES];
#pragma GCC unroll 8
    for (int j = 0; j < GATES * blocks; j++)
        sums[0][j] = load(t->sums + (size_t)block * COLUMNS + LANES * j);
    if (t->states)
        add_products(1, blocks, t->states, t->network->state_words,
                     d->state_weights + block * bytes, bytes, sums);
#pragma GCC unroll 2
    for (int b = 0; b < blocks; b++)
        set_gates(d, block + b, sums[0] + GATES * b, gates[b]);
    set_pair(pair, t, 0, block, gates[0], gates[blocks - 1]);
}

TARGET static void step(const Tile *t)
{
    if (t->sums) {
        Pair pairs[2];
        for (int i = 0; i < 2; i++) {
            int left = t->blocks - 2 * i;
            if (left >= 2)
                one_row(2, t, t->block + 2 * i, &pairs[i]);
            else if (left == 1)
                one_row(1, t, t->block + 2 * i, &pairs[i]);
            else
                pairs[i] = pairs[0];
        }
        cells(t->network, &pairs[0], &pairs[1]);
        return;
    }
    int r = 0;
    for (; r + 2 <= t->rows; r += 2)
        rows_of(2, t, r);
    if (r < t->rows)
        rows_of(1, t, r);
}

TARGET static void inputs(const Network *n, const Direction *d, int block, int blocks, int rows,
                          const uint8_t *const *codes, int32_t *sums, size_t step)
{
    for (int b = block; b < block + blocks; b++) {
        int r = 0;
        for (; r + 2 <= rows; r += 2)
            inputs_of(2, n, d, b, codes + r, sums + r * step, step);
        if (r < rows)
            inputs_of(1, n, d, b, codes + r, sums + r * step, step);
    }
}

INLINE __m256 gelu(const float (*table)[GELU_SEGMENTS], __m256 x)
{
    __m256 inside = _mm256_min_ps(_mm256_max_ps(x, _mm256_set1_ps(-4.0f)), _mm256_set1_ps(3.999f));
    __m256 quarters = _mm256_floor_ps(_mm256_mul_ps(inside, _mm256_set1_ps(4.0f)));
    __m256i segment = _mm256_cvtps_epi32(quarters); /* modulo 32 */
    __m256 c[3], odd = _mm256_castsi256_ps(_mm256_slli_epi32(segment, 28));
    __m256 upper = _mm256_castsi256_ps(_mm256_slli_epi32(segment, 27));
#pragma GCC unroll 3
    for (int i = 0; i < 3; i++) { /* eight entries at a time, by the lower three bits */
        __m256 found[4];
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++)
            found[j] = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table[i] + LANES * j), segment);
        c[i] = _mm256_blendv_ps(_mm256_blendv_ps(found[0], found[1], odd),
                                _mm256_blendv_ps(found[2], found[3], odd), upper);
    }
    return _mm256_fmadd_ps(_mm256_fmadd_ps(c[2], x, c[1]), x, c[0]);
}

INLINE void project_of(int rows, const Network *n, int block, const uint8_t *const *forward,
                       const uint8_t *const *backward, float *features)
{
    size_t at = (size_t)block * COLUMNS, bytes = (size_t)2 * n->state_words * WORD_BYTES;
    const int8_t *weights = n->projection_weights + block * bytes;
    __m256i sums[2][2 * GATES];
#pragma GCC unroll 2
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int j = 0; j < GATES; j++)
            sums[r][j] = load(n->projection_start + at + LANES * j);
    add_products(rows, 1, forward, n->state_words, weights, bytes, sums);
    add_products(rows, 1, backward, n->state_words, weights + bytes / 2, bytes, sums);
#pragma GCC unroll 2
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int j = 0; j < GATES; j++) {
            __m256 scale = _mm256_loadu_ps(n->projection_scale + at + LANES * j);
            __m256 x = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[r][j]), scale);
            _mm256_storeu_ps(features + (size_t)r * n->features + at + LANES * j, gelu(n->gelu, x));
        }
}

TARGET static void project(const Network *n, int block, int blocks, int rows,
                           const uint8_t *const *forward, const uint8_t *const *backward,
                           float *features)
{
    for (int b = block; b < block + blocks; b++) {
        int r = 0;
        for (; r + 2 <= rows; r += 2)
            project_of(2, n, b, forward + r, backward + r, features + (size_t)r * n->features);
        if (r < rows)
            project_of(1, n, b, forward + r, backward + r, features + (size_t)r * n->features);
    }
}

INLINE void head_of(int rows, int classes, const Network *n, const float *features, int class,
                    float *logits)
{
    const float *weights = n->head + (size_t)class * n->features;
    __m256 sums[2][2][2]; /* [row][class][half of the partial sums] */
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++)
        sums[i / 4][i / 2 % 2][i % 2] = _mm256_setzero_ps();
    for (int k = 0; k < n->features; k += PARTIAL_SUMS)
#pragma GCC unroll 8
        for (int i = 0; i < 2 * rows * classes; i++) {
            int half = i % 2, c = i / 2 % classes, r = i / 2 / classes;
            __m256 x = _mm256_loadu_ps(features + (size_t)r * n->features + k + LANES * half);
            __m256 w = _mm256_loadu_ps(weights + (size_t)c * n->features + k + LANES * half);
            sums[r][c][half] = _mm256_fmadd_ps(x, w, sums[r][c][half]);
        }
#pragma GCC unroll 4
    for (int i = 0; i < rows * classes; i++) {
        int c = i % classes, r = i / classes;
        float partial[PARTIAL_SUMS];
        _mm256_storeu_ps(partial, sums[r][c][0]);
        _mm256_storeu_ps(partial + LANES, sums[r][c][1]);
        logits[(size_t)r * n->classes + class + c] =
            add_partial_sums(partial) + n->head_bias[class + c];
    }
}

TARGET static void head(const Network *n, int rows, const float *features, float *logits)
{
    for (int r = 0; r < rows; r += 2) {
        const float *here = features + (size_t)r * n->features;
        float *out = logits + (size_t)r * n->classes;
        int class = 0, two = r + 1 < rows;
        for (; class + 2 <= n->classes; class += 2)
            if (two)
                head_of(2, 2, n, here, class, out);
            else
                head_of(1, 2, n, here, class, out);
        if (class < n->classes && two)
            head_of(2, 1, n, here, class, out);
        else if (class < n->classes)
            head_of(1, 1, n, here, class, out);
    }
}

const Kernel avx2_kernel = {"avx2", 0, inputs, step, project, head};
#endif
