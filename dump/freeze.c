/*
 * The list of threads. /proc/PID/task names them in the order of their birth, nearly always by rising id, so a list that
 * was read before is met again in its own order: looking up is a step from the last place.
 */
#include <errno.h>
#include <string.h>

#include "dump/freeze.h"
#include "dump/proc_text.h"
#include "dump/sys.h"

enum { PROC_PATH = 96, ALIGN = 64 };

static uint64_t sets_size(uint32_t more_room)
{
	return HD_FP_SIZE + (((uint64_t)more_room + ALIGN - 1) & ~(uint64_t)(ALIGN - 1)) + ALIGN;
}

uint64_t hd_freeze_size(uint32_t capacity, uint32_t more_room)
{
	return capacity * (sizeof(struct hd_frozen) + sets_size(more_room)) + ALIGN;
}

void hd_freeze_init(struct hd_freeze *f, uint32_t pid, uint32_t caller, uint32_t capacity,
		    uint32_t more_room, void *memory)
{
	uintptr_t sets = (uintptr_t)memory + capacity * sizeof(struct hd_frozen);

	sets = (sets + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1);
	*f = (struct hd_freeze){
		.pid = pid,
		.caller = caller,
		.capacity = capacity,
		.more_room = more_room,
		.threads = memory,
	};
	for (uint32_t i = 0; i < capacity; i++) {
		uint8_t *set =
			(uint8_t *)(sets + i * (sets_size(more_room) & ~(uint64_t)(ALIGN - 1)));

		f->threads[i].registers.fp = set;
		f->threads[i].registers.more = set + HD_FP_SIZE;
	}
}

struct hd_frozen *hd_freeze_find(struct hd_freeze *f, uint32_t tid)
{
	for (uint32_t k = 0; k < f->n; k++) {
		uint32_t i = (f->hint + k) % f->n;

		if (f->threads[i].tid == tid) {
			f->hint = i + 1;
			return &f->threads[i];
		}
	}
	return NULL;
}

static int add_thread(void *arg, uint32_t tid)
{
	struct hd_freeze *f = arg;

	if (tid <= f->max_tid && hd_freeze_find(f, tid))
		return 0;
	if (f->n == f->capacity) {
		f->n_unlisted++;
		return 0;
	}
	f->threads[f->n].tid = tid;
	f->n++;
	if (tid > f->max_tid)
		f->max_tid = tid;
	return 0;
}

int hd_freeze_list(struct hd_freeze *f)
{
	char path[PROC_PATH];
	uint32_t before = f->n;
	int rc;

	f->hint = f->n_unlisted = 0;
	hd_path(path, sizeof(path), "/proc/", HD_DECIMAL(f->pid), "/task", NULL);
	rc = hd_numbers_in(path, add_thread, f);
	return rc < 0 ? rc : (int)(f->n - before);
}

void hd_freeze_forget(struct hd_freeze *f)
{
	for (uint32_t i = 0; i < f->n; i++) {
		struct hd_registers *r = &f->threads[i].registers;

		f->threads[i] = (struct hd_frozen){.registers = {.fp = r->fp, .more = r->more}};
	}
	f->n = f->n_unlisted = f->hint = f->max_tid = 0;
}

void hd_freeze_path(const struct hd_freeze *f, uint32_t tid, const char *file, char path[96])
{
	hd_path(path, PROC_PATH, "/proc/", HD_DECIMAL(f->pid), "/task/", HD_DECIMAL(tid), "/", file,
		NULL);
}

void hd_freeze_names(struct hd_freeze *f)
{
	char path[PROC_PATH];

	for (uint32_t i = 0; i < f->n; i++) {
		struct hd_frozen *t = &f->threads[i];
		int64_t n;

		if (t->name[0])
			continue;
		hd_freeze_path(f, t->tid, "comm", path);
		n = hd_text_whole(path, t->name, sizeof(t->name));
		if (n > 0 && t->name[n - 1] == '\n')
			t->name[n - 1] = 0;
	}
}

uint32_t hd_freeze_n_not_stopped(const struct hd_freeze *f)
{
	uint32_t n = f->n_unlisted;

	for (uint32_t i = 0; i < f->n; i++)
		n += f->threads[i].state == HD_NOT_STOPPED;
	return n;
}
