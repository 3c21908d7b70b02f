/* A second thread for one text. It sleeps between texts, and whoever comes first does the second
   part. Where other work keeps it from coming, or stops it in the middle, waiting for it costs more
   than it saves: then the caller does both parts itself, and tries it again now and then. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#include "network.h"

enum {
    NOTHING,
    OFFERED,
    CLAIMED,
    DONE,
    PATIENCE = 400, /* looks at the next offer before going to sleep: some microseconds */
    ALONE = 256,    /* calls until a partner of no use is tried again */
    MEMORY = 8,     /* calls that the mean gain is of, more or less */
};

static atomic_int offer = NOTHING, asleep, in_use;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static enum { UNKNOWN, RUNNING, MISSING } partner; /* changed by who has `in_use` */
static int alone;                                  /* calls left without the partner */
static double gain; /* seconds that it saves, the mean of recent calls */
static void (*offered)(void *, int);
static void *offered_argument;
static double offered_took; /* seconds of the processor, written before it is DONE */

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Does a part; returns its seconds of the processor. */
static double timed(void (*part)(void *, int), void *argument, int i)
{
    double begin = seconds(CLOCK_THREAD_CPUTIME_ID);
    part(argument, i);
    return seconds(CLOCK_THREAD_CPUTIME_ID) - begin;
}

static void pause_briefly(void)
{
#ifdef XTREMEDISTIL_X86
    __builtin_ia32_pause();
#endif
}

static void *work(void *unused)
{
    for (;;) {
        for (int i = 0; i < PATIENCE && atomic_load(&offer) != OFFERED; i++)
            pause_briefly();
        if (atomic_load(&offer) != OFFERED) {
            pthread_mutex_lock(&lock);
            atomic_store(&asleep, 1);
            while (atomic_load(&offer) != OFFERED)
                pthread_cond_wait(&wake, &lock);
            atomic_store(&asleep, 0);
            pthread_mutex_unlock(&lock);
        }
        int expected = OFFERED;
        if (atomic_compare_exchange_strong(&offer, &expected, CLAIMED)) {
            offered_took = timed(offered, offered_argument, 1);
            atomic_store(&offer, DONE);
        }
    }
    return unused;
}

/* A child process has none of its parent's threads, and their locks as they were. */
static void forget(void)
{
    partner = UNKNOWN;
    pthread_mutex_init(&lock, NULL);
    pthread_cond_init(&wake, NULL);
    atomic_store(&offer, NOTHING);
    atomic_store(&asleep, 0);
    atomic_store(&in_use, 0);
}

static void start(void)
{
    static int watched; /* a child inherits it with the handler */
    pthread_t thread;
    sigset_t all, before;
    if (!watched)
        pthread_atfork(NULL, NULL, forget);
    watched = 1;
    sigfillset(&all); /* signals are for the threads of the program itself */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    partner = pthread_create(&thread, NULL, work, NULL) ? MISSING : RUNNING;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (partner == RUNNING)
        pthread_detach(thread);
}

/* Does the parts with the partner. Returns the seconds that it saved. */
static double share(void (*part)(void *, int), void *argument)
{
    double begin = seconds(CLOCK_MONOTONIC);
    offered = part;
    offered_argument = argument;
    atomic_store(&offer, OFFERED);
    if (atomic_load(&asleep)) {
        pthread_mutex_lock(&lock);
        pthread_cond_signal(&wake);
        pthread_mutex_unlock(&lock);
    }
    double both = timed(part, argument, 0);
    int expected = OFFERED;
    if (atomic_compare_exchange_strong(&offer, &expected, NOTHING))
        both += timed(part, argument, 1);
    else {
        for (int i = 0; atomic_load(&offer) != DONE; i++)
            if (i < PATIENCE)
                pause_briefly();
            else
                sched_yield();
        both += offered_took;
        atomic_store(&offer, NOTHING);
    }
    return both - (seconds(CLOCK_MONOTONIC) - begin);
}

void run_both(void (*part)(void *, int), void *argument)
{
    int expected = 0, mine = atomic_compare_exchange_strong(&in_use, &expected, 1);
    if (mine && partner == UNKNOWN)
        start();
    if (mine && partner == RUNNING && !alone) {
        gain += (share(part, argument) - gain) / MEMORY;
        alone = gain > 0 ? 0 : ALONE;
    } else {
        alone -= mine && alone;
        part(argument, 0);
        part(argument, 1);
    }
    if (mine)
        atomic_store(&in_use, 0);
}
