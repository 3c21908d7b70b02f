/* Runs a file of weights with every kernel, VNNI's by emulation, on random texts: alone and in
   batches, on one thread and on two, at all places and at some. Logits must be the same to the last
   bit. Then damages the file in random places, which must be an error or do no harm.

   driver FILE SEED ROUNDS */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "network.h"

enum { MOST_BATCH = 11, MOST_LENGTH = 37, FORMS = 4 };
static uint64_t state;

static int32_t below(int32_t limit)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (int32_t)((state >> 33) % (uint64_t)limit);
}

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static void *memory(size_t bytes)
{
    void *found = malloc(bytes ? bytes : 1);
    if (!found)
        fail("no memory");
    return found;
}

static void run(const Network *n, const Texts *texts, int threads)
{
    void *scratch = aligned_alloc(LINE, network_scratch(n, texts->batch, texts->length));
    const char *rule = texts_fault(n, texts);
    if (rule || !scratch)
        fail(rule ? rule : "no memory");
    network_run(n, texts, scratch, threads);
    free(scratch);
}

/* Texts with arrays of exactly their sizes, so that a sanitizer sees what is read behind them. */
static Texts random_texts(const Network *n, int32_t *ids, int32_t *lengths)
{
    Texts t = {ids, lengths, below(MOST_BATCH) + 1, below(MOST_LENGTH) + 1, NULL, 0, NULL};
    for (int i = 0; i < t.batch; i++)
        lengths[i] = 1 + below(t.length);
    for (int i = 0; i < t.batch * t.length; i++)
        ids[i] = below(n->vocabulary);
    return t;
}

static void compare(const Network *const *networks, int count)
{
    int32_t most_ids[MOST_BATCH * MOST_LENGTH], most_lengths[MOST_BATCH];
    const Network *n = networks[0];
    Texts t = random_texts(n, most_ids, most_lengths);
    size_t pieces = (size_t)t.batch * t.length, row = (size_t)n->classes * sizeof(float);
    int32_t *ids = memory(pieces * sizeof *ids), *lengths = memory(t.batch * sizeof *lengths);
    int32_t *places = memory(pieces * sizeof *places);
    memcpy(ids, most_ids, pieces * sizeof *ids);
    memcpy(lengths, most_lengths, t.batch * sizeof *lengths);
    t.ids = ids, t.lengths = lengths;
    for (int32_t p = 0; !n->last_state && p < (int32_t)pieces; p++)
        if (p % t.length < lengths[p / t.length] && below(3))
            places[t.asked++] = p;
    t.places = places = realloc(places, t.asked ? t.asked * sizeof *places : 1);
    int32_t answers = n->last_state ? t.batch : t.asked;
    float *expected = memory(answers * row), *found = memory(answers * row);
    for (int k = 0; k < count; k++) {
        t.logits = k ? found : expected;
        run(networks[k], &t, 1);
        if (memcmp(expected, t.logits, answers * row))
            fail(networks[k]->kernel->name);
        int32_t first = 0; /* each text alone, on one thread and on two */
        for (int32_t i = 0; i < t.batch; i++) {
            int32_t asked = n->last_state ? 1 : 0, begin = i * t.length, own[MOST_LENGTH];
            while (!n->last_state && first + asked < t.asked &&
                   places[first + asked] < begin + t.length) {
                own[asked] = places[first + asked] - begin;
                asked++;
            }
            Texts one = {ids + begin, lengths + i, 1, lengths[i], own, n->last_state ? 0 : asked,
                         found};
            memset(found, 0, answers * row);
            run(networks[k], &one, 1 + below(2));
            if (memcmp(expected + (size_t)first * n->classes, found, asked * row))
                fail("a text alone differs");
            first += asked;
        }
    }
    free(ids), free(lengths), free(places), free(expected), free(found);
}

/* Files that are cut off or changed: an error, or numbers of no use, but nothing read outside. */
static void damage(const uint8_t *content, size_t bytes, const Kernel *kernel)
{
    const char *reason;
    size_t size = below(2) ? bytes : (size_t)below((int32_t)bytes);
    uint8_t *copy = memory(size);
    memcpy(copy, content, size);
    for (int i = below(4); i > 0 && size; i--)
        copy[below(2) && size > LINE ? below(LINE) : below((int32_t)size)] = (uint8_t)below(256);
    Network *n = network_open(copy, size, kernel, &reason);
    free(copy);
    if (n && size != bytes)
        fail("a file that is cut off is read");
    if (n && n->vocabulary > 0) {
        const Network *networks[] = {n};
        compare(networks, 1);
        network_close(n);
    }
}

int main(int count, char **arguments)
{
    if (count != 4)
        fail("driver FILE SEED ROUNDS");
    FILE *file = fopen(arguments[1], "rb");
    state = strtoull(arguments[2], NULL, 10);
    if (!file || fseek(file, 0, SEEK_END))
        fail("no file");
    size_t bytes = (size_t)ftell(file);
    uint8_t *content = memory(bytes);
    rewind(file);
    if (fread(content, 1, bytes, file) != bytes)
        fail("no whole file");
    fclose(file);

    const Kernel *kernels[FORMS] = {&plain_kernel};
    Network *networks[FORMS];
    int many = 1;
#ifdef XTREMEDISTIL_X86
    kernels[many++] = &avx2_kernel;
    kernels[many++] = &vnni_kernel;
#endif
    for (int k = 0; k < many; k++) {
        const char *reason;
        networks[k] = network_open(content, bytes, kernels[k], &reason);
        if (!networks[k])
            fail(reason);
    }
    int rounds = atoi(arguments[3]);
    for (int i = 0; i < rounds; i++) {
        compare((const Network *const *)networks, many);
        damage(content, bytes, kernels[below(many)]);
    }
    for (int k = 0; k < many; k++)
        network_close(networks[k]);
    free(content);
    printf("%d rounds, %d kernels\n", rounds, many);
    return 0;
}
