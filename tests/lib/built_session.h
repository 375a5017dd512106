/*
 * A session over bytes in memory: a built core needs no folder.
 */
#ifndef HEAPDUMP_TESTS_BUILT_SESSION_H
#define HEAPDUMP_TESTS_BUILT_SESSION_H

#include "analyze/ask/session.h"

/*
 * Opens the bytes as a dump, without network and below a sysroot that does not exist. The session
 * is malloc'd; NULL: it was refused, as *err says. Closed by built_session_close().
 */
struct session *built_session_open(const void *bytes, size_t n, struct err *err);
void built_session_close(struct session *s);

/* Whether one of the session's warnings has these words. */
bool built_session_warned(const struct session *s, const char *part);

#endif
