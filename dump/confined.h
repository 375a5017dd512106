/*
 * Programs that forbid themselves system calls (seccomp): what the library may still do there.
 */
#ifndef HEAPDUMP_DUMP_CONFINED_H
#define HEAPDUMP_DUMP_CONFINED_H

#include <stdbool.h>
#include <stdint.h>

struct sock_fprog;

/* What is forbidden. A sampler that may do nothing shows in hd_sys_confined (sys.h), too. */
enum { HD_CONFINED_IMAGES = 1, HD_CONFINED_SAMPLER = 2 };
extern unsigned hd_confined __attribute__((visibility("hidden")));

/*
 * Before a filter is installed (NULL: the strict mode, which allows next to nothing). Filters add up: what one forbade stays
 * forbidden. A program that cannot be read is none: the kernel will refuse it. Async-signal-safe.
 */
void hd_confined_by(const struct sock_fprog *filter);
void hd_confined_undo(unsigned before);

/*
 * What the program of a filter answers to a system call (SECCOMP_RET_…), its arguments being three; SECCOMP_RET_KILL_PROCESS
 * where it does what no filter may.
 */
uint32_t hd_confined_ask(const struct sock_fprog *filter, int nr, const uint64_t args[3]);

#endif
