#!/bin/sh
# --json of every command is valid, its keys are those of docs/json.md, and every address that text shows
# can be pasted back.
. "$(dirname "$0")/../lib/tap.sh"
need python3 gcc jq
need_cores

for program in holders losses; do
	compile "$SCRATCH/$program" "fixtures/$program.c" fixtures/truth.c -pthread -ldl
done
compile "$SCRATCH/mix" tests/cli/screens_mix.c
compile "$SCRATCH/crash" -x c - <<'C'
#include <stdlib.h>
void *g_kept;
int main(void)
{
	g_kept = malloc(40);
	*(volatile int *)main = 1; /* its code: a fault with a symbol */
	return 0;
}
C
cores=$SCRATCH/cores
mkdir "$cores"
# An image with all that a sampler and a program with pools leave (made of bytes, x86-64).
compile "$SCRATCH/sampled" -std=gnu11 -D_GNU_SOURCE -Iinclude -I. tests/cli/sampled_image.c tests/lib/heap_build.c \
	tests/lib/core_build.c tests/lib/tables_build.c -lz
"$SCRATCH/sampled" "$cores/sampled"
take()
{
	name=$1
	shift
	die "$@"
	mv "$core" "$cores/$name"
}
take mix "$SCRATCH/mix"
take crash "$SCRATCH/crash"
compile "$SCRATCH/values" fixtures/values.c
take values "$SCRATCH/values"
if command -v g++ >/dev/null; then
	g++ -g -o "$SCRATCH/values_cxx" fixtures/values_cxx.cc
	take values_cxx "$SCRATCH/values_cxx"
fi
take cycle "$SCRATCH/losses" cycle-with-tail truth
for story in stack register main-tls worker-high-key end shared-memory unreached-mapping in-freed; do
	take $story "$SCRATCH/holders" $story truth
