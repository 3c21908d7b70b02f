/* The student's network in int8, for batches of texts on one core or one text on two.

   Embeddings are uint8 codes with one scale and one zero per column, weights are int8 codes with
   one scale per column, sums are int32, cell states int16 in units of 2^-11, hidden states codes of
   1/127. Sigmoid, tanh and gelu are pieces of lines and parabolas, from tables. Scales and zeros of
   the embeddings are multiplied into the weights and the bias behind them (see pack.py).

   Every instruction set computes the same integers, and the same floats in the same order, so that
   logits are equal to the last bit on every machine, alone and in any batch. */
#ifndef XTREMEDISTIL_NETWORK_H
#define XTREMEDISTIL_NETWORK_H

#include <stddef.h>
#include <stdint.h>

enum {
    WORD = 4,     /* codes that one instruction multiplies and adds into one sum */
    COLUMNS = 32, /* sums of a block: 8 units of 4 gates (i, f, c, o), or 32 of the projection */
    UNITS = 8,    /* units of a block of the LSTM */
    WORD_BYTES = 128, /* weights of a block for one word of codes: [COLUMNS][WORD] */
    MOST_ROWS = 4,    /* rows of a tile */
    SEGMENTS = 64,    /* of sigmoid and tanh */
    GELU_SEGMENTS = 32,
    PARTIAL_SUMS = 16, /* of the head, added as add_partial_sums does */
};

/* One direction of the LSTM. A gate's sum before its activation is, in units of the state weights,
   rint(input_ratio * sum(x * input_weights)) + bias + sum(h * state_weights), x and h being signed.
 */
typedef struct {
    const int8_t *input_weights; /* [blocks][input_words][COLUMNS][WORD] */
    const int8_t *state_weights; /* [blocks][state_words][COLUMNS][WORD] */
    const float *input_ratio;    /* [blocks][COLUMNS]: from units of the input weights to state's */
    const int32_t *bias;         /* [blocks][COLUMNS] */
    const float *scale;         /* [blocks][COLUMNS]: to 2^-13, of half the argument for sigmoids */
    const int32_t *input_start; /* [blocks][COLUMNS]: where sums of codes begin, see Kernel.zero */
    const int32_t *state_start;
} Direction;

typedef struct {
    int32_t vocabulary, embedding, units, projection, classes, last_state; /* as in the file */
    int32_t input_words, state_words; /* words of a row of the table, and of a direction's states */
    int32_t blocks;                   /* of the LSTM */
    int32_t state_bytes;              /* of a direction's states, in pairs of blocks */
    int32_t projection_blocks;        /* 0: the head reads the states */
    int32_t features;                 /* floats that the head reads, a multiple of PARTIAL_SUMS */
    const uint8_t *table;             /* [vocabulary][embedding], and readable behind */
    Direction direction[2];
    const int8_t *projection_weights; /* [projection_blocks][2 * state_words][COLUMNS][WORD] */
    const int32_t *projection_bias;   /* [projection_blocks][COLUMNS] */
    const float *projection_scale;    /* [projection_blocks][COLUMNS] */
    const int32_t *projection_start;  /* [projection_blocks][COLUMNS] */
    const float *head;                /* [classes][features] */
    const float *head_bias;           /* [classes] */
    /* Of arguments in 2^-13, by their upper six bits: values at 0 of each line, and slopes in
       2^-15. curves[0]: the sigmoid of twice the argument in 2^-14; [1]: tanh in 2^-12; [2]: tanh
       in 2^-13. */
    const int16_t (*curves)[2][SEGMENTS];
    /* The same as bytes, for shuffles: of values and slopes, lower and upper ones. */
    const uint8_t (*curve_bytes)[4][SEGMENTS];
    const float (*gelu)[GELU_SEGMENTS]; /* [3]: coefficients of 1, x and x^2, by floor(4 x) % 32 */
    const struct Kernel *kernel;
    void *memory; /* that all of it lies in */
} Network;

/* Some units of some rows in one step of one direction. Either `inputs`, the rows' codes, is given,
   or `sums`, of one row, which `Kernel.inputs` made of them. */
