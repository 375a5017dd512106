/*
 * Input files: plain ones are mapped, packed ones unpacked. Packed files are made here by the
 * libraries themselves, cut at every byte, and followed by what does not belong there.
 */
#include <dirent.h>
#include <fcntl.h>
#include <lz4frame.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#include "formats/input.h"
#include "tests/lib/core_build.h"

static char dir[64], path[96];

struct bytes {
	uint8_t *v;
	size_t n;
};

typedef struct bytes pack_fn(const void *plain, size_t n);

static struct bytes pack_zstd(const void *plain, size_t n)
{
	struct bytes b = {malloc(ZSTD_compressBound(n)), 0};
	ZSTD_CCtx *c = ZSTD_createCCtx();

	ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
	b.n = ZSTD_compress2(c, b.v, ZSTD_compressBound(n), plain, n);
	ZSTD_freeCCtx(c);
	return b;
}

static struct bytes pack_lz4(const void *plain, size_t n)
{
	struct bytes b = {malloc(LZ4F_compressFrameBound(n, NULL)), 0};

	b.n = LZ4F_compressFrame(b.v, LZ4F_compressFrameBound(n, NULL), plain, n, NULL);
	return b;
}

static struct bytes pack_gzip(const void *plain, size_t n)
{
	z_stream z = {.next_in = (uint8_t *)plain, .avail_in = (uInt)n};
	struct bytes b;

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	b.v = malloc(deflateBound(&z, n) + 64);
	z.next_out = b.v;
	z.avail_out = (uInt)deflateBound(&z, n) + 64;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	b.n = z.total_out;
	deflateEnd(&z);
	return b;
}

static const struct {
	const char *name;
	pack_fn *pack;
} packers[] = {{"zstd", pack_zstd}, {"lz4", pack_lz4}, {"gzip", pack_gzip}};

/* Runs of zeros, runs of text and noise, as in a core; not a multiple of a page. */
static struct bytes some_bytes(size_t n)
{
	struct bytes b = {calloc(1, n), n};
	uint64_t s = 88172645463325252ull;

	for (size_t i = 0; i < n; i++) {
		s ^= s << 13;
		s ^= s >> 7;
		s ^= s << 17;
		if (i / 20000 % 3 == 1)
			b.v[i] = (uint8_t)s;
		else if (i / 20000 % 3 == 2)
			b.v[i] = "0123456789"[i % 10];
	}
	return b;
}

static void append(struct bytes *to, const void *more, size_t n)
{
	to->v = realloc(to->v, to->n + n);
	memcpy(to->v + to->n, more, n);
	to->n += n;
}

static int open_bytes(struct input *in, struct bytes b, struct err *err)
{
	core_build_save(path, b.v, b.n);
	*err = (struct err){0};
	return input_open(in, path, dir, err);
}

static void expect_same(const struct input *in, struct bytes plain)
{
	assert_int_equal(in->size, plain.n);
	assert_memory_equal(in->bytes, plain.v, plain.n);
}

static void a_plain_file_is_mapped(void **state)
{
	struct bytes plain = some_bytes(100001);
	struct input in;
	struct err e;

	assert_int_equal(open_bytes(&in, plain, &e), 0);
	expect_same(&in, plain);
	assert_null(in.packing);
	assert_false(in.truncated);
	assert_string_equal(in.path, path);
	input_close(&in);
	free(plain.v);
}

static void an_empty_file_has_no_bytes(void **state)
{
	struct input in;
	struct err e;

	assert_int_equal(open_bytes(&in, (struct bytes){0}, &e), 0);
	assert_int_equal(in.size, 0);
	assert_null(in.bytes);
	input_close(&in);
}

static void what_was_packed_comes_out(void **state)
{
	static const size_t sizes[] = {1, 4095, 4096, 4097, 100001, 3000000};

	for (size_t i = 0; i < ARRAY_LEN(packers); i++)
		for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
			struct bytes plain = some_bytes(sizes[k]);
			struct bytes packed = packers[i].pack(plain.v, plain.n);
			struct input in;
			struct err e;

			assert_int_equal(open_bytes(&in, packed, &e), 0);
			expect_same(&in, plain);
			assert_string_equal(in.packing, packers[i].name);
			assert_int_equal(in.packed_size, packed.n);
			assert_false(in.truncated);
			input_close(&in);
			free(plain.v);
			free(packed.v);
		}
}

static void frames_and_members_may_follow_each_other(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(packers); i++) {
		struct bytes plain = some_bytes(50000), packed = {0};
		struct input in;
		struct err e;

		for (size_t at = 0; at < plain.n; at += 12500) {
			struct bytes piece = packers[i].pack(plain.v + at, 12500);

			append(&packed, piece.v, piece.n);
			free(piece.v);
		}
		assert_int_equal(open_bytes(&in, packed, &e), 0);
		expect_same(&in, plain);
		assert_false(in.truncated);
		input_close(&in);
		free(plain.v);
		free(packed.v);
	}
}

static void a_packed_file_cut_anywhere_keeps_its_beginning(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(packers); i++) {
		/* several blocks, small when packed */
		struct bytes plain = {calloc(1, 300000), 300000};
		struct bytes packed;
		size_t n_open = 0, most = 0;

		memset(plain.v + 100000, 'x', 50000);
		packed = packers[i].pack(plain.v, plain.n);
		for (size_t n = 4; n < packed.n; n++) {
			struct input in;
			struct err e;

			if (open_bytes(&in, (struct bytes){packed.v, n}, &e) < 0) {
				assert_int_equal(e.code, ERR_FORMAT);
				assert_non_null(strstr(e.text, packers[i].name));
				continue;
			}
			assert_true(in.truncated);
			assert_true(in.size > 0 && in.size <= plain.n);
			assert_memory_equal(in.bytes, plain.v, in.size);
			n_open++;
			most = in.size > most ? in.size : most;
			input_close(&in);
		}
		assert_true(n_open > 0);
		assert_int_equal(most, plain.n); /* all there but the checksum */
		free(plain.v);
		free(packed.v);
	}
}

