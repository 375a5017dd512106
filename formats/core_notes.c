/*
 * A note is { namesz, descsz, type, name, desc }, name and desc padded to the
 * segment's alignment (gABI ch. 5). The kernel writes one thread's notes in a
 * row, NT_PRSTATUS first, so the others belong to the thread last begun:
 *
 *	PRSTATUS(t1) PRPSINFO SIGINFO AUXV FILE FPREGSET(t1) XSTATE(t1) PRSTATUS(t2) FPREGSET(t2) …
 *
 * gcore follows the same order. Note types: Linux include/uapi/linux/elf.h.
 */
#include <elf.h>
#include <string.h>

#include "base/cursor.h"
#include "formats/core_notes.h"
#include "formats/image_read.h"

struct note {
	const char *owner; /* not terminated */
	uint32_t n_owner;
	uint32_t type;
	const uint8_t *desc;
	uint32_t size;
	uint64_t off; /* of desc in the file */
};

/* struct elf_prpsinfo, LP64. */
enum { PRPSINFO_PID = 24, PRPSINFO_FNAME = 40, PRPSINFO_ARGS = 56, PRPSINFO_SIZE = 136 };
/* siginfo_t, LP64. */
enum { SIGINFO_CODE = 8, SIGINFO_ADDR = 16, SIGINFO_MIN = 24 };
/* NT_X86_XSAVE_LAYOUT, which older headers lack; a processor has at most 63 components. */
enum { NOTE_XSAVE_LAYOUT = 0x205, MAX_XSAVE_COMPONENTS = 63 };

static bool owned_by(const struct note *n, const char *owner)
{
	size_t len = strlen(owner);

	return n->n_owner >= len && !memcmp(n->owner, owner, len) &&
	       (n->n_owner == len || !n->owner[len]);
}

static struct thread_regs *current_thread(struct parts *parts)
{
	return parts->threads.n ? &parts->threads.v[parts->threads.n - 1] : NULL;
}

static int read_prstatus(struct parts *parts, const struct core_machine *machine,
			 const struct note *n, struct warnings *warnings, struct err *err)
{
	struct cursor c = cursor_at(n->desc, n->size, PRSTATUS_CURSIG);
	struct thread_regs t = {0};
	uint64_t raw[MAX_RAW_REGS];

	t.signal = cursor_u16(&c);
	c = cursor_at(n->desc, n->size, PRSTATUS_PID);
	t.tid = cursor_u32(&c);
	c = cursor_at(n->desc, n->size, PRSTATUS_REG);
	for (uint32_t i = 0; i < machine->n_raw; i++)
		raw[i] = cursor_u64(&c);
	if (c.bad) {
		warnings_add(warnings,
			     "the registers of thread %u are cut short (note at offset 0x%llx): "
			     "that thread is left out",
			     t.tid, (unsigned long long)n->off);
		return 0;
	}
	machine->registers(&t, raw);
	return vec_push(&parts->threads, t) < 0 ? err_nomem(err) : 0;
}

/* The wider state wins where a thread has several notes; a note before any thread is nobody's. */
static void read_vector(struct parts *parts, const struct note *n)
{
	struct thread_regs *t = current_thread(parts);

	if (t && n->size > t->vec_size) {
		t->vec = n->desc;
		t->vec_size = n->size;
	}
}

/* count × { number, size, offset, flags }, four bytes each */
static int read_xsave_layout(struct parts *parts, const struct note *n, struct err *err)
{
	struct cursor c = cursor_at(n->desc, n->size, 0);

	while (parts->xsave.n < MAX_XSAVE_COMPONENTS && cursor_left(&c) >= 16) {
		struct xsave_component x = {.number = cursor_u32(&c)};

		x.size = cursor_u32(&c);
		x.off = cursor_u32(&c);
		cursor_u32(&c);
		if (vec_push(&parts->xsave, x) < 0)
			return err_nomem(err);
	}
	return 0;
}

static void read_thread_pointer(struct parts *parts, const struct note *n)
{
	struct thread_regs *t = current_thread(parts);
	struct cursor c = cursor_at(n->desc, n->size, 0);
	uint64_t tp = cursor_u64(&c);

	if (t && !c.bad)
		t->tp = tp;
}

static void read_prpsinfo(struct parts *parts, const struct note *n)
{
	struct cursor c = cursor_at(n->desc, n->size, PRPSINFO_PID);

	if (n->size < PRPSINFO_SIZE)
		return;
	parts->pid = cursor_u32(&c);
	memcpy(parts->comm, n->desc + PRPSINFO_FNAME, sizeof(parts->comm) - 1);
	memcpy(parts->args, n->desc + PRPSINFO_ARGS, sizeof(parts->args) - 1);
	for (size_t i = strlen(parts->args); i && parts->args[i - 1] == ' '; i--)
		parts->args[i - 1] = 0;
}

