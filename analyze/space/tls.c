/*
 * The loader keeps each module's TLS numbers in its struct link_map, in one
 * row that has kept its order through every release from 2.26 to 2.41; where
 * in the struct the row is differs. Its first four words are known from the
 * module's PT_TLS, so the row is found by them:
 *
 *	l_tls_initimage  _initimage_size  _blocksize  _align  _firstbyte_offset  l_tls_offset  l_tls_modid
 *	bias + p_vaddr   p_filesz         p_memsz     p_align
 *
 * Source: glibc include/link.h. l_tls_offset is 0 or −1 for a block outside the
 * static area. A static program has no link_map: its only module has id 1 and
 * lies beside the thread pointer (ELF Handling For Thread-Local Storage, §3).
 */
#include "analyze/space/tls.h"

enum { LINK_MAP_SEARCH = 0x800 };

/* l_tls_offset: "none yet" and "never static" (NO_TLS_OFFSET, FORCED_DYNAMIC_TLS_OFFSET). */
static bool is_static_offset(uint64_t off)
{
	return off != 0 && off < (1ull << 40);
}

static bool find_row(const struct space *s, const struct module *m, uint64_t *off, uint64_t *modid)
{
	uint64_t row[7];

	for (addr_t at = m->link_map; at < m->link_map + LINK_MAP_SEARCH; at += 8) {
		if (space_read(s, at, row, sizeof(row)) < sizeof(row))
			return false;
		if (row[0] == m->tls_image.lo && row[1] == range_size(m->tls_image) &&
		    row[2] == m->tls_memsz && row[3] == m->tls_align && row[6] - 1 < 65536) {
			*off = row[5];
			*modid = row[6];
			return true;
		}
	}
	return false;
}

static uint64_t round_up(uint64_t n, uint64_t align)
{
	return align > 1 && !(align & (align - 1)) ? (n + align - 1) & ~(align - 1) : n;
}

static bool settle(struct tls_module *t, const struct space *s, const struct module *m,
		   bool is_static_program)
{
	bool x86 = s->parts->machine == MACHINE_X86_64;
	uint64_t off = 0;

	if (m->link_map && find_row(s, m, &off, &t->modid)) {
		t->has_static = is_static_offset(off);
		t->off = x86 ? -(int64_t)off : (int64_t)off;
		return true;
	}
	if (!m->is_exe || !(is_static_program || !m->link_map))
		return false;
	t->modid = 1;
	t->has_static = true;
	t->off = x86 ? -(int64_t)round_up(m->tls_memsz, m->tls_align)
		     : (int64_t)round_up(16, m->tls_align);
	return true;
}

int tls_layout_init(struct tls_layout *t, const struct space *s, const struct modules *modules,
		    struct err *err)
{
	*t = (struct tls_layout){0};
	for (uint32_t i = 0; i < modules->list.n; i++) {
		const struct module *m = &modules->list.v[i];
		struct tls_module x = {.module = i, .size = m->tls_memsz, .align = m->tls_align};

		if (!m->tls_memsz || m->tls_memsz > UINT32_MAX ||
		    !settle(&x, s, m, !modules->has_link_map))
			continue;
		if (vec_push(&t->list, x) < 0) {
			tls_layout_deinit(t);
			return err_nomem(err);
		}
	}
	return 0;
}

void tls_layout_deinit(struct tls_layout *t)
{
	vec_deinit(&t->list);
}
