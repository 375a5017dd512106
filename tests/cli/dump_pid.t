#!/bin/sh
# heapdump dump PID, and questions about a PID: what is in the image, where it may go, who may, and what is refused.
. "$(dirname "$0")/../lib/tap.sh"
. tests/cli/dump_common.sh
need jq gdb
cd_here=$(pwd)
image=$SCRATCH/image

# --- What is in it. ---

begin list
dump -o "$image" $pid
is "an image is written" "$status" 0
ok "it says what it cost, and what to ask next" sh -c "grep -q 'it stood still for' '$SCRATCH/words' && grep -qx 'Next: heapdump info $image' '$SCRATCH/words'"
is "it is readable by its owner alone" "$(stat -c %a "$image")" 600
is "the process runs on, and no snapshot is left" "$(runs_on)" ''
ask info "$image" >"$SCRATCH/info"
is_true "the image says who made it, and how" '.[0] | .image.trigger == "heapdump dump" and .image.method == "fork" and
	.image.freeze == "ptrace" and .image.threads == 1 and .image.pause_ns > 0 and .warnings == []' "$SCRATCH/info"
is_true "what only the kernel holds is no leak" '.[0].heap | .leaked_objects == 0 and .in_use_objects >= 1003' "$SCRATCH/info"
is_true "and is listed" '.[0].image.kernel_words == 2' "$SCRATCH/info"
gdb -nx -batch -iex 'set debuginfod enabled off' -ex 'info threads' -ex bt -ex 'p g_items->next->next != 0' -ex 'info sharedlibrary' \
	"$SCRATCH/target" "$image" >"$SCRATCH/gdb" 2>&1
is "gdb opens it: threads, stack, variables, libraries" \
	"$(grep -c -e '^#[0-9].* hold (' -e '^#[0-9].* main (' -e ' = 1$' -e 'libc.so' "$SCRATCH/gdb")" 4
is "and has nothing to complain of" "$(grep -i -e 'warning' -e 'cannot access' "$SCRATCH/gdb" | grep -v -e debuginfo -e 'auto-load')" ''

ask who $pid g_items >"$SCRATCH/who"
is_true "who takes a PID in place of FILE" '.[0].roots[0].root.name == "g_items" and .[0].heapdump.file == "'$pid'"' "$SCRATCH/who"
for question in info top leaks tree; do
	ok "so does $question" sh -c "'$HEAPDUMP' $question $pid | grep -q ."
done
ask info $pid >"$SCRATCH/live"
is_true "its figures are those of the image" '.[0].heap == .[1].heap' "$SCRATCH/info" "$SCRATCH/live"
ok "its modules are found by the files that it has mapped" sh -c "rm '$SCRATCH/target'; '$HEAPDUMP' who $pid g_items | grep -q dump_target.c"
verdict "the program was not disturbed"
compile "$SCRATCH/target" tests/cli/dump_target.c -D_GNU_SOURCE -pthread

begin heap "$SCRATCH/mallinfo"
until [ -e "$SCRATCH/mallinfo" ]; do sleep 0.1; done
read -r used mapped <"$SCRATCH/mallinfo"
ask info $pid >"$SCRATCH/live"
is_true "bytes in use are mallinfo2's" ".[0].heap | .in_use_chunk_bytes + .cached_chunk_bytes == $used and .mmapped_chunks == $mapped" "$SCRATCH/live"
dump --stop -o "$image" $pid
ask info "$image" >"$SCRATCH/info"
is_true "copied while it stands still, too" ".[0] | (.heap | .in_use_chunk_bytes + .cached_chunk_bytes == $used) and .image.method == \"in place\"" "$SCRATCH/info"
ok "and it says so" grep -q 'until it was copied' "$SCRATCH/words"

verdict "and it was not disturbed"

"$HEAPDUMP" record --rate all -- "$SCRATCH/target" list >"$SCRATCH/said" 2>&1 &
pid=$!
sleep 0.5
ask top $pid --by site >"$SCRATCH/top"
is_true "of a program that is recorded, allocating lines are known" '
	[.[0].rows[] | select(.site.function == "hold")] | map(.objects) | add == 1002' "$SCRATCH/top"
verdict "which goes on to be recorded"
rm "$SCRATCH/mallinfo"
begin heap "$SCRATCH/mallinfo"
until [ -e "$SCRATCH/mallinfo" ]; do sleep 0.1; done

