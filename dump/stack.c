/*
 * Walks the calling thread's stack, one rule per frame.
 *
 *	pc, sp, rbp → rule of pc − 1 → cfa → pc = [cfa − 8], rbp = [cfa + fp_off], sp = cfa
 *
 * The rules come from a table (unwind_rules.c), which compiles them from the modules' unwind tables when they are
 * missing (unwind_cfi.c, unwind_program.c, unwind_modules.c); words are read only where unwind_reach.c says that they
 * can be. sp rises with every frame, but at a signal's trampoline: from there the interrupted registers count, and the
 * rule is that of pc itself.
 *
 * What the tables do not say:
 *	UNCOVERED  code without tables (made at run time): a step by the frame pointer, if it is plausible, else cut
 *	COMPLEX    libunwind, where it is and has room, takes the whole stack; else as above
 *
 * libunwind is loaded apart (RTLD_LOCAL): the dynamic library exports `backtrace` and `_Unwind_…`, which would replace
 * the program's own were it linked. It takes locks and is not async-signal-safe; without it a capture is, and uses
 * about 1 KiB of stack. libunwind takes more than a signal's stack has, and would write beyond: it is asked only on a thread's
 * own one.
 *
 * Limits: rules are x86-64's; on aarch64 AUTO is frame pointers. Code that is interrupted by a signal at its very first
 * instruction is listed by that address, as by other unwinders, though no call precedes it.
 */
#include "dump/stack.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include "dump/stack_hash.h"
#include "dump/stack_memo.h"
#include "dump/unwind_modules.h"
#include "dump/unwind_reach.h"
#include "dump/unwind_rules.h"

enum {
	UCONTEXT_RBP = 120, /* offsets into the kernel's struct ucontext, uapi asm/sigcontext.h */
	UCONTEXT_RSP = 160,
	UCONTEXT_RIP = 168,

	OWN_FRAMES = 16,	    /* between libunwind and the hook's caller */
	LIBUNWIND_STACK = 24 << 10, /* what it may use: more than a signal stack has */
};

struct walk {
	uint64_t pc, sp, fp;
	uint64_t begin; /* sp of the hook's caller: what is below is free for us */
	bool exact;	/* pc was interrupted, it is no return address */
	struct hd_reach reach;
	struct hd_stack_bounds *bounds;
	struct hd_memo *memo; /* NULL: none */
};

enum step { STEP_UP, STEP_END, STEP_CUT, STEP_COMPLEX };

static struct {
	enum hd_unwinder how;
	bool ready;
	uint64_t generation;
	int (*backtrace)(void **frames, int max);
	void (*flush)(unw_addr_space_t space, unw_word_t lo, unw_word_t hi);
	unw_addr_space_t *space;
} state;

/* The caller is at cfa, its frame pointer where fp_at says; 0: unchanged. */
static inline enum step step_to(struct walk *w, uint64_t cfa, uint64_t fp_at)
{
	uint64_t pc;

	if (cfa <= w->sp || !hd_reach_read(&w->reach, cfa - 8, &pc))
		return STEP_CUT;
	if (fp_at && !hd_reach_read(&w->reach, fp_at, &w->fp))
		return STEP_CUT;
	if (!pc)
		return STEP_END;
	w->pc = pc;
	w->sp = cfa;
	w->exact = false;
	return STEP_UP;
}

/* The chain of frame pointers ends with 0. */
__attribute__((noinline)) static enum step step_by_frame(struct walk *w)
{
	if (!w->fp)
		return STEP_END;
	if (w->fp < w->sp)
		return STEP_CUT;
	return step_to(w, w->fp + 16, w->fp);
}

/* A signal's trampoline: the handler may have run on another stack than what it interrupted. */
static enum step step_signal(struct walk *w)
{
	uint64_t context = w->sp, pc, sp, fp;

	if (!hd_reach_read(&w->reach, context + UCONTEXT_RIP, &pc) ||
	    !hd_reach_read(&w->reach, context + UCONTEXT_RSP, &sp) ||
	    !hd_reach_read(&w->reach, context + UCONTEXT_RBP, &fp))
		return STEP_CUT;
	w->pc = pc;
	w->sp = sp;
	w->fp = fp;
	w->exact = true;
	hd_reach_start(&w->reach, w->bounds, sp);
	return STEP_UP;
}

static enum step step_deref(struct walk *w, const struct hd_rule *rule)
{
	uint64_t cfa;

	if (!hd_reach_read(&w->reach, w->fp + (uint64_t)(int64_t)rule->cfa_off, &cfa))
		return STEP_CUT;
	return step_to(w, cfa, w->fp + (uint64_t)(int64_t)rule->fp_off);
}

