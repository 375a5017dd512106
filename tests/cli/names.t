#!/bin/sh
# What things are called.
. "$(dirname "$0")/../lib/tap.sh"
need jq gcc g++ strip
need_cores

# A program without symbols has one root from .dynamic to the end of .bss.
cat >"$SCRATCH/plain.c" <<'C'
#include <stdio.h>
#include <stdlib.h>

char g_data[256] = "data";
void *g_before[64], *g_word;

int main(void)
{
	g_word = malloc(1000);
	dprintf(1, "%p %p\n", g_word, (void *)&g_word);
	free(malloc(1000 + (size_t)g_data[0]));
	abort();
}
C
compile "$SCRATCH/plain" "$SCRATCH/plain.c"
strip "$SCRATCH/plain"
die "$SCRATCH/plain"
cd "$folder" || exit 99
read -r object word <said
ask who core* "$object" >who
is_true "the section of a root without a name is the one that the word lies in" "
	.[0].path.steps[0].root | .word == \"$word\" and .name == null and .section == \".bss\" and .offset > 256" who
is "it stands on the screen" "$("$HEAPDUMP" who core* "$object" | grep -m 1 -c "global  .*(\.bss of plain)")" 1

# C++: a variable, a thread-local, a class with a vtable, a function.
cat >"$SCRATCH/names.cc" <<'C'
#include <cstdio>
#include <cstdlib>

struct Conn {
	long id = 7;
	virtual ~Conn() {}
};

namespace ns {
Conn *g_table;
namespace {
void *volatile g_hidden;
}
thread_local void *t_mine;

__attribute__((noinline)) void run(int n, const Conn &c)
{
	g_table = new Conn;
	g_hidden = malloc(500);
	t_mine = malloc(600);
	dprintf(1, "%p %p %p\n", (void *)g_table, g_hidden, t_mine);
	abort();
}
} // namespace ns

int main()
{
	Conn c;

	ns::run(1, c);
}
C
CC=g++ compile "$SCRATCH/names" "$SCRATCH/names.cc"
die "$SCRATCH/names"
cd "$folder" || exit 99
read -r conn hidden mine <said

holder()
{
	ask who core* "$2" >who
	is_true "the holder is $3, and its symbol stands beside" "
		.[0].path.steps[0].root | .class == \"$1\" and .name == \"$3\" and .symbol == \"$4\"" who
}
holder global "$conn" ns::g_table _ZN2ns7g_tableE
holder global "$hidden" "ns::(anonymous namespace)::g_hidden" _ZN2ns12_GLOBAL__N_18g_hiddenE
holder tls "$mine" ns::t_mine _ZN2ns6t_mineE

ask who core* "$conn" >who
is_true "an object of a class points to the class's vtable" '
	.[0].object | .points_to == "vtable for Conn+0x10" and .points_to_symbol == "_ZTV4Conn"' who
ask info core* >info
is_true "a frame is called as in the source" '
	[.[0].threads[0].frames[] | select(.function == "ns::run(int, Conn const&)")] |
	length == 1 and .[0].symbol == "_ZN2ns3runEiRK4Conn"' info
is_true "a name of C has no other symbol" '
	[.[0].threads[0].frames[] | select(.function == "main")] | length == 1 and (.[0] | has("symbol") | not)' info

for x in ns::g_table _ZN2ns7g_tableE names:ns::g_table names:_ZN2ns7g_tableE; do
	ask who core* "$x" >who
	is_true "$x can be asked for" '
		.[0] | .variable.name == "ns::g_table" and .variable.symbol == "_ZN2ns7g_tableE" and
		(.roots | length) == 1' who
done
for x in ns::t_mine "ns::(anonymous namespace)::g_hidden" "names.cc:ns::(anonymous namespace)::g_hidden"; do
	ask who core* "$x" >who
	is_true "$x can be asked for" '(.[0].roots | length) == 1' who
done
"$HEAPDUMP" who core* libc.so:ns::g_table >text 2>err
is "a name in another module cannot" $? 1
pc=$(jq -r '.threads[0].frames[] | select(.function == "ns::run(int, Conn const&)") | .pc' info)
ask map core* "$(printf '0x%x' $((pc - 1)))" >map
is_true "code is called as in the source" '
	.[0].symbol | .name == "ns::run(int, Conn const&)" and .symbol == "_ZN2ns3runEiRK4Conn"' map

# C++ again: who allocated. DWARF has the last part of a name only.
library=${BUILD:-build}/libheapdump.so
cat >"$SCRATCH/pool.cc" <<'C'
#include <cstdlib>
#include <vector>

namespace conn {
namespace {
[[gnu::noinline]] void *grow(size_t n)
{
	return calloc(3, n);
}
struct Local {
	void *kept;
	[[gnu::always_inline]] inline void fill() { kept = malloc(333); }
};
} // namespace

class Pool {
      public:
	static void *operator new(size_t n) { return malloc(n); }
	[[gnu::noinline]] void push(int n);
	template <class T> [[gnu::noinline]] T *make() { return new T[5]; }
	[[gnu::always_inline]] inline void note() { noted = malloc(77); }
	void *all, *noted;
	Local local;
	std::vector<int> list;
};
void Pool::push(int n)
{
	all = grow(n);
	note();
	local.fill();
	list.reserve(100);
	make<long>();
	abort();
}
} // namespace conn

extern "C" [[gnu::noinline]] void plain(conn::Pool *p)
{
	p->push(40);
}

