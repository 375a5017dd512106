/*
 * libheapdump: the public interface.
 *
 * Every function here may be called from any thread; where one may also be
 * called from a signal handler, it says so.
 */
#ifndef HEAPDUMP_H
#define HEAPDUMP_H

#define HEAPDUMP_VERSION_MAJOR 0
#define HEAPDUMP_VERSION_MINOR 1
#define HEAPDUMP_VERSION_PATCH 0

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The version of the library that is loaded, as "major.minor.patch": a constant string, never NULL.
 * It may differ from the macros above, which are those the program was compiled with.
 * Thread-safe and async-signal-safe.
 */
const char *heapdump_version(void);

#ifdef __cplusplus
}
#endif

#endif
