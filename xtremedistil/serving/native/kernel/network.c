/* Runs a network, whatever the instruction set: which rows, which steps, where states lie. */
#include <string.h>

#include "network.h"

enum {
    CHUNK = 16, /* steps of one text whose inputs are multiplied at once: their sums stay in the
                   cache */
    PANEL = 48, /* rows whose features are held at once */
};

/* Where everything lies that changes; arrays with [2] have one part for each thread. */
typedef struct {
    const Network *network;
    const Texts *texts;
    uint8_t *states; /* [batch][length][2 directions][state_bytes] */
    int16_t *cells;  /* [2][batch][state_bytes] */
    int32_t *steps;  /* [2 directions][batch]: steps until the last state that is asked for */
    int32_t *order;  /* [batch]: texts, those with most steps first */
    int32_t *count;  /* [length + 2] */
    const uint8_t **inputs, **before; /* [max(batch, 2 CHUNK)] */
    uint8_t **out;                    /* [batch] */
    int16_t **cell_of;                /* [batch] */
    int32_t *sums;                    /* [2][CHUNK][blocks][COLUMNS] */
    float *features;                  /* [2][PANEL][features] */
} Work;

/* Divides `memory`, whose lines are aligned, or NULL, into the parts; returns the bytes. */
static size_t divide(Work *w, const Network *n, size_t batch, size_t length, uint8_t *memory)
{
    size_t used = 0;
    size_t rows = batch > 2 * CHUNK ? batch : 2 * CHUNK;
    w->states = carve(memory, &used, batch * length * 2 * n->state_bytes + LINE);
    w->cells = carve(memory, &used, 2 * batch * n->state_bytes * sizeof *w->cells);
    w->steps = carve(memory, &used, 2 * batch * sizeof *w->steps);
    w->order = carve(memory, &used, batch * sizeof *w->order);
    w->count = carve(memory, &used, (length + 2) * sizeof *w->count);
    w->inputs = carve(memory, &used, rows * sizeof *w->inputs);
    w->before = carve(memory, &used, rows * sizeof *w->before);
    w->out = carve(memory, &used, batch * sizeof *w->out);
    w->cell_of = carve(memory, &used, batch * sizeof *w->cell_of);
    w->sums = carve(memory, &used, (size_t)2 * CHUNK * n->blocks * COLUMNS * sizeof *w->sums);
    w->features = carve(memory, &used, (size_t)2 * PANEL * n->features * sizeof *w->features);
    return used;
}

size_t network_scratch(const Network *network, int32_t batch, int32_t length)
{
    Work unused;
    return divide(&unused, network, (size_t)batch, (size_t)length, NULL);
}

const char *texts_fault(const Network *network, const Texts *t)
{
    for (int32_t i = 0; i < t->batch; i++)
        if (t->lengths[i] < 1 || t->lengths[i] > t->length)
            return "a text has from one piece to as many as the batch is long";
    for (size_t i = 0; i < (size_t)t->batch * t->length; i++)
        if (t->ids[i] < 0 || t->ids[i] >= network->vocabulary)
            return "ids are rows of the table";
    for (int32_t i = 0; i < t->asked; i++)
        if (t->places[i] < 0 || t->places[i] / t->length >= t->batch ||
            t->places[i] % t->length >= t->lengths[t->places[i] / t->length])
            return "places are those of pieces, not of padding";
    return NULL;
}

static uint8_t *state_of(const Work *w, size_t place, int direction)
{
    return w->states + (place * 2 + direction) * w->network->state_bytes;
}

static const uint8_t *row_of(const Work *w, size_t place)
{
    return w->network->table + (size_t)w->texts->ids[place] * w->network->embedding;
}

