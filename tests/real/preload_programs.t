#!/bin/sh
# Programs nobody here wrote, with the library in every process of theirs: they say, write and answer what they do without.
# Each is run plainly, sampled as usual, with every object sampled, and with an image at the end.
. "$(dirname "$0")/../lib/tap.sh"
. tests/lib/preload.sh

export GIT_CONFIG_NOSYSTEM=1 HOME="$SCRATCH" TZ=UTC

# same SENTENCE FUNCTION: in a folder of its own for each way, of the same length of name: what FUNCTION says, leaves in
# that folder and returns. $run is what it starts programs under.
same()
{
	for way in plain usual every image; do
		run=env
		case $way in
		usual) run="$HEAPDUMP record --rate 512k" ;;
		every) run="$HEAPDUMP record --rate all" ;;
		image) run="$HEAPDUMP record --rate all --at-exit --growth 64m --max-dumps 2 --out $SCRATCH/%p.%n.core" ;;
		esac
		rm -rf "$SCRATCH/work" "$SCRATCH"/*.core
		mkdir "$SCRATCH/work"
		(cd "$SCRATCH/work" && "$2" && echo ended || echo "failed: $?") >"$SCRATCH/$way.said" 2>&1 </dev/null
		(cd "$SCRATCH/work" && find . -type f | sort | xargs -r sha256sum) >>"$SCRATCH/$way.said"
		if [ $way = plain ]; then
			is "$1: runs here" "$(grep -c '^ended$' "$SCRATCH/plain.said")" 1
		else
			ok "$1: the same, $way" diff "$SCRATCH/plain.said" "$SCRATCH/$way.said"
		fi
	done
	image=$(ls -S "$SCRATCH"/*.core 2>/dev/null | head -n 1)
	ask info "${image:-/nowhere}" >"$SCRATCH/info" 2>&1
	is_true "$1: the image at its end can be read" '.[0] | .sampler.samples > 0 and .image.trigger == "exit"' "$SCRATCH/info"
}



sqlite()
{
	$run sqlite3 base.db <<'SQL'
PRAGMA page_size = 1024;
CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, size INT, body BLOB);
CREATE TABLE part(item INT REFERENCES item(id), n INT, what TEXT);
CREATE INDEX by_name ON item(name);
CREATE TRIGGER parts AFTER INSERT ON item BEGIN
  INSERT INTO part VALUES (new.id, 1, upper(new.name)), (new.id, 2, new.name || '-');
END;
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
  INSERT INTO item SELECT i, 'name' || (i * 7919 % 20011), i % 977, printf('%.*c', i % 300, 'x') FROM n;
COMMIT;
UPDATE item SET size = size * 2 WHERE id % 3 = 0;
DELETE FROM item WHERE id % 5 = 0;
SELECT count(*), sum(size), max(name), total(length(body)) FROM item;
SELECT what, count(*) OVER (PARTITION BY n), group_concat(item) FROM part WHERE item < 40 GROUP BY item ORDER BY what;
SELECT a.name, b.name FROM item a JOIN item b ON a.size = b.size AND a.id < b.id ORDER BY 1, 2 LIMIT 50;
SELECT json_group_object(name, size) FROM (SELECT * FROM item ORDER BY id LIMIT 200);
CREATE VIRTUAL TABLE words USING fts5(text);
INSERT INTO words SELECT name || ' of ' || size FROM item LIMIT 3000;
SELECT count(*) FROM words WHERE words MATCH 'of AND name7*';
INSERT INTO item VALUES (1, 'twice', 0, NULL);
VACUUM;
ANALYZE;
PRAGMA integrity_check;
SELECT * FROM nowhere;
SQL
	$run sqlite3 base.db .dump | sha256sum
}

lua()
{
	cat >gc.lua <<'LUA'
collectgarbage("generational")
local t = {}
for i = 1, 200000 do t[i % 5000] = { i, tostring(i), function() return i end } end
collectgarbage("incremental")
collectgarbage("setpause", 100)
local weak, closed = setmetatable({}, { __mode = "v" }), 0
for i = 1, 50000 do weak[i] = setmetatable({ i }, { __gc = function() closed = closed + 1 end }) end
collectgarbage()
local s = {}
for i = 1, 20000 do s[#s + 1] = string.format("%d:%s", i, string.rep("x", i % 50)) end
local text, co, sum = table.concat(s, ","), {}, 0
for i = 1, 2000 do
	co[i] = coroutine.wrap(function(a) while true do a = coroutine.yield(a * i) end end)
	co[i](1)
end
for i = 1, 2000 do sum = sum + co[i](i) end
print(next(weak), closed, #text, sum, text:gsub("x+", "y"):len(), collectgarbage("count") // 1000)
print(pcall(string.rep, "x", 1 << 50))
print(pcall(function() local function f() return f() + 1 end return f() end))
LUA
	$run lua5.4 gc.lua
}

perl_script()
{
	cat >script.pl <<'PERL'
use strict; use warnings; use Storable qw(freeze thaw); use POSIX ();
my (%h, @a);
$h{"key" . $_ * 7919 % 10007}{n} = [$_, "v" x ($_ % 90)] for 1 .. 30000;
push @a, map { "$_=" . $h{$_}{n}[1] } (sort keys %h)[0 .. 500];
my $copy = thaw(freeze(\%h));
my $text = join ",", @a;
my $n = () = $text =~ /(v+)(?=,key)/g;
print scalar(keys %$copy), " ", length $text, " $n\n";
for my $i (1 .. 40) {
    pipe my $r, my $w;
    my $pid = fork // die;
    if (!$pid) { my @more = map { [$_] } 1 .. 5000; print $w scalar @more; close $w; exit $i % 3 }
    close $w; my $said = <$r>; waitpid $pid, 0; print $said + ($? >> 8), " ";
}
local $SIG{ALRM} = sub { my @x = map { "$_" } 1 .. 1000; print "alarm\n" };
kill ALRM => $$;
print `echo from a shell`, sprintf("%.3f\n", eval join "+", 1 .. 3000);
POSIX::_exit(3) if fork == 0; wait; print $? >> 8, "\n"; die "at the end\n";
PERL
	PERL_HASH_SEED=0 PERL_PERTURB_KEYS=0 $run perl script.pl
	echo $?
}

# No hash of what has a time or an inode in it.
git_work()
{
	export GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000' \
		GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
	git="$run git -c init.defaultBranch=main -c gc.auto=0 -c pack.threads=2 -c advice.detachedHead=false"
	$git init -q tree && cp -r "$ROOT/analyze" tree && cd tree && $git add . && $git commit -q -m first || return
	for i in 1 2 3 4 5 6; do
		for file in analyze/ask/*.c; do
			echo "/* $i */" >>"$file"
		done
		$git commit -q -a -m "number $i" || return
	done
	$git checkout -q -b side HEAD~3 && echo more >more && $git add more && $git commit -q -m side &&
		$git checkout -q main && $git merge -q -m merged side && $git gc -q --aggressive &&
		$git fsck --strict --no-progress && $git log --oneline --stat | cat && $git blame more &&
		$git rev-list --objects --all && $git diff HEAD~2 | sha256sum && $git status --short || return
	$git clone -q . ../again && $git -C ../again rev-parse HEAD && $git show nowhere
	echo $?
	cd .. && rm -rf tree again
}

