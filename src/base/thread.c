/* A pool of threads that share out the parts of one job.  Between jobs a worker spins for some
   microseconds (the next matrix is usually due) and then sleeps: an idle session costs nothing.

   One 64-bit word says everything about the current job: a generation, the number of parts, and the next
   part to take.  A worker that adds 1 and finds a part below the number has a part of exactly the job
   whose function it then reads, however late it comes; there is no barrier beyond "all parts done". */
#include "base.h"

#include <sched.h>

enum { FT__POOL_MAX = 256, FT__POOL_SPIN = 4000, FT__POOL_PART_BITS = 24 };

struct ft__pool {
    ft_allocator allocator;
    int n_workers;
    pthread_t workers[FT__POOL_MAX];
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    uint64_t state;    /* atomic: generation, n_parts (24 bits), next part (24 bits) */
    uint32_t n_done;   /* atomic: parts of this job that are finished */
    uint32_t sleeping; /* atomic */
    uint32_t quit;     /* atomic */
    void (*fn)(void *user, int part);
    void *user;
};

static void ft__pool_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static bool ft__pool_has_part(uint64_t state) {
    uint64_t mask = (1u << FT__POOL_PART_BITS) - 1;
    return (state & mask) < (state >> FT__POOL_PART_BITS & mask);
}

static void ft__pool_work(ft__pool *pool) {
    while (ft__pool_has_part(__atomic_load_n(&pool->state, __ATOMIC_ACQUIRE))) {
        uint64_t state = __atomic_fetch_add(&pool->state, 1, __ATOMIC_ACQ_REL);
        if (!ft__pool_has_part(state)) return;
        pool->fn(pool->user, (int)(state & ((1u << FT__POOL_PART_BITS) - 1)));
        __atomic_add_fetch(&pool->n_done, 1, __ATOMIC_RELEASE);
    }
}

static void ft__pool_sleep(ft__pool *pool) {
    pthread_mutex_lock(&pool->mutex);
    __atomic_add_fetch(&pool->sleeping, 1, __ATOMIC_SEQ_CST);
    while (!ft__pool_has_part(__atomic_load_n(&pool->state, __ATOMIC_SEQ_CST)) &&
           !__atomic_load_n(&pool->quit, __ATOMIC_SEQ_CST))
        pthread_cond_wait(&pool->wake, &pool->mutex);
    __atomic_sub_fetch(&pool->sleeping, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_unlock(&pool->mutex);
}

static void *ft__pool_main(void *argument) {
    ft__pool *pool = (ft__pool *)argument;
    while (!__atomic_load_n(&pool->quit, __ATOMIC_SEQ_CST)) {
        int spins = 0;
        while (spins < FT__POOL_SPIN &&
               !ft__pool_has_part(__atomic_load_n(&pool->state, __ATOMIC_ACQUIRE))) {
            ft__pool_pause();
            spins++;
        }
        if (spins == FT__POOL_SPIN) ft__pool_sleep(pool);
        ft__pool_work(pool);
    }
    return NULL;
}

static void ft__pool_wake(ft__pool *pool) {
    if (!__atomic_load_n(&pool->sleeping, __ATOMIC_SEQ_CST)) return;
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
}

FT__PRIV ft__pool *ft__pool_create(int n_threads, const ft_allocator *a, ft_error *err) {
    if (n_threads < 1 || n_threads > FT__POOL_MAX) {
        ft__fail(err, FT_ERR_ARGUMENT, "threads", "found %d, expected 1 to %d", n_threads,
                 FT__POOL_MAX);
        return NULL;
    }
    ft__pool *pool = (ft__pool *)ft__alloc_zero(a, 1, sizeof *pool);
    if (!pool) {
        ft__fail_memory(err);
        return NULL;
    }
    pool->allocator = *a;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    while (pool->n_workers < n_threads - 1) {
        if (pthread_create(&pool->workers[pool->n_workers], NULL, ft__pool_main, pool) != 0) {
            ft__fail(err, FT_ERR_THREAD, "threads", "could start %d of %d", pool->n_workers + 1,
                     n_threads);
            ft__pool_free(pool);
            return NULL;
        }
        pool->n_workers++;
    }
    return pool;
}

FT__PRIV void ft__pool_free(ft__pool *pool) {
    if (!pool) return;
    __atomic_store_n(&pool->quit, 1, __ATOMIC_SEQ_CST);
    ft__pool_wake(pool);
    for (int i = 0; i < pool->n_workers; i++) pthread_join(pool->workers[i], NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    ft_allocator a = pool->allocator;
    ft__free(&a, pool);
}

FT__PRIV int ft__pool_size(const ft__pool *pool) { return pool->n_workers + 1; }

FT__PRIV void ft__pool_run(ft__pool *pool, void (*fn)(void *user, int part), void *user,
                           int n_parts) {
    if (n_parts < 2 || pool->n_workers == 0) {
        for (int i = 0; i < n_parts; i++) fn(user, i);
        return;
    }
    uint64_t generation = (__atomic_load_n(&pool->state, __ATOMIC_RELAXED) >> (2 * FT__POOL_PART_BITS)) + 1;
    pool->fn = fn;
    pool->user = user;
    __atomic_store_n(&pool->n_done, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&pool->state,
                     generation << (2 * FT__POOL_PART_BITS) |
                         (uint64_t)(uint32_t)n_parts << FT__POOL_PART_BITS,
                     __ATOMIC_SEQ_CST);
    ft__pool_wake(pool);
    ft__pool_work(pool);
    for (int spins = 0; __atomic_load_n(&pool->n_done, __ATOMIC_ACQUIRE) != (uint32_t)n_parts;) {
        if (++spins < FT__POOL_SPIN) ft__pool_pause();
        else sched_yield(); /* more threads than processors */
    }
}