/* The forward direction ends at the last place asked for, the backward one at the first. */
static void set_steps(const Work *w)
{
    const Texts *t = w->texts;
    int32_t *forward = w->steps, *backward = w->steps + t->batch;
    for (int32_t i = 0; i < t->batch; i++)
        forward[i] = backward[i] = w->network->last_state ? t->lengths[i] : 0;
    for (int32_t a = 0; a < t->asked && !w->network->last_state; a++) {
        int32_t text = t->places[a] / t->length, at = t->places[a] % t->length;
        if (forward[text] < at + 1)
            forward[text] = at + 1;
        if (backward[text] < t->lengths[text] - at)
            backward[text] = t->lengths[text] - at;
    }
}

/* Sorts texts by their steps, so that those that are over are the last ones. */
static void set_order(const Work *w, const int32_t *steps)
{
    const Texts *t = w->texts;
    memset(w->count, 0, ((size_t)t->length + 2) * sizeof *w->count);
    for (int32_t i = 0; i < t->batch; i++)
        w->count[t->length - steps[i] + 1]++;
    for (int32_t i = 0; i <= t->length; i++)
        w->count[i + 1] += w->count[i];
    for (int32_t i = 0; i < t->batch; i++)
        w->order[w->count[t->length - steps[i]]++] = i;
}

/* One direction of many texts: in each step, rows of four share every weight that is read. */
static void read_many(const Work *w, int direction)
{
    const Network *n = w->network;
    const Texts *t = w->texts;
    const int32_t *steps = w->steps + (size_t)direction * t->batch;
    int live = t->batch;
    set_order(w, steps);
    memset(w->cells, 0, (size_t)t->batch * n->state_bytes * sizeof *w->cells);
    for (int r = 0; r < live; r++)
        w->cell_of[r] = w->cells + (size_t)r * n->state_bytes;
    for (int32_t s = 0;; s++) {
        while (live && steps[w->order[live - 1]] <= s)
            live--;
        if (!live)
            return;
        for (int r = 0; r < live; r++) {
            int32_t text = w->order[r];
            size_t place = (size_t)text * t->length + (direction ? t->lengths[text] - 1 - s : s);
            w->inputs[r] = row_of(w, place);
            w->out[r] = state_of(w, place, direction);
            if (s)
                w->before[r] = state_of(w, direction ? place + 1 : place - 1, direction);
        }
        for (int b = 0; b < n->blocks; b += 2)
            for (int r = 0; r < live; r += MOST_ROWS) {
                Tile tile = {n,
                             &n->direction[direction],
                             b,
                             n->blocks - b < 2 ? 1 : 2,
                             live - r < MOST_ROWS ? live - r : MOST_ROWS,
                             w->inputs + r,
                             NULL,
                             s ? w->before + r : NULL,
                             w->out + r,
                             w->cell_of + r};
                n->kernel->step(&tile);
            }
    }
}

/* One direction of one text. The inputs of some steps are multiplied together; what is left of a
   step is bound by reading the state's weights, so every other step reads them from the end, where
   the last ones are still in the nearest cache. */
static void read_one(void *argument, int direction)
{
    const Work *w = argument;
    const Network *n = w->network;
    const Direction *d = &n->direction[direction];
    int32_t steps = w->steps[direction], length = w->texts->lengths[0];
    int32_t *sums = w->sums + (size_t)direction * CHUNK * n->blocks * COLUMNS;
    const uint8_t **inputs = w->inputs + direction * CHUNK;
    int16_t *cell = w->cells + (size_t)direction * n->state_bytes;
    size_t row = (size_t)n->blocks * COLUMNS;
    const uint8_t *before = NULL;
    int parts = (n->blocks + MOST_ROWS - 1) / MOST_ROWS;
    memset(cell, 0, n->state_bytes * sizeof *cell);
    for (int32_t first = 0; first < steps; first += CHUNK) {
        int many = steps - first < CHUNK ? steps - first : CHUNK;
        for (int i = 0; i < many; i++)
            inputs[i] = row_of(w, direction ? length - 1 - first - i : first + i);
        for (int b = 0; b < n->blocks; b += 2)
            for (int i = 0; i < many; i += MOST_ROWS)
                n->kernel->inputs(n, d, b, n->blocks - b < 2 ? 1 : 2,
                                  many - i < MOST_ROWS ? many - i : MOST_ROWS, inputs + i,
                                  sums + i * row, row);
        for (int i = 0; i < many; i++) {
            int32_t s = first + i;
            uint8_t *out = state_of(w, direction ? length - 1 - s : s, direction);
            for (int p = 0; p < parts; p++) {
                int b = (s % 2 ? parts - 1 - p : p) * MOST_ROWS;
                Tile tile = {n,
                             d,
                             b,
                             n->blocks - b < MOST_ROWS ? n->blocks - b : MOST_ROWS,
                             1,
                             NULL,
                             sums + i * row,
                             before ? &before : NULL,
                             &out,
                             &cell};
                n->kernel->step(&tile);
            }
            before = out;
        }
    }
}

