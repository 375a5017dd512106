/*
 * Builds ELF cores in memory, for tests:
 *
 *	struct core_build *b = core_build_new(MACHINE_X86_64);
 *	core_build_map(b, 0x10000, 0x1000, PROT_R | PROT_W);
 *	core_build_put(b, 0x10008, 0x10100);
 *	core_build_thread(b, &(struct built_thread){.tid = 7, .gpr = {[7] = 0x10ff0}});
 *	bytes = core_build_finish(b, &size);
 *
 *	Ehdr │ Phdr: PT_NOTE, PT_LOAD … │ notes │ segments' bytes │ (PN_XNUM: a section header)
 *
 * Nothing is padded to pages, so that a core of a few words has a few hundred bytes. A damaged core
 * is a finished one whose headers a test then writes over. Mistakes of the test and want of memory
 * abort.
 */
#ifndef HEAPDUMP_TESTS_CORE_BUILD_H
#define HEAPDUMP_TESTS_CORE_BUILD_H

#include <elf.h>

#include "formats/parts.h"

struct core_build;

/* What NT_PRSTATUS and its companions say of a thread. */
struct built_thread {
	uint32_t tid;
	uint16_t signal;
	uint64_t gpr[MAX_GPR]; /* by DWARF number; the pc is 16 on x86-64, 32 on aarch64 */
	addr_t tp;	       /* fs_base; on aarch64 NT_ARM_TLS, left out if 0 */
	const void *fpregs;    /* NT_FPREGSET, NULL: none */
	size_t n_fpregs;
	const void *xstate; /* NT_X86_XSTATE, NULL: none */
	size_t n_xstate;
};

struct core_build *core_build_new(enum machine machine);
void core_build_free(struct core_build *b);

/* A PT_LOAD with all its bytes in the file, zeros at first. */
void core_build_map(struct core_build *b, addr_t addr, uint64_t size, uint32_t prot);

/* A PT_LOAD of which only the first filesz bytes are in the file. */
void core_build_map_part(struct core_build *b, addr_t addr, uint64_t memsz, uint64_t filesz,
			 uint32_t prot);

/* The n bytes at addr, which must be in one segment; valid until the next map. */
uint8_t *core_build_at(struct core_build *b, addr_t addr, size_t n);

/* Writes and reads words of mapped memory. */
void core_build_put(struct core_build *b, addr_t addr, uint64_t word);
void core_build_put32(struct core_build *b, addr_t addr, uint32_t word);
uint64_t core_build_get(struct core_build *b, addr_t addr);

/* Notes, in the order of the calls; the auxiliary vector and the file table come last. */
void core_build_note(struct core_build *b, const char *owner, uint32_t type, const void *desc,
		     size_t n);
void core_build_thread(struct core_build *b, const struct built_thread *t);
void core_build_process(struct core_build *b, uint32_t pid, const char *comm, const char *args);
void core_build_signal(struct core_build *b, int32_t signo, int32_t code, addr_t addr);
void core_build_auxv(struct core_build *b, uint64_t type, uint64_t value);
void core_build_file(struct core_build *b, addr_t start, addr_t end, uint64_t page_off,
		     const char *path);

/* Pads notes to 8 bytes instead of 4 and says so in p_align; before the first note. */
void core_build_align_notes(struct core_build *b);

/* The core, malloc'd. The builder stays as it was: it can grow on and be finished again. */
uint8_t *core_build_finish(struct core_build *b, size_t *size);

/* Writes n bytes to path, or dies. */
void core_build_save(const char *path, const void *bytes, size_t n);

/* Program header i of a finished core: 0 is the PT_NOTE, then the segments in order. Unaligned. */
#define CORE_PHDR(bytes, i) ((Elf64_Phdr *)((bytes) + sizeof(Elf64_Ehdr)) + (i))

#endif
