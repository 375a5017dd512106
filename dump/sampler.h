/*
 * Poisson sampling by bytes: which allocations are looked at.
 *
 * Every thread counts down a gap drawn from the geometric distribution with mean `interval`; an allocation of size
 * bytes uses size + 1 of it (so that empty ones count), and one that uses it up is sampled:
 *
 *	P(sampled) = 1 − e^(−(size + 1) / interval)
 *
 * The gap is memoryless, so the next one starts behind the sampled object. Interval 1 takes every object.
 */
#ifndef HEAPDUMP_DUMP_SAMPLER_H
#define HEAPDUMP_DUMP_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dump/stack.h"
#include "heapimage.h"

/* A thread's state. All zero is a thread that has not allocated yet: its first allocation takes the slow path. */
struct hd_thread {
	uint64_t left;	   /* bytes until the next sample; 0: ask */
	uint64_t interval; /* that the gap was drawn with; 0: sampling was off */
	uint64_t random;
	uint32_t tid;
	uint32_t started; /* a gap has been drawn */
	uint32_t busy;	  /* in the sampler: nested calls pass through */
	uint32_t births;  /* allocations that took the slow path, modulo 2^32 */
	struct hd_stack_bounds stack;
};

extern __thread struct hd_thread hd_thread
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/*
 * Frees that must be looked at: one byte for each 16 bytes of a window of 4 MiB, which all addresses fall in, how many
 * samples are there (255: stuck). Neighbours in memory are neighbours here: a heap that fits the processor's cache takes a
 * sixteenth of its own place in there. (Scattered by a hash each free had a line of its own, a cache miss: 4 % of a
 * python's time.) Once every object has been tracked all bytes are stuck, and the mask is 0: all ask the first one.
 */
enum { HD_FILTER_BITS = 18 };
extern uint8_t hd_filter[1 << HD_FILTER_BITS] __attribute__((visibility("hidden")));
extern uint64_t hd_filter_mask __attribute__((visibility("hidden")));

static inline uint64_t hd_filter_slot(const void *p)
{
	return (uint64_t)(uintptr_t)p >> 4 & __atomic_load_n(&hd_filter_mask, __ATOMIC_RELAXED);
}

/*
 * Whether this allocation may be sampled; if not it has been counted. The gap is read once: a signal handler that allocates
 * between the question and the store would else let it wrap, and the thread would never be sampled again.
 */
static inline bool hd_sampler_due(size_t size)
{
	uint64_t left = __atomic_load_n(&hd_thread.left, __ATOMIC_RELAXED), rest;

	/* (2^64 − 1 bytes are 0 here: there are none to be had) */
	if (__builtin_expect(__builtin_sub_overflow(left, size + 1, &rest), 0))
		return true;
	__atomic_store_n(&hd_thread.left, rest, __ATOMIC_RELAXED);
	return false;
}

/* Whether p may be a sampled object (or one that the library itself gave out). */
static inline bool hd_sampler_may_know(const void *p)
{
	return __builtin_expect(hd_filter[hd_filter_slot(p)] != 0, 0);
}

/*
 * Sets the tables and the stacks up and begins. Once, from the constructor. seed: for tests, the same gaps in every run; 0:
 * of its own.
 */
void hd_sampler_init(uint64_t interval, uint64_t seed, enum hd_unwinder how);

/* After hd_sampler_due said so, with what the allocator returned (NULL: it failed). */
void hd_sampler_born(void *p, size_t size, const struct hd_stack_context *from);

/*
 * Before p goes back to the allocator: takes its sample out. The sample, if there was one, is in *was, so that a failed
 * realloc can put it back.
 */
struct hd_gone {
	struct heapimage_sample sample; /* addr 0: none */
};
void hd_sampler_gone(const void *p, struct hd_gone *was);
void hd_sampler_back(const struct hd_gone *was);

uint64_t hd_sampler_set_interval(uint64_t interval);

/* The site of a stack, without a sample; UINT32_MAX: none (no sampler, or nested in it). */
uint32_t hd_sampler_site(const struct hd_stack_context *from);

/* Estimate of the bytes in use. */
uint64_t hd_sampler_live_bytes(void);

#endif