static void read_siginfo(struct parts *parts, const struct note *n)
{
	struct cursor c = cursor_at(n->desc, n->size, 0);

	if (n->size < SIGINFO_MIN || parts->signo)
		return;
	parts->signo = (int32_t)cursor_u32(&c);
	c = cursor_at(n->desc, n->size, SIGINFO_CODE);
	parts->sigcode = (int32_t)cursor_u32(&c);
	c = cursor_at(n->desc, n->size, SIGINFO_ADDR);
	parts->fault_addr = cursor_u64(&c);
}

static int read_auxv(struct parts *parts, const struct note *n, struct err *err)
{
	struct cursor c = cursor_at(n->desc, n->size, 0);

	if (parts->auxv.n)
		return 0;
	while (cursor_left(&c) >= 16) {
		struct auxv_entry e = {.type = cursor_u64(&c)};

		e.value = cursor_u64(&c);
		if (e.type == AT_NULL)
			break;
		if (vec_push(&parts->auxv, e) < 0)
			return err_nomem(err);
	}
	return 0;
}

/* { count, page size, count × { start, end, offset in pages }, count × name } */
static int read_files(struct parts *parts, const struct note *n, struct warnings *warnings,
		      struct err *err)
{
	struct cursor c = cursor_at(n->desc, n->size, 0), names;
	uint64_t count = cursor_u64(&c), page = cursor_u64(&c);
	uint64_t fits = cursor_left(&c) / 24, kept = count < fits ? count : fits;

	parts->has_file_note = true;
	names = cursor_at(n->desc, n->size, 16 + kept * 24);
	for (uint64_t i = 0; i < kept && !names.bad; i++) {
		struct mapped_file f = {.start = cursor_u64(&c)};

		f.end = cursor_u64(&c);
		if (__builtin_mul_overflow(cursor_u64(&c), page, &f.file_off))
			f.file_off = 0;
		f.path = cursor_str(&names);
		if (f.path && f.start < f.end && vec_push(&parts->files, f) < 0)
			return err_nomem(err);
	}
	if (names.bad || kept < count)
		warnings_add(
			warnings,
			"the file table (NT_FILE at offset 0x%llx) is damaged: it promises %llu "
			"files and %zu could be read",
			(unsigned long long)n->off, (unsigned long long)count, parts->files.n);
	return 0;
}

static int read_core_note(struct parts *parts, const struct core_machine *machine,
			  const struct note *n, struct warnings *warnings, struct err *err)
{
	switch (n->type) {
	case NT_PRSTATUS:
		return read_prstatus(parts, machine, n, warnings, err);
	case NT_FPREGSET:
		read_vector(parts, n);
		return 0;
	case NT_PRPSINFO:
		read_prpsinfo(parts, n);
		return 0;
	case NT_SIGINFO:
		read_siginfo(parts, n);
		return 0;
	case NT_AUXV:
		return read_auxv(parts, n, err);
	case NT_FILE:
		return read_files(parts, n, warnings, err);
	}
	return 0;
}

static int read_note(struct parts *parts, const struct core_machine *machine, const struct note *n,
		     bool *is_image, struct warnings *warnings, struct err *err)
{
	if (owned_by(n, "CORE"))
		return read_core_note(parts, machine, n, warnings, err);
	if (owned_by(n, HEAPIMAGE_OWNER)) {
		*is_image = true;
		return image_read_note(parts, n->type, n->desc, n->size, n->off, warnings, err);
	}
	if (!owned_by(n, "LINUX"))
		return 0;
	if (machine->vector_note && n->type == machine->vector_note)
		read_vector(parts, n);
	if (machine->machine == MACHINE_AARCH64 && n->type == NT_ARM_TLS)
		read_thread_pointer(parts, n);
	if (machine->machine == MACHINE_X86_64 && n->type == NOTE_XSAVE_LAYOUT)
		return read_xsave_layout(parts, n, err);
	return 0;
}

int core_notes_read(struct parts *parts, const struct core_machine *machine, const void *bytes,
		    const struct note_segment *at, bool *is_image, struct warnings *warnings,
		    struct err *err)
{
	struct cursor c = cursor_at((const uint8_t *)bytes + at->off, at->size, 0);

	while (cursor_left(&c) >= 12) {
		uint64_t start = at->off + c.off;
		struct note n = {.n_owner = cursor_u32(&c)};
		int rc;

		n.size = cursor_u32(&c);
		n.type = cursor_u32(&c);
		n.owner = (const char *)cursor_take(&c, n.n_owner);
		cursor_align(&c, at->align);
		n.off = at->off + c.off;
		n.desc = cursor_take(&c, n.size);
		if (c.bad) {
			warnings_add(
				warnings, "a note at offset 0x%llx %s", (unsigned long long)start,
				at->cut ? "is cut off by the end of the file"
					: "overruns its segment: the notes behind it are lost");
			return 0;
		}
		rc = read_note(parts, machine, &n, is_image, warnings, err);
		if (rc < 0)
			return rc;
		if (cursor_left(&c))
			cursor_align(&c, at->align);
	}
	return 0;
}
