/* The file of weights: a header of sixteen int32 (see Header), then the arrays of `network.h` in
   the order of `lay_out`, each from a multiple of 64 bytes on. pack.py writes it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "network.h"

enum { MAGIC = 0x314E4458 /* "XDN1" in a little-endian file */ };
enum { MOST_OF_FOUR = 255 };         /* weights of half a word and half the next: see avx2.c */
static const int32_t MOST = 1 << 24; /* float32 is exact up to here; sizes and sums stay below */

typedef struct {
    int32_t magic, vocabulary, embedding, units, projection, classes, last_state, unused[9];
} Header;

static int sizes_are_legal(const Header *h)
{
    const int32_t sizes[] = {h->vocabulary, h->embedding, h->units, h->classes};
    for (int i = 0; i < 4; i++)
        if (sizes[i] < 1 || sizes[i] > MOST)
            return 0;
    return h->embedding <= 1 << 16 && h->units <= 1 << 16 && h->classes <= 1 << 16 &&
           h->projection >= 0 && h->projection <= 1 << 16 &&
           (h->last_state == 0 || h->last_state == 1);
}

static void set_sizes(Network *n, const Header *h)
{
    n->vocabulary = h->vocabulary, n->embedding = h->embedding, n->units = h->units;
    n->projection = h->projection, n->classes = h->classes, n->last_state = h->last_state;
    n->input_words = (h->embedding + WORD - 1) / WORD;
    n->state_words = (h->units + WORD - 1) / WORD;
    n->blocks = (h->units + UNITS - 1) / UNITS;
    n->state_bytes = (n->blocks + 1) / 2 * 2 * UNITS;
    n->projection_blocks = (h->projection + COLUMNS - 1) / COLUMNS;
    n->features = n->projection_blocks ? n->projection_blocks * COLUMNS : 2 * n->state_bytes;
}

/* Sets the pointers into `memory`, which may be NULL. Returns the bytes of the file; those of the
   arrays that are not in the file follow in `*all`. */
static size_t lay_out(Network *n, uint8_t *memory, size_t *all)
{
    size_t used = sizeof(Header), columns = (size_t)n->blocks * COLUMNS;
    size_t projected = (size_t)n->projection_blocks * COLUMNS;
    n->table = carve(memory, &used, (size_t)n->vocabulary * n->embedding);
    for (int i = 0; i < 2; i++) {
        Direction *d = &n->direction[i];
        d->input_weights = carve(memory, &used, columns * n->input_words * WORD);
        d->state_weights = carve(memory, &used, columns * n->state_words * WORD);
        d->input_ratio = carve(memory, &used, columns * sizeof(float));
        d->bias = carve(memory, &used, columns * sizeof(int32_t));
        d->scale = carve(memory, &used, columns * sizeof(float));
    }
    n->projection_weights = carve(memory, &used, projected * 2 * n->state_words * WORD);
    n->projection_bias = carve(memory, &used, projected * sizeof(int32_t));
    n->projection_scale = carve(memory, &used, projected * sizeof(float));
    n->head = carve(memory, &used, (size_t)n->classes * n->features * sizeof(float));
    n->head_bias = carve(memory, &used, (size_t)n->classes * sizeof(float));
    n->curves = carve(memory, &used, 3 * 2 * SEGMENTS * sizeof(int16_t));
    n->gelu = carve(memory, &used, 3 * GELU_SEGMENTS * sizeof(float));
    size_t file = used;
    for (int i = 0; i < 2; i++) {
        n->direction[i].input_start = carve(memory, &used, columns * sizeof(int32_t));
        n->direction[i].state_start = carve(memory, &used, columns * sizeof(int32_t));
    }
    n->projection_start = carve(memory, &used, projected * sizeof(int32_t));
    n->curve_bytes = carve(memory, &used, 3 * 4 * SEGMENTS);
    *all = used + LINE; /* rows of the table and states are read in whole words */
    return file;
}

/* Sums of a column's weights, with and without their signs. Weights without a negative, or with
   which the sums of AVX2 might not fit in 16 bits, count as too large for any sum. */
