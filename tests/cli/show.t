#!/bin/sh
# What show says of memory is what gdb prints: each field of a struct with a value of every kind, by name.
. "$(dirname "$0")/../lib/tap.sh"
need python3 gdb jq
need_cores

# The numbers, characters, enumerators, pointers and texts of an answer, as gdb evaluates the same path.
cat >"$SCRATCH/compare.py" <<'P'
import json, os, struct
import gdb

answer = json.load(open(os.environ["ANSWER"], encoding="utf-8"))
top = os.environ["TOP"]
bad, seen = [], {}


def integer(value):
    """Of any size: gdb's own does not take 16 bytes."""
    try:
        return int(value)
    except gdb.error:
        raw = bytes(gdb.selected_inferior().read_memory(int(value.address), value.type.sizeof))
        return int.from_bytes(raw, "little", signed=True)


def same(field, value):
    kind, ours = field["kind"], field.get("value")
    if kind == "member pointer" and value.type.sizeof == 16:
        raw = bytes(gdb.selected_inferior().read_memory(int(value.address), 8))
        return int.from_bytes(raw, "little") == int(ours, 16)
    if kind in ("integer", "char", "enum", "member pointer"):
        return integer(value) == int(ours)
    if kind == "bool":
        return bool(value) == {"true": True, "false": False}[ours]
    if kind == "float":
        theirs, ours = float(value), float(ours)
        if value.type.sizeof == 4:
            ours = struct.unpack("f", struct.pack("f", ours))[0]
        return theirs == ours or (theirs != theirs and ours != ours)
    if kind == "pointer":
        return int(value) == int(ours, 16)
    if kind == "reference":
        return int(value.referenced_value().address) == int(ours, 16)
    if kind == "complex":
        theirs = str(value).replace(" + -", "-").replace(" ", "").replace("*I", "i").replace("i", "j")
        return complex(theirs) == complex(ours.replace(" ", "").replace("i", "j"))
    return None


def one(field, path):
    value = gdb.parse_and_eval(path)
    if "type" in field and value.type.sizeof != field.get("size", value.type.sizeof):
        bad.append(f"{path}: {field['size']} bytes, gdb: {value.type.sizeof}")
    if field["kind"] == "array" and "text" in field:
        ok = value.string("utf-8").split("\0")[0] == field["text"]
    elif field["kind"] == "array" and "bytes" in field:
        ok = bytes(gdb.selected_inferior().read_memory(int(value.address), value.type.sizeof)).hex() == field["bytes"]
    else:
        ok = same(field, value)
    if ok is None:
        return
    seen[field["kind"]] = seen.get(field["kind"], 0) + 1
    if not ok:
        bad.append(f"{path}: {field}, gdb: {value}")


def walk(fields, path):
    for field in fields:
        here = path
        if "index" in field:
            here += f"[{field['index']}]"
        elif field.get("name") and not field.get("base"):
            here += "." + field["name"]
        if field["kind"] == "virtual base" or (field.get("name") or "").startswith("_vptr"):
            continue
        if "fields" in field:
            walk(field["fields"], here)
        else:
            one(field, here)


walk(answer["fields"][0]["to"]["fields"], f"(*{top})")
for line in bad:
    print("WRONG", line)
print("COMPARED", json.dumps(seen, sort_keys=True))
P

compared()
{
	ask show "$core" "$2" --limit 0 >"$SCRATCH/answer" || return 1
	ANSWER=$SCRATCH/answer TOP=$2 gdb -q -nx -batch -x "$SCRATCH/compare.py" "$1" "$core" >"$SCRATCH/said" 2>&1
	grep '^WRONG' "$SCRATCH/said" && return 1
	grep -q '^COMPARED' "$SCRATCH/said" || { cat "$SCRATCH/said"; return 1; }
}

kinds()
{
	sed -n 's/^COMPARED //p' "$SCRATCH/said" | jq -r 'keys | join(" ")'
}

compile "$SCRATCH/values" fixtures/values.c
die "$SCRATCH/values"
ok "each value of C is as gdb has it" compared "$SCRATCH/values" g_values
is "and there is one of every kind" "$(kinds)" 'array bool char complex enum float integer pointer'
sed -i 's/"value": "-70000"/"value": "-70001"/' "$SCRATCH/answer"
ok "a wrong value is noticed" sh -c 'ANSWER=$1 TOP=g_values gdb -q -nx -batch -x "$2" "$3" "$4" 2>&1 | grep -q "^WRONG.*minus"' - \
	"$SCRATCH/answer" "$SCRATCH/compare.py" "$SCRATCH/values" "$core"

