/*
 * Unwinding with libdwfl over the dump's registers and memory. Frame i owns
 *
 *	[sp(i), sp(i+1))      sp(0) less the red zone      sp(i+1) = the canonical frame address of i
 *
 * so every live stack word has one frame. The outermost frame's end is not
 * known: its words, and all above it, are the thread's rest range.
 *
 * A signal handler may run on another stack. Where the stack pointer leaves
 * one stack for another, the last frame on the first keeps at most
 * SIGNAL_FRAME bytes (the interrupted registers lie there), and the thread's
 * own stack is live from where it was left.
 *
 * Limits: MAX_FRAMES per thread, and one frame per MIN_FRAME bytes of the dump in all; the stack
 * pointer must grow, else the walk ends there.
 */
#include <elfutils/libdwfl.h>

#include "analyze/space/frames.h"
#include "analyze/space/frames_rules.h"

enum { SIGNAL_FRAME = 16384, MIN_FRAME = 16, SP_X86_64 = 7, SP_AARCH64 = 31 };

/* DWARF numbers of the general registers that a frame's locals may be in, or relative to. */
enum {
	KEPT_X86_64 = 16,
	KEPT_AARCH64 = 32,
	RAX = 0,
	RBX = 3,
	RBP = 6,
	R12 = 12,
	R15 = 15,
	X19 = 19,
	X29 = 29
};

struct unwinder {
	const struct space *space;
	const struct threads *threads;
	struct frames *frames;
	Dwfl *dwfl;	 /* NULL: no unwinding */
	uint32_t thread; /* the one being unwound */
	uint32_t depth;
	size_t max_frames;   /* of all threads */
	uint64_t words_left; /* bytes that frames on others' stacks may still have */
	bool nomem;
};

static const struct thread *current(const struct unwinder *u)
{
	return &u->threads->list.v[u->thread];
}

/* Thread ids may repeat in a damaged dump: libdwfl is given index + 1 instead. */
static pid_t next_thread(Dwfl *dwfl, void *arg, void **thread_arg)
{
	return 0;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *arg, void **thread_arg)
{
	*thread_arg = arg;
	return true;
}

static bool memory_read(Dwfl *dwfl, Dwarf_Addr addr, Dwarf_Word *result, void *arg)
{
	struct unwinder *u = arg;
	uint64_t v;

	if (!space_u64(u->space, addr, &v))
		return false;
	*result = v;
	return true;
}

static bool set_initial_registers(Dwfl_Thread *thread, void *arg)
{
	struct unwinder *u = arg;
	const struct thread_regs *r = current(u)->regs;
	bool x86 = u->space->parts->machine == MACHINE_X86_64;
	Dwarf_Word words[MAX_GPR];

	for (uint32_t i = 0; i < r->n_gpr; i++)
		words[i] = r->gpr[i];
	if (!x86)
		dwfl_thread_state_register_pc(thread, r->pc);
	return dwfl_thread_state_registers(thread, 0, x86 ? r->n_gpr : r->n_gpr - 1, words);
}

static const Dwfl_Thread_Callbacks callbacks = {
	.next_thread = next_thread,
	.get_thread = get_thread,
	.memory_read = memory_read,
	.set_initial_registers = set_initial_registers,
};

static int add_frame(struct unwinder *u, struct frame f)
{
	f.thread = u->thread;
	f.depth = u->depth++;
	if (vec_push(&u->frames->list, f) == 0)
		return DWARF_CB_OK;
	u->nomem = true;
	return DWARF_CB_ABORT;
}

static addr_t lookup_pc(const struct frame *f)
{
	return f->pc - !f->is_activation;
}

static bool keep_register(struct unwinder *u, struct frame *f, uint32_t number, uint64_t value)
{
	if (vec_push(&u->frames->registers, value) < 0)
		return false;
	f->known |= 1u << number;
	return true;
}

/*
 * libebl (0.188) takes rax for rbx among what calls preserve on x86-64: DWARF number 0 instead of 3
 * (System V ABI, figure 3.36). So rax is known in no caller, and rbx has to be carried over.
 */
static bool register_in(struct unwinder *u, Dwfl_Frame *state, const struct frame *f,
			uint32_t number, uint64_t *value)
{
	bool is_odd = u->space->parts->machine == MACHINE_X86_64 && u->depth && !f->is_activation;
	uint32_t below = (uint32_t)u->frames->list.n - 1;
	uint64_t r15;

	if (is_odd && number == RAX)
		return false;
	if (dwfl_frame_reg(state, number, value) == 0)
		return true;
	return is_odd && number == RBX && dwfl_frame_reg(state, R15, &r15) == 0 &&
	       frames_register(u->frames, below, RBX, value) &&
	       frames_rules_leave_alone(u->dwfl, lookup_pc(&u->frames->list.v[below]), RBX);
}