/* States as the head reads them; the units that fill up a block are 0. */
static void states_as_features(const Network *n, const uint8_t *forward, const uint8_t *backward,
                               float *features)
{
    for (int i = 0; i < n->state_bytes; i++) {
        int real = i < n->units, zero = n->kernel->zero;
        features[i] = real ? (float)(int8_t)(forward[i] - zero) : 0;
        features[n->state_bytes + i] = real ? (float)(int8_t)(backward[i] - zero) : 0;
    }
}

/* Logits of some of the rows asked for. */
static void answer(const Work *w, int32_t from, int32_t to, float *features)
{
    const Network *n = w->network;
    const Texts *t = w->texts;
    for (int32_t a = from; a < to; a += PANEL) {
        int rows = to - a < PANEL ? to - a : PANEL;
        const uint8_t *forward[PANEL], *backward[PANEL];
        for (int r = 0; r < rows; r++) {
            size_t first = n->last_state ? (size_t)(a + r) * t->length : (size_t)t->places[a + r];
            size_t last = n->last_state ? first + t->lengths[a + r] - 1 : first;
            forward[r] = state_of(w, last, 0);
            backward[r] = state_of(w, first, 1);
            if (!n->projection_blocks)
                states_as_features(n, forward[r], backward[r], features + (size_t)r * n->features);
        }
        for (int b = 0; b < n->projection_blocks; b += 2)
            for (int r = 0; r < rows; r += MOST_ROWS)
                n->kernel->project(n, b, n->projection_blocks - b < 2 ? 1 : 2,
                                   rows - r < MOST_ROWS ? rows - r : MOST_ROWS, forward + r,
                                   backward + r, features + (size_t)r * n->features);
        for (int r = 0; r < rows; r += MOST_ROWS)
            n->kernel->head(n, rows - r < MOST_ROWS ? rows - r : MOST_ROWS,
                            features + (size_t)r * n->features,
                            t->logits + (size_t)(a + r) * n->classes);
    }
}

static int32_t answers(const Work *w)
{
    return w->network->last_state ? w->texts->batch : w->texts->asked;
}

static void answer_half(void *argument, int half)
{
    const Work *w = argument;
    int32_t all = answers(w), middle = all / 2;
    answer(w, half ? middle : 0, half ? all : middle,
           w->features + (size_t)half * PANEL * w->network->features);
}

void network_run(const Network *network, const Texts *texts, void *scratch, int threads)
{
    Work work = {.network = network, .texts = texts};
    divide(&work, network, (size_t)texts->batch, (size_t)texts->length, scratch);
    set_steps(&work);
    if (texts->batch == 1 && threads > 1) { /* a direction each, then half of the answers each */
        run_both(read_one, &work);
        run_both(answer_half, &work);
        return;
    }
    for (int direction = 0; direction < 2; direction++)
        if (texts->batch == 1)
            read_one(&work, direction);
        else
            read_many(&work, direction);
    answer(&work, 0, answers(&work), work.features);
}
