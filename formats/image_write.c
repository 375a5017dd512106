/*
 * The notes of an image, and what of a module can be read from its first bytes.
 *
 * Notes are small and lists are not: a note of ours holds a struct of heapimage.h and nothing else, the entries
 * are in the PT_HEAPDUMP segment, the last of the file:
 *
 *	note { file_off, size, n, entry_size } ──► PT_HEAPDUMP [ threads │ modules │ kernel words │ ranges ]
 */
#include <elf.h>
#include <string.h>

#include "formats/image_write.h"

static const uint32_t list_notes[IMAGE_N_LISTS] = {
	[IMAGE_THREADS] = HEAPIMAGE_NOTE_THREADS,
	[IMAGE_MODULES] = HEAPIMAGE_NOTE_MODULES,
	[IMAGE_KERNEL] = HEAPIMAGE_NOTE_KERNEL,
	[IMAGE_RANGES] = HEAPIMAGE_NOTE_RANGES,
};

void image_put_notes(struct core_sink *s, const struct image_notes *notes)
{
	core_put_note(s, HEAPIMAGE_OWNER, HEAPIMAGE_NOTE_INFO, &notes->info, sizeof(notes->info));
	if (notes->anchor.addr)
		core_put_note(s, HEAPIMAGE_OWNER, HEAPIMAGE_NOTE_ANCHOR, &notes->anchor,
			      sizeof(notes->anchor));
	for (int i = 0; i < IMAGE_N_LISTS; i++)
		core_put_note(s, HEAPIMAGE_OWNER, list_notes[i], &notes->lists[i],
			      sizeof(notes->lists[i]));
	if (notes->why)
		core_put_note(s, HEAPIMAGE_OWNER, HEAPIMAGE_NOTE_WHY, notes->why,
			      strlen(notes->why));
}

uint64_t image_place_lists(struct image_notes *notes, uint64_t off)
{
	for (int i = 0; i < IMAGE_N_LISTS; i++) {
		struct heapimage_list *l = &notes->lists[i];

		l->file_off = off;
		l->size = (uint64_t)l->n * l->entry_size;
		off += l->size;
	}
	return off;
}

bool image_elf_notes(const uint8_t *head, uint64_t n, unsigned i, uint64_t *addr, uint64_t *size)
{
	Elf64_Ehdr e;
	Elf64_Phdr p;
	uint64_t base = UINT64_MAX;
	bool found = false;

	if (n < sizeof(e) || memcmp(head, ELFMAG, SELFMAG) || head[EI_CLASS] != ELFCLASS64)
		return false;
	memcpy(&e, head, sizeof(e));
	if (e.e_phentsize != sizeof(p) || e.e_phoff > n)
		return false;
	for (unsigned k = 0; k < e.e_phnum && (k + 1) * sizeof(p) <= n - e.e_phoff; k++) {
		memcpy(&p, head + e.e_phoff + k * sizeof(p), sizeof(p));
		if (p.p_type == PT_LOAD && p.p_vaddr < base)
			base = p.p_vaddr;
		if (p.p_type == PT_NOTE && !found && i-- == 0) {
			*addr = p.p_vaddr;
			*size = p.p_memsz;
			found = true;
		}
	}
	if (!found || base > *addr)
		return false;
	*addr -= base & ~(uint64_t)(CORE_PAGE - 1);
	return true;
}

uint8_t image_build_id(const uint8_t *notes, uint64_t n, uint8_t id[31])
{
	while (n >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr h;
		uint64_t name, desc;

		memcpy(&h, notes, sizeof(h));
		name = ((uint64_t)h.n_namesz + 3) & ~3ull;
		desc = ((uint64_t)h.n_descsz + 3) & ~3ull;
		if (name + desc > n - sizeof(h))
			return 0;
		if (h.n_type == NT_GNU_BUILD_ID && h.n_namesz == 4 &&
		    !memcmp(notes + sizeof(h), "GNU", 4) && h.n_descsz <= 31) {
			memcpy(id, notes + sizeof(h) + name, h.n_descsz);
			return (uint8_t)h.n_descsz;
		}
		notes += sizeof(h) + name + desc;
		n -= sizeof(h) + name + desc;
	}
	return 0;
}

void image_module_path(struct heapimage_module *m, const char *path)
{
	size_t n = strlen(path), kept = n < sizeof(m->path) ? n : sizeof(m->path) - 1;

	m->path_size = (uint32_t)n;
	memset(m->path, 0, sizeof(m->path));
	memcpy(m->path, path + n - kept, kept);
}