compiler()
{
	awk 'BEGIN {
		for (i = 0; i < 700; i++) {
			printf "struct s%d { int a, b[%d]; struct s%d *next; };\n", i, i % 17 + 1, i
			printf "static int f%d(struct s%d *p, int n)\n{\n\tint k = 0;\n\tfor (; p; p = p->next)\n", i, i
			printf "\t\tfor (int i = 0; i < %d; i++)\n\t\t\tk += p->b[i] * n ^ p->a;\n", i % 17 + 1
			printf "\treturn k > n ? k : f(n - %d);\n}\nint g%d(void *p, int n) { return f%d(p, n); }\n", i, i, i
		}
	}' | sed '1i int f(int);' >big.c
	printf '%s\n' '#include <map>' '#include <regex>' '#include <string>' \
		'int main() { std::map<std::string, int> m; m["a"] = std::regex_match("aab", std::regex("a+b")); return m["a"] - 1; }' >program.cc
	$run gcc -O2 -g -pipe -c big.c && $run g++ -O1 -g program.cc -o program && $run ./program && $run gcc -c missing.c
	echo $?
}

packers()
{
	$run tar --sort=name --mtime=@1700000000 --owner=0 --group=0 --numeric-owner -C "$ROOT" -cf all.tar analyze dump docs &&
		$run xz -T2 --block-size=256KiB -3 -k all.tar && $run xz -T2 -dc all.tar.xz | cmp - all.tar &&
		$run xz -l all.tar.xz | cut -c 1-20 && $run zstd -q -T2 -B512KiB all.tar -o all.tar.zst &&
		$run zstd -q -t all.tar.zst && $run tar -tf all.tar.xz && $run tar -xf missing.tar
	echo $?
}

debugger()
{
	printf '%s\n' '#include <stdlib.h>' 'struct s { int n; struct s *next; } *list;' \
		'int add_one(int n) { struct s *p = malloc(sizeof(*p)); p->n = n; p->next = list; list = p; return n; }' \
		'int main(void) { for (int i = 0; i < 5; i++) add_one(i); return 4; }' >program.c
	gcc -g -O0 program.c -o program && $run gdb -q -nx -batch -ex 'set debuginfod enabled off' -ex 'break add_one if n == 3' -ex run \
		-ex bt -ex 'print *list' -ex finish -ex 'print $rip == (long)main' -ex 'info line' -ex delete -ex continue -ex 'print list' ./program |
		sed 's/0x[0-9a-f]*/ADDRESS/g; s/process [0-9]*/process N/'
	rm program
}

