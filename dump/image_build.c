/*
 * An image from its first byte to its last:
 *
 *	headers │ CORE notes │ HEAPDUMP notes │ memory │ lists (threads, modules, kernel words, ranges)
 *
 * All sizes are known before the first byte, so a pipe takes it as a file does. Only what goes wrong while memory is
 * read comes later: the list of ranges has room for it (empty entries, lo = hi), and where the output is a file, its
 * counts in the notes are written again at the end.
 */
#include <elf.h>
#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include "dump/image_build.h"
#include "dump/kernel_words.h"
#include "dump/proc_text.h"
#include "dump/sys.h"
#include "formats/image_write.h"
#include "heapdump.h"

enum {
	MORE_RANGES = 64, /* found while reading, in an image that cannot be patched */
	HEAD_BYTES = 4096,
	NOTE_BYTES = 4096,
	AUXV_BYTES = 4096,
	STAT_BYTES = 1024,
	SIGINFO_BYTES = 128,
	GET_AUXV = 0x41555856, /* PR_GET_AUXV */
};

/* The sampler's (tables.c); where there is none, it is not linked. */
extern struct heapimage_anchor *heapdump_anchor __attribute__((weak));

struct build {
	struct hd_image im;
	struct core_process process;
	struct core_file *files;
	uint32_t n_files;
	struct heapimage_thread *threads;
	struct heapimage_module *modules;
	uint32_t n_modules;
	struct image_notes notes;
	struct core_layout layout;
	uint64_t image_notes_off; /* in the file */
};

/* --- What is told of the process. --- */

/* "PID (name) S ppid pgrp sid …"; the name may hold anything. */
static void read_stat(struct core_process *p, const char *proc)
{
	char path[64], buf[STAT_BYTES];
	const char *open, *close, *rest;
	uint64_t v[3];

	hd_path(path, sizeof(path), proc, "/stat", NULL);
	if (hd_text_whole(path, buf, sizeof(buf)) <= 0)
		return;
	open = strchr(buf, '(');
	close = strrchr(buf, ')');
	if (!open || !close || close < open)
		return;
	for (const char *c = open + 1; c < close && c - open < 16; c++)
		p->name[c - open - 1] = *c;
	p->state = close[2];
	rest = close + 3;
	if (hd_text_number(&rest, 10, &v[0]) && hd_text_number(&rest, 10, &v[1]) &&
	    hd_text_number(&rest, 10, &v[2])) {
		p->ppid = (uint32_t)v[0];
		p->pgrp = (uint32_t)v[1];
		p->sid = (uint32_t)v[2];
	}
}

static void read_process(struct core_process *p, const struct hd_dump *d)
{
	char path[64];
	int64_t n;

	p->pid = d->own_pid ? d->own_pid : d->pid;
	read_stat(p, d->proc);
	hd_path(path, sizeof(path), d->proc, "/status", NULL);
	p->uid = (uint32_t)hd_status_value(path, "Uid:");
	p->gid = (uint32_t)hd_status_value(path, "Gid:");
	hd_path(path, sizeof(path), d->proc, "/cmdline", NULL);
	n = hd_text_whole(path, p->args, sizeof(p->args));
	for (int64_t i = 0; i + 1 < n; i++)
		if (!p->args[i])
			p->args[i] = ' ';
}

static int collect_files(struct build *b)
{
	const struct hd_memory_map *map = &b->im.map;

	b->files = hd_room_take(b->im.room, map->n * sizeof(*b->files));
	if (!b->files)
		return -ENOMEM;
	for (uint32_t i = 0; i < map->n; i++) {
		const struct hd_mapping *m = &map->v[i];

		if (m->path[0] == '/')
			b->files[b->n_files++] = (struct core_file){m->lo, m->hi, m->off, m->path};
	}
	return 0;
}

/* --- Lists. --- */

static uint32_t id_of(const struct hd_frozen *t)
{
	return t->own_tid ? t->own_tid : t->tid;
}

static void fill_thread(struct heapimage_thread *to, const struct hd_frozen *t)
{
	to->tid = id_of(t);
	to->state = t->state == HD_RUNS ? HD_NOT_STOPPED : t->state;
	memcpy(to->name, t->name, sizeof(to->name));
}

