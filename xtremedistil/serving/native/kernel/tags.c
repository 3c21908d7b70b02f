/* Tags of words from the scores of tags: what best_tags of xtremedistil/data/decoding.py gives, and
   the same additions in the same order, so that ties and what is no number end alike. */
#include <math.h>
#include <stdlib.h>

#include "network.h"

/* Whether a score takes the place of the best one before it, as in numpy's argmax: the first of
   equal ones stays, and the first that is no number wins. */
static int is_better(double score, double best)
{
    return !(score <= best) && best == best;
}

static int32_t best_of(const double *scores, int32_t number)
{
    int32_t best = 0;
    for (int32_t i = 1; i < number; i++)
        if (is_better(scores[i], scores[best]))
            best = i;
    return best;
}

/* The best tag of each word; whether they may stand side by side. */
static int take_best(const TagScores *t, int32_t begin, int32_t end, int32_t *tags)
{
    int32_t before = t->tags, all_legal = 1;
    for (int32_t word = begin; word < end; word++) {
        const float *scores = t->scores + (size_t)word * t->tags;
        int32_t best = 0;
        for (int32_t i = 1; i < t->tags; i++)
            if (is_better(scores[i], scores[best]))
                best = i;
        all_legal &= t->legal[before * (t->tags + 1) + best] != 0;
        tags[word] = before = best;
    }
    return begin == end || (all_legal && t->legal[before * (t->tags + 1) + t->tags]);
}

/* Viterbi's sequence for one text.

   step: [tags + 1][tags + 1], what a step adds; came_from: [words][tags] and work: [3][tags], to
   work in. */
static void take_legal(const TagScores *t, int32_t begin, int32_t end, const double *step,
                       int32_t *came_from, double *work, int32_t *tags)
{
    int32_t number = t->tags, edge = number, row = number + 1;
    double *sums = work, *next = work + number, *reached = work + 2 * number;
    for (int32_t i = 0; i < number; i++)
        sums[i] = step[edge * row + i] + t->scores[(size_t)begin * number + i];
    for (int32_t word = begin + 1; word < end; word++) {
        for (int32_t i = 0; i < number; i++) {
            for (int32_t from = 0; from < number; from++)
                reached[from] = sums[from] + step[from * row + i];
            int32_t best = best_of(reached, number);
            came_from[(size_t)(word - begin) * number + i] = best;
            next[i] = reached[best] + t->scores[(size_t)word * number + i];
        }
        double *spare = sums;
        sums = next;
        next = spare;
    }
    for (int32_t i = 0; i < number; i++)
        reached[i] = sums[i] + step[i * row + edge];
    int32_t chosen = best_of(reached, number);
    for (int32_t word = end; word-- > begin;) {
        tags[word] = chosen;
        if (word > begin)
            chosen = came_from[(size_t)(word - begin) * number + chosen];
    }
}

int take_tags(const TagScores *t, int32_t *tags)
{
    int32_t longest = 0, *came_from = NULL, done = 1;
    for (int32_t text = 0; text < t->texts; text++)
        if (t->edges[text + 1] - t->edges[text] > longest)
            longest = t->edges[text + 1] - t->edges[text];
    size_t number = t->tags, steps = (number + 1) * (number + 1);
    double *step = NULL; /* and behind it what take_legal works in */
    for (int32_t text = 0; text < t->texts && done; text++) {
        int32_t begin = t->edges[text], end = t->edges[text + 1];
        if (take_best(t, begin, end, tags))
            continue;
        if (!step) { /* mostly with a trained student, no text comes here */
            step = malloc((steps + 3 * number) * sizeof *step);
            came_from = malloc((size_t)longest * number * sizeof *came_from);
            for (size_t i = 0; step && i < steps; i++)
                step[i] = t->legal[i] ? 0.0 : -INFINITY;
        }
        done = step && came_from;
        if (done)
            take_legal(t, begin, end, step, came_from, step + steps, tags);
    }
    free(step);
    free(came_from);
    return done;
}
