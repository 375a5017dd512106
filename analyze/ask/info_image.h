/*
 * Private to info*.c: what an image and its sampler say of themselves.
 */
#ifndef HEAPDUMP_ASK_INFO_IMAGE_H
#define HEAPDUMP_ASK_INFO_IMAGE_H

#include "analyze/ask/fact.h"
#include "analyze/ask/session.h"

/* Sets image, sampler and announced, each where there is one. Needs the heap. */
void info_image(struct session *s, struct fact *out);

#endif
