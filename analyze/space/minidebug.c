/*
 * .gnu_debugdata is an ELF file without contents, packed with xz: its section headers are those of the file
 * it is in, and its .symtab has what .dynsym has not, functions as a rule. Fedora and its kin put it into
 * each binary. Source: GDB manual, "MiniDebugInfo".
 *
 * The packed bytes may be anybody's: what they unpack to is bounded by their number, which the file's size
 * bounds. Symbols pack about ten to one.
 */
#include <gelf.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/space/minidebug.h"

enum { RATIO_MAX = 256, PIECE = 64 * 1024 };

/* What the decoder itself may take. xz -9 needs 65 MiB. */
#define DECODER_MEMORY (96ull << 20)

static Elf_Data *packed_data(Elf *elf)
{
	Elf_Scn *scn = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr sh;
		const char *name =
			gelf_getshdr(scn, &sh) ? elf_strptr(elf, names, sh.sh_name) : NULL;

		if (name && !strcmp(name, ".gnu_debugdata"))
			return elf_rawdata(scn, NULL);
	}
	return NULL;
}

/* Runs the decoder to the end of the stream; what it makes is at *out. */
static lzma_ret decode(lzma_stream *s, uint8_t **out, size_t most)
{
	size_t room = 0;

	for (;;) {
		lzma_ret rc;

		if (s->total_out == room) {
			size_t more = room ? 2 * room : PIECE;
			uint8_t *grown = room < most ? realloc(*out, more) : NULL;

			if (!grown)
				return room < most ? LZMA_MEM_ERROR : LZMA_DATA_ERROR;
			*out = grown;
			room = more;
		}
		s->next_out = *out + s->total_out;
		s->avail_out = room - s->total_out;
		rc = lzma_code(s, LZMA_FINISH);
		if (rc != LZMA_OK)
			return rc;
	}
}

void minidebug_open(struct minidebug *d, void *elf)
{
	Elf_Data *packed = packed_data(elf);
	lzma_stream s = LZMA_STREAM_INIT;

	*d = (struct minidebug){0};
	if (!packed || !packed->d_size || lzma_stream_decoder(&s, DECODER_MEMORY, 0) != LZMA_OK)
		return;
	s.next_in = packed->d_buf;
	s.avail_in = packed->d_size;
	if (decode(&s, &d->bytes, PIECE + packed->d_size * RATIO_MAX) == LZMA_STREAM_END &&
	    s.total_out)
		d->elf = elf_memory((char *)d->bytes, s.total_out);
	lzma_end(&s);
	if (d->elf && (elf_kind(d->elf) != ELF_K_ELF || gelf_getclass(d->elf) != ELFCLASS64)) {
		elf_end(d->elf);
		d->elf = NULL;
	}
}

void minidebug_close(struct minidebug *d)
{
	if (d->elf)
		elf_end(d->elf);
	free(d->bytes);
	*d = (struct minidebug){0};
}
