/*
 * What a dump is made of, whatever its format: the one plain structure that
 * every reader fills and everything behind it reads.
 *
 *	kernel core, gcore, our image, ... → reader → struct parts → space → heap → ...
 *
 * All byte pointers point into the input's mapped file; parts owns only its
 * arrays and strings. Nothing here is trusted further than the reader checked
 * it: segments are sorted, disjoint and inside the file; strings end.
 */
#ifndef HEAPDUMP_FORMATS_PARTS_H
#define HEAPDUMP_FORMATS_PARTS_H

#include "base/ids.h"
#include "base/vec.h"
#include "base/warnings.h"
#include "heapimage.h"

enum machine { MACHINE_X86_64, MACHINE_AARCH64 };

enum { PROT_R = 4, PROT_W = 2, PROT_X = 1 }; /* as p_flags of ELF */

/* One mapping of the process (a PT_LOAD). Sorted by addr, disjoint. */
struct segment {
	addr_t addr;
	uint64_t memsz;	     /* of the mapping */
	uint64_t filesz;     /* bytes that are in the file, ≤ memsz */
	uint64_t lost;	     /* bytes the header promises that the (truncated) file does not have */
	uint64_t file_off;   /* of the first byte, in the (unpacked) file */
	const uint8_t *data; /* filesz bytes; NULL when filesz is 0 */
	uint32_t prot;	     /* PROT_* */
};

/* A range of the address space that a file was mapped to (an NT_FILE entry). Sorted, disjoint. */
struct mapped_file {
	addr_t start, end;
	uint64_t file_off; /* bytes */
	const char *path;  /* as the dumped process named it; may end in " (deleted)" */
};

#define MAX_GPR                                                                                    \
	33 /* x86-64: DWARF registers 0–16 (16 = return address, rip). aarch64: x0–x30, 31 sp, 32 pc */

struct thread_regs {
	uint32_t tid;
	int32_t signal; /* the signal this thread died of, or 0 */
	uint32_t n_gpr;
	uint64_t gpr[MAX_GPR]; /* by DWARF number of the machine */
	addr_t pc, sp, fp;
	addr_t tp;	    /* thread pointer: fs_base, tpidr_el0; 0 where the dump lacks it */
	const uint8_t *vec; /* raw vector state (XSAVE area, FPREGSET, VFP), NULL if absent */
	uint64_t vec_size;
};

/* Where a component of every thread's XSAVE area lies (a struct x86_xfeat_component). */
struct xsave_component {
	uint32_t number, size, off;
};

struct auxv_entry {
	uint64_t type, value; /* AT_* of elf.h */
};

/* A thread as an image names it. */
struct named_thread {
	uint32_t tid;
	uint32_t state; /* as heapimage_thread's */
	char name[17];
};

/* A word that the kernel held for the program (heapimage_kernel_word). */
struct kernel_word {
	const uint8_t *bytes; /* of the word, 8 of them, in the file */
	uint32_t kind;	      /* 1: epoll, 2: timer */
	int32_t fd, target_fd;
	uint32_t events;
};

enum { IMAGE_LISTS = 4 }; /* HEAPIMAGE_NOTE_THREADS … _RANGES */

/* What an image says of itself beside the core (image_read.h). All zero: it is no image. */
struct image {
	struct heapimage_info info;		  /* major 0: no image */
	addr_t anchor;				  /* of the sampler's tables; 0: none */
	char *why;				  /* the caller's words; owned; NULL: none */
	struct heapimage_list lists[IMAGE_LISTS]; /* as the notes have them */
	VEC(struct named_thread) threads;	  /* by tid; of one tid those with a name first */
	VEC(struct heapimage_module) modules;	  /* n_build_id fits, path ends */
	VEC(struct kernel_word) words;
	VEC(struct heapimage_range) ranges; /* none is empty */
	uint64_t n_cut; /* entries of lists that the writer or the file had no room for */
};

struct parts {
	enum machine machine;
	VEC(struct segment) segments;
	VEC(struct mapped_file) files; /* empty: no NT_FILE */
	bool has_file_note;
	VEC(struct thread_regs) threads; /* the dump's order: the crashed thread first */
	VEC(struct auxv_entry) auxv;
	VEC(struct xsave_component) xsave; /* empty: the dump does not tell */
	uint32_t pid;
	char comm[17];	   /* NT_PRPSINFO: the executable's name, cut to 15 */
	char args[81];	   /* NT_PRPSINFO: the first 80 bytes of the command line */
	int32_t signo;	   /* what it died of; 0: a snapshot of a living process */
	int32_t sigcode;   /* si_code */
	addr_t fault_addr; /* si_addr; meaningful for SIGSEGV, SIGBUS, SIGILL, SIGFPE */
	bool truncated;	   /* some segment or note lies beyond the end of the file */
	uint64_t lost;	   /* sum of the segments' lost bytes */
	const char *
		writer; /* who wrote it, as far as it can be told: "kernel core", "gcore", "heapdump image" */
	struct image image;
};

static inline void parts_deinit(struct parts *p)
{
	free(p->image.why);
	vec_deinit(&p->image.threads);
	vec_deinit(&p->image.modules);
	vec_deinit(&p->image.words);
	vec_deinit(&p->image.ranges);
	vec_deinit(&p->segments);
	vec_deinit(&p->files);
	vec_deinit(&p->threads);
	vec_deinit(&p->auxv);
	vec_deinit(&p->xsave);
}

/* The value of an AT_* entry, or 0. */
static inline uint64_t parts_auxv(const struct parts *p, uint64_t type)
{
	for (size_t i = 0; i < p->auxv.n; i++)
		if (p->auxv.v[i].type == type)
			return p->auxv.v[i].value;
	return 0;
}

#endif