/* The caller first, as among the notes. */
static int collect_threads(struct build *b)
{
	struct hd_freeze *f = &b->im.dump->freeze;
	uint32_t n = 0;

	hd_freeze_names(f);
	b->threads = hd_room_take(b->im.room, (f->n + 1) * sizeof(*b->threads));
	if (!b->threads)
		return -ENOMEM;
	for (uint32_t i = 0; i < f->n; i++)
		if (f->threads[i].tid == f->caller)
			fill_thread(&b->threads[n++], &f->threads[i]);
	for (uint32_t i = 0; i < f->n; i++)
		if (f->threads[i].tid != f->caller)
			fill_thread(&b->threads[n++], &f->threads[i]);
	return 0;
}

static bool same_file(const struct hd_mapping *a, const struct hd_mapping *b)
{
	return a->inode == b->inode && !strcmp(a->path, b->path);
}

/* The end of the file's mappings from the i-th on; anonymous ones (its .bss) may lie between. */
static uint64_t module_end(const struct hd_memory_map *map, uint32_t i)
{
	uint64_t hi = map->v[i].hi;

	for (uint32_t k = i + 1; k < map->n; k++) {
		const struct hd_mapping *m = &map->v[k];

		if (!m->inode && !m->path[0] && m->lo == hi)
			continue;
		if (!same_file(m, &map->v[i]) || m->off == 0)
			break;
		hi = m->hi;
	}
	return hi;
}

static void read_build_id(struct build *b, struct heapimage_module *m, const uint8_t *head,
			  uint64_t n)
{
	uint8_t *notes = b->im.copy + HEAD_BYTES;
	uint64_t addr, size;

	for (unsigned i = 0; !m->n_build_id && image_elf_notes(head, n, i, &addr, &size); i++) {
		int64_t got = hd_pages_read(&b->im.pages, m->lo + addr, notes,
					    size < NOTE_BYTES ? size : NOTE_BYTES);

		if (got > 0)
			m->n_build_id = image_build_id(notes, (uint64_t)got, m->build_id);
	}
}

static void add_module(struct build *b, uint32_t i)
{
	const struct hd_mapping *at = &b->im.map.v[i];
	struct heapimage_module *m = &b->modules[b->n_modules];
	int64_t n = hd_pages_read(&b->im.pages, at->lo, b->im.copy, HEAD_BYTES);

	if (n < SELFMAG || memcmp(b->im.copy, ELFMAG, SELFMAG) != 0)
		return;
	*m = (struct heapimage_module){
		.lo = at->lo,
		.hi = module_end(&b->im.map, i),
		.generation_last = UINT32_MAX,
		.state = HEAPIMAGE_LIVE,
	};
	image_module_path(m, at->path);
	read_build_id(b, m, b->im.copy, (uint64_t)n);
	b->n_modules++;
}

static int collect_modules(struct build *b)
{
	const struct hd_memory_map *map = &b->im.map;
	uint32_t n = 0;

	for (uint32_t i = 0; i < map->n; i++)
		n += map->v[i].off == 0 && map->v[i].path[0];
	b->modules = hd_room_take(b->im.room, n * sizeof(*b->modules));
	if (!b->modules)
		return -ENOMEM;
	for (uint32_t i = 0; i < map->n; i++) {
		const struct hd_mapping *m = &map->v[i];
		uint32_t kept_off = HD_MAP_DEVICE | HD_MAP_USERFAULT;
		bool is_file = m->path[0] == '/' || !strcmp(m->path, "[vdso]");

		if (is_file && m->off == 0 && (m->flags & (HD_MAP_R | kept_off)) == HD_MAP_R)
			add_module(b, i);
	}
	return 0;
}

static void collect_epoll(struct hd_dump *d)
{
	struct hd_kernel_words words = {d->words, d->n_words, d->words_capacity, d->n_words_cut};

	hd_kernel_words_epoll(&words, hd_memory_of(d));
	d->n_words = words.n;
	d->n_words_cut = words.n_cut;
}