static void garbage_behind_the_magic_is_damage(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(packers); i++) {
		struct bytes packed = packers[i].pack("abc", 3);
		struct input in;
		struct err e;

		memset(packed.v + 4, 0xff, packed.n - 4);
		assert_int_equal(open_bytes(&in, packed, &e), ERR_FORMAT);
		assert_non_null(strstr(e.text, "damaged"));
		free(packed.v);
	}
}

static void garbage_behind_the_data_is_said(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(packers); i++) {
		struct bytes plain = some_bytes(5000);
		struct bytes packed = packers[i].pack(plain.v, plain.n);
		struct input in;
		struct err e;

		append(&packed, "this is no frame", 16);
		assert_int_equal(open_bytes(&in, packed, &e), 0);
		expect_same(&in, plain);
		assert_true(in.truncated);
		input_close(&in);
		free(plain.v);
		free(packed.v);
	}
}

static void zeros_take_no_disk(void **state)
{
	const size_t n = 64 << 20;
	uint8_t *zeros = calloc(1, n);
	struct bytes packed = pack_zstd(zeros, n);
	struct input in;
	struct err e;
	char name[64];
	struct stat st;

	zeros[n / 2] = 1;
	free(packed.v);
	packed = pack_zstd(zeros, n);
	assert_int_equal(open_bytes(&in, packed, &e), 0);
	assert_int_equal(in.size, n);
	assert_int_equal(in.bytes[n / 2], 1);
	/* the unlinked file, as the kernel names mappings */
	snprintf(name, sizeof(name), "/proc/self/map_files/%lx-%lx", (unsigned long)in.bytes,
		 (unsigned long)in.bytes + n);
	if (stat(name, &st) == 0)
		assert_true(st.st_blocks * 512 <= 1 << 20);
	input_close(&in);
	free(packed.v);
	free(zeros);
}

static void what_is_no_file_is_refused(void **state)
{
	char fifo[96], absent[96];
	struct input in;
	struct err e = {0};

	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	snprintf(absent, sizeof(absent), "%s/absent", dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(input_open(&in, dir, NULL, &e), ERR_IO);
	assert_non_null(strstr(e.text, "directory"));
	assert_int_equal(input_open(&in, fifo, NULL, &e), ERR_IO);
	assert_non_null(strstr(e.text, "not a regular file"));
	assert_int_equal(input_open(&in, "/dev/null", NULL, &e), ERR_IO);
	assert_non_null(strstr(e.text, "not a regular file"));
	assert_int_equal(input_open(&in, absent, NULL, &e), ERR_IO);
	assert_non_null(strstr(e.text, "No such file"));
	unlink(fifo);
}

static size_t count_entries(const char *folder)
{
	DIR *d = opendir(folder);
	size_t n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void nothing_is_left_behind(void **state)
{
	struct bytes plain = some_bytes(50000), packed = pack_gzip(plain.v, plain.n);
	size_t n_before, n_fds = count_entries("/proc/self/fd");
	struct input in;
	struct err e;

	core_build_save(path, packed.v, packed.n);
	n_before = count_entries(dir);
	assert_int_equal(input_open(&in, path, dir, &e), 0);
	assert_int_equal(count_entries(dir), n_before);
	assert_int_equal(count_entries("/proc/self/fd"), n_fds);
	input_close(&in);
	assert_int_equal(input_open(&in, path, "/nonexistent", &e), ERR_IO);
	assert_non_null(strstr(e.text, "/nonexistent"));
	assert_int_equal(count_entries("/proc/self/fd"), n_fds);
	free(plain.v);
	free(packed.v);
}

/* The file size limit stands for a full disk: EFBIG instead of ENOSPC. */
static void without_room_to_unpack_it_says_so(void **state)
{
	struct bytes plain = some_bytes(300000), packed = pack_zstd(plain.v, plain.n);
	struct rlimit old, tiny;
	struct input in;
	struct err e = {0};
	int rc;

	core_build_save(path, packed.v, packed.n);
	getrlimit(RLIMIT_FSIZE, &old);
	tiny = (struct rlimit){65536, old.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &tiny);
	rc = input_open(&in, path, dir, &e);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(rc, ERR_IO);
	assert_non_null(strstr(e.text, "cannot unpack it into"));
	assert_non_null(strstr(e.text, "too large"));
	free(plain.v);
	free(packed.v);
}

static int set_up(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/test_input.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/file", dir);
	return 0;
}

static int tear_down(void **state)
{
	unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_file_is_mapped),
		cmocka_unit_test(an_empty_file_has_no_bytes),
		cmocka_unit_test(what_was_packed_comes_out),
		cmocka_unit_test(frames_and_members_may_follow_each_other),
		cmocka_unit_test(a_packed_file_cut_anywhere_keeps_its_beginning),
		cmocka_unit_test(garbage_behind_the_magic_is_damage),
		cmocka_unit_test(garbage_behind_the_data_is_said),
		cmocka_unit_test(zeros_take_no_disk),
		cmocka_unit_test(what_is_no_file_is_refused),
		cmocka_unit_test(nothing_is_left_behind),
		cmocka_unit_test(without_room_to_unpack_it_says_so),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