# --- Where to. ---

"$HEAPDUMP" dump -o - $pid 2>"$SCRATCH/words" | cat >"$SCRATCH/piped"
ask info "$SCRATCH/piped" >"$SCRATCH/info"
is_true "a pipe takes it" ".[0].heap | .in_use_chunk_bytes + .cached_chunk_bytes == $used" "$SCRATCH/info"
ok "and the words go elsewhere" grep -q 'it stood still for' "$SCRATCH/words"
(cd "$SCRATCH" && "$HEAPDUMP" dump --json $pid >words)
is "without -o it is heapdump.PID.core, here" "$(ls "$SCRATCH"/heapdump.*.core)" "$SCRATCH/heapdump.$pid.core"
is_true "what it cost is told as JSON" ".[0] | .pid == $pid and .file == \"heapdump.$pid.core\" and .threads == 1 and .pause_ns >= .stop_ns + .fork_ns" "$SCRATCH/words"
is "by the keys that docs/json.md has" "$(jq -r 'keys[]' "$SCRATCH/words" | sort | tr '\n' ' ')" \
	"$(sed -n '/^## dump/,$p' docs/json.md | sed -n '/^| `/p' | cut -d'|' -f2 | grep -o '[a-z_]*' | sort | tr '\n' ' ')"
dump -o "$SCRATCH/nowhere/image" $pid
is "a folder that is not there is an error" "$status $(cat "$SCRATCH/words")" "2 heapdump: dump: $pid: $SCRATCH/nowhere/image: there is no such folder"
dump -o /dev/full $pid
is "a full disk, too" "$status" 2
is "and nothing is left in the process then" "$(runs_on)" ''

# --- What of it. ---

dump --filter 10 -o "$SCRATCH/small" $pid
ask info "$SCRATCH/small" >"$SCRATCH/info"
is_true "without private memory there is no heap, which is said" '.[0] | .heap_absent and .image.ranges_count > 0' "$SCRATCH/info"
dump --filter 77 -o "$SCRATCH/large" $pid
ok "with private pages of files it has their code" sh -c "[ \$(stat -c %b '$SCRATCH/large') -gt \$((\$(stat -c %b '$image') + 2000)) ]"
dump --filter 7x $pid
is "a mask is hexadecimal" "$status" 2
verdict "the program was not disturbed by all that"

# --- Who may not, and what cannot be. ---

refused()
{
	is "$1" "$status $(sed 's/^heapdump: dump: [0-9a-z]*: //; s/process [0-9][0-9]*/process N/' "$SCRATCH/words")" "$2"
}
dump 4194305
refused "no such process" "1 there is no such process"
dump abc
refused "no number" "2 is no process id"
dump $pid
refused "one that ended" "1 there is no such process"
dump
refused "no process" "2 heapdump: dump: PID: is missing; heapdump dump --help tells more"
sh -c 'sleep 0.1 & exec sleep 60' &
parent=$!
sleep 0.5
zombie=$(cat /proc/$parent/task/$parent/children 2>/dev/null | tr -d ' ')
if [ -n "$zombie" ]; then
	dump $zombie
	refused "one that has ended, and nobody noticed" "1 sleep has ended, and its parent has not noticed yet"
else
	skip "one that has ended, and nobody noticed" "this kernel does not list children"
fi
kill $parent
begin computes
dump "$(ls /proc/$pid/task | tail -n 1)"
refused "a thread" "2 is a thread of process N; name that"
kill -STOP $pid
sleep 0.1
dump -o "$image" $pid
ok "a stopped process is copied as it stands" grep -q 'until it was copied' "$SCRATCH/words"
is "and is stopped still" "$(sed -n 's/^State:\t\(.\).*/\1/p' /proc/$pid/status)" T
kill -CONT $pid
sleep 0.1
verdict "and goes on when it is let go on"
begin traced list
dump $pid
refused "one that is traced" "2 not permitted: process N (target) traces it already, and only one may; a debugger can write a core itself (gdb: generate-core-file)"
# its tracer would keep any other signal
kill -KILL $pid
printf '.globl _start\n_start: mov $29,%%eax\n int $0x80\n jmp _start\n' >"$SCRATCH/small.s"
if as --32 -o "$SCRATCH/small.o" "$SCRATCH/small.s" 2>/dev/null && ld -m elf_i386 -o "$SCRATCH/small32" "$SCRATCH/small.o" 2>/dev/null; then
	"$SCRATCH/small32" &
	small=$!
	sleep 0.1
	if kill -0 $small 2>/dev/null; then
		dump $small
		refused "a 32-bit program" "2 small32 is a 32-bit program; images are of 64-bit ones only"
		kill $small
	else
		skip "a 32-bit program" "this kernel runs none"
	fi