/* The program's sockets and pipes are not to stay open because of its snapshot. */
static void close_others(const struct hd_image *im)
{
	int keep[3] = {im->dump->out.fd, im->pages.pagemap, im->pages.mem}, from = 0;

	for (int round = 0; round < 4; round++) {
		int next = INT32_MAX;

		for (int i = 0; i < 3; i++)
			if (keep[i] >= from && keep[i] < next)
				next = keep[i];
		if (next > from)
			hd_sys3(SYS_close_range, from, next - 1, 0);
		if (next == INT32_MAX)
			break;
		from = next + 1;
	}
}

/* --- Notes. --- */

static void put_threads(struct core_sink *s, struct build *b, bool caller)
{
	const struct hd_freeze *f = &b->im.dump->freeze;

	for (uint32_t i = 0; i < f->n; i++) {
		const struct hd_frozen *t = &f->threads[i];
		const struct hd_registers *r = &t->registers;
		struct core_thread thread = {
			.tid = id_of(t),
			.regs = r->raw,
			.regs_size = sizeof(r->raw),
			.fp = r->fp_size ? r->fp : NULL,
			.fp_size = r->fp_size,
			.more = r->more_size ? r->more : NULL,
			.more_size = r->more_size,
			.more_type = HD_MORE_NOTE,
		};

		if ((t->tid == f->caller) == caller && t->state == HD_STOPPED && t->has_registers)
			core_put_thread(s, &b->process, &thread);
	}
}

/* A process that is not dumpable may not read its own /proc/PID/auxv; since Linux 6.4 it may ask. */
static int64_t read_auxv(const struct hd_dump *d, uint8_t *buf)
{
	char path[64];
	int fd;
	int64_t n;

	hd_path(path, sizeof(path), d->proc, "/auxv", NULL);
	fd = hd_sys_open(path, 0, 0);
	if (fd < 0 && d->beside)
		return fd;
	if (fd < 0)
		return hd_sys6(SYS_prctl, GET_AUXV, (long)buf, AUXV_BYTES, 0, 0, 0);
	n = hd_sys_read(fd, buf, AUXV_BYTES);
	hd_sys_close(fd);
	return n;
}

static void put_auxv(struct core_sink *s, const struct hd_dump *d, uint8_t *buf)
{
	int64_t n = read_auxv(d, buf);

	if (n > 0 && n <= AUXV_BYTES)
		core_put_note(s, "CORE", NT_AUXV, buf, (uint64_t)n);
}

/* As the kernel orders them; ours behind all. */
static void put_notes(struct core_sink *s, struct build *b)
{
	static const uint8_t no_signal[SIGINFO_BYTES];

	put_threads(s, b, true);
	core_put_process(s, &b->process);
	core_put_note(s, "CORE", NT_SIGINFO, no_signal, sizeof(no_signal));
	put_auxv(s, b->im.dump, b->im.copy);
	core_put_files(s, b->files, b->n_files);
	put_threads(s, b, false);
	b->image_notes_off = s->n;
	image_put_notes(s, &b->notes);
}

static void fill_list(struct heapimage_list *l, uint32_t n, uint32_t entry_size, uint32_t n_cut)
{
	*l = (struct heapimage_list){.n = n, .entry_size = entry_size, .n_cut = n_cut};
}

static uint32_t consistency(const struct build *b)
{
	const struct hd_freeze *f = &b->im.dump->freeze;
	uint32_t bits = b->im.consistency;

	if (hd_freeze_n_not_stopped(f))
		bits |= HEAPIMAGE_THREADS_RAN;
	for (uint32_t i = 0; i < f->n; i++)
		if (f->threads[i].state == HD_STOPPED && !f->threads[i].has_registers)
			bits |= HEAPIMAGE_REGISTERS_LOST;
	return bits;
}

