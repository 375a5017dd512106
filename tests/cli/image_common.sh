# What the tests of images begin with, behind tap.sh: the program that dumps itself, and what it said.
#
#	$program	image_program.c (or what $source names), linked with the library as it was built
#	$san		the sanitizers of this build, "" without
#	image WHAT…	runs it with the output $img, "name value" lines go to $SCRATCH/said
#	said NAME	the value it gave
#	dumped TEXT	"rc threads not_stopped in_place by_signal", for a comparison in one line
#	shows IMAGE	image_lists.py's lines
#	whole NAME	ok if $img is there and gdb opens it in silence

BUILD=${BUILD:-build}
san=$(grep -o -e '-fsanitize=[^ ]*' "$BUILD/flags")
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0:allow_user_segv_handler=1:handle_segv=0"
program=$SCRATCH/image_program
img=$SCRATCH/out/image
mkdir "$SCRATCH/out"
compile "$program" "tests/cli/${source:-image_program}.c" $san -Iinclude -L"$BUILD" -lheapdump -Wl,-rpath,"$(cd "$BUILD" && pwd)" \
	-lpthread

image()
{
	rm -f "$SCRATCH/out"/*
	what=$1
	shift
	timeout 120 "$program" "$what" "$img" "$@" 2>"$SCRATCH/said" >"$SCRATCH/printed"
}

said()
{
	sed -n "s/^$1 //p" "$SCRATCH/said"
}

dumped()
{
	echo "$(said rc) $(said threads) $(said not_stopped) $(said in_place) $(said by_signal)"
}

shows()
{
	python3 tests/cli/image_lists.py "$1"
}

# gdb's words about an image; its complaints are told apart by "warning".
debugger()
{
	debugged=$1
	shift
	timeout 120 gdb -nx -batch -iex 'set auto-load off' -iex 'set debuginfod enabled off' \
		-iex 'set width 0' -iex 'set print thread-events off' "$@" "$program" "$debugged" 2>&1
}

complaints()
{
	debugger "$1" -ex 'info sharedlibrary' -ex 'thread apply all bt' |
		grep -v -e '(deleted)' -e 'more recent than executable' | grep -i -e warning -e error -e 'cannot access' -e corrupt -e '^#[0-9]* .* ?? ()$'
}
