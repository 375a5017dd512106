/*
 * The headers of one ELF file: read from the dumped memory where it is mapped,
 * or from the file on disk. Both are believed only after bounds checks.
 */
#ifndef HEAPDUMP_SPACE_ELF_IMAGE_H
#define HEAPDUMP_SPACE_ELF_IMAGE_H

#include <elf.h>

#include "analyze/space/space.h"

#define MAX_BUILD_ID 64

struct elf_image {
	uint16_t type; /* ET_EXEC, ET_DYN */
	VEC(Elf64_Phdr) ph;
	uint8_t build_id[MAX_BUILD_ID];
	uint32_t n_build_id; /* 0: none, or not in the dump */
};

/* Whether the four bytes of ELF's magic are at addr. */
bool elf_image_at(const struct space *s, addr_t addr);

/*
 * Headers of the file whose first byte is mapped at base. ERR_ABSENT: not in the dump, or no ELF
 * file of this class; img is left empty then.
 */
WARN_UNUSED int elf_image_read(struct elf_image *img, const struct space *s, addr_t base,
			       struct err *err);

/* Headers of an open file (a libelf Elf *). ERR_FORMAT: not an ELF file that can be loaded. */
WARN_UNUSED int elf_image_of_file(struct elf_image *img, void *elf, struct err *err);
void elf_image_deinit(struct elf_image *img);

/* Target address = ELF address + bias, when the file's first byte is mapped at base. */
uint64_t elf_image_bias(const struct elf_image *img, addr_t base);

/* The first program header of that type, or NULL. */
const Elf64_Phdr *elf_image_find(const struct elf_image *img, uint32_t type);

#endif
