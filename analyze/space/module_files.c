/*
 * Where a module's files may be, in this order; each candidate's build-id is
 * compared with the dumped one, and a file of another build is never used:
 *
 *	file         --exe (the executable) · sysroot + path · path · what a living process has mapped · beside the dump ·
 *	             debuginfod
 *	debug file   debug_dir/.build-id/ab/cdef….debug · the file's folder, its .debug/ and
 *	             debug_dir + folder by .gnu_debuglink · debuginfod
 *
 * The sysroot stands before debug_dir, too, for files that were found in it.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <gelf.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "analyze/space/module_files.h"
#include "base/cleanup.h"

#define DELETED " (deleted)"

struct opened {
	char *path;
	int fd;
	Elf *elf;
};

static void opened_close(struct opened *o)
{
	elf_end(o->elf);
	if (o->fd >= 0)
		close(o->fd);
	free(o->path);
	*o = (struct opened){.fd = -1};
}

/* The bytes of a build-id as hex digits; text has room for 2 n + 1. */
static void hex_of(const uint8_t *id, size_t n, char *text)
{
	text[0] = 0;
	for (size_t i = 0; i < n; i++)
		sprintf(text + 2 * i, "%02x", id[i]);
}

/* Takes fd over. */
static bool open_fd(struct opened *o, const char *path, int fd)
{
	struct stat st;

	*o = (struct opened){.fd = fd};
	elf_version(EV_CURRENT);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		o->elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (o->elf && elf_kind(o->elf) == ELF_K_ELF)
		o->path = strdup(path);
	if (!o->path)
		opened_close(o);
	return o->path != NULL;
}

/*
 * A dump from elsewhere names what it likes, and opening alone can do something: a device may start,
 * the writer of a pipe wake up, a file of /proc have no end. So only plain files are opened.
 */
static bool is_plain_file(const char *path)
{
	struct statfs fs;
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	       statfs(path, &fs) == 0 && fs.f_type != PROC_SUPER_MAGIC;
}