static void column_sums(const int8_t *weights, int words, size_t column, int64_t *sum,
                        int64_t *size)
{
    const int8_t *block = weights + column / COLUMNS * words * WORD_BYTES + column % COLUMNS * WORD;
    int before[2] = {0, 0};
    *sum = *size = 0;
    for (int k = 0; k < words; k++, block += WORD_BYTES)
        for (int half = 0; half < 2; half++) {
            int a = block[2 * half], b = block[2 * half + 1], now = abs(a) + abs(b);
            int fits = a != INT8_MIN && b != INT8_MIN && before[half] + now <= MOST_OF_FOUR;
            *sum += a + b;
            *size += fits ? now : MOST;
            before[half] = now;
        }
}

/* Where sums of codes begin, so that the zero of the kernel's codes is 0; and whether no sum of any
   text leaves the range where all kernels agree. */
static int finish(Network *n)
{
    int64_t sum, size, zero = n->kernel->zero;
    int legal = 1;
    for (int i = 0; i < 2; i++) {
        Direction *d = &n->direction[i];
        for (size_t j = 0; j < (size_t)n->blocks * COLUMNS; j++) {
            column_sums(d->input_weights, n->input_words, j, &sum, &size);
            ((int32_t *)d->input_start)[j] = (int32_t)(-zero * sum);
            double most = 128.0 * size;
            legal &= most <= MOST;
            most = most * d->input_ratio[j] + fabs((double)d->bias[j]);
            column_sums(d->state_weights, n->state_words, j, &sum, &size);
            ((int32_t *)d->state_start)[j] = (int32_t)(-zero * sum);
            most += 128.0 * size;
            /* written so that a NaN is not legal */
            legal &= d->input_ratio[j] >= 0 && most <= MOST && d->scale[j] >= 0 &&
                     most * d->scale[j] < INT32_MAX;
        }
    }
    for (size_t j = 0; j < (size_t)n->projection_blocks * COLUMNS; j++) {
        column_sums(n->projection_weights, 2 * n->state_words, j, &sum, &size);
        ((int32_t *)n->projection_start)[j] = (int32_t)(n->projection_bias[j] - zero * sum);
        legal &= fabs((double)n->projection_bias[j]) + 128.0 * size <= MOST &&
                 isfinite(n->projection_scale[j]);
    }
    for (int i = 0; i < 3 * 2 * SEGMENTS; i++) {
        int c = i / (2 * SEGMENTS), which = i / SEGMENTS % 2, segment = i % SEGMENTS;
        uint8_t (*bytes)[SEGMENTS] = (uint8_t (*)[SEGMENTS])n->curve_bytes[c];
        uint16_t value = (uint16_t)n->curves[c][which][segment];
        bytes[2 * which][segment] = (uint8_t)value;
        bytes[2 * which + 1][segment] = (uint8_t)(value >> 8);
    }
    return legal;
}

Network *network_open(const void *content, size_t bytes, const Kernel *kernel, const char **reason)
{
    Header header;
    Network sizes = {0};
    size_t all;
    *reason = "the header is not one";
    if (bytes < sizeof header)
        return NULL;
    memcpy(&header, content, sizeof header);
    if (header.magic != MAGIC || !sizes_are_legal(&header))
        return NULL;
    set_sizes(&sizes, &header);
    *reason = "the file is not as long as its header says";
    if (lay_out(&sizes, NULL, &all) != bytes)
        return NULL;
    *reason = "memory is short";
    Network *n = malloc(sizeof *n);
    uint8_t *memory = aligned_alloc(LINE, all);
    if (!n || !memory) {
        free(n);
        free(memory);
        return NULL;
    }
    *n = sizes;
    n->kernel = kernel;
    n->memory = memory;
    memcpy(memory, content, bytes);
    memset(memory + bytes, 0, all - bytes);
    lay_out(n, memory, &all);
    if (!kernel->zero) /* the file's codes are unsigned */
        for (size_t i = 0; i < (size_t)n->vocabulary * n->embedding; i++)
            ((uint8_t *)n->table)[i] ^= 0x80;
    if (!finish(n)) {
        *reason = "sums may leave the range of exact numbers";
        network_close(n);
        return NULL;
    }
    return n;
}

void network_close(Network *network)
{
    free(network->memory);
    free(network);
}