static void fill_info(struct build *b)
{
	const struct hd_dump *d = b->im.dump;

	b->notes.info = (struct heapimage_info){
		.major = HEAPIMAGE_MAJOR,
		.minor = HEAPIMAGE_MINOR,
		.size = sizeof(struct heapimage_info),
		.method = d->in_place ? HEAPIMAGE_IN_PLACE : HEAPIMAGE_FORK,
		.freeze = (uint16_t)d->freeze_how,
		.consistency = (uint16_t)consistency(b),
		.trigger = (uint16_t)d->trigger,
		.pid = b->process.pid,
		.tid = d->beside ? b->process.pid : d->caller,
		.time_ns = d->time_ns,
		.monotonic_ns = d->freeze.first_ns,
		.pause_ns = d->shared->pause_ns,
		.stop_ns = d->freeze.stopped_ns - d->freeze.first_ns,
		.fork_ns = d->shared->fork_ns,
		.n_threads = d->freeze.n + d->freeze.n_unlisted,
		.n_not_stopped = hd_freeze_n_not_stopped(&d->freeze),
		.rss_bytes = d->rss_bytes,
	};
	if (d->in_place)
		b->notes.info.pause_ns = hd_sys_clock(CLOCK_MONOTONIC) - d->freeze.first_ns;
}

static void fill_notes(struct build *b)
{
	const struct hd_image *im = &b->im;
	const struct hd_dump *d = im->dump;
	uint32_t n_ranges = im->n_ranges + (d->out.regular ? 0 : MORE_RANGES);

	fill_info(b);
	b->notes.why = d->why[0] ? d->why : NULL;
	if (&heapdump_anchor && heapdump_anchor)
		b->notes.anchor = (struct heapimage_anchor_note){
			(uint64_t)(uintptr_t)heapdump_anchor, heapdump_anchor->size};
	fill_list(&b->notes.lists[IMAGE_THREADS], d->freeze.n, sizeof(*b->threads),
		  d->freeze.n_unlisted);
	fill_list(&b->notes.lists[IMAGE_MODULES], b->n_modules, sizeof(*b->modules), 0);
	fill_list(&b->notes.lists[IMAGE_KERNEL], d->n_words, sizeof(*d->words), d->n_words_cut);
	fill_list(&b->notes.lists[IMAGE_RANGES], n_ranges, sizeof(*im->ranges), im->n_ranges_cut);
}

/* --- The file. --- */

/* Notes are measured, everything gets its place, notes are made: b->layout, and the sink with headers and notes. */
static int make_head(struct build *b, struct core_sink *s)
{
	struct hd_image *im = &b->im;
	struct core_segment *lists = &im->segments[im->n_segments];
	struct core_sink measure = {0};
	uint64_t end;

	fill_notes(b);
	put_notes(&measure, b);
	*lists = (struct core_segment){.type = PT_HEAPDUMP, .flags = PF_R};
	lists->filesz = image_place_lists(&b->notes, 0);
	core_layout(&b->layout, im->segments, im->n_segments + 1, measure.n);
	end = image_place_lists(&b->notes, lists->off);
	lists->filesz = end - lists->off;
	s->size = b->layout.data_off;
	s->at = hd_room_take(im->room, s->size);
	if (!s->at)
		return -ENOMEM;
	core_put_headers(s, HD_MACHINE, &b->layout, im->segments, im->n_segments + 1);
	put_notes(s, b);
	core_put_align(s, CORE_PAGE);
	return s->n == s->size ? 0 : -ENOMEM;
}