int main()
{
	plain(new conn::Pool);
}
C
CC=g++ compile "$SCRATCH/pool" "$SCRATCH/pool.cc"
die env HEAPDUMP_RATE=all LD_PRELOAD="$library" "$SCRATCH/pool"
cd "$folder" || exit 99
ask info core* >info
ask top core* --by site --limit 0 >top
stack()
{
	name=$1
	shift
	is_true "$name has its whole name, and so have its callers" "
		[.[0].rows[].site.frames | map(.function)] |
		any(.[0:$#] == [$(printf '"%s"\n' "$@" | paste -sd,)])" top
}
stack 'a function of an unnamed namespace' 'conn::(anonymous namespace)::grow(unsigned long)' 'conn::Pool::push(int)' plain main
stack 'a member that is inlined' 'conn::Pool::note()' 'conn::Pool::push(int)' plain main
stack 'an inlined one without a linkage name' 'conn::(anonymous namespace)::Local::fill' 'conn::Pool::push(int)' plain
stack 'an operator of the class' 'conn::Pool::operator new(unsigned long)' main
stack 'a template' 'operator new(unsigned long)' 'conn::Pool::make<long>()' 'conn::Pool::push(int)'
is_true "the label passes over what merely allocates" '
	[.[0].rows[].site | .frames[.label].function] | sort ==
	["conn::(anonymous namespace)::Local::fill", "conn::(anonymous namespace)::grow(unsigned long)",
	 "conn::Pool::make<long>()", "conn::Pool::note()", "main",
	 "std::vector<int, std::allocator<int> >::reserve(unsigned long)"]' top
is_true "frames of threads have the same names as those of sites" '
	([.[0].threads[0].frames[].function] | map(select(. == "conn::Pool::push(int)" or . == "plain" or . == "main"))) ==
	["conn::Pool::push(int)", "plain", "main"]' info

# The upper half of ymm9, or the whole of zmm17, alone holds an object.
cat >"$SCRATCH/vector.c" <<'C'
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

uintptr_t g_hidden;

static __attribute__((noinline)) void allocate(void)
{
	void *p = malloc(700);

	dprintf(1, "%p\n", p);
	g_hidden = ~(uintptr_t)p;
}

/* Nothing is left of it in the red zone below main(). */
static __attribute__((noinline)) void scrub(void)
{
	volatile char a[8192];

	for (size_t i = 0; i < sizeof(a); i++)
		a[i] = 0;
}

#define CLEAR "xor %%eax, %%eax\n xor %%edx, %%edx\n xor %%ecx, %%ecx\n xor %%esi, %%esi\n xor %%edi, %%edi\n ud2"

int main(int argc, char **argv)
{
	allocate();
	scrub();
	if (argc > 1)
		__asm__ volatile("mov %0, %%rax\n not %%rax\n vpbroadcastq %%rax, %%zmm17\n" CLEAR : : "m"(g_hidden) : "memory");
	else
		__asm__ volatile("mov %0, %%rax\n not %%rax\n vmovq %%rax, %%xmm9\n"
				 "vperm2f128 $8, %%ymm9, %%ymm9, %%ymm9\n" CLEAR : : "m"(g_hidden) : "memory");
}
C
vector()
{
	if [ "$(uname -m)" != x86_64 ] || ! grep -qw "$1" /proc/cpuinfo; then
		skip "a register of $1 has its name" "this processor has no $1"
		return
	fi
	die "$SCRATCH/vector" $3
	ask who "$folder"/core* "$(head -n 1 "$folder/said")" >"$SCRATCH/who"
	is_true "a register of $1 has its name" \
		".[0].path.steps[0].root | .class == \"register\" and .register == \"$2\"" "$SCRATCH/who"
}
[ "$(uname -m)" != x86_64 ] || compile "$SCRATCH/vector" "$SCRATCH/vector.c"
vector avx ymm9
vector avx512f zmm17 wide

# A stripped program that carries its functions packed, as Fedora's do; then a damaged packet.
cat >"$SCRATCH/packed.c" <<'C'
#include <stdlib.h>

static __attribute__((noinline, noclone)) void hidden(int n)
{
	if (n)
		hidden(n - 1);
	abort();
}

int main(int argc, char **argv)
{
	hidden(argc);
}
C
pack()
{
	objcopy --only-keep-debug "$SCRATCH/packed" "$SCRATCH/mini" && "$@" "$SCRATCH/mini" >"$SCRATCH/mini.xz" &&
		objcopy -S --add-section .gnu_debugdata="$SCRATCH/mini.xz" "$SCRATCH/packed" "$SCRATCH/stripped"
}
functions()
{
	die "$SCRATCH/stripped"
	ask info "$folder"/core* |
		jq -r '[.threads[0].frames[] | select(.module == "stripped") | .function // empty] | join(" ")'
}
cut_short()
{
	xz -c "$1" | head -c 400
}
blown_up()
{
	{
		cat "$1"
		head -c 32000000 /dev/zero
	} | xz -c
}
if command -v xz >/dev/null && command -v objcopy >/dev/null; then
	compile "$SCRATCH/packed" "$SCRATCH/packed.c"
	pack xz -c
	is "symbols that a stripped program carries packed are read" "$(functions)" "hidden hidden main _start"
	pack cut_short
	is "a packet that is cut short is no symbols" "$(functions)" ""
	pack blown_up
	is "nor is one of which a thousand times its size would come" "$(functions)" ""
	pack cat
	is "nor is one that is not packed" "$(functions)" ""
else
	skip "symbols that a stripped program carries packed are read" "xz or objcopy is not here"
fi
done_testing