static bool open_path(struct opened *o, const char *path)
{
	*o = (struct opened){.fd = -1};
	return is_plain_file(path) &&
	       open_fd(o, path, open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

/* The build-id that a file must have: the dumped one; for a debug file else that of the module's file. */
static struct elf_image wanted_id(const struct module *m)
{
	struct elf_image img = {0};

	if (!m->n_build_id && m->elf && elf_image_of_file(&img, m->elf, NULL) == 0) {
		elf_image_deinit(&img);
		return img;
	}
	memcpy(img.build_id, m->build_id, m->n_build_id);
	img.n_build_id = m->n_build_id;
	return img;
}

/* How an opened file compares with the build-id: MODULE_MISSING when it is no such file at all. */
static enum module_state compare(const struct elf_image *want, const struct opened *o,
				 struct elf_image *img)
{
	if (elf_image_of_file(img, o->elf, NULL) < 0)
		return MODULE_MISSING;
	if (!want->n_build_id || !img->n_build_id)
		return MODULE_UNVERIFIED;
	if (want->n_build_id == img->n_build_id &&
	    !memcmp(want->build_id, img->build_id, want->n_build_id))
		return MODULE_FOUND;
	return MODULE_OTHER_BUILD;
}

/* Tries one candidate; keeps it, or remembers that another build was seen. */
static bool try_file(struct module *m, struct opened *o, struct warnings *warnings)
{
	struct elf_image img = {0}, want = wanted_id(m);
	enum module_state state = compare(&want, o, &img);
	char ours[2 * MAX_BUILD_ID + 1], theirs[2 * MAX_BUILD_ID + 1];

	elf_image_deinit(&img);
	if (state == MODULE_OTHER_BUILD) {
		hex_of(m->build_id, m->n_build_id, ours);
		hex_of(img.build_id, img.n_build_id, theirs);
		warnings_add(warnings,
			     "%s: %s is another build (%.8s; the process ran %.8s) and is not used",
			     m->name, o->path, theirs, ours);
		m->state = state;
	}
	if (state != MODULE_FOUND && state != MODULE_UNVERIFIED) {
		opened_close(o);
		return false;
	}
	m->state = state;
	m->file = STEAL(o->path);
	m->elf = STEAL(o->elf);
	m->fd = STEAL_FD(o->fd);
	return true;
}

static bool try_path(struct module *m, const char *path, struct warnings *warnings)
{
	struct opened o;

	return open_path(&o, path) && try_file(m, &o, warnings);
}

PRINTF_LIKE(3, 4)
static bool try_pathf(struct module *m, struct warnings *warnings, const char *fmt, ...)
{
	_cleanup_free_ char *path = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&path, fmt, ap);
	va_end(ap);
	if (n < 0) {
		path = NULL;
		return false;
	}
	return try_path(m, path, warnings);
}

/* libdebuginfod is asked only where the user configured servers; it is no link-time dependency. */
static int debuginfod_fd(const char *function, const struct module *m, char **path)
{
	typedef struct debuginfod_client *begin_fn(void);
	typedef int find_fn(struct debuginfod_client *, const unsigned char *, int, char **);
	typedef void end_fn(struct debuginfod_client *);
	void *lib = dlopen("libdebuginfod.so.1", RTLD_LAZY | RTLD_LOCAL);
	begin_fn *begin = lib ? (begin_fn *)dlsym(lib, "debuginfod_begin") : NULL;
	find_fn *find = lib ? (find_fn *)dlsym(lib, function) : NULL;
	end_fn *end = lib ? (end_fn *)dlsym(lib, "debuginfod_end") : NULL;
	struct debuginfod_client *client = begin && find && end ? begin() : NULL;
	int fd = -1;

	if (client) {
		fd = find(client, m->build_id, (int)m->n_build_id, path);
		end(client);
	}
	return fd;
}

static bool may_ask_debuginfod(const struct module *m, const struct module_search *search)
{
	const char *urls = getenv("DEBUGINFOD_URLS");

	return urls && *urls && !search->no_debuginfod && m->n_build_id && !m->is_vdso;
}

static bool ask_debuginfod(const char *function, const struct module *m, struct opened *o)
{
	_cleanup_free_ char *path = NULL;
	int fd = debuginfod_fd(function, m, &path);

	return fd >= 0 && open_fd(o, path ? path : "debuginfod", fd);
}

/* The path without the kernel's " (deleted)". */
static char *recorded_path(const struct module *m)
{
	size_t n = strlen(m->path), d = strlen(DELETED);

	if (n > d && !strcmp(m->path + n - d, DELETED))
		n -= d;
	return strndup(m->path, n);
}

/* What a living process has mapped at the module's beginning, also when its name was removed or is in another root. */
static bool try_mapped(struct module *m, const char *folder, struct warnings *warnings)
{
	DIR *dir = opendir(folder);
	char start[24];
	bool found = false;
	size_t n = (size_t)snprintf(start, sizeof(start), "%" PRIx64 "-", m->at.lo);

	if (!dir)
		return false;
	for (const struct dirent *e; !found && (e = readdir(dir));)
		if (!strncmp(e->d_name, start, n))
			found = try_pathf(m, warnings, "%s/%s", folder, e->d_name);
	closedir(dir);
	return found;
}

static bool find_file(struct module *m, const struct module_search *search, const char *path,
		      struct warnings *warnings)
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	struct opened o;

	if (m->is_exe && search->exe && try_path(m, search->exe, warnings))
		return true;
	/* another file has the name by now */
	if (search->mapped && strlen(path) < strlen(m->path) &&
	    try_mapped(m, search->mapped, warnings))
		return true;
	if (search->sysroot && *path == '/' &&
	    try_pathf(m, warnings, "%s%s", search->sysroot, path))
		return true;
	if (*path == '/' && try_path(m, path, warnings))
		return true;
	if (search->mapped && *path == '/' && try_mapped(m, search->mapped, warnings))
		return true;
	if (search->beside && *name && try_pathf(m, warnings, "%s/%s", search->beside, name))
		return true;
	return may_ask_debuginfod(m, search) &&
	       ask_debuginfod("debuginfod_find_executable", m, &o) && try_file(m, &o, warnings);
}

static bool has_section(Elf *elf, const char *name, Elf_Data **data)
{
	size_t names;
	Elf_Scn *scn = NULL;

	if (elf_getshdrstrndx(elf, &names))
		return false;
	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr sh;
		const char *n = gelf_getshdr(scn, &sh) ? elf_strptr(elf, names, sh.sh_name) : NULL;

		if (n && !strcmp(n, name)) {
			if (data)
				*data = sh.sh_type == SHT_NOBITS ? NULL : elf_rawdata(scn, NULL);
			return true;
		}
	}
	return false;
}

