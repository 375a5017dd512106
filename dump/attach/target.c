/*
 * /proc/PID/status names most of it (Linux Documentation/filesystems/proc.rst): State, TracerPid, Uid, NSpid, Seccomp,
 * x86_Thread_features. Who may trace whom: ptrace(2), "Ptrace access mode checking", and
 * Documentation/admin-guide/LSM/Yama.rst.
 */
#include "dump/attach/target.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "dump/machine.h"
#include "dump/proc_text.h"
#include "dump/userfault.h"

enum { STATUS_BYTES = 8192, CAP_SYS_PTRACE = 19 };

static const char *in_proc(const struct target *t, char path[80], const char *file)
{
	snprintf(path, 80, "%s/%s", t->proc, file);
	return path;
}

/* The last of a line's numbers: the innermost namespace is named last. */
static uint32_t last_number(const char *at)
{
	uint64_t value = 0;

	while (hd_text_number(&at, 10, &value))
		;
	return (uint32_t)value;
}

static void take_line(struct target *t, const char *line, char *state)
{
	const char *rest;

	if (hd_text_key(line, "Name:\t", &rest))
		snprintf(t->name, sizeof(t->name), "%s", rest);
	else if (hd_text_key(line, "State:\t", &rest))
		*state = *rest;
	else if (hd_text_key(line, "Uid:", &rest))
		t->uid = (uint32_t)strtoul(rest, NULL, 10);
	else if (hd_text_key(line, "NSpid:", &rest))
		t->own_pid = last_number(rest);
	else if (hd_text_key(line, "Seccomp:", &rest))
		t->has_filter = strtoul(rest, NULL, 10) != 0;
	else if (hd_text_key(line, "x86_Thread_features:", &rest))
		t->shadow_stack = strstr(rest, "shstk") != NULL;
}

static int read_status(struct target *t, char *state, struct err *err)
{
	char path[80], buf[STATUS_BYTES];
	struct hd_text text;

	if (hd_text_open(&text, in_proc(t, path, "status"), buf, sizeof(buf)) < 0) {
		if (access("/proc/self/status", R_OK) < 0)
			return err_set(err, ERR_IO, "there is no /proc here; it is needed");
		if (kill((pid_t)t->pid, 0) == 0 || errno == EPERM)
			return err_set(err, ERR_IO,
				       "not permitted: /proc is mounted so that it shows nobody "
				       "else's processes (hidepid); run this as root");
		return err_set(err, ERR_ABSENT, "there is no such process");
	}
	for (const char *line; (line = hd_text_line(&text));)
		take_line(t, line, state);
	hd_text_close(&text);
	if (!t->name[0])
		return err_set(err, ERR_ABSENT, "there is no such process");
	if (t->own_pid == t->pid)
		t->own_pid = 0;
	return 0;
}

/* A live thread of a process whose first has exited. */
static int note_living(void *arg, uint32_t tid)
{
	struct target *t = arg;
	char path[80], stat[512];
	const char *state;

	snprintf(path, sizeof(path), "/proc/%u/stat", tid);
	if (hd_text_whole(path, stat, sizeof(stat)) <= 0 || !(state = strrchr(stat, ')')) ||
	    state[1] != ' ' || state[2] == 'Z' || state[2] == 'X')
		return 0;
	t->task = tid;
	return 1;
}

static bool find_living(struct target *t)
{
	char path[80];

	t->task = 0;
	hd_numbers_in(in_proc(t, path, "task"), note_living, t);
	snprintf(t->proc, sizeof(t->proc), "/proc/%u", t->task ? t->task : t->pid);
	return t->task;
}

bool target_has_ended(const struct target *t)
{
	struct target now = {.pid = t->pid};

	snprintf(now.proc, sizeof(now.proc), "/proc/%u", t->pid);
	return !find_living(&now);
}

/* PF_KTHREAD of Linux include/linux/sched.h, in number 9 of "PID (name) S ppid pgrp session tty tpgid flags". */
static bool is_kernels(const struct target *t)
{
	enum { PF_KTHREAD = 0x200000 };
	char path[80], stat[512];
	const char *at;
	unsigned flags = 0;

	return hd_text_whole(in_proc(t, path, "stat"), stat, sizeof(stat)) > 0 &&
	       (at = strrchr(stat, ')')) &&
	       sscanf(at, ") %*c %*d %*d %*d %*d %*d %u", &flags) == 1 && (flags & PF_KTHREAD);
}

/* Of the program itself: a 32-bit one has registers and addresses of another shape. */
static int check_machine(const struct target *t, struct err *err)
{
	char path[80];
	_cleanup_close_ int fd = open(in_proc(t, path, "exe"), O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr eh;

	if (fd < 0 && errno == ENOENT && !is_kernels(t))
		return err_set(err, ERR_ABSENT, "%s ended meanwhile", t->name);
	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_UNSUPPORTED,
			       "%s is a thread of the kernel's: it has no memory of its own",
			       t->name);
	if (fd < 0)
		return target_refused(t, err);
	if (pread(fd, &eh, sizeof(eh), 0) != sizeof(eh))
		return err_set(err, ERR_IO, "the program's file cannot be read: %s",
			       strerror(errno));
	if (eh.e_ident[EI_CLASS] != ELFCLASS64)
		return err_set(err, ERR_UNSUPPORTED,
			       "%s is a 32-bit program; images are of 64-bit ones only", t->name);
	if (eh.e_machine != HD_MACHINE)
		return err_set(err, ERR_UNSUPPORTED, "%s is a program of another machine", t->name);
	return 0;
}