done
head -c 100000 "$cores/stack" >"$cores/cut"
for lib in /usr/lib/*/libjemalloc.so.2; do
	[ -e "$lib" ] && take foreign env LD_PRELOAD="$lib" "$SCRATCH/mix"
done

cat >"$SCRATCH/ask.py" <<'P'
import collections, json, os, re, subprocess, sys

tool, folder, doc = sys.argv[1:]
ADDRESS = re.compile(r"(?<![+\w])0x[0-9a-f]{6,}")


def run(*words):
    # libc's debug information, where it is installed, costs five times the rest
    done = subprocess.run([tool, *words, "--no-debuginfod", "--debug-dir", "/nonexistent"], capture_output=True, check=False)
    return done.returncode, done.stdout, done.stderr.decode()


def keys_of(value, out):
    if isinstance(value, dict):
        for key, inner in value.items():
            out.add(key)
            keys_of(inner, out)
    elif isinstance(value, list):
        for inner in value:
            keys_of(inner, out)


def documented():
    """Per section of the document the last parts of the keys in its tables."""
    section, out = None, collections.defaultdict(set)
    for line in open(doc, encoding="utf-8"):
        if line.startswith("#"):
            section = line.lstrip("# ").strip().split(":")[0]
        if line.startswith("| `"):
            for key in re.findall(r"`([^`]+)`", line.split("|")[1]):
                out[section] |= {k.rstrip("[]") for k in key.split(".") if k}
    return out


bad, seen = [], collections.defaultdict(set)


def asked(*words, statuses=(0,)):
    status, out, err = run(*words, "--json")
    if status not in statuses:
        bad.append(f"{' '.join(words)}: exit status {status}: {err}")
        return
    try:
        answer = json.loads(out.decode("utf-8"))
    except ValueError as e:
        bad.append(f"{' '.join(words)}: {e}")
        return
    keys_of(answer, seen[answer["heapdump"]["command"]])


def objects_of(tree):
    """All objects of an answer of tree."""
    out, todo = [], [json.loads(tree)]
    while todo:
        v = todo.pop()
        todo += v.get("children", [])
        out += [v["object"]] if "object" in v else []
    return out


pasted = 0
for name in sorted(os.listdir(folder)):
    core = os.path.join(folder, name)
    text = ""
    # reading types costs more than all else here
    untyped = [] if name.startswith("values") else ["--no-types"]
    for words in (["info"], ["top"], ["top", "--by", "module"], ["top", "--by", "root"], ["top", "--by", "type"], ["leaks"], ["tree"]):
        asked(words[0], core, *words[1:], *untyped)
        if words[0] != "info":
            text += run(words[0], core, *words[1:], *untyped)[1].decode()
    if name == "sampled":
        asked("top", core, "--by", "site")
        asked("top", core, "--by", "thread")
        asked("top", core, "--by", "type,site")
        asked("export", core, "--to", "pprof", "-o", core + ".pb.gz")
        text = "".join(f" {o['addr']} " for o in objects_of(run("tree", core, "--json", "--depth", "9")[1]))
    found = list(dict.fromkeys(ADDRESS.findall(text)))[:12]
    for address in found[:6]:
        text += run("who", core, address, *untyped)[1].decode()
    found = list(dict.fromkeys(ADDRESS.findall(text)))[:12 if untyped else 6]
    for address in found:
        pasted += 1
        # of the image's stacks addresses of code without a name are shown, too
        asked("who", core, address, *untyped, statuses=(0, 1) if name == "sampled" else (0,))
        asked("map", core, address, *untyped)
    asked("map", core, "0x10", statuses=(1,))
    asked("who", core, "0x10", statuses=(1,))
    for address in found[:2]:
        asked("show", core, address, *untyped)
    asked("show", core, "0x10", statuses=(1,))
    if name == "values":
        asked("show", core, "g_values", "--depth", "3", "--limit", "2")
        asked("show", core, "g_values.numbers")
        asked("show", core, "g_values.text")
        asked("show", core, "g_values.binary")
        asked("show", core, "g_values", "--no-types")
        asked("show", core, "g_values.heap_text", "--as", "char[90]")
        for field in json.loads(run("show", core, "g_values", "--json")[1])["fields"][0]["to"]["fields"]:
            if field["name"] in ("handle", "freed", "compare"):
                asked("show", core, field["value"])
                asked("show", core, field["value"], "--as", "struct node")
        info = json.loads(run("info", core, "--json")[1])
        asked("show", core, info["threads"][0]["sp"])
        asked("who", core, "struct node")
        asked("who", core, "g_values->nodes[0].next")
        for field in json.loads(run("show", core, "g_values", "--json")[1])["fields"][0]["to"]["fields"]:
            if field["name"] in ("bits", "inside", "word", "grid"):
                value = json.loads(run("show", core, "g_values", "--json")[1])["fields"][0]["value"]
                asked("map", core, hex(int(value, 16) + field["offset"]))
    if name == "values_cxx":
        asked("show", core, "g_part", "--depth", "2")
    if name == "mix":
        for variable in ("g_jobs", "g_names"):
            asked("who", core, variable)
            asked("tree", core, variable, "--limit", "2")
        # what is no object: a word of the stack, one below it, code, free memory, the allocator's state
        info = json.loads(run("info", core, "--json")[1])
        thread = info["threads"][0]
        for address in (int(thread["sp"], 16), int(thread["sp"], 16) - 8192, int(thread["frames"][0]["pc"], 16) - 1,
                        int(info["heap"]["arenas"][0]["addr"], 16)):
            asked("map", core, hex(address))
            asked("who", core, hex(address), statuses=(0, 1))

said = documented()
parts = set().union(*(said[s] for s in ("Every answer", "object", "root", "frame", "vertex", "path", "cautions",
                                      "caller", "estimate", "site", "allocation", "missing types", "field")))
for command, keys in sorted(seen.items()):
    more = parts | said[command] | (said["map"] if command == "who" else set())
    for key in sorted(keys - more):
        bad.append(f"{command}: the key {key} is not in docs/json.md")
everywhere = set().union(*seen.values())
unseen = set(os.environ.get("UNSEEN", "").split())
for section, keys in sorted(said.items()):
    if section == "dump":
        continue  # of a process, not of a core: tests/cli/dump_pid.t
    for key in sorted(keys - everywhere - unseen):
        bad.append(f"docs/json.md, {section}: no answer has the key {key}")
if pasted < 40:
    bad.append(f"only {pasted} addresses were pasted back")
print(*bad, sep="\n")
sys.exit(bool(bad))
P
# nested too deep, of Rust: no fixture here; by code with debug information: tests/cli/sites_real.t; by C++: tests/cli/names.t; of old
# kernels' cores: tests/unit/test_vectors.c; of optimised code: tests/cli/locals.t
unseen="expression_guess fields_omitted variant inlined path_shared points_to_symbol register_guessed"
unseen="$unseen variable_function variable_frame"
[ -e "$cores/foreign" ] || unseen="$unseen name evidence"
ok "all JSON is valid, all its keys are documented, all documented keys are there, all addresses can be asked for" \
	env UNSEEN="$unseen" python3 "$SCRATCH/ask.py" "$HEAPDUMP" "$cores" docs/json.md

# The check can fail.
sed '/scan.dismissed/d' docs/json.md >"$SCRATCH/less.md"
ok "a key that is not documented is noticed" sh -c '! "$@"' - env UNSEEN="$unseen" python3 "$SCRATCH/ask.py" "$HEAPDUMP" "$cores" "$SCRATCH/less.md"
done_testing
