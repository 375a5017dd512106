/*
 * Where an image goes: a new file beside its final name, or an open file, pipe or socket. A file is whole under
 * its name or not there; what is not written of it is a hole, and a pipe gets zeros instead.
 */
#ifndef HEAPDUMP_DUMP_OUTPUT_H
#define HEAPDUMP_DUMP_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

enum { HD_PATH_BYTES = 4096 };

struct hd_output {
	int fd;
	bool opened;	  /* by us: to be closed */
	bool begun;	  /* something was written, or a file of the caller's cut off for it */
	bool unnamed;	  /* gets its name when it is whole */
	bool regular;	  /* has holes, and can be written to at any offset */
	uint64_t base;	  /* where the image begins in the file */
	uint64_t at;	  /* bytes of the image so far, holes included */
	uint64_t written; /* of these, written */
	uint64_t flushed; /* writing back was begun up to here */
	bool (*gives_up)(void); /* asked when a signal interrupts a write; NULL: never */
	char path[HD_PATH_BYTES];
	char temp[HD_PATH_BYTES]; /* "": nothing to take away or to rename */
};

/*
 * For path, or for fd where path is NULL. Links are followed, and a path that is no regular file (a FIFO, /dev/stdout) is
 * written to, if they are ours or root's; else −EACCES. 0 or a negative errno.
 *
 * A file's bytes behind the offset of fd stay until the first write. A descriptor that does not block is waited for.
 */
int hd_output_open(struct hd_output *o, const char *path, int fd);

/* −ENOSPC if bytes do not fit where the output goes, as far as that can be told. */
int hd_output_check_room(const struct hd_output *o, uint64_t bytes);

int hd_output_write(struct hd_output *o, const void *bytes, uint64_t n);
int hd_output_skip(struct hd_output *o, uint64_t n);

/* Writes over earlier bytes of the image; regular only. */
int hd_output_patch(struct hd_output *o, uint64_t off, const void *bytes, uint64_t n);

/* The last byte is there: sets the size, and syncs if wanted. */
int hd_output_end(struct hd_output *o, bool sync);

/* The image failed: a file is cut to what it had before the image. */
void hd_output_abandon(struct hd_output *o);

/* Gives the file its name. */
int hd_output_commit(struct hd_output *o);

/* Takes the temporary file away, and closes. After a commit: closes. */
void hd_output_close(struct hd_output *o);

#endif
