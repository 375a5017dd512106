#include <fcntl.h>
#include <elf.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/lib/types_rig.h"

/* Where the file's thread-local block would be. */
static void find_tls(struct module *m)
{
	_cleanup_close_ int fd = open(m->file, O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr eh;
	Elf64_Phdr ph;

	if (fd < 0 || pread(fd, &eh, sizeof(eh), 0) != sizeof(eh))
		return;
	for (unsigned i = 0; i < eh.e_phnum; i++) {
		if (pread(fd, &ph, sizeof(ph), (off_t)(eh.e_phoff + i * sizeof(ph))) !=
			    sizeof(ph) ||
		    ph.p_type != PT_TLS)
			continue;
		m->tls_image.lo = ph.p_vaddr + m->bias;
		m->tls_image.hi = m->tls_image.lo + ph.p_filesz;
		m->tls_memsz = ph.p_memsz;
	}
}

bool types_rig_open(struct types_rig *r, const char *path)
{
	struct module m = {.bias = TYPES_RIG_BIAS};
	struct err err;

	*r = (struct types_rig){.path = strdup(path)};
	m.path = m.name = m.file = r->path;
	m.at = (struct range){TYPES_RIG_BIAS, UINT64_MAX};
	if (!r->path)
		return false;
	find_tls(&m);
	return vec_push(&r->modules.list, m) == 0 &&
	       debuginfo_new(&r->debuginfo, NULL, &r->modules, &err) == 0 &&
	       types_init(&r->types, r->debuginfo, &r->modules, &r->warnings, &err) == 0;
}

void types_rig_close(struct types_rig *r)
{
	types_deinit(&r->types);
	debuginfo_free(r->debuginfo);
	warnings_deinit(&r->warnings);
	vec_deinit(&r->modules.list);
	free(r->path);
}