int target_look(struct target *t, uint32_t pid, struct err *err)
{
	char path[80], state = 0;
	uint64_t group;
	int rc;

	*t = (struct target){.pid = pid, .task = pid};
	snprintf(t->proc, sizeof(t->proc), "/proc/%u", pid);
	if (pid == (uint32_t)getpid())
		return err_set(err, ERR_USAGE, "this is heapdump itself");
	rc = read_status(t, &state, err);
	if (rc < 0)
		return rc;
	group = hd_status_value(in_proc(t, path, "status"), "Tgid:");
	if (group && group != pid)
		return err_set(err, ERR_USAGE, "is a thread of process %u; name that",
			       (unsigned)group);
	/* a first thread that has exited before others looks like this too */
	if ((state == 'Z' || state == 'X') && !find_living(t))
		return err_set(err, ERR_ABSENT, "%s has ended, and its parent has not noticed yet",
			       t->name);
	t->is_stopped = state == 'T';
	rc = check_machine(t, err);
	if (rc < 0)
		return rc;
	t->faults_itself = hd_userfault_tells_forks(t->proc);
	return 0;
}

static bool may_trace_anybody(void)
{
	char path[] = "/proc/self/status", buf[STATUS_BYTES];
	const char *rest;
	struct hd_text text;
	uint64_t caps = 0;

	if (hd_text_open(&text, path, buf, sizeof(buf)) < 0)
		return false;
	for (const char *line; (line = hd_text_line(&text));)
		if (hd_text_key(line, "CapEff:", &rest))
			hd_text_number(&rest, 16, &caps);
	hd_text_close(&text);
	return caps >> CAP_SYS_PTRACE & 1;
}

static int refused_by_yama(uint64_t scope, struct err *err)
{
	if (scope == 1)
		return err_set(err, ERR_IO,
			       "not permitted: kernel.yama.ptrace_scope is 1, so only its parent "
			       "may trace it; run this "
			       "as root, or set that to 0");
	if (scope == 2)
		return err_set(err, ERR_IO,
			       "not permitted: kernel.yama.ptrace_scope is 2; run this as root "
			       "(CAP_SYS_PTRACE)");
	return err_set(err, ERR_IO,
		       "not permitted: kernel.yama.ptrace_scope is 3, so nobody may trace before "
		       "the next boot");
}

int target_refused(const struct target *t, struct err *err)
{
	char path[80], comm[64] = "", file[64];
	uint32_t tracer = (uint32_t)hd_status_value(in_proc(t, path, "status"), "TracerPid:");
	uint64_t scope = hd_status_value("/proc/sys/kernel/yama/ptrace_scope", "");
	bool capable = may_trace_anybody();

	if (target_has_ended(t))
		return err_set(err, ERR_ABSENT, "%s ended meanwhile", t->name);
	if (tracer) {
		snprintf(file, sizeof(file), "/proc/%u/comm", tracer);
		hd_text_whole(file, comm, sizeof(comm));
		comm[strcspn(comm, "\n")] = 0;
		return err_set(err, ERR_IO,
			       "not permitted: process %u (%s) traces it already, and only one "
			       "may; a debugger can "
			       "write a core itself (gdb: generate-core-file)",
			       tracer, comm);
	}
	if (scope == 3 || (!capable && scope == 2))
		return refused_by_yama(scope, err);
	if (!capable && t->uid != geteuid()) {
		struct passwd *owner = getpwuid(t->uid);

		return err_set(err, ERR_IO,
			       "not permitted: it is a process of user %s (%u); run this as that "
			       "user or as root",
			       owner ? owner->pw_name : "?", t->uid);
	}
	if (!capable && scope == 1)
		return refused_by_yama(scope, err);
	if (!capable)
		return err_set(err, ERR_IO,
			       "not permitted: it has made itself not dumpable, or has privileges "
			       "that this user has not "
			       "(set-user-ID, capabilities); run this as root");
	return err_set(err, ERR_IO,
		       "not permitted, though CAP_SYS_PTRACE is here: a security module or a user "
		       "namespace forbids it");
}

uint32_t target_own_tid(uint32_t tid)
{
	char path[80], buf[STATUS_BYTES];
	const char *rest;
	struct hd_text text;
	uint32_t own = 0;

	/* a task that is no process is there too, though it is not listed */
	snprintf(path, sizeof(path), "/proc/%u/status", tid);
	if (hd_text_open(&text, path, buf, sizeof(buf)) < 0)
		return 0;
	for (const char *line; (line = hd_text_line(&text));)
		if (hd_text_key(line, "NSpid:", &rest))
			own = last_number(rest);
	hd_text_close(&text);
	return own == tid ? 0 : own;
}
