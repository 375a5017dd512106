/*
 * The snapshot of another process, held by us: a child of that process, which has stopped before its first
 * instruction and dies with us.
 */
#ifndef HEAPDUMP_DUMP_ATTACH_HELD_COPY_H
#define HEAPDUMP_DUMP_ATTACH_HELD_COPY_H

#include "base/err.h"
#include "dump/attach/inject.h"
#include "dump/attach/target.h"

struct held_copy {
	const struct target *target;
	int pidfd; /* of the program, that its id may not become another's; −1: it is not to be had */
	struct gadgets gadgets;
	struct injection injection;
	bool other_code; /* the gadgets were not there any more when it was stopped to take the snapshot away */
	uint32_t pid;	  /* here; 0: there is none */
	uint32_t own_pid; /* as its parent knows it */
};

/*
 * Makes the program fork, while all its threads are stopped: fills pid. ERR_UNSUPPORTED: it cannot be made to;
 * ERR_ABSENT: it died. map: its mappings.
 */
int held_copy_make(struct held_copy *c, struct hd_freeze *f, const struct hd_memory_map *map,
		   struct err *err);

/* When the program runs again: what of this can wait until then. 0, or −ESRCH: it is gone already. */
int held_copy_settle(struct held_copy *c);

/*
 * Ends it, and makes its parent reap it, which stops one of the parent's threads again for a moment (*stopped_ns). false: a
 * zombie is left.
 */
bool held_copy_end(struct held_copy *c, const struct hd_memory_map *map, uint64_t *stopped_ns);

/* What another process left that died while it held a copy: it has ended with that. false: a zombie is left. */
bool held_copy_end_left_over(struct held_copy *c);

#endif
