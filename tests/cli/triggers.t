#!/bin/sh
# What makes images: signals, the end, growth, a failed allocation; and their limits. And record's own manners.
. "$(dirname "$0")/../lib/tap.sh"
. tests/lib/preload.sh
need jq

compile "$SCRATCH/t" fixtures/preload_triggers.c $FIXTURE
out=$SCRATCH/out
mkdir "$out"

# Runs the story under record; afterwards $status, what was said in $SCRATCH/said, images in $out as N.core
run()
{
	rm -f "$out"/*
	options=$1
	shift
	record $options -o "$out/%n.core" -- "$SCRATCH/t" "$@" >"$SCRATCH/said" 2>&1
	status=$?
}

images()
{
	echo $(cd "$out" && ls)
}

because()
{
	ask info "$out/$1.core" 2>"$SCRATCH/err" | jq -r '.image.trigger'
}

run '--signal USR2' signal
is "each signal makes an image, numbered" "$status $(images)" "0 1.core 2.core 3.core"
is "which says that a signal asked for it" "$(because 1)" signal
run '--signal 12 --max-dumps 2' signal
is "no more than --max-dumps, and the program goes on" "$status $(images)" "0 1.core 2.core"
is "which is said" "$(grep -c 'MAX_DUMPS' "$SCRATCH/said")" 1
run '--signal SIGUSR2 --max-bytes 1k' signal
is "no image beyond --max-bytes, and the program goes on" "$status $(images)" "0 "

run '--at-exit' grow 1
is "the end makes an image" "$status $(images) $(because 1)" "0 1.core exit"
run '--signal USR2 --at-exit' exit
is "an image that is being written is whole before the program ends" "$status $(images)" "0 1.core 2.core"
ok "and can be read" ask info "$out/1.core"
run '--signal SEGV' crash
is "a second crash does not take the first one's image away" "$((status > 128)) $(images | cut -d ' ' -f 1)" "1 1.core"
is "the program dies of its signal" "$status" 139

run '--growth 16m --min-seconds 0' grow 100
is "each growth by so many bytes makes an image" "$status $(because 1) $([ -e "$out/3.core" ] && echo 3)" "0 growth 3"
run '--growth 16m' grow 100
is "but not two within --min-seconds" "$status $(images)" "0 1.core"
run '--growth 100% --min-seconds 0' grow 100
is "percentages count from 16 MiB on" "$status $([ -e "$out/1.core" ] && [ ! -e "$out/4.core" ] && echo few)" "0 few"
run '--on-malloc-failure' fail
is "a failed allocation makes an image" "$status $(images) $(because 1)" "0 1.core malloc failure"
run '--on-malloc-failure' grow 3
is "one that succeeds makes none" "$status $(images)" "0 "

record --signal USR2 -o "$out/nowhere/%n.core" "$SCRATCH/t" signal >"$SCRATCH/said" 2>&1
is "a folder that is not there: said for each, and the program goes on" "$? $(grep -c 'no image' "$SCRATCH/said")" "0 3"
rm -f "$out"/*
record --signal USR2 --max-dumps 1 -o "$out/%e.%%.%n" "$SCRATCH/t" signal >"$SCRATCH/said" 2>&1
is "the pattern knows the program, the number and a percent sign" "$(images)" "t.%.1"
for variable in SIGNAL GROWTH RATE MAX_DUMPS; do
	said=$(env LD_PRELOAD="$LIBRARY" HEAPDUMP_$variable=nonsense "$SCRATCH/t" grow 1 2>&1)
	is "nonsense in HEAPDUMP_$variable is said in one line that names it, and the program runs" \
		"$? $(echo "$said" | grep -c "HEAPDUMP_$variable")" "0 1"
done
# a writer whose reader has gone
(
	sleep 0.3
	HEAPDUMP_RATE=nonsense LD_PRELOAD="$LIBRARY" "$SCRATCH/t" grow 1 2>&1
	echo $? >"$SCRATCH/status"
) | true
is "a line for a reader that has gone does not kill the program" "$(cat "$SCRATCH/status")" 0

is "a thread in sigwait() is not handed the signal that stops threads" \
	"$(record --rate off "$SCRATCH/t" sigwait)" "0 0 1"

# What the program tells.
run '--rate all --signal USR2' tell
pool=$(cut -d ' ' -f 1 "$SCRATCH/said") held=$(cut -d ' ' -f 2 "$SCRATCH/said")
ask who "$out/1.core" "$held" >"$SCRATCH/held" 2>"$SCRATCH/err"
is_true "what a named mapping holds is held by its name" \
	'.[0].path.steps[0].root | .class == "registered" and .name == "device queue"' "$SCRATCH/held"
ask map "$out/1.core" "$(printf '0x%x' $((pool + 1000)))" >"$SCRATCH/piece" 2>"$SCRATCH/err"
is_true "an announced piece is an object of its own, with its name and site" '
	.[0] | .object.size == 1000 and .object.announced == "reply" and .allocation.site.frames[0].function == "tell"' "$SCRATCH/piece"
ask info "$out/1.core" >"$SCRATCH/info" 2>"$SCRATCH/err"
is_true "one that was retired is not there" '.[0].announced | .objects == 2 and .bytes == 2000 and .stray == 0' "$SCRATCH/info"

# record itself.
record /nowhere/at-all >"$SCRATCH/said" 2>&1
is "a program that is not there: 127" $? 127
echo text >"$SCRATCH/text"
record "$SCRATCH/text" >"$SCRATCH/said" 2>&1
is "one that cannot be run: 126" $? 126
record >"$SCRATCH/said" 2>&1
is "no program: 2, and a word of help" "$? $(grep -c 'record --help' "$SCRATCH/said")" "2 1"
record sh -c 'exit 7'
is "the exit status is the program's" $? 7
printf '#!%s\n' "$SCRATCH/t" >"$SCRATCH/script"
chmod +x "$SCRATCH/script"
record "$SCRATCH/script" >"$SCRATCH/said" 2>&1
is "a script is run by its interpreter" $? 2
gcc -static -o "$SCRATCH/static" -x c - 2>"$SCRATCH/err" <<'C'
int main(void) { return 0; }
C
if [ -x "$SCRATCH/static" ]; then
	record "$SCRATCH/static" >"$SCRATCH/said" 2>&1
	is "a static program is refused with the reason" "$? $(grep -c 'statically linked' "$SCRATCH/said")" "2 1"
else
	skip "a static program is refused with the reason" "no static libc here"
fi
done_testing
