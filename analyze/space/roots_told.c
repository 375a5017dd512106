/*
 * Roots that no module, thread or stack shows, because somebody else told of them:
 *
 *	registered    ranges that the program named (heapdump_name_root); where two overlap, the
 *	              words are the first one's, so that their sum stays below the dump's size
 *	kernel        words that the kernel will hand back: epoll data, timer values. They are in no
 *	              memory of the process: the image's list has them
 */
#include "analyze/space/roots_build.h"

int roots_add_registered(struct roots_builder *b, struct err *err)
{
	struct root r = root_of(ROOT_REGISTERED);
	addr_t done = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < b->sampled->regions.n; i++) {
		const struct heapimage_region *g = &b->sampled->regions.v[i];
		struct range at = {g->addr > done ? g->addr : done, g->addr + g->size};

		if (g->kind != 1 || at.lo >= at.hi)
			continue;
		r.name = *g->name ? g->name : NULL;
		rc = roots_add_range(b, r, at, err);
		done = at.hi;
	}
	return rc;
}

int roots_add_kernel(struct roots_builder *b, struct err *err)
{
	const struct image *image = &b->space->parts->image;

	for (size_t i = 0; i < image->words.n; i++) {
		const struct kernel_word *w = &image->words.v[i];
		struct root r = root_of(ROOT_KERNEL);

		r.bytes = w->bytes;
		r.size = 8;
		if (w->kind == 1)
			r.name = roots_make_name(b, "epoll %d, fd %d", w->fd, w->target_fd);
		else if (w->kind == 2)
			r.name = roots_make_name(b, "timer %d", w->fd);
		else
			r.name = roots_make_name(b, "kind %u, %d", w->kind, w->fd);
		if (!r.name || roots_add(b, &r, err) < 0)
			return err_nomem(err);
	}
	return 0;
}
