#!/bin/sh
# Tools of a command line with a large heap: sqlite3, jq, tmux, gdb.
. "$(dirname "$0")/../lib/tap.sh"
. tests/real/real.sh

# Two thousand tables with indexes in the schema, prepared statements, a page cache full of rows.
cat >"$SCRATCH/load.sql.sh" <<'SH'
i=0
while [ $i -lt 2000 ]; do
	echo "CREATE TABLE t$i (id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT 'x', heapdump$((i + 1))marker REAL, CHECK (id > $i));"
	echo "CREATE INDEX t${i}_by_name ON t$i (name, id);"
	i=$((i + 1))
done
echo "INSERT INTO t7 (id, name) WITH RECURSIVE n (i) AS (SELECT 8 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)
	SELECT i, 'row-' || i FROM n;"
echo "DELETE FROM t7 WHERE id % 3 = 0;"
echo "CREATE TEMP VIEW v AS SELECT * FROM t7 JOIN t8 USING (id);"
echo "SELECT count(*) FROM v;"
echo ".shell kill -ABRT \$PPID"
SH
if command -v sqlite3 >/dev/null; then
	sh "$SCRATCH/load.sql.sh" >"$SCRATCH/load.sql"
	die $BED sqlite3 -init /dev/null -batch :memory: ".read $SCRATCH/load.sql"
	check_account sqlite3
	check_size sqlite3 25000
	check_no_leak sqlite3
	check_holder 'sqlite3: a column of the schema is held' heapdump1234marker 'true'
else
	skip sqlite3 'sqlite3 is not here'
fi

# Blocks on its second input with the first still in hand.
run_jq()
{
	mkfifo in
	$BED jq -n --unbuffered 'input as $doc | "ready", (input | $doc | length)' <in >out &
	jq_pid=$!
	python3 -c '
import json
print(json.dumps([{"id": i, "name": "heapdump-" + "marker-%d" % i, "list": [i, [i], None]} for i in range(100000)]))
import time
while "ready" not in open("out").read(): time.sleep(0.05)
time.sleep(0.5)' >in &
	await grep -q ready out
	finish $jq_pid
}
die run_jq
check_account jq
check_size jq 400000
check_no_leak jq
check_holder 'jq: a string of the document is held' heapdump-marker-4711 'true'

# The server of a terminal with a long history; it forks off the client that was started.
run_tmux()
{
	unset TMUX
	$BED tmux -L "$SCRATCH.tmux" -S "$PWD/s" -f /dev/null start-server \; \
		set -g history-limit 100000 \; set -g default-size 80x25 \; \
		new-session -d 'i=0; while [ $i -lt 60000 ]; do echo "heapdump-""marker-$i."; i=$((i + 1)); done; echo >done; exec sleep 60'
	await test -e done
	server=$(tmux -S "$PWD/s" display-message -p '#{pid}')
	await_sleep "$server"
	kill -ABRT "$server"
	await has_ended "$server"
}

if command -v tmux >/dev/null; then
	die run_tmux
	check_account tmux
	check_size tmux 50000
	# it loses some bytes of every command, so who is right about them is asked elsewhere
	ask leaks "$core" >"$folder/leaks"
	lost=$(jq -r '.rows[].head | "\(.addr) \(.size)"' "$folder/leaks")
	is 'tmux: nothing in the whole core points to what is called leaked' \
		"$(python3 "$REAL/find_pointers.py" "$core" $lost 2>&1)" ''
	is_true 'tmux: hardly anything is leaked' '.[0].heap.leaked_objects < 50' "$folder/info"
else
	skip tmux 'tmux is not here'
fi

# C++, threads, and the symbols of this very tool read in whole. It handles SIGABRT itself.
if command -v gdb >/dev/null; then
	die $BED gdb -nx -q -batch -iex 'set auto-load off' -ex "file $HEAPDUMP" -ex 'maint expand-symtabs' \
		-ex 'info types session' -ex 'shell kill -SYS $PPID'
	check_account gdb
	check_size gdb 5000
else
	skip gdb 'gdb is not here'
fi
done_testing
