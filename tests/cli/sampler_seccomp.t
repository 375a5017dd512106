#!/bin/sh
# Programs that forbid themselves system calls: the library makes none of them behind a malloc.
. "$(dirname "$0")/../lib/tap.sh"
. tests/lib/preload.sh

compile "$SCRATCH/seccomp" fixtures/preload_seccomp.c $FIXTURE
"$SCRATCH/seccomp" filter >/dev/null 2>&1 || skip_all "no filters here, or libc's malloc wants more than they let pass"
for how in filter syscall strict wide refused; do
	told "$how: " record --rate all "$SCRATCH/seccomp" $how
done
# a trigger that would make an image in there
told 'growth: ' record --rate all --growth 1m --min-seconds 0 --out "$SCRATCH/%n.core" "$SCRATCH/seccomp" syscall
told 'by libunwind: ' record --rate all --unwind libunwind "$SCRATCH/seccomp" filter
is "and no image is made in a program that forbids it" "$(ls "$SCRATCH" | grep core)" ''

# Filters of random instructions: what we say that they answer, against what the kernel does.
cat >"$SCRATCH/filters.c" <<'C'
#include <errno.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/wait.h>
#include "dump/confined.h"
#include "dump/sys.h"
#include "preload.h"

enum { N_FILTERS = 400, N_RANDOM = 24, NR = 999, LEN = N_RANDOM + 8 };
static uint64_t state = 4711;
static uint32_t any(uint32_t n)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(state >> 33) % n;
}
static struct sock_filter one(int left)
{
	static const uint16_t alu[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_OR, BPF_AND, BPF_LSH, BPF_RSH, BPF_XOR};
	static const uint16_t jumps[] = {BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET};
	uint32_t k = any(2) ? any(40) : any(1u << 30) * 4;
	uint16_t by = any(2) ? BPF_X : BPF_K;
	uint8_t jt = (uint8_t)any((uint32_t)left), jf = (uint8_t)any((uint32_t)left);

	switch (any(9)) {
	case 0: return (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, any(16) * 4);
	case 1: return (struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM, k);
	case 2: return (struct sock_filter)BPF_STMT(BPF_LDX | BPF_W | (any(2) ? BPF_LEN : BPF_IMM), k);
	case 3: return (struct sock_filter)BPF_STMT(any(2) ? BPF_ST : BPF_STX, any(2));
	case 4: return (struct sock_filter)BPF_STMT((any(2) ? BPF_LD : BPF_LDX) | BPF_MEM, any(2));
	case 5: return (struct sock_filter)BPF_STMT(BPF_MISC | (any(2) ? BPF_TAX : BPF_TXA), 0);
	case 6: return (struct sock_filter)BPF_STMT(BPF_ALU | BPF_NEG, 0);
	case 7: return (struct sock_filter)BPF_JUMP(BPF_JMP | jumps[any(4)] | by, k, jt, jf);
	}
	k = any(31) + 1;
	return (struct sock_filter)BPF_STMT(BPF_ALU | alu[any(9)] | by, k);
}
/* What the kernel answers; −1: it refuses the filter (it divides by 0, shifts too far, loads what was not stored). */
static int asked_of_kernel(struct sock_fprog *filter, const uint64_t *args)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		hd_sys6(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
		if (hd_sys3(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter))
			_exit(255);
		_exit((int)-hd_sys3(NR, args[0], args[1], args[2]));
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) != 255
		       ? WEXITSTATUS(status) : -1;
}
int main(void)
{
	int n_asked = 0, n_wrong = 0;

	for (int f = 0; f < N_FILTERS; f++) {
		struct sock_filter code[LEN] = {
			BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NR, 1, 0),
			BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
			BPF_STMT(BPF_ST, 0), BPF_STMT(BPF_ST, 1),
		};
		/* filters compare 32 bits; instruction pointers differ */
		uint64_t args[3] = {any(50), (uint64_t)any(1u << 30) << 20, any(4)};
		struct sock_fprog filter = {LEN, code};
		int answer;

		for (int i = 0; i < N_RANDOM; i++) {
			code[5 + i] = one(N_RANDOM - i);
			if (code[5 + i].code == (BPF_LD | BPF_W | BPF_ABS) && (code[5 + i].k == 8 || code[5 + i].k == 12))
				code[5 + i].k = 16;
		}
		code[LEN - 3] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 127);
		code[LEN - 2] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO);
		code[LEN - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
		answer = asked_of_kernel(&filter, args);
		if (answer < 0)
			continue;
		n_asked++;
		n_wrong += hd_confined_ask(&filter, NR, args) != (SECCOMP_RET_ERRNO | (uint32_t)answer);
	}
	fprintf(stderr, "%d filters, %d wrong\n", n_asked, n_wrong);
	check(n_asked > N_FILTERS / 2, "the kernel takes most random filters");
	return !check(!n_wrong, "each answers what the kernel says");
}
C
compile "$SCRATCH/filters" "$SCRATCH/filters.c" dump/confined.c dump/unwind_reach.c dump/sys.c -I. $FIXTURE
told '' "$SCRATCH/filters"
done_testing
