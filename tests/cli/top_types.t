#!/bin/sh
# What top --by type says is what the dominator tree says, added up in another way.
. "$(dirname "$0")/../lib/tap.sh"
need python3 gcc jq
need_cores

cat >"$SCRATCH/add_up.py" <<'P'
import json, re, sys

top, tree = (json.load(open(name, encoding="utf-8")) for name in sys.argv[1:])


def type_of(o):
    """Arrays are one row, whatever their count."""
    name = o.get("type")
    if name and o["type_fit"] in ("array", "bytes"):
        name = re.sub(r"\[\d+\]", "[]", name, count=1)
    return name


retained, objects, bytes_ = {}, {}, {}


def walk(v, above):
    o = v.get("object")
    if o and o["kind"] != "unknown mapping":
        t = type_of(o)
        objects[t] = objects.get(t, 0) + 1
        bytes_[t] = bytes_.get(t, 0) + o["size"]
        if t not in above:
            retained[t] = retained.get(t, 0) + o["retained"]
        above = above | {t}
    assert not v.get("children_cut")
    for child in v.get("children", []):
        walk(child, above)


walk(tree, frozenset())
for row in [*top["rows"], top["unknown"]]:
    t = row["type"]
    if row["retained"] != retained.get(t, 0):
        sys.exit(f"{t}: retained {row['retained']}, added up {retained.get(t)}")
    if row["bytes"] - row["leaked_bytes"] != bytes_.get(t, 0):
        sys.exit(f"{t}: {row['bytes']} bytes, added up {bytes_.get(t)}")
    if row["certain_bytes"] + row["likely_bytes"] + row["guess_bytes"] != (row["bytes"] if t else 0):
        sys.exit(f"{t}: {row['bytes']} bytes, but not by confidence")
if sum(r["bytes"] for r in top["rows"]) + top["unknown"]["bytes"] != top["in_use_bytes"]:
    sys.exit("the rows are not all that is in use")
if not any(t and objects[t] > 1 for t in objects):
    sys.exit("there is no row of several objects")
P

adds_up()
{
	ask top "$core" --by type --limit 0 >"$SCRATCH/top" && ask tree "$core" --depth 64 --limit 0 >"$SCRATCH/tree" &&
		python3 "$SCRATCH/add_up.py" "$SCRATCH/top" "$SCRATCH/tree"
}

compile "$SCRATCH/mix" tests/cli/screens_mix.c
compile "$SCRATCH/shapes" fixtures/shapes.c fixtures/truth.c -pthread -ldl
compile "$SCRATCH/chains" -x c - <<'C'
#include <stdlib.h>
/* lists of lists: objects of one type below others of it, with some of another between */
struct item { struct item *next; struct box *box; };
struct box { struct item *first; long pad[6]; };
struct item *g_items[5];
static struct item *make(int depth)
{
	struct item *list = NULL;
	for (int i = 0; i < 3; i++) {
		struct item *x = calloc(1, sizeof(*x));
		x->next = list;
		list = x;
		if (depth) {
			x->box = calloc(1, sizeof(*x->box));
			x->box->first = make(depth - 1);
		}
	}
	return list;
}
int main(void)
{
	for (int i = 0; i < 5; i++)
		g_items[i] = make(i % 3);
	abort();
}
C
for program in mix chains; do
	die "$SCRATCH/$program"
	ok "the rows of $program add up" adds_up
done
jq '.rows[0].retained += 1' "$SCRATCH/top" >"$SCRATCH/wrong"
ok "a wrong sum is noticed" sh -c '! python3 "$@"' - "$SCRATCH/add_up.py" "$SCRATCH/wrong" "$SCRATCH/tree"
die "$SCRATCH/shapes" shared-pool truth
ok "the rows of shared-pool add up" adds_up
is_true "of a program of which all is known the known bytes are all" \
	'.[0] | .known.certain_bytes + .known.likely_bytes + .known.guess_bytes + .unknown.bytes == .in_use_bytes' "$SCRATCH/top"

"$HEAPDUMP" top "$core" --by type --no-types >"$SCRATCH/out"
ok "without types there is one row" grep -q '100.0 % .*(not known)' "$SCRATCH/out"
"$HEAPDUMP" top "$core" --by type,site >"$SCRATCH/out" 2>"$SCRATCH/err"
is "by type and site of a program without a sampler: exit status 1" $? 1
done_testing
