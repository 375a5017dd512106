/*
 * An ELF core, as bytes: headers and notes into memory that the caller gives. Nothing here allocates, makes a
 * system call or keeps state, so that it serves inside a stranger's stopped process as well as beside it.
 *
 * A sink counts also what it has no room for: a first run with size 0 measures, a second one writes.
 */
#ifndef HEAPDUMP_FORMATS_CORE_WRITE_H
#define HEAPDUMP_FORMATS_CORE_WRITE_H

#include <stdbool.h>
#include <stdint.h>

struct core_sink {
	uint8_t *at;   /* may be NULL where size is 0 */
	uint64_t size; /* room */
	uint64_t n;    /* bytes put so far, also beyond size; whole where n ≤ size */
};

void core_put(struct core_sink *s, const void *bytes, uint64_t n);
void core_put_zeros(struct core_sink *s, uint64_t n);

/* Zeros up to a multiple of align, counted from the sink's start. */
void core_put_align(struct core_sink *s, uint64_t align);

/* Name and descriptor padded to 4, as the kernel has it. */
void core_put_note(struct core_sink *s, const char *owner, uint32_t type, const void *desc,
		   uint64_t n);

/* What the notes tell of the process. */
struct core_process {
	uint32_t pid, ppid, pgrp, sid, uid, gid;
	char state; /* as /proc/PID/stat has it: 'R', 'S', … */
	char nice;
	char name[16]; /* NUL-terminated */
	char args[80]; /* the command line, blanks between words */
};

/* A thread: registers as PTRACE_GETREGSET gives them. A NULL set is left out. */
struct core_thread {
	uint32_t tid;
	int32_t signal;
	const void *regs; /* NT_PRSTATUS' pr_reg; NULL: zeros of regs_size */
	const void *fp;	  /* NT_FPREGSET */
	const void *more; /* a note of owner LINUX and type more_type: NT_X86_XSTATE, NT_ARM_TLS */
	uint32_t regs_size, fp_size, more_size, more_type;
};

/* NT_PRSTATUS, NT_FPREGSET, the vector state. The first thread that is put is the debuggers' current one. */
void core_put_thread(struct core_sink *s, const struct core_process *p,
		     const struct core_thread *t);
/* NT_PRPSINFO; behind the first thread's NT_PRSTATUS by custom. */
void core_put_process(struct core_sink *s, const struct core_process *p);

struct core_file {
	uint64_t lo, hi, off; /* off in bytes, a multiple of the page's size */
	const char *path;
};

/* NT_FILE: mappings of files, in the order of their addresses. */
void core_put_files(struct core_sink *s, const struct core_file *files, uint64_t n);

/* A PT_LOAD, or a segment of ours; the caller fills all but off. */
struct core_segment {
	uint64_t addr, memsz;
	uint64_t filesz; /* ≤ memsz but for a segment that is not memory */
	uint64_t off;	 /* by core_layout */
	uint32_t type;	 /* PT_LOAD, … */
	uint32_t flags;	 /* PF_R | PF_W | PF_X */
};

/*
 * Where everything lies. One forward pass writes it:
 *
 *	Ehdr │ Phdrs: NOTE, LOAD …, others │ Shdr if more than 65,534 Phdrs │ notes │ pad │ segments' bytes …
 *
 * Segments of PT_LOAD begin at multiples of the page's size, others at multiples of 8.
 */
struct core_layout {
	uint64_t notes_off, notes_size;
	uint64_t data_off; /* the first byte behind notes and padding */
	uint64_t file_size;
	uint64_t n_headers; /* program headers, with PT_NOTE's */
};

void core_layout(struct core_layout *l, struct core_segment *segments, uint64_t n,
		 uint64_t notes_size);

/* All before the notes: exactly l->notes_off bytes. machine: EM_*. */
void core_put_headers(struct core_sink *s, uint16_t machine, const struct core_layout *l,
		      const struct core_segment *segments, uint64_t n);

enum { CORE_PAGE = 4096 };

#endif