static int write_lists(struct build *b)
{
	const struct hd_dump *d = b->im.dump;
	const struct hd_image *im = &b->im;
	const struct {
		const void *at;
		uint64_t n, size;
	} lists[] = {
		{b->threads, d->freeze.n, sizeof(*b->threads)},
		{b->modules, b->n_modules, sizeof(*b->modules)},
		{d->words, d->n_words, sizeof(*d->words)},
		{im->ranges, b->notes.lists[IMAGE_RANGES].n, sizeof(*im->ranges)},
	};

	for (unsigned i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		int rc = hd_output_write(&b->im.dump->out, lists[i].at, lists[i].n * lists[i].size);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* What was learned while memory was read. */
static int patch(struct build *b, uint32_t n_known)
{
	struct hd_image *im = &b->im;
	struct core_sink s = {.at = im->copy, .size = HD_COPY_BYTES};
	struct core_segment *lists = &im->segments[im->n_segments];
	uint64_t end = image_place_lists(&b->notes, lists->off), header;
	int rc;

	if (im->n_ranges == n_known && !im->n_ranges_cut)
		return 0;
	image_put_notes(&s, &b->notes);
	rc = hd_output_patch(&im->dump->out, b->image_notes_off, s.at, s.n);
	/* the last program header's p_filesz */
	lists->filesz = end - lists->off;
	header = sizeof(Elf64_Ehdr) + (b->layout.n_headers - 1) * sizeof(Elf64_Phdr);
	if (rc == 0)
		rc = hd_output_patch(&im->dump->out, header + offsetof(Elf64_Phdr, p_filesz),
				     &lists->filesz, sizeof(lists->filesz));
	return rc;
}

static int write_all(struct build *b)
{
	struct hd_image *im = &b->im;
	struct hd_output *o = &im->dump->out;
	struct core_sink head = {0};
	uint32_t n_known = im->n_ranges;
	uint64_t lists_off;
	int rc = make_head(b, &head);

	if (rc == 0)
		rc = hd_output_write(o, head.at, head.size);
	if (rc == 0)
		rc = hd_image_body(im);
	if (rc < 0)
		return rc;
	lists_off = im->segments[im->n_segments].off;
	if (o->regular) {
		b->notes.info.consistency = (uint16_t)consistency(b);
		fill_list(&b->notes.lists[IMAGE_RANGES], im->n_ranges, sizeof(*im->ranges),
			  im->n_ranges_cut);
	}
	rc = hd_output_skip(o, lists_off - o->at);
	if (rc == 0)
		rc = write_lists(b);
	if (rc == 0 && o->regular)
		rc = patch(b, n_known);
	if (rc == 0)
		rc = hd_output_end(o, !(im->dump->flags & HEAPDUMP_NO_SYNC));
	return rc;
}

static int check_limit(struct hd_image *im)
{
	uint64_t limit = im->dump->max_bytes;

	return limit && hd_image_plan_bytes(im) > limit ? -EFBIG : 0;
}

/* How long the program stood still is known when it runs again. */
static int wait_for_times(struct hd_dump *d)
{
	struct timespec limit = {0, 50 * 1000 * 1000};

	while (!d->in_place && !__atomic_load_n(&d->shared->resumed, __ATOMIC_ACQUIRE)) {
		if (hd_image_wanted(d) < 0)
			return -ECANCELED;
		hd_sys4(SYS_futex, &d->shared->resumed, FUTEX_WAIT, 0, &limit);
	}
	return 0;
}

static int build(struct build *b)
{
	int rc = hd_image_plan(&b->im);

	if (rc == 0)
		rc = check_limit(&b->im);
	if (rc == 0)
		rc = collect_files(b);
	if (rc == 0)
		rc = collect_threads(b);
	if (rc == 0)
		rc = collect_modules(b);
	if (rc < 0)
		return rc;
	read_process(&b->process, b->im.dump);
	rc = wait_for_times(b->im.dump);
	return rc < 0 ? rc : write_all(b);
}

int hd_image_write(struct hd_dump *d)
{
	struct build *b = hd_room_take(&d->room, sizeof(*b));
	uint8_t *copy = hd_room_take(&d->room, HD_COPY_BYTES);
	int rc;

	if (!b || !copy)
		return -ENOMEM;
	memset(b, 0, sizeof(*b));
	b->im.dump = d;
	b->im.room = &d->room;
	b->im.copy = copy;
	collect_epoll(d);
	hd_pages_open(&b->im.pages, hd_memory_of(d), d->beside ? d->beside : hd_sys_pid());
	b->im.pages.of_fork = !d->in_place;
	if (!d->in_place && !d->beside)
		close_others(&b->im);
	rc = build(b);
	if (rc < 0)
		hd_output_abandon(&d->out);
	hd_pages_close(&b->im.pages);
	if (b->im.others)
		hd_pages_close(b->im.others);
	hd_backing_close(&b->im.backing);
	d->shared->file_bytes = d->out.at;
	d->shared->data_bytes = d->out.written;
	return rc;
}