/* (Not inlined: the registers of the caller are for walk_fast.) */
__attribute__((noinline)) static enum step step_by_rule(struct walk *w)
{
	struct hd_rule rule;
	uint64_t cfa;

	hd_rules_get(w->pc - !w->exact, &rule);
	cfa = (rule.kind == HD_RULE_FP ? w->fp : w->sp) + (uint64_t)(int64_t)rule.cfa_off;
	if (rule.kind <= HD_RULE_FP)
		return step_to(w, cfa, rule.fp_off ? cfa + (uint64_t)(int64_t)rule.fp_off : 0);
	switch (rule.kind) {
	case HD_RULE_FP_DEREF:
		return step_deref(w, &rule);
	case HD_RULE_SIGNAL:
		return step_signal(w);
	case HD_RULE_END:
		if (w->memo)
			hd_memo_note_root(w->memo);
		return STEP_END;
	case HD_RULE_COMPLEX:
		return STEP_COMPLEX;
	default:
		return step_by_frame(w);
	}
}

/* By libunwind, without the frames of our own: those up to the hook's caller. 0: it did not meet that. */
__attribute__((noinline)) static unsigned capture_libunwind(uint64_t pc, uint64_t *frames,
							    unsigned max, bool *cut)
{
	void *raw[HD_STACK_LIBUNWIND_MAX + OWN_FRAMES];
	int first = 0, n = state.backtrace(raw, HD_STACK_LIBUNWIND_MAX + OWN_FRAMES);
	unsigned kept = 0;

	while (first < n && (uint64_t)(uintptr_t)raw[first] != pc)
		first++;
	*cut = n == HD_STACK_LIBUNWIND_MAX + OWN_FRAMES;
	for (; first < n && raw[first]; first++) {
		if (kept == max || kept == HD_STACK_LIBUNWIND_MAX) {
			*cut = true;
			break;
		}
		frames[kept++] = (uint64_t)(uintptr_t)raw[first];
	}
	return kept;
}

/* From a frame whose rule is COMPLEX: false if libunwind took over, else one step by hand. */
__attribute__((noinline)) static enum step
step_complex(struct walk *w, uint64_t pc, uint64_t *frames, unsigned max, bool *cut, unsigned *n)
{
	unsigned whole = 0;

	if (state.backtrace && hd_reach_has_room(w->bounds, w->begin, LIBUNWIND_STACK))
		whole = capture_libunwind(pc, frames, max, cut);
	if (!whole)
		return step_by_frame(w);
	*n = whole;
	return STEP_COMPLEX;
}

/*
 * As many frames as go the common way: rule in the table, by rsp or rbp, words within reach. The registers are ours
 * here, not in memory, and what differs from frame to frame is chosen without a branch: this loop is the cost of a
 * capture.
 */
static unsigned walk_fast(struct walk *w, uint64_t *frames, unsigned n, unsigned max)
{
	uint64_t pc = w->pc, sp = w->sp, fp = w->fp, cfa, saved_at, saved, next;
	const uint64_t lo = w->reach.lo, size = w->reach.hi - lo;
	struct hd_memo *memo = w->memo;
	struct hd_rule rule;

	while (n < max && !((pc - 1) >> HD_RULES_PLACE_BITS)) {
		hd_rules_unpack(hd_rules_find(pc - 1), &rule);
		if (rule.kind != HD_RULE_SP && rule.kind != HD_RULE_FP)
			break;
		cfa = (rule.kind == HD_RULE_FP ? fp : sp) + (uint64_t)(int64_t)rule.cfa_off;
		saved_at = cfa + (uint64_t)(int64_t)(rule.fp_off ? rule.fp_off : -8);
		/* (offsets are multiples of 8) */
		if (cfa <= sp || cfa % 8 || cfa - 8 - lo >= size || saved_at - lo >= size)
			break;
		next = hd_reach_word(cfa - 8);
		saved = hd_reach_word(saved_at);
		if (!next)
			break;
		fp = rule.fp_off ? saved : fp;
		sp = cfa;
		pc = next;
		frames[n++] = pc;
		if (!memo)
			continue;
		hd_memo_note(memo, pc, sp, fp, rule.fp_off ? saved_at : 0, rule.kind == HD_RULE_FP);
		if (hd_memo_may_know(memo, pc, sp, fp)) {
			struct hd_memo_state at = {pc, sp, fp};

			n += hd_memo_known(memo, &at, &w->reach, frames + n, max - n);
			pc = at.pc;
			sp = at.sp;
			fp = at.fp;
			if (memo->to_root)
				break;
		}
	}
	w->pc = pc;
	w->sp = sp;
	w->fp = fp;
	return n;
}