typedef struct {
    const Network *network;
    const Direction *direction;
    int block, blocks, rows; /* blocks: up to 2, from an even one on; with `sums` up to 4 */
    const uint8_t *const *inputs;
    const int32_t *sums;          /* [all blocks][COLUMNS] */
    const uint8_t *const *states; /* of the step before; NULL in the first */
    uint8_t *const *out;
    int16_t *const *cells; /* [state_bytes] each, in an order of the kernel's own */
} Tile;

/* What an instruction set does. `zero` is the code of 0 in states: 128 where codes are unsigned, as
   VNNI wants them, or 0; the table's codes are changed with it, and the starts of sums make up for
   it. */
typedef struct Kernel {
    const char *name;
    uint8_t zero;
    /* The input's part of the sums, and the bias, of up to 2 blocks; sums of rows lie `step` apart.
     */
    void (*inputs)(const Network *, const Direction *, int block, int blocks, int rows,
                   const uint8_t *const *inputs, int32_t *sums, size_t step);
    void (*step)(const Tile *);
    /* gelu of up to 2 blocks of the projection, of rows whose forward and backward states are
     * given. */
    void (*project)(const Network *, int block, int blocks, int rows, const uint8_t *const *forward,
                    const uint8_t *const *backward, float *features);
    void (*head)(const Network *, int rows, const float *features, float *logits);
} Kernel;

extern const Kernel plain_kernel;
#if defined(__x86_64__) && defined(__GNUC__)
#define XTREMEDISTIL_X86
extern const Kernel avx2_kernel, vnni_kernel;
#endif

/* The kernels that this machine runs, the fastest first, and NULL. */
const Kernel *const *usable_kernels(void);

/* Reads a file of weights, which is copied. NULL and a reason if it is not one, or if memory is
 * short. */
Network *network_open(const void *content, size_t bytes, const Kernel *kernel, const char **reason);
void network_close(Network *network);

/* Texts to be read. */
typedef struct {
    const int32_t *ids;     /* [batch][length] rows of the table */
    const int32_t *lengths; /* [batch] */
    int32_t batch, length;
    const int32_t
        *places; /* [asked] positions in the flat ids; unused where the last state is read */
    int32_t asked;
    float *logits; /* [asked][classes]; where the last state is read, [batch][classes] */
} Texts;

/* The rule that texts break, or NULL. */
const char *texts_fault(const Network *network, const Texts *texts);

/* Bytes that `network_run` works in. */
size_t network_scratch(const Network *network, int32_t batch, int32_t length);

/* Computes the logits of texts without a fault; one text on two threads, if another is free. */
void network_run(const Network *network, const Texts *texts, void *scratch, int threads);

/* Scores of the tags of words, text after text. */
typedef struct {
    const float *scores;  /* [words][tags] */
    const int32_t *edges; /* [texts + 1] ascending: where the words of each text begin, and the last
                             end */
    const int32_t *legal; /* [tags + 1][tags + 1] whether the second of two neighbours may follow
                             the first; the last row and column stand for a text's edge */
    int32_t texts, tags;
} TagScores;

/* Chooses the legal tags with the highest sum of scores, [words]. 0 if memory is short. */
int take_tags(const TagScores *scores, int32_t *tags);

/* Calls part(argument, i) for i = 0 and 1, on two threads if the second one comes in time. */
void run_both(void (*part)(void *argument, int i), void *argument);

/* The next part of a memory that is divided into lines of a cache; NULL of NULL, to measure it. */
enum { LINE = 64 };
static inline void *carve(uint8_t *memory, size_t *used, size_t bytes)
{
    void *here = memory ? memory + *used : NULL;
    *used += (bytes + LINE - 1) / LINE * LINE;
    return here;
}

/* The sum of the head's partial sums, in the order that every kernel keeps. */
static inline float add_partial_sums(const float *s)
{
    float eight[8], four[4];
    for (int i = 0; i < 8; i++)
        eight[i] = s[i] + s[i + 8];
    for (int i = 0; i < 4; i++)
        four[i] = eight[i] + eight[i + 4];
    return (four[0] + four[2]) + (four[1] + four[3]);
}

#endif
