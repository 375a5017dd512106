/*
 * Modules: the ELF files mapped in the process (executable, shared libraries,
 * the loader, the vdso), found by NT_FILE, by the loader's link_map list, and
 * by ELF headers in the dumped pages; each joined with its file on this
 * machine by build-id. Owner of libelf in this room.
 *
 * A module whose file is missing or of another build-id is kept, with its state
 * saying so; its dumped pages (data, bss, dynamic symbols if dumped) still serve.
 */
#ifndef HEAPDUMP_SPACE_MODULES_H
#define HEAPDUMP_SPACE_MODULES_H

#include "analyze/space/elf_image.h"

enum module_state {
	MODULE_FOUND,	    /* file there, build-id equal */
	MODULE_UNVERIFIED,  /* file there, but one of the two has no build-id to compare */
	MODULE_MISSING,	    /* no file found */
	MODULE_OTHER_BUILD, /* only a file of another build was found: not used */
};

struct module {
	const char *path; /* as the process named it ("[vdso]" too); owned */
	const char *name; /* its last component; points into path */
	char *file;	  /* the ELF file used on this machine, or NULL; owned */
	char *debug_file; /* a separate debug file, or NULL; owned */
	enum module_state state;
	struct range at; /* lowest to highest mapped address */
	uint64_t bias;	 /* target address = ELF address + bias */
	uint8_t build_id[MAX_BUILD_ID];
	uint32_t n_build_id; /* of the dumped module; 0: unknown */
	bool is_exe, is_interp, is_vdso;
	addr_t link_map; /* the loader's struct link_map, 0 if not listed */
	struct range
		tls_image; /* PT_TLS in target addresses: p_vaddr + bias, p_filesz long; empty: no TLS */
	uint64_t tls_memsz, tls_align;
	VEC(struct range) loads;    /* every PT_LOAD in target addresses, memsz long */
	VEC(struct range) writable; /* those with PF_W: .data, .bss, RELRO; page padding left out */
	void *elf;		    /* Elf * of file, NULL if none; owned by modules.c */
	int fd;
	void *debug_elf; /* Elf * of debug_file */
	int debug_fd;
};

struct modules {
	VEC(struct module) list; /* sorted by at.lo */
	uint32_t exe;		 /* index of the executable, or INDEX_NONE */
	bool has_link_map;	 /* the loader's list could be read to its end */
	const char *libc_name; /* "glibc 2.36", "musl", or NULL: as far as it can be told; owned */
};

/* Where to look for files. All may be NULL. */
struct module_search {
	const char *exe;       /* --exe: the executable, whatever NT_FILE says */
	const char *sysroot;   /* --sysroot: prefix for every recorded path */
	const char *debug_dir; /* default /usr/lib/debug */
	const char *beside; /* the dump's own folder: files of the modules' names there serve too */
	const char *mapped; /* "/proc/PID/map_files" of the process, if it lives: the very files */
	bool no_debuginfod; /* never ask the network, even where DEBUGINFOD_URLS is set */
};

/*
 * Finds the modules, opens their files, and adds the unwritten file bytes to the space. What could
 * not be found adds to warnings. Fails only out of memory.
 */
WARN_UNUSED int modules_init(struct modules *m, struct space *space,
			     const struct module_search *search, struct warnings *warnings,
			     struct err *err);
void modules_deinit(struct modules *m);

/* The module whose mapped range holds addr, or INDEX_NONE. */
uint32_t modules_find(const struct modules *m, addr_t addr);

/* The first module whose name is name exactly, or starts with it up to '-' or '.' ("libc"); INDEX_NONE. */
uint32_t modules_by_name(const struct modules *m, const char *name);

/* Whether a file of it that was found has DWARF. O(sections). */
bool modules_has_dwarf(const struct module *m);

/* The name of the section of the module's file that holds addr (".bss"), or NULL. Lives as long as m. */
const char *modules_section(const struct module *m, addr_t addr);

#endif
