/* The network in plain C: what the other kernels must equal to the last bit. */
#include <math.h>
#include <string.h>

#include "network.h"

static int32_t saturated(int32_t v)
{
    return v > INT16_MAX ? INT16_MAX : v < INT16_MIN ? INT16_MIN : v;
}

/* The product of two numbers in 2^-15, rounded: vpmulhrsw. */
static int32_t times(int32_t a, int32_t b)
{
    return (a * b + (1 << 14)) >> 15;
}

static int32_t rounded(int32_t sum, float scale)
{
    return (int32_t)lrintf((float)sum * scale);
}

static int32_t curve(const int16_t table[2][SEGMENTS], int32_t z)
{
    int segment = (z >> 10) & (SEGMENTS - 1);
    return saturated(table[0][segment] + times(table[1][segment], z));
}

/* Adds the products of `words` words of codes and a block's weights to its sums. */
static void add_products(const uint8_t *codes, int words, const int8_t *weights, int32_t *sums)
{
    for (int k = 0; k < words; k++)
        for (int j = 0; j < COLUMNS; j++)
            for (int i = 0; i < WORD; i++)
                sums[j] +=
                    (int8_t)codes[WORD * k + i] * weights[(size_t)WORD_BYTES * k + WORD * j + i];
}

static void input_sums(const Network *n, const Direction *d, int block, const uint8_t *codes,
                       int32_t *sums)
{
    size_t at = (size_t)block * COLUMNS;
    memcpy(sums, d->input_start + at, COLUMNS * sizeof *sums);
    add_products(codes, n->input_words,
                 d->input_weights + (size_t)block * n->input_words * WORD_BYTES, sums);
    for (int j = 0; j < COLUMNS; j++)
        sums[j] = rounded(sums[j], d->input_ratio[at + j]) + d->bias[at + j];
}

static void inputs(const Network *n, const Direction *d, int block, int blocks, int rows,
                   const uint8_t *const *codes, int32_t *sums, size_t step)
{
    for (int b = block; b < block + blocks; b++)
        for (int r = 0; r < rows; r++)
            input_sums(n, d, b, codes[r], sums + r * step + (size_t)b * COLUMNS);
}

static void cell(const Network *n, const int32_t *sums, const float *scale, int16_t *c,
                 uint8_t *out)
{
    for (int u = 0; u < UNITS; u++) {
        int32_t z[4];
        for (int g = 0; g < 4; g++)
            z[g] = saturated(rounded(sums[UNITS * g + u], scale[UNITS * g + u]));
        int32_t i = curve(n->curves[0], z[0]), f = curve(n->curves[0], z[1]);
        int32_t new = curve(n->curves[1], z[2]), o = curve(n->curves[0], z[3]);
        int32_t now = saturated(times(saturated(f + f), c[u]) + times(i, new));
        c[u] = (int16_t)now;
        /* 1016 / 2^15 = 127 / 2^12: o in 2^-14 times tanh in 2^-13 leaves 2^-12 */
        out[u] = (uint8_t)times(times(o, curve(n->curves[2], saturated(4 * now))), 1016);
    }
}

static void step(const Tile *t)
{
    const Network *n = t->network;
    const Direction *d = t->direction;
    for (int b = t->block; b < t->block + t->blocks; b++)
        for (int r = 0; r < t->rows; r++) {
            int32_t sums[COLUMNS];
            if (t->sums)
                memcpy(sums, t->sums + (size_t)b * COLUMNS, sizeof sums);
            else
                input_sums(n, d, b, t->inputs[r], sums);
            if (t->states)
                add_products(t->states[r], n->state_words,
                             d->state_weights + (size_t)b * n->state_words * WORD_BYTES, sums);
            cell(n, sums, d->scale + (size_t)b * COLUMNS, t->cells[r] + (size_t)b * UNITS,
                 t->out[r] + (size_t)b * UNITS);
        }
}

static float gelu(const float (*table)[GELU_SEGMENTS], float x)
{
    float inside = x < -4.0f ? -4.0f : x > 3.999f ? 3.999f : x;
    int segment = (int)floorf(inside * 4) & (GELU_SEGMENTS - 1);
    return fmaf(fmaf(table[2][segment], x, table[1][segment]), x, table[0][segment]);
}

static void project(const Network *n, int block, int blocks, int rows,
                    const uint8_t *const *forward, const uint8_t *const *backward, float *features)
{
    for (int b = block; b < block + blocks; b++)
        for (int r = 0; r < rows; r++) {
            const int8_t *weights =
                n->projection_weights + (size_t)b * 2 * n->state_words * WORD_BYTES;
            size_t at = (size_t)b * COLUMNS;
            int32_t sums[COLUMNS];
            memcpy(sums, n->projection_start + at, sizeof sums);
            add_products(forward[r], n->state_words, weights, sums);
            add_products(backward[r], n->state_words, weights + (size_t)n->state_words * WORD_BYTES,
                         sums);
            for (int j = 0; j < COLUMNS; j++)
                features[(size_t)r * n->features + at + j] =
                    gelu(n->gelu, (float)sums[j] * n->projection_scale[at + j]);
        }
}

static void head(const Network *n, int rows, const float *features, float *logits)
{
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < n->classes; c++) {
            const float *row = features + (size_t)r * n->features,
                        *weights = n->head + (size_t)c * n->features;
            float sums[PARTIAL_SUMS] = {0};
            for (int k = 0; k < n->features; k += PARTIAL_SUMS)
                for (int j = 0; j < PARTIAL_SUMS; j++)
                    sums[j] = fmaf(row[k + j], weights[k + j], sums[j]);
            logits[(size_t)r * n->classes + c] = add_partial_sums(sums) + n->head_bias[c];
        }
}

const Kernel plain_kernel = {"plain", 0, inputs, step, project, head};