/* Those of the unwinder's state, or, without one, of the thread. False: out of memory. */
static bool keep_registers(struct unwinder *u, Dwfl_Frame *state, struct frame *f)
{
	const struct thread_regs *r = current(u)->regs;
	uint32_t n = u->space->parts->machine == MACHINE_X86_64 ? KEPT_X86_64 : KEPT_AARCH64;

	if (u->frames->registers.n > UINT32_MAX - n)
		return true;
	f->registers = (uint32_t)u->frames->registers.n;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t word = i < r->n_gpr ? r->gpr[i] : 0;
		bool is_known = state ? register_in(u, state, f, i, &word) : i < r->n_gpr;

		if (is_known && !keep_register(u, f, i, word))
			return false;
	}
	return true;
}

/* Records where a frame begins; its end comes from the next one (close_frames). */
static int on_frame(Dwfl_Frame *state, void *arg)
{
	struct unwinder *u = arg;
	bool x86 = u->space->parts->machine == MACHINE_X86_64;
	struct frame f = {0};
	Dwarf_Word sp;

	if (u->depth >= MAX_FRAMES || u->frames->list.n >= u->max_frames ||
	    !dwfl_frame_pc(state, &f.pc, &f.is_activation))
		return DWARF_CB_ABORT;
	if (dwfl_frame_reg(state, x86 ? SP_X86_64 : SP_AARCH64, &sp))
		return DWARF_CB_ABORT;
	f.words.lo = sp;
	if (!keep_registers(u, state, &f)) {
		u->nomem = true;
		return DWARF_CB_ABORT;
	}
	return add_frame(u, f);
}

static bool same_stack(const struct unwinder *u, addr_t a, addr_t b)
{
	const struct mapping *m = space_mapping(u->space, a);

	return m && b <= m->at.hi && b >= m->at.lo;
}

/* The end of a frame's words, from where the one above it begins. */
static addr_t frame_end(const struct unwinder *u, addr_t lo, addr_t next)
{
	const struct mapping *m = space_mapping(u->space, lo);

	if (same_stack(u, lo, next))
		return next > lo ? next : lo;
	if (!m)
		return lo;
	return m->at.hi - lo < SIGNAL_FRAME ? m->at.hi : lo + SIGNAL_FRAME;
}

/*
 * Whether the frame above goes on from this one: further up the same stack, or on another stack that
 * a signal interrupted. All else is what unwinding makes of a stack whose bottom it does not know.
 */
static bool goes_on(const struct unwinder *u, const struct frame *f)
{
	if (same_stack(u, f[0].words.lo, f[1].words.lo))
		return f[1].words.lo > f[0].words.lo;
	return f[1].is_activation;
}

/* A frame on a stack that is not the thread's own: nothing else keeps two of them apart. */
static void spend_words(struct unwinder *u, struct range *words)
{
	if (range_size(*words) > u->words_left)
		words->hi = words->lo;
	u->words_left -= range_size(*words);
}

/* Gives the thread's frames their words, cuts the list where it stops making sense, sets the rest. */
static struct range close_frames(struct unwinder *u, size_t first)
{
	const struct thread *t = current(u);
	struct frame *v = u->frames->list.v;
	struct range rest = t->stack;
	size_t n = first;

	while (n < u->frames->list.n) {
		struct frame *f = &v[n++];
		bool last = n == u->frames->list.n || !goes_on(u, f);
		addr_t lo = f->words.lo;
		bool home = range_has(t->stack, lo);

		if (n - 1 == first && home)
			f->words.lo = t->stack.lo;
		f->words.hi = !last  ? frame_end(u, lo, v[n].words.lo)
			      : home ? lo
				     : frame_end(u, lo, 0);
		if (home && f->words.hi > t->stack.hi)
			f->words.hi = t->stack.hi;
		if (!home)
			spend_words(u, &f->words);
		if (home)
			rest.lo = f->words.hi;
		if (last && n < u->frames->list.n) {
			u->frames->registers.n = v[n].registers;
			u->frames->list.n = n;
		}
	}
	return rest;
}

