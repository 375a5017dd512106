/*
 * Where an object was allocated, as far as the sampler saw it.
 */
#ifndef HEAPDUMP_ASK_ALLOCATED_H
#define HEAPDUMP_ASK_ALLOCATED_H

#include "analyze/ask/fact.h"
#include "analyze/ask/session.h"

/* The number of the object's site; INDEX_NONE: not sampled, or its site is not known. O(log n). */
uint32_t allocated_site(const struct session *s, obj_id o);

/* Sets "site" (number, function, file, line, module of the label) in an object's fact, if known. */
void allocated_set_site(struct session *s, struct fact *object, obj_id o);

/*
 * Sets "allocation": the whole stack, what its site has in use, and when and by whom the object was
 * made. Of an object that was not sampled: "sampling_interval" alone, where there was a sampler.
 */
void allocated_set(struct session *s, struct fact *into, obj_id o);

/* A site's number and the function it is known by; and with its whole stack: label, frames, frames_cut. */
void allocated_set_label(struct session *s, struct fact *into, uint32_t number);
void allocated_set_stack(struct session *s, struct fact *into, uint32_t number);

/* The nearest number that JSON can hold: from hostile samples an estimate may be beyond them. */
uint64_t allocated_rounded(double v);

/* What an estimate says: samples, objects, bytes, requested_bytes, objects_error, bytes_error. */
void allocated_set_estimate(struct fact *into, const struct estimate *e);

/* ERR_ABSENT, for a dump without a sampler. */
WARN_UNUSED int allocated_absent(const struct session *s, struct err *err);

/* A time of day as text, "2026-03-01T12:00:00.123Z"; nothing for 0. */
void allocated_set_time(struct fact *into, const char *key, uint64_t ns);

/* A thread's name as the image has it, or NULL. O(threads). */
const char *allocated_thread_name(const struct session *s, uint32_t tid);

#endif
