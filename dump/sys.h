/*
 * The system, as this room sees it: raw system calls that touch neither errno nor any state of libc, so that
 * they may be made in a signal handler, in a task that shares the program's memory, and after the freeze.
 * Each returns what the kernel returns: a value, or a negative errno. Async-signal-safe, all of them.
 *
 * The tables of system calls and structs are Linux' (include/uapi), x86-64 and aarch64.
 */
#ifndef HEAPDUMP_DUMP_SYS_H
#define HEAPDUMP_DUMP_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>

#if defined(__x86_64__)
static inline long hd_sys6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
static inline long hd_sys6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}
#else
#error "libheapdump knows x86-64 and aarch64"
#endif

#define hd_sys0(nr)		hd_sys6(nr, 0, 0, 0, 0, 0, 0)
#define hd_sys1(nr, a)		hd_sys6(nr, (long)(a), 0, 0, 0, 0, 0)
#define hd_sys2(nr, a, b)	hd_sys6(nr, (long)(a), (long)(b), 0, 0, 0, 0)
#define hd_sys3(nr, a, b, c)	hd_sys6(nr, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define hd_sys4(nr, a, b, c, d) hd_sys6(nr, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

/*
 * The program has forbidden itself what the sampler does (confined.c): the functions below that the sampler uses do nothing
 * then, and fail: no memory, no number (0) of a process or thread, no line on stderr.
 */
extern bool hd_sys_confined __attribute__((visibility("hidden")));

/* Private anonymous memory, PROT_NONE (reserve) or read-write; NULL: refused. addr is a hint. */
void *hd_sys_reserve(uint64_t addr, uint64_t size);
void *hd_sys_map(uint64_t addr, uint64_t size);
void hd_sys_unmap(void *p, uint64_t size);

/* Makes reserved pages readable and writable and populates them. 0 or a negative errno. */
int hd_sys_commit(void *p, uint64_t size);

/* Asks for huge pages under [p, p + size), as far as whole ones fit. */
void hd_sys_huge(void *p, uint64_t size);

int hd_sys_open(const char *path, int flags, int mode);
void hd_sys_close(int fd);

/* Whole, but for the end of the file or an error: bytes, or a negative errno before the first. */
int64_t hd_sys_read(int fd, void *buf, uint64_t n);
int64_t hd_sys_pread(int fd, void *buf, uint64_t n, uint64_t off);

/* All of it: 0, or a negative errno. */
int hd_sys_write(int fd, const void *buf, uint64_t n);

uint64_t hd_sys_clock(int clock); /* ns of CLOCK_… */
uint32_t hd_sys_pid(void);
uint32_t hd_sys_tid(void);

/* Valgrind stands in for the kernel, and does not know all of it. */
bool hd_sys_in_valgrind(void);

/* Waits while *word is value; wakes everybody who does. */
void hd_sys_wait(const uint32_t *word, uint32_t value);
void hd_sys_wake(const uint32_t *word);

/*
 * Before the program can change what file descriptor 2 is. A daemon closes it, and its database may be the next that gets
 * the number: nothing is said there.
 */
void hd_sys_know_stderr(void);

/* Says one line on stderr, prefixed by "heapdump: ", by one write. For what the user must know. */
void hd_sys_say(const char *text);

#endif