/* The innermost frame of a thread that cannot be unwound. */
static void add_only_frame(struct unwinder *u)
{
	const struct thread_regs *r = current(u)->regs;
	struct frame f = {.pc = r->pc, .is_activation = true, .words.lo = r->sp};

	if (keep_registers(u, NULL, &f))
		add_frame(u, f);
	else
		u->nomem = true;
}

static int unwind(struct unwinder *u, struct err *err)
{
	struct frames *f = u->frames;
	const struct thread *t = current(u);
	size_t first = f->list.n;

	u->depth = 0;
	if (vec_push(&f->first, (uint32_t)first) < 0)
		return err_nomem(err);
	if (t->regs && u->dwfl)
		dwfl_getthread_frames(u->dwfl, (pid_t)u->thread + 1, on_frame, u);
	if (t->regs && f->list.n == first)
		add_only_frame(u);
	if (u->nomem || vec_push(&f->rest, close_frames(u, first)) < 0)
		return err_nomem(err);
	return 0;
}

int frames_init(struct frames *f, struct debuginfo *debuginfo, const struct threads *threads,
		const struct space *space, struct warnings *warnings, struct err *err)
{
	struct unwinder u = {.space = space, .threads = threads, .frames = f};
	int rc = 0;

	u.words_left = space_dumped_bytes(space);
	u.max_frames = u.words_left / MIN_FRAME + MAX_FRAMES;
	*f = (struct frames){0};
	u.dwfl = debuginfo_dwfl(debuginfo);
	if (u.dwfl && !dwfl_attach_state(u.dwfl, NULL, 1, &callbacks, &u)) {
		warnings_add(warnings,
			     "stacks cannot be unwound (%s): each thread's stack is one root",
			     dwfl_errmsg(-1));
		u.dwfl = NULL;
	}
	for (u.thread = 0; rc == 0 && u.thread < threads->list.n; u.thread++)
		rc = unwind(&u, err);
	if (rc == 0 && vec_push(&f->first, (uint32_t)f->list.n) < 0)
		rc = err_nomem(err);
	if (rc < 0)
		frames_deinit(f);
	return rc;
}

void frames_deinit(struct frames *f)
{
	vec_deinit(&f->list);
	vec_deinit(&f->first);
	vec_deinit(&f->rest);
	vec_deinit(&f->registers);
}

bool frames_register(const struct frames *f, uint32_t frame, uint32_t number, uint64_t *value)
{
	const struct frame *x = &f->list.v[frame];
	uint32_t bit = 1u << (number & 31);

	if (number > 31 || !(x->known & bit))
		return false;
	*value = f->registers.v[x->registers + (uint32_t)__builtin_popcount(x->known & (bit - 1))];
	return true;
}

bool frames_cfa(const struct frames *f, uint32_t frame, const struct parts *parts, addr_t *cfa)
{
	uint32_t above = frame + 1;

	return above < f->list.n && f->list.v[above].thread == f->list.v[frame].thread &&
	       frames_register(f, above, parts->machine == MACHINE_X86_64 ? SP_X86_64 : SP_AARCH64,
			       cfa);
}

/* Registers that calls preserve: System V ABI for x86-64, figure 3.4; AAPCS64 §6.1.1. */
static bool is_preserved(enum machine m, uint32_t number)
{
	if (m == MACHINE_X86_64)
		return number == RBX || number == RBP || (number >= R12 && number <= R15);
	return number >= X19 && number <= X29;
}

bool frames_saved(const struct frames *f, struct debuginfo *d, const struct parts *parts,
		  uint32_t frame, addr_t word, uint32_t *number)
{
	struct Dwfl *dwfl = debuginfo_dwfl(d);
	addr_t cfa, at;

	if (!dwfl || !frames_cfa(f, frame, parts, &cfa))
		return false;
	for (uint32_t i = 0; i < KEPT_AARCH64; i++)
		if (is_preserved(parts->machine, i) &&
		    frames_rules_saved_at(dwfl, lookup_pc(&f->list.v[frame]), (int)i, cfa, &at) &&
		    at == word) {
			*number = i;
			return true;
		}
	return false;
}

bool frames_leaves(const struct frames *f, struct debuginfo *d, uint32_t frame, uint32_t number)
{
	struct Dwfl *dwfl = debuginfo_dwfl(d);
	uint64_t here, above;

	return dwfl && frame + 1 < f->list.n &&
	       f->list.v[frame].thread == f->list.v[frame + 1].thread &&
	       frames_register(f, frame, number, &here) &&
	       frames_register(f, frame + 1, number, &above) && here == above &&
	       frames_rules_leave_alone(dwfl, lookup_pc(&f->list.v[frame]), (int)number);
}