static unsigned walk_up(struct walk *w, uint64_t *frames, unsigned max, bool *cut)
{
	bool by_frame = state.how != HD_UNWIND_AUTO;
	uint64_t pc = w->pc;
	unsigned n = 1;

	for (;;) {
		enum step step;

		if (!by_frame && !w->exact && hd_rules)
			n = walk_fast(w, frames, n, max);
		if (w->memo && w->memo->to_root) {
			*cut = false;
			return n;
		}
		step = by_frame ? step_by_frame(w) : step_by_rule(w);
		if (w->memo)
			hd_memo_stop(w->memo);
		if (__builtin_expect(step == STEP_COMPLEX, 0))
			step = step_complex(w, pc, frames, max, cut, &n);
		if (step == STEP_COMPLEX) {
			if (w->memo)
				hd_memo_drop(w->memo);
			return n;
		}
		*cut = step != STEP_END;
		if (step != STEP_UP || n == max)
			return n;
		frames[n++] = w->pc;
	}
}

/* By libunwind, when that is what the user wants and there is room for it; else step by step. */
static unsigned walk(struct walk *w, uint64_t *frames, unsigned max, bool *cut)
{
	unsigned n;

	if (state.how != HD_UNWIND_LIBUNWIND ||
	    !hd_reach_has_room(w->bounds, w->begin, LIBUNWIND_STACK))
		return walk_up(w, frames, max, cut);
	n = capture_libunwind(w->pc, frames, max, cut);
	if (n)
		return n;
	*cut = true;
	return 1;
}

unsigned hd_stack_capture(const struct hd_stack_context *from, struct hd_stack_bounds *bounds,
			  bool often, uint64_t *frames, unsigned max, bool *cut, uint64_t *hash)
{
	struct walk w = {.pc = from->pc,
			 .sp = from->sp,
			 .fp = from->fp,
			 .begin = from->sp,
			 .bounds = bounds};
	unsigned n = max != 0;

	*cut = true;
	if (max)
		frames[0] = from->pc;
	if (max && __atomic_load_n(&state.ready, __ATOMIC_ACQUIRE)) {
		hd_reach_start(&w.reach, bounds, w.sp);
		if (often && w.reach.own && state.how == HD_UNWIND_AUTO)
			w.memo = hd_memo_begin(
				w.reach.hi, __atomic_load_n(&state.generation, __ATOMIC_ACQUIRE));
		n = walk(&w, frames, max, cut);
	}
	*hash = w.memo ? hd_memo_end(w.memo, frames, n) : hd_stack_hash(frames, n);
	return n;
}

#define TEXT_OF(x) #x
#define TEXT(x)	   TEXT_OF(x)

/*
 * Loads it and lets it do at once what it does at first use: maps memory, reads the loader's list. Its functions have
 * the target's name in theirs, by macros of its header.
 */
static void load_libunwind(void)
{
	void *library = dlopen("libunwind.so.8", RTLD_LOCAL | RTLD_NOW);
	void *warm[OWN_FRAMES];

	if (library) {
		state.flush = (void (*)(unw_addr_space_t, unw_word_t, unw_word_t))(uintptr_t)dlsym(
			library, TEXT(unw_flush_cache));
		state.space = dlsym(library, TEXT(unw_local_addr_space));
		state.backtrace =
			(int (*)(void **, int))(uintptr_t)dlsym(library, TEXT(unw_backtrace));
	}
	if (state.backtrace)
		state.backtrace(warm, OWN_FRAMES);
	dlerror(); /* the program shall not find our failure there */
}

void hd_stack_init(enum hd_unwinder how)
{
	int before = errno;

#if !defined(__x86_64__)
	how = how == HD_UNWIND_AUTO ? HD_UNWIND_FRAMES : how;
#endif
	hd_reach_init();
	if (how == HD_UNWIND_AUTO) {
		hd_modules_init(HD_MODULES_BY_LIBC);
		hd_rules_init();
	}
	if (how != HD_UNWIND_FRAMES)
		load_libunwind();
	if (how == HD_UNWIND_LIBUNWIND && !state.backtrace)
		how = HD_UNWIND_FRAMES;
	state.how = how;
	__atomic_store_n(&state.ready, true, __ATOMIC_RELEASE);
	errno = before;
}

void hd_stack_new_generation(uint64_t generation)
{
	if (__atomic_exchange_n(&state.generation, generation, __ATOMIC_ACQ_REL) == generation)
		return;
	if (state.how == HD_UNWIND_AUTO) {
		hd_modules_changed();
		hd_rules_forget();
	}
	if (state.flush && state.space) /* it does not notice by itself */
		state.flush(*state.space, 0, 0);
}
