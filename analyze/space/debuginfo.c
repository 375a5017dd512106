/*
 * One Dwfl with every module whose file is known, reported at its bias. The
 * vdso has no file: its dumped image is copied into an anonymous one, so that
 * frames inside it unwind. libdw's own search for debug files is switched off:
 * modules.c has decided which files are the right ones.
 */
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "analyze/space/debuginfo.h"
#include "base/cleanup.h"

enum { MAX_VDSO = 1 << 20 };

/* What a Dwfl_Module's user data points to. */
struct binding {
	const struct module *module;
	Dwfl_Module *dwfl; /* NULL: not reported */
};

struct debuginfo {
	const struct space *space;
	const struct modules *modules;
	struct binding *bindings; /* per module */
	Dwfl *dwfl;
	bool reported;
};

static int find_debuginfo(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr base,
			  const char *file, const char *link, GElf_Word crc, char **found)
{
	const struct binding *b = *userdata;
	int fd =
		b && b->module->debug_file ? open(b->module->debug_file, O_RDONLY | O_CLOEXEC) : -1;

	if (fd >= 0)
		*found = strdup(b->module->debug_file);
	return fd;
}

static int find_elf(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr base,
		    char **file, Elf **elf)
{
	return -1;
}

static const Dwfl_Callbacks callbacks = {
	.find_elf = find_elf,
	.find_debuginfo = find_debuginfo,
	.section_address = dwfl_offline_section_address,
};

int debuginfo_new(struct debuginfo **out, const struct space *space, const struct modules *modules,
		  struct err *err)
{
	struct debuginfo *d = calloc(1, sizeof(*d));

	if (d)
		d->bindings = calloc(modules->list.n + 1, sizeof(*d->bindings));
	if (!d || !d->bindings) {
		free(d);
		return err_nomem(err);
	}
	d->space = space;
	d->modules = modules;
	*out = d;
	return 0;
}

void debuginfo_free(struct debuginfo *d)
{
	if (!d)
		return;
	if (d->dwfl)
		dwfl_end(d->dwfl);
	free(d->bindings);
	free(d);
}

/* The dumped image of a module as an anonymous file, or −1. */
static int image_fd(const struct space *s, const struct module *m)
{
	uint64_t size = range_size(m->at);
	_cleanup_free_ uint8_t *bytes = size && size <= MAX_VDSO ? malloc(size) : NULL;
	_cleanup_close_ int fd = -1;

	if (!bytes || space_read(s, m->at.lo, bytes, size) < size)
		return -1;
	fd = memfd_create("vdso", MFD_CLOEXEC);
	if (fd < 0 || pwrite(fd, bytes, size, 0) != (ssize_t)size)
		return -1;
	return STEAL_FD(fd);
}

static void report(struct debuginfo *d, uint32_t i)
{
	const struct module *m = &d->modules->list.v[i];
	const char *file = m->file ? m->file : m->debug_file;
	int fd = m->is_vdso ? image_fd(d->space, m) : file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
	char name[64];
	Dwfl_Module *mod;
	void **userdata;

	if (fd < 0)
		return;
	/* by the number none is taken for another that was reported: libdw would drop that one */
	snprintf(name, sizeof(name), "%u %s", i, m->name);
	mod = dwfl_report_elf(d->dwfl, name, file ? file : m->name, fd, m->bias, true);
	if (!mod) {
		close(fd);
		return;
	}
	d->bindings[i] = (struct binding){m, mod};
	dwfl_module_info(mod, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
	*userdata = &d->bindings[i];
}

struct Dwfl *debuginfo_dwfl(struct debuginfo *d)
{
	if (d->reported)
		return d->dwfl;
	d->reported = true;
	d->dwfl = dwfl_begin(&callbacks);
	if (!d->dwfl)
		return NULL;
	dwfl_report_begin(d->dwfl);
	for (uint32_t i = 0; i < d->modules->list.n; i++)
		report(d, i);
	dwfl_report_end(d->dwfl, NULL, NULL);
	return d->dwfl;
}

struct Dwfl_Module *debuginfo_module(struct debuginfo *d, uint32_t module)
{
	if (!debuginfo_dwfl(d) || module >= d->modules->list.n)
		return NULL;
	return d->bindings[module].dwfl;
}
