/*
 * ELF headers, from memory by our own bounded reads, from disk by libelf.
 *
 * The loader maps the file's first PT_LOAD (which holds the headers) at base:
 *
 *	bias = base − (p_vaddr − p_offset) of the first PT_LOAD, page-aligned
 *
 * Limit: MAX_PHDRS program headers; real files have about a dozen.
 */
#include <gelf.h>
#include <string.h>

#include "analyze/space/elf_image.h"

enum { MAX_PHDRS = 512, MAX_NOTE_BYTES = 65536 };

bool elf_image_at(const struct space *s, addr_t addr)
{
	uint8_t magic[SELFMAG];

	return space_read(s, addr, magic, SELFMAG) == SELFMAG && !memcmp(magic, ELFMAG, SELFMAG);
}

void elf_image_deinit(struct elf_image *img)
{
	vec_deinit(&img->ph);
}

const Elf64_Phdr *elf_image_find(const struct elf_image *img, uint32_t type)
{
	for (size_t i = 0; i < img->ph.n; i++)
		if (img->ph.v[i].p_type == type)
			return &img->ph.v[i];
	return NULL;
}

uint64_t elf_image_bias(const struct elf_image *img, addr_t base)
{
	const Elf64_Phdr *load = elf_image_find(img, PT_LOAD);
	uint64_t at = load ? load->p_vaddr - load->p_offset : 0;

	return base - (at & ~4095ull);
}

/* Looks for the GNU build-id among the notes in bytes. */
static void find_build_id(struct elf_image *img, const uint8_t *bytes, size_t size)
{
	size_t at = 0;

	while (!img->n_build_id && size - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr n;
		size_t name, desc;

		memcpy(&n, bytes + at, sizeof(n));
		name = at + sizeof(n);
		desc = name + (((size_t)n.n_namesz + 3) & ~(size_t)3);
		if (desc > size || n.n_descsz > size - desc)
			return;
		if (n.n_type == NT_GNU_BUILD_ID && n.n_namesz == 4 &&
		    !memcmp(bytes + name, "GNU", 4) && n.n_descsz <= MAX_BUILD_ID) {
			memcpy(img->build_id, bytes + desc, n.n_descsz);
			img->n_build_id = n.n_descsz;
		}
		at = desc + (((size_t)n.n_descsz + 3) & ~(size_t)3);
		if (at > size)
			return;
	}
}

static int read_build_id(struct elf_image *img, const struct space *s, addr_t base, struct err *err)
{
	uint64_t bias = elf_image_bias(img, base);

	for (size_t i = 0; i < img->ph.n; i++) {
		const Elf64_Phdr *ph = &img->ph.v[i];
		size_t size = ph->p_filesz < MAX_NOTE_BYTES ? ph->p_filesz : MAX_NOTE_BYTES;
		uint8_t *bytes;

		if (ph->p_type != PT_NOTE || !size)
			continue;
		bytes = malloc(size);
		if (!bytes)
			return err_nomem(err);
		size = space_read(s, ph->p_vaddr + bias, bytes, size);
		find_build_id(img, bytes, size);
		free(bytes);
	}
	return 0;
}

int elf_image_read(struct elf_image *img, const struct space *s, addr_t base, struct err *err)
{
	Elf64_Ehdr eh;
	int rc = 0;

	*img = (struct elf_image){0};
	if (space_read(s, base, &eh, sizeof(eh)) < sizeof(eh) ||
	    memcmp(eh.e_ident, ELFMAG, SELFMAG) || eh.e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh.e_phentsize != sizeof(Elf64_Phdr) || eh.e_phnum > MAX_PHDRS || !eh.e_phnum)
		return err_at_addr(err, ERR_ABSENT, base, "no ELF header in the dump");
	img->type = eh.e_type;
	for (uint32_t i = 0; rc == 0 && i < eh.e_phnum; i++) {
		Elf64_Phdr ph;

		if (space_read(s, base + eh.e_phoff + i * sizeof(ph), &ph, sizeof(ph)) < sizeof(ph))
			rc = err_at_addr(err, ERR_ABSENT, base, "the ELF header is cut off");
		else if (vec_push(&img->ph, ph) < 0)
			rc = err_nomem(err);
	}
	if (rc == 0 && !elf_image_find(img, PT_LOAD))
		rc = err_at_addr(err, ERR_ABSENT, base, "an ELF file that loads nothing");
	if (rc == 0)
		rc = read_build_id(img, s, base, err);
	if (rc < 0)
		elf_image_deinit(img);
	return rc;
}

int elf_image_of_file(struct elf_image *img, void *elf, struct err *err)
{
	GElf_Ehdr eh;
	size_t n = 0;

	*img = (struct elf_image){0};
	if (!gelf_getehdr(elf, &eh) || gelf_getclass(elf) != ELFCLASS64 ||
	    elf_getphdrnum(elf, &n) || n > MAX_PHDRS)
		return err_set(err, ERR_FORMAT, "not a 64-bit ELF file");
	img->type = eh.e_type;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr ph;
		Elf_Data *note;

		if (!gelf_getphdr(elf, (int)i, &ph))
			break;
		if (vec_push(&img->ph, ph) < 0) {
			elf_image_deinit(img);
			return err_nomem(err);
		}
		note = ph.p_type == PT_NOTE && ph.p_filesz <= MAX_NOTE_BYTES
			       ? elf_getdata_rawchunk(elf, (int64_t)ph.p_offset, ph.p_filesz,
						      ELF_T_BYTE)
			       : NULL;
		if (note && note->d_buf)
			find_build_id(img, note->d_buf, note->d_size);
	}
	return 0;
}
