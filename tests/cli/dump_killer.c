/*
 * Kills heapdump dump in the middle:
 *
 *	dump_killer WHOM KIND N COMMAND…
 *
 * runs the command by ptrace, and at the entry of the Nth system call of its worker kills WHOM: worker, asker or both. KIND
 * says which calls count: any, or ptrace. Exit status: that of the asker, 128 + its signal, or 77 where the worker made
 * fewer calls than that.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TOO_FEW = 77, SYSCALL_STOP = SIGTRAP | 0x80 };

static pid_t asker, worker;
static bool done, only_ptrace;

static bool counts(pid_t pid)
{
	return !only_ptrace ||
	       ptrace(PTRACE_PEEKUSER, pid, (void *)offsetof(struct user_regs_struct, orig_rax),
		      NULL) == SYS_ptrace;
}

static void strike(const char *whom)
{
	done = true;
	if (strcmp(whom, "asker"))
		kill(worker, SIGKILL);
	if (strcmp(whom, "worker"))
		kill(asker, SIGKILL);
}

/* What to go on with after a stop: a signal, or 0. */
static int look(pid_t pid, int status, long *n_calls, long n, const char *whom)
{
	static bool inside;
	unsigned long child;

	if (status >> 16 == PTRACE_EVENT_FORK && pid == asker && !worker) {
		ptrace(PTRACE_GETEVENTMSG, pid, NULL, &child);
		worker = (pid_t)child;
		return 0;
	}
	if (status >> 16)
		return 0;
	if (WSTOPSIG(status) == SYSCALL_STOP) {
		if (pid == worker) {
			inside = !inside;
			if (inside && counts(pid) && ++*n_calls == n && !done)
				strike(whom);
		}
		return 0;
	}
	/* a child's first stop */
	return WSTOPSIG(status) == SIGSTOP ? 0 : WSTOPSIG(status);
}

int main(int argc, char **argv)
{
	long n = argc > 4 ? atol(argv[3]) : 0, n_calls = 0;
	int status, result = 0;
	pid_t pid;

	if (n <= 0)
		return 2;
	only_ptrace = !strcmp(argv[2], "ptrace");
	asker = fork();
	if (asker == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		execvp(argv[4], argv + 4);
		_exit(127);
	}
	waitpid(asker, &status, 0);
	ptrace(PTRACE_SETOPTIONS, asker, NULL,
	       (void *)(long)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEEXEC));
	ptrace(PTRACE_SYSCALL, asker, NULL, NULL);
	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (pid <= 0)
			continue;
		if (WIFSTOPPED(status)) {
			int signo = look(pid, status, &n_calls, n, argv[1]);

			ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)signo);
		} else if (pid == asker) {
			result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		}
	}
	return done ? result : TOO_FEW;
}
