#!/bin/sh
# Where a thread keeps what it works on: its frames, also behind a signal that was taken on another
# stack; coroutines' stacks; every register. The frames themselves against gdb, modules against eu-unstrip.
. "$(dirname "$0")/../lib/tap.sh"
need jq gcc
need_cores
[ "$(uname -m)" = x86_64 ] || skip_all "the program is for x86-64"

compile "$SCRATCH/stacks" tests/cli/cores_stacks.c -pthread
compile "$SCRATCH/victim" tests/cli/cores_victim.c -pthread
cd "$SCRATCH" || exit 99

# ARGUMENTS of the program that is to die; the frames of the thread that died first are in "frames"
run()
{
	die "$SCRATCH/stacks" "$@"
	ask info "$core" >info
	jq -r '.threads[0].frames[].function // "?"' info >frames
}

# NAME: $who is the answer for that object
about()
{
	ask who "$core" "$(sed -n "s/^$1 //p" "$folder/said")" >who
}

held_by_frame()
{
	about "$2"
	is_true "$1: $2's object is held by its frame" '
		.[0].path.steps[0].root | .class == "stack" and .function == "'"${3:-$2}"'" and (.line > 0)' who
}

reachable()
{
	about "$2"
	is_true "$1: $2's object is reachable" '.[0].object.state == "reachable"' who
}

# --- Signal stacks. ---

for story in alt alt-thread; do
	for where in malloc mmap static; do
		run $story $where
		is "$story, $where: all frames on both stacks are there, in order" \
			"$(grep -xE 'on_segv|interrupted|outer|alternate' frames | tr '\n' ' ')" \
			"on_segv interrupted outer alternate "
		held_by_frame "$story, $where" interrupted
		held_by_frame "$story, $where" outer
		reachable "$story, $where" on_segv
		is_true "$story, $where: nothing leaks" '.[0].heap.leaked_objects == 0' info
	done
done

# --- Coroutines. ---

for where in malloc mmap static; do
	run parked $where
	reachable "a parked coroutine, $where" parked
	held_by_frame "a parked coroutine, $where" scheduler
	is_true "a parked coroutine, $where: nothing leaks" '.[0].heap.leaked_objects == 0' info

	run inside $where
	is "a coroutine that dies, $where: its frames are there, and none that is made up" \
		"$(head -n 2 frames | tr '\n' ' ')$(jq -c '[.threads[0].frames[] | select(.module == null)]' info)" \
		"interrupted outer []"
	reachable "a coroutine that dies, $where" interrupted
	reachable "a coroutine that dies, $where" outer
	about scheduler
	is_true "a coroutine that dies, $where: what the thread left on its own stack is held from there" '
		.[0].path.steps[0].root | .class == "stack" and .function == null' who
	is_true "a coroutine that dies, $where: nothing leaks" '.[0].heap.leaked_objects == 0' info
done

# --- Registers. ---

in_register()
{
	if [ -n "$2" ] && ! grep -qw "$2" /proc/cpuinfo; then
		skip "an object that only $1 holds" "this processor has no $2"
		return
	fi
	run register "$1"
	about register
	is_true "an object that only $1 holds is reachable, and the register is named" '
		.[0].path.steps[0].root | .class == "register" and (.register | test("'"$3"'"))' who
	ask info "$core" --without-roots register >info
	is_true "without registers, the object that only $1 holds is lost" '.[0].heap.leaked_objects == 1' info
}
in_register r13 '' '^r13$'
in_register xmm '' '^xmm7$'
in_register ymm avx2 '^(ymm7|vector state)'
in_register zmm avx512f '^(zmm7|vector state)'
in_register zmm23 avx512f '^(zmm23|vector state)'

# --- Against gdb and elfutils. ---

die "$SCRATCH/victim"
ask info "$core" >info

cat >frames.py <<'EOS'
import gdb, json
out = {}
for t in gdb.selected_inferior().threads():
    t.switch()
    f, list = gdb.newest_frame(), []
    while f:
        if f.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
            sal = f.find_sal()
            ours = sal.symtab is not None and sal.symtab.filename.endswith('cores_victim.c')
            list.append({'pc': hex(f.pc()), 'ours': [f.name(), sal.line] if ours else None})
        f = f.older()
    out[str(t.ptid[1])] = list
open('gdb.json', 'w').write(json.dumps(out))
EOS
if command -v gdb >/dev/null &&
	gdb -batch -nx -ex 'set debuginfod enabled off' -ex 'set backtrace past-main on' -x frames.py "$SCRATCH/victim" "$core" >/dev/null 2>&1 &&
	[ -s gdb.json ]; then
	is_true "every thread has the frames that gdb finds: the same code addresses" '
		.[0] as $gdb | .[1].threads | map({key: (.tid | tostring), value: [.frames[].pc]}) | from_entries |
		. == ($gdb | map_values(map(.pc)))' gdb.json info
	is_true "in the program itself functions and lines are those of gdb" '
		.[0] as $gdb | [.[1].threads[] | .tid as $tid | .frames[] | select(.module == "victim" and .line) |
			[$tid, .pc, .function, .line]] | length >= 4 and
		. == [.[] | .[0] as $tid | .[1] as $pc |
			($gdb[$tid | tostring][] | select(.pc == $pc) | [$tid, $pc] + .ours)]' gdb.json info
else
	skip "frames as gdb finds them" "there is no gdb with Python here"
fi

if command -v eu-unstrip >/dev/null; then
	eu-unstrip -n --core="$core" | sed -n 's/^\(0x[0-9a-f]*\)+0x[0-9a-f]* \([0-9a-f]*\)@.*/\1 \2/p' | sort >theirs
	jq -r '.modules[] | .addr + " " + .build_id' info | sort >ours
	ok "modules and their build-ids are those of eu-unstrip" diff theirs ours
else
	skip "modules as eu-unstrip lists them" "there is no eu-unstrip here"
fi
done_testing