static bool try_debug(struct module *m, struct opened *o)
{
	struct elf_image img = {0}, want = wanted_id(m);
	enum module_state state = compare(&want, o, &img);

	elf_image_deinit(&img);
	if (state == MODULE_FOUND || (state == MODULE_UNVERIFIED && !want.n_build_id)) {
		m->debug_file = STEAL(o->path);
		m->debug_elf = STEAL(o->elf);
		m->debug_fd = STEAL_FD(o->fd);
		return true;
	}
	opened_close(o);
	return false;
}

PRINTF_LIKE(2, 3)
static bool try_debugf(struct module *m, const char *fmt, ...)
{
	_cleanup_free_ char *path = NULL;
	struct opened o;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&path, fmt, ap);
	va_end(ap);
	if (n < 0) {
		path = NULL;
		return false;
	}
	return open_path(&o, path) && try_debug(m, &o);
}

static bool find_debug_by_id(struct module *m, const char *sysroot, const char *dir)
{
	struct elf_image want = wanted_id(m);
	char hex[2 * MAX_BUILD_ID + 1];

	if (want.n_build_id < 2)
		return false;
	hex_of(want.build_id, want.n_build_id, hex);
	return try_debugf(m, "%s%s/.build-id/%.2s/%s.debug", sysroot, dir, hex, hex + 2);
}

static bool find_debug_by_link(struct module *m, const char *sysroot, const char *dir)
{
	Elf_Data *link = NULL;
	const char *name;
	int folder, skip;

	if (!m->elf || !has_section(m->elf, ".gnu_debuglink", &link) || !link || !link->d_buf ||
	    !memchr(link->d_buf, 0, link->d_size))
		return false;
	name = link->d_buf;
	if (strchr(name, '/') || !*name)
		return false;
	folder = strrchr(m->file, '/') ? (int)(strrchr(m->file, '/') - m->file) : 0;
	skip = strncmp(m->file, sysroot, strlen(sysroot)) ? 0 : (int)strlen(sysroot);
	return try_debugf(m, "%.*s/.debug/%s", folder, m->file, name) ||
	       try_debugf(m, "%.*s%s%.*s/%s", skip, m->file, dir, folder - skip, m->file + skip,
			  name) ||
	       (strcmp(name, m->name) &&
		try_debugf(m, "%.*s/%s", folder, folder ? m->file : ".", name));
}

static void find_debug(struct module *m, const struct module_search *search)
{
	const char *dir = search->debug_dir ? search->debug_dir : "/usr/lib/debug";
	const char *sysroot = search->sysroot ? search->sysroot : "";
	struct opened o;

	if (m->elf && has_section(m->elf, ".debug_info", NULL) &&
	    has_section(m->elf, ".symtab", NULL))
		return;
	if ((*sysroot && find_debug_by_id(m, sysroot, dir)) || find_debug_by_id(m, "", dir) ||
	    find_debug_by_link(m, sysroot, dir))
		return;
	if (may_ask_debuginfod(m, search) && ask_debuginfod("debuginfod_find_debuginfo", m, &o))
		try_debug(m, &o);
}

static void warn_missing(const struct module *m, const char *path, struct warnings *warnings)
{
	const char *lost = m->debug_file ? "unwind tables and constants" : "symbols and frames";
	const char *option = m->is_exe ? "--exe" : "--sysroot";

	if (*path)
		warnings_add(
			warnings,
			"%s is not on this machine: %s of it are unknown (%s tells where it is)",
			path, lost, option);
	else if (m->is_exe)
		warnings_add(warnings,
			     "the dump does not name the executable: %s of it are unknown (--exe "
			     "tells where it is)",
			     lost);
	else
		warnings_add(warnings,
			     "the dump does not name the file at 0x%lx: %s of it are unknown",
			     m->at.lo, lost);
}

int module_files_find(struct module *m, const struct module_search *search,
		      struct warnings *warnings, struct err *err)
{
	_cleanup_free_ char *path = recorded_path(m);

	if (!path)
		return err_nomem(err);
	m->fd = m->debug_fd = -1;
	m->state = MODULE_MISSING;
	if (m->is_vdso) {
		m->state = MODULE_FOUND;
		return 0;
	}
	find_file(m, search, path, warnings);
	find_debug(m, search);
	if (m->state == MODULE_MISSING)
		warn_missing(m, path, warnings);
	return 0;
}

void module_files_close(struct module *m)
{
	struct opened file = {m->file, m->fd, m->elf};
	struct opened debug = {m->debug_file, m->debug_fd, m->debug_elf};

	opened_close(&file);
	opened_close(&debug);
	m->file = m->debug_file = NULL;
	m->elf = m->debug_elf = NULL;
	m->fd = m->debug_fd = -1;
}
