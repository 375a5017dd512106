/*
 * x86-64: an XSAVE area in its standard form. The first 576 bytes are the same everywhere, what follows is
 * in the order and at the places that the processor tells by CPUID leaf 0xD, which is not in the dump:
 *
 *	  0 │ x87 … │ 160 xmm0–15 │ … │ 512 which components are in use (XSTATE_BV) │ 576 components
 *
 *	  2  the upper halves of ymm0–15     16 × 16 bytes
 *	  5  k0–7                             8 × 8
 *	  6  the upper halves of zmm0–15     16 × 32
 *	  7  zmm16–31                        16 × 64
 *
 * Kernels since 6.12 tell the places in a note. Without it they are guessed from the size: processors with
 * room for MPX behind ymm (Intel's) have 5, 6 and 7 at 1088, 1152 and 1664, those without (AMD's) at 832,
 * 896 and 1408. Component 2 is the first one, so it is at 576 in either case. What XSTATE_BV says is not
 * in use has no name.
 *
 * aarch64: struct user_fpsimd_state begins with v0–31.
 *
 * Sources: Intel SDM vol. 1 §13.4; Linux arch/x86/include/uapi/asm/elf.h (x86_xfeat_component).
 */
#include <stdio.h>
#include <string.h>

#include "analyze/space/vectors.h"

enum {
	XMM = 160,
	XMM_END = 416,
	XSTATE_BV = 512,
	COMPONENTS = 576,
	END_WITH_AVX512 = 2432, /* AMD's */
	END_WITH_MPX = 2688,	/* Intel's */
	V_END = 512,
};

/* The components of interest: what their registers are called, and the number of the first. */
static const struct kind {
	uint32_t component;
	const char *letters;
	uint32_t each, first;
	uint32_t with_mpx, without; /* where it lies, by the guess */
} kinds[] = {{2, "ymm", 16, 0, 576, 576},
	     {5, "k", 8, 0, 1088, 832},
	     {6, "zmm", 32, 0, 1152, 896},
	     {7, "zmm", 64, 16, 1664, 1408}};

enum { AVX = 2 };

/* Where the component lies; false: not known, or not in an area of that size. */
static bool find(const struct parts *p, const struct thread_regs *t, const struct kind *k,
		 uint32_t *at, bool *is_guessed)
{
	*is_guessed = !p->xsave.n && k->component != AVX;
	for (size_t i = 0; i < p->xsave.n; i++)
		if (p->xsave.v[i].number == k->component) {
			*at = p->xsave.v[i].off;
			return true;
		}
	if (p->xsave.n || (*is_guessed && t->vec_size < END_WITH_AVX512))
		return false;
	*at = t->vec_size < END_WITH_MPX ? k->without : k->with_mpx;
	return true;
}

static uint32_t count_of(const struct kind *k)
{
	return *k->letters == 'k' ? 8 : 16;
}

static bool is_in_use(const struct thread_regs *t, uint32_t component)
{
	uint64_t bv;

	memcpy(&bv, t->vec + XSTATE_BV, sizeof(bv));
	return bv >> component & 1;
}

static void set_name(struct vector_word *out, const char *letters, uint64_t number)
{
	snprintf(out->name, sizeof(out->name), "%s%u", letters, (unsigned)number);
}

static bool name_x86_64(const struct parts *p, const struct thread_regs *t, uint64_t off,
			struct vector_word *out)
{
	if (off >= XMM && off < XMM_END) {
		set_name(out, "xmm", (off - XMM) / 16);
		return true;
	}
	for (size_t i = 0; off >= COMPONENTS && i < ARRAY_LEN(kinds); i++) {
		const struct kind *k = &kinds[i];
		uint32_t at;

		if (!find(p, t, k, &at, &out->is_guessed) || off < at ||
		    (off - at) / k->each >= count_of(k) || !is_in_use(t, k->component))
			continue;
		set_name(out, k->letters, k->first + (off - at) / k->each);
		return true;
	}
	return false;
}

bool vectors_name(const struct parts *p, const struct thread_regs *t, uint64_t off,
		  struct vector_word *out)
{
	*out = (struct vector_word){0};
	if (off >= t->vec_size)
		return false;
	if (p->machine == MACHINE_X86_64)
		return name_x86_64(p, t, off, out);
	set_name(out, "v", off / 16);
	return off < V_END;
}
