#!/bin/sh
# What only the kernel holds is held in an image, by name; a plain core of the same process cannot know.
. "$(dirname "$0")/../lib/tap.sh"
need gcc jq
library=${BUILD:-build}/libheapdump.so
nm -D "$library" 2>/dev/null | grep -q heapdump_write || skip_all "the library writes no images"
compile "$SCRATCH/program" -x c - <<'C'
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>

/* Addresses are told without keeping them. */
static __attribute__((noinline)) void hide(void)
{
	int ep = epoll_create1(0), fd = eventfd(0, 0);
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = calloc(1, 4000)};
	struct sigevent se = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	timer_t timer;

	printf("epoll %p %d %d\n", e.data.ptr, ep, fd);
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
	se.sigev_value.sival_ptr = calloc(1, 5000);
	printf("timer %p\n", se.sigev_value.sival_ptr);
	timer_create(CLOCK_MONOTONIC, &se, &timer);
	memset(&e, 0, sizeof(e));
	memset(&se, 0, sizeof(se));
	printf("lost %p\n", calloc(1, 6000));
}

static __attribute__((noinline)) void wipe(void)
{
	volatile char stack[16384];

	for (size_t i = 0; i < sizeof(stack); i++)
		stack[i] = 0;
}

int main(int argc, char **argv)
{
	static char out[4096];

	setvbuf(stdout, out, _IOFBF, sizeof(out));
	hide();
	wipe();
	fflush(stdout);
	if (argc > 1)
		raise(SIGSEGV);
	return 0;
}
C
HEAPDUMP_AT_EXIT=1 HEAPDUMP_OUT="$SCRATCH/image" LD_PRELOAD="$library" "$SCRATCH/program" >"$SCRATCH/said"
[ -s "$SCRATCH/image" ] || skip_all "the library wrote no image"
state_of()
{
	ask map "$1" "$(sed -n "s/^$2 \(0x[0-9a-f]*\).*/\1/p" "$3")" | jq -r .object.state
}
is "what epoll holds is reachable" "$(state_of "$SCRATCH/image" epoll "$SCRATCH/said")" reachable
is "what a timer holds is reachable" "$(state_of "$SCRATCH/image" timer "$SCRATCH/said")" reachable
is "what nobody holds is leaked" "$(state_of "$SCRATCH/image" lost "$SCRATCH/said")" "leaked directly"
read -r word address ep fd <"$SCRATCH/said"
ask who "$SCRATCH/image" "$address" >"$SCRATCH/who"
is_true "who names the descriptors" ".[0].path.steps[0].root | .class == \"kernel\" and .name == \"epoll $ep, fd $fd\"" "$SCRATCH/who"
is_true "the root has no address" '.[0].path.steps[0].root | has("addr") or has("word") | not' "$SCRATCH/who"
ask leaks "$SCRATCH/image" --without-roots kernel >"$SCRATCH/without"
ask leaks "$SCRATCH/image" >"$SCRATCH/with"
is_true "without the class both are leaked" '.[0].leaked_objects == .[1].leaked_objects + 2' "$SCRATCH/without" "$SCRATCH/with"
"$HEAPDUMP" who "$SCRATCH/image" "$address" --no-debuginfod >"$SCRATCH/text"
ok "the screen says so" grep -q "kernel  epoll $ep, fd $fd" "$SCRATCH/text"

if [ -z "$(need_cores)" ]; then
	die env LD_PRELOAD="$library" "$SCRATCH/program" die
	is "a plain core does not have them" "$(state_of "$core" epoll "$folder/said")" "leaked directly"
else
	skip "a plain core does not have them" "no cores are left here"
fi
done_testing