in_c=$core
if command -v g++ >/dev/null; then
	g++ -O1 -g -o "$SCRATCH/values_cxx" fixtures/values_cxx.cc
	die "$SCRATCH/values_cxx"
	ok "each value of C++ is as gdb has it" compared "$SCRATCH/values_cxx" g_part
	is "and there are references and pointers to members" "$(kinds)" 'array char enum integer member pointer pointer reference'
	ask show "$core" g_part >"$SCRATCH/part"
	is_true "a member function is named, a pointer to a member, too" '.[0].fields[0].to.fields |
		(.[] | select(.name == "call") | .to.name | startswith("shop::Part::times(")) and
		(.[] | select(.name == "field") | .name_of_value == ".price") and
		(.[] | select(.name == "no_field") | .name_of_value == "none")' "$SCRATCH/part"
	is_true "strings of the library are shown as text" '[.[0].fields[0].to.fields[] | select(.name == "title" or .name == "story") | .text] ==
		["a short one", "one that is too long for the object itself"]' "$SCRATCH/part"
	is_true "a virtual base is where the vtable says" '.[0].fields[0].to | (.fields[] | select(.type == "shop::Shared")) as $b |
		$b.kind == "struct" and $b.base and $b.offset > 0 and $b.fields[0].value == "11"' \
		"$SCRATCH/part"
else
	skip "each value of C++ is as gdb has it" "g++ is not here"
fi

core=$in_c
field()
{
	ask show "$core" g_values "$@" | jq -c "$filter"
}
filter='.fields[0].to.fields[] | select(.name == "same").fields | map([.value, .times])'
is "runs of equal elements are one row" "$(field)" '[["0",null],["1",null],["2",null],["7",87],["8",10]]'
filter='.fields[0].to.fields[] | select(.name == "same") | [(.fields | length), .fields_cut]'
is "what is more than --limit is cut, and said" "$(field --limit 2)" '[2,98]'
filter='[.fields[0].to.fields[] | select(.name == "freed" or .name == "wild") | .to.place]'
is "freed memory and no memory are told apart" "$(field)" \
	'["heap, but no object: free, cached or the allocator'"'"'s own","not mapped"]'
filter='.fields[0].to.fields[] | select(.name == "compare").to | [.place, .name, (.line > 0)]'
is "a function pointer is named, with its line" "$(field)" '["function","compare",true]'
filter='.fields[0].to.fields[] | select(.name == "heap_text").to | [(.text | length), .text_cut]'
is "a long text is cut, and said" "$(field)" '[80,true]'
filter='.fields[0].to.fields[] | select(.name == "undumped").to.fields | map(.absent)'
is "what is not in the dump is said" "$(field --depth 2)" '[true,true]'
is "a path goes through pointers" "$(ask show "$core" 'g_values->nodes[0].next.value' | jq -r '.fields[0].value')" 9
is "an index goes through one pointer only" "$(ask show "$core" 'g_values.handle[0]->numbers.minus' | jq -r '.fields[0].value')" -70000
is "memory can be read as another type" "$(ask show "$core" g_matrix --as 'struct node' | jq -r '.fields[1] | .name + .value')" value3
is "and as an array" "$(ask show "$core" g_matrix --as 'int[6]' | jq -c '[.fields[].value]')" '["1","2","3","4","5","6"]'
for wrong in 'g_values --as struct.nothing' 'g_values.nothing' 'g_values.numbers[3]' 'g_nothing.x' 0x10; do
	"$HEAPDUMP" show "$core" $wrong >"$SCRATCH/out" 2>"$SCRATCH/err"
	is "show $wrong: exit status 1" $? 1
done
"$HEAPDUMP" show "$core" 'g_values.numbers[x]' >/dev/null 2>&1
is "an index that is no number is a wrong usage" $? 2
"$HEAPDUMP" show "$core" g_values --no-types >"$SCRATCH/out"
ok "without types it shows words, and where one leads" grep -q '+0x0 .* → 840 B object' "$SCRATCH/out"
done_testing
