/*
 * /proc/PID/smaps, which is maps with a block of facts behind every line, or maps where smaps is missing:
 *
 *	7f1c2a000000-7f1c2a021000 rw-p 00000000 00:00 0                          [heap]
 *	Size:                132 kB
 *	…
 *	VmFlags: rd wr mr mw me ac dd
 *
 * VmFlags (Linux Documentation/filesystems/proc.rst): dd MADV_DONTDUMP, wf MADV_WIPEONFORK, io and pf memory of
 * a device, ht hugetlbfs. A fact's key begins with a capital letter, a mapping with a hexadecimal digit in
 * lower case: that tells them apart.
 */
#include <errno.h>
#include <string.h>

#include "dump/memory_map.h"
#include "dump/proc_text.h"

/* A path is at most PATH_MAX; the kernel escapes newlines in it ("\012"). */
enum { LINE_BYTES = 3 * 4096, PROC_PATH = 64, MORE_MAPPINGS = 256 };

void *hd_room_take(struct hd_room *room, uint64_t n)
{
	uint8_t *p = (uint8_t *)(((uintptr_t)room->at + 15) & ~(uintptr_t)15);

	if (p > room->end || n > (uint64_t)(room->end - p))
		return NULL;
	room->at = p + n;
	return p;
}

static uint32_t parse_flags(const char *p)
{
	return (p[0] == 'r' ? HD_MAP_R : 0) | (p[1] == 'w' ? HD_MAP_W : 0) |
	       (p[2] == 'x' ? HD_MAP_X : 0) | (p[3] == 's' ? HD_MAP_SHARED : 0);
}

bool hd_memory_map_parse(const char *line, struct hd_mapping *m)
{
	struct hd_mapping got = {0};
	uint64_t device;

	if (!hd_text_number(&line, 16, &got.lo) || *line++ != '-' ||
	    !hd_text_number(&line, 16, &got.hi) || *line++ != ' ' || strlen(line) < 5)
		return false;
	got.flags = parse_flags(line);
	line += 5;
	if (!hd_text_number(&line, 16, &got.off) || !hd_text_number(&line, 16, &device) ||
	    *line++ != ':' || !hd_text_number(&line, 16, &device) ||
	    !hd_text_number(&line, 10, &got.inode))
		return false;
	while (*line == ' ')
		line++;
	got.path = line;
	*m = got;
	return got.lo < got.hi;
}

static uint32_t parse_vm_flags(const char *p)
{
	static const struct {
		char name[3];
		uint32_t flag;
	} known[] = {
		{"dd", HD_MAP_DONTDUMP},  {"wf", HD_MAP_WIPED},	  {"io", HD_MAP_DEVICE},
		{"pf", HD_MAP_DEVICE},	  {"ht", HD_MAP_HUGETLB}, {"um", HD_MAP_USERFAULT},
		{"ui", HD_MAP_USERFAULT},
	};
	uint32_t flags = 0;

	for (; *p; p++) {
		if (p[0] == ' ' || !p[1])
			continue;
		for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
			if (p[0] == known[i].name[0] && p[1] == known[i].name[1])
				flags |= known[i].flag;
		p++;
	}
	return flags;
}

/* Without VmFlags: what is mapped of /dev but is memory all the same. */
static bool looks_like_device(const char *path)
{
	return !strncmp(path, "/dev/", 5) && strncmp(path, "/dev/zero", 9) != 0 &&
	       strncmp(path, "/dev/shm/", 9) != 0 && strncmp(path, "/dev/hugepages/", 15) != 0;
}

static uint32_t guess_flags(const struct hd_mapping *m)
{
	bool special = !strncmp(m->path, "[vvar", 5) || !strcmp(m->path, "[vsyscall]");

	return special || looks_like_device(m->path) ? HD_MAP_DEVICE : 0;
}

static const char *keep_path(struct hd_room *room, const char *path)
{
	size_t n = strlen(path) + 1;
	char *kept;

	if (n == 1)
		return "";
	kept = hd_room_take(room, n);
	return kept ? memcpy(kept, path, n) : NULL;
}

int hd_memory_map_count(const char *proc, uint64_t *n, uint64_t *bytes)
{
	char path[PROC_PATH], buf[2 * 4096];
	struct hd_text text;
	int rc;

	hd_path(path, sizeof(path), proc, "/maps", NULL);
	rc = hd_text_open(&text, path, buf, sizeof(buf));
	if (rc < 0)
		return rc;
	*n = *bytes = 0;
	for (const char *line; (line = hd_text_line(&text)); (*n)++)
		*bytes += strlen(line) + 1;
	hd_text_close(&text);
	return 0;
}

/* 0, or −ENOMEM: the table or the room is full. */
static int add_mapping(struct hd_memory_map *map, uint64_t capacity, const char *line,
		       struct hd_room *room)
{
	struct hd_mapping *m = &map->v[map->n];

	if (map->n == capacity)
		return -ENOMEM;
	if (!hd_memory_map_parse(line, m))
		return 0;
	m->flags |= guess_flags(m);
	m->path = keep_path(room, m->path);
	if (!m->path)
		return -ENOMEM;
	map->n++;
	return 0;
}

static int read_lines(struct hd_memory_map *map, struct hd_text *text, uint64_t capacity,
		      struct hd_room *room)
{
	const char *line, *rest;

	while ((line = hd_text_line(text))) {
		if (*line < 'A' || *line > 'Z') {
			int rc = add_mapping(map, capacity, line, room);

			if (rc < 0)
				return rc;
		} else if (map->n && hd_text_key(line, "VmFlags:", &rest)) {
			map->v[map->n - 1].flags |= parse_vm_flags(rest);
			map->has_flags = true;
		}
	}
	return 0;
}

int hd_memory_map_read(struct hd_memory_map *map, const char *proc, bool flags,
		       struct hd_room *room)
{
	char path[PROC_PATH];
	struct hd_text text;
	uint64_t n, bytes;
	char *buf = hd_room_take(room, LINE_BYTES);
	int rc = hd_memory_map_count(proc, &n, &bytes);

	if (rc < 0)
		return rc;
	n += n / 2 + MORE_MAPPINGS;
	*map = (struct hd_memory_map){.v = hd_room_take(room, n * sizeof(*map->v))};
	if (!buf || !map->v)
		return -ENOMEM;
	rc = -ENOENT;
	if (flags) {
		hd_path(path, sizeof(path), proc, "/smaps", NULL);
		rc = hd_text_open(&text, path, buf, LINE_BYTES);
	}
	if (rc < 0) {
		hd_path(path, sizeof(path), proc, "/maps", NULL);
		rc = hd_text_open(&text, path, buf, LINE_BYTES);
	}
	if (rc < 0)
		return rc;
	rc = read_lines(map, &text, n, room);
	hd_text_close(&text);
	return rc;
}

int hd_memory_map_read_running(struct hd_memory_map *map, const char *proc, struct hd_room *room)
{
	int rc = hd_memory_map_read(map, proc, false, room);

	return rc == -ENOMEM ? 0 : rc;
}

const struct hd_mapping *hd_memory_map_find(const struct hd_memory_map *map, uint64_t addr)
{
	uint32_t lo = 0, hi = map->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (map->v[mid].hi <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < map->n && map->v[lo].lo <= addr ? &map->v[lo] : NULL;
}
