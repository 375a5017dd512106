/*
 * The bytes: 0f 05 is syscall, c3 ret; b8 0f 00 00 00 and 48 c7 c0 0f 00 00 00 put 15 into rax. Intel SDM volume 2, Linux
 * arch/x86/entry/syscalls/syscall_64.tbl.
 */
#include "dump/attach/gadgets.h"

#include <string.h>
#include <sys/uio.h>

enum { CHUNK = 1 << 20, OVERLAP = 16 };

static const uint8_t call_ret[] = {0x0f, 0x05, 0xc3};
static const uint8_t sigreturn_long[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
static const uint8_t sigreturn_short[] = {0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05};

static uint8_t chunk[CHUNK];

static uint64_t read_code(uint32_t pid, uint64_t at, void *to, uint64_t n)
{
	struct iovec local = {to, n}, remote = {(void *)(uintptr_t)at, n};
	ssize_t got = process_vm_readv((pid_t)pid, &local, 1, &remote, 1, 0);

	return got > 0 ? (uint64_t)got : 0;
}

static uint64_t find(uint64_t addr, uint64_t n, const void *bytes, size_t size)
{
	const uint8_t *at = memmem(chunk, n, bytes, size);

	return at ? addr + (uint64_t)(at - chunk) : 0;
}

static bool complete(const struct gadgets *g)
{
	return g->call && g->returns && g->sigreturn;
}

static void look(struct gadgets *g, uint64_t addr, uint64_t n)
{
	uint64_t at = g->returns ? 0 : find(addr, n, call_ret, sizeof(call_ret));

	if (at) {
		g->call = at;
		g->returns = true;
	}
	if (!g->call)
		g->call = find(addr, n, call_ret, 2);
	if (!g->sigreturn)
		g->sigreturn = find(addr, n, sigreturn_long, sizeof(sigreturn_long));
	if (!g->sigreturn)
		g->sigreturn = find(addr, n, sigreturn_short, sizeof(sigreturn_short));
}

static void look_through(struct gadgets *g, uint32_t pid, const struct hd_mapping *m)
{
	for (uint64_t at = m->lo; at < m->hi && !complete(g); at += CHUNK - OVERLAP) {
		uint64_t n = m->hi - at < CHUNK ? m->hi - at : CHUNK;

		look(g, at, read_code(pid, at, chunk, n));
	}
}

static bool is_libc(const struct hd_mapping *m)
{
	const char *slash = strrchr(m->path, '/');

	return slash && (!strncmp(slash, "/libc", 5) || !strncmp(slash, "/ld-musl", 8));
}

void gadgets_find(struct gadgets *g, uint32_t pid, const struct hd_memory_map *map)
{
	*g = (struct gadgets){0};
	for (int others = 0; others < 2; others++)
		for (uint32_t i = 0; i < map->n && !complete(g); i++) {
			const struct hd_mapping *m = &map->v[i];

			if ((m->flags & HD_MAP_X) && (m->flags & HD_MAP_R) &&
			    !(m->flags & (HD_MAP_W | HD_MAP_DEVICE)) && is_libc(m) == !others)
				look_through(g, pid, m);
		}
}

bool gadgets_there(const struct gadgets *g, uint32_t pid)
{
	uint8_t call[3] = {0}, back[sizeof(sigreturn_long)] = {0};

	if (!g->call)
		return false;
	read_code(pid, g->call, call, g->returns ? 3 : 2);
	if (memcmp(call, call_ret, g->returns ? 3 : 2) != 0)
		return false;
	if (!g->sigreturn)
		return true;
	read_code(pid, g->sigreturn, back, sizeof(back));
	return !memcmp(back, sigreturn_long, sizeof(sigreturn_long)) ||
	       !memcmp(back, sigreturn_short, sizeof(sigreturn_short));
}