else
	skip "a 32-bit program" "there is no linker for one"
fi
file_named=$SCRATCH/4711
cp "$image" "$file_named"
ok "a file whose name is a number comes before a process" sh -c "cd '$SCRATCH' && '$HEAPDUMP' info 4711 | grep -q 'in use'"

# --- As another user; in other namespaces. ---

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	other="setpriv --reuid=65534 --clear-groups"
	# folders of root's may be closed to others
	folder=$(mktemp -d /tmp/heapdump-other.XXXXXX)
	chmod 777 "$folder"
	cp "$SCRATCH/target" "$HEAPDUMP" "$folder/"
	HEAPDUMP=$folder/heapdump
	as_other()
	{
		HEAPDUMP="$other $folder/heapdump"
		timeout 60 $HEAPDUMP dump "$@" >"$SCRATCH/words" 2>&1
		status=$?
	}
	begin list
	as_other -o "$folder/image" $pid
	refused "another user's" "2 not permitted: it is a process of user $(id -un) (0); run this as that user or as root"
	end
	$other "$folder/target" filtered list >"$SCRATCH/said" 2>&1 &
	pid=$!
	sleep 0.3
	as_other -o "$folder/image" $pid
	refused "one with a filter of system calls" "2 it cannot be made to fork a snapshot: its seccomp filter might kill it, and switching that off takes CAP_SYS_ADMIN; --stop copies it while it stands still"
	as_other --stop -o "$folder/image" $pid
	is "and so it does" "$status" 0
	is "it was not harmed" "$(runs_on)" ''
	timeout 60 "$folder/heapdump" dump -o "$SCRATCH/image" $pid >"$SCRATCH/words" 2>&1
	status=$?
	is "root needs no --stop for it" "$status $(grep -c 'for the fork' "$SCRATCH/words")" '0 1'
	verdict "and it was not harmed by that"
	prlimit --nproc=1 $other "$folder/target" list >"$SCRATCH/said" 2>&1 &
	pid=$!
	sleep 0.3
	as_other -o "$folder/image" $pid
	refused "one that may not have another process" "2 it cannot be made to fork a snapshot: Resource temporarily unavailable; --stop copies it while it stands still"
	verdict "and it was not harmed either"
	rm -rf "$folder"
	HEAPDUMP=$BUILD/heapdump

	if unshare -p -f true 2>/dev/null; then
		root=$SCRATCH/root
		mkdir -p "$root/proc"
		cp "$SCRATCH/target" "$root/"
		for library in $(ldd "$SCRATCH/target" | grep -o '/[^ ]*'); do
			mkdir -p "$root$(dirname "$library")"
			cp "$library" "$root$library"
		done
		rm "$SCRATCH/target"
		unshare -p -f chroot "$root" /target list >"$SCRATCH/said" 2>&1 &
		shell=$!
		sleep 0.5
		pid=$(cat /proc/$shell/task/$shell/children | tr -d ' ')
		dump -o "$image" $pid
		ask info "$image" --sysroot "/proc/$pid/root" >"$SCRATCH/info"
		is_true "in a container, ids are those that it knows itself, and its files are read" \
			'.[0] | .process.pid == 1 and .warnings == [] and .heap.leaked_objects == 0' "$SCRATCH/info"
		ok "and where they are is said" grep -qx "Next: heapdump info $image --sysroot /proc/$pid/root" "$SCRATCH/words"
		ask who $pid g_items >"$SCRATCH/who"
		is_true "a question finds them by itself" '.[0].roots[0].root.name == "g_items"' "$SCRATCH/who"
		is "nothing is left in there" "$(runs_on)" ''
		kill $pid
	else
		skip "containers" "no namespaces here"
	fi
else
	skip "other users, containers" "for root only"
fi
cd "$cd_here"
done_testing