shells()
{
	cat >script.sh <<'SH'
count() { local n=0; while read -r line; do n=$((n + ${#line})); done; echo $n; }
declare -A seen
for i in {1..150}; do
	seen[$((i % 17))]+=$(echo $i | tr 0-9 a-j)
	(exit $((i % 5))) || seen[bad]+=.
done
for k in 0 5 16 bad; do echo "$k ${seen[$k]}"; done
seq 1000 | sort -R --random-source=/bin/sh | sort -n | uniq | tee >(count >&2) | awk '{ s += $1 } END { print s }'
sleep 0.1
for i in 1 2 3 4 5 6 7 8; do (sleep 0.0$i; exit $i) & done
wait; coproc cat; echo hello >&${COPROC[1]}; read -r -u ${COPROC[0]} word; echo $word
kill $COPROC_PID; trap 'echo trapped' USR1; kill -USR1 $$; [[ abc =~ ^(a)(b.*)$ ]] && echo "${BASH_REMATCH[@]}"
printf '%s\n' "$(<script.sh)" | count; find /usr/share/doc -maxdepth 1 -name 'lib*' -print0 | xargs -0 -n 40 -P 4 true; ./static
( ulimit -n 5; echo few >file; cat file ); ( ulimit -v 100000; exec ls script.sh ); exec 3<&- 4>&-; exit 9
SH
	cp "$SCRATCH/static" . && $run bash script.sh
	echo $?
}

# The manual's reader confines what it starts, by seccomp.
manual()
{
	$run man -P cat -l "$ROOT/docs/man/heapdump-record.1" 2>errors | sha256sum
	# images are refused there, and that is said
	grep -v 'heapdump: no image' errors
	rm errors
}

redis()
{
	cli="$run redis-cli -s s"
	$run redis-server --port 0 --unixsocket s --save '' --enable-debug-command local --logfile log --dir . &
	n=0
	until [ -S s ] || [ $((n += 1)) -gt 300 ]; do
		sleep 0.1
	done
	awk 'BEGIN { for (i = 0; i < 30000; i++) {
		print "SET key:" i, i * 7919 % 10007 "-" i
		if (i % 3 == 0) print "RPUSH list:" i % 100, i, i "x"
		if (i % 4 == 0) print "HSET hash:" i % 200, "f" i, i
		if (i % 5 == 0) print "ZADD rank", i * 31 % 1009, "p" i
		if (i % 6 == 0) print "DEL key:" i / 2
		if (i % 7 == 0) print "APPEND key:" i % 50, "more" }
		print "EVAL \"local t = {} for i = 1, 2000 do t[i] = redis.call(\"SET\", \"l\" .. i, i) end return #t\" 0" }' |
		$cli >replies
	sha256sum <replies
	rm replies
	$run redis-benchmark -s s -q -n 30000 -c 20 -P 8 -t lpush,lpop,sadd,mset >/dev/null
	$cli DEL mylist myset
	for i in 0 1 2 3 4 5 6 7 8 9; do
		$cli DEL "key:{tag}:$i" >/dev/null
	done
	# what the benchmark set has a name of its own
	$cli DEL key:__rand_int__ >/dev/null
	$cli DEBUG DIGEST
	$cli BGSAVE
	n=0
	until $cli INFO persistence | tr -d '\r' | grep -q '^rdb_bgsave_in_progress:0' || [ $((n += 1)) -gt 300 ]; do
		sleep 0.1
	done
	$cli INFO persistence | tr -d '\r' | grep rdb_last_bgsave_status
	$cli DEBUG RELOAD
	$cli DEBUG DIGEST
	$cli DBSIZE
	$cli SHUTDOWN NOSAVE
	wait $!
	echo $?
	rm -f log dump.rdb s
}

echo 'int main(void) { return 0; }' >"$SCRATCH/static.c"
compile "$SCRATCH/static" "$SCRATCH/static.c" -static
same_if_here()
{
	command -v "$2" >/dev/null || {
		skip "$1: the same" "$2 is not here"
		return
	}
	same "$1" "$3"
}
same_if_here sqlite sqlite3 sqlite
same_if_here lua lua5.4 lua
same_if_here perl perl perl_script
same_if_here git git git_work
same_if_here 'gcc, cc1plus, as, ld' g++ compiler
same_if_here 'tar, xz and zstd with threads' xz packers
same_if_here gdb gdb debugger
same_if_here 'bash and what it starts' bash shells
same_if_here man man manual
same_if_here redis redis-server redis
done_testing
