"""What the tool concluded of each object, beside what a walker (walk.py) says it is.

    types_compare.py LIST WALK >JSON
    types_compare.py --row NAME JSON	a line of the table in docs/types.md

LIST is list_types' output. Verdicts, each in objects and bytes (usable sizes), by confidence:

    right    the type, and in what shape (below)
    general  what the type begins with: not wrong as far as it goes, but not what the object is. Not counted as right
    wrong    another type
    unknown  nothing was said

Right is, of what the walker says:

    one T    T, of the object's size or at its start (fit exact, open, prefix), not many of them
    array T  T, whatever the count (array, exact, prefix, bytes)
    open T   T with more behind it (open, exact, prefix)
    bytes    a scalar of one byte that fills the object
    pool     nothing: parts of it are given out by the program's own allocator
    sdshdrN  (redis' strings: a header, then text; char * into the middle is their type) also: as bytes

Permitted are objects that types lead to: the pointer to it is declared as a pointer to its type (or to that of the
member that it points to), and is in no heap object (so in a variable, or on a stack), or in a heap object that is
permitted, and no text. The pointers are those that the walker followed. All other bytes hang on void *, on casts and on
hand-packed pointers somewhere.
"""
import bisect
import collections
import json
import sys

BYTE = {"char", "unsigned char", "signed char"}


# gdb's names of C's integers, and what the walker's program calls types by typedef
ALIASES = {"long int": "long", "long unsigned int": "unsigned long", "short int": "short",
           "short unsigned int": "unsigned short", "long long int": "long long",
           "long long unsigned int": "unsigned long long"}


def plain(name):
    """As the walker names it: through typedefs, also behind pointers."""
    stars = ""
    while name.endswith("*"):
        name, stars = name[:-1].rstrip(), stars + " *"
    while name in ALIASES and ALIASES[name] != name:
        name = ALIASES[name]
    return name + stars


def read_list(path):
    objects = {}
    for line in open(path):
        f = line.rstrip("\n").split("\t")
        objects[int(f[0], 16)] = dict(size=int(f[1]), type=plain(f[2]), count=int(f[3]), fit=f[4], confidence=f[5],
                                      reason=f[6], source=f[7], at=f[8], flags=f[9])
    return objects


def read_walk(path):
    truths, heads = collections.defaultdict(list), collections.defaultdict(set)
    for line in open(path):
        f = line.rstrip("\n").split("\t")
        if f[0] == "head":
            heads[f[1]].add(f[2])
        elif f[0] == "alias":
            ALIASES[f[1]] = f[2]
        else:
            truths[int(f[0], 16)].append((f[1], f[2], int(f[3], 16), f[4]))
    return truths, heads


def permitted(objects, truths):
    starts = sorted(objects)

    def holder(slot):
        i = bisect.bisect_right(starts, slot) - 1
        return starts[i] if i >= 0 and slot - starts[i] < objects[starts[i]]["size"] else None

    leads, found = collections.defaultdict(list), []
    for at, said in truths.items():
        for _, _, slot, link in said:
            if link in ("declared", "member") and slot and at in objects:
                h = holder(slot)
                # nothing says where in text, or in what is packed by hand, a pointer is
                if h is None:
                    found.append(at)
                elif truths.get(h, [("?",)])[0][0] not in ("bytes", "pool"):
                    leads[h].append(at)
    allowed = set()
    while found:
        at = found.pop()
        if at not in allowed:
            allowed.add(at)
            found += leads[at]
    return allowed


def is_right(o, true, shape):
    as_bytes = o["type"] in BYTE and o["fit"] == "bytes"
    if true == "bytes" or true.startswith("struct sdshdr") and as_bytes:
        return as_bytes
    if o["type"] != true:
        return False
    return o["fit"] in {"one": ("exact", "open", "prefix"), "array": ("array", "exact", "prefix", "bytes"),
                        "open": ("open", "exact", "prefix")}[shape]


def verdict(o, true, shape, heads):
    if o["confidence"] == "-":
        return "unknown"
    if is_right(o, true, shape):
        return "right"
    return "general" if o["type"] in heads[true] and o["fit"] != "array" else "wrong"


def figure(t, size):
    t["objects"] = t.get("objects", 0) + 1
    t["bytes"] = t.get("bytes", 0) + size


def largest(groups, n=25):
    ranked = sorted(groups.items(), key=lambda g: -g[1]["bytes"])
    return [dict(zip(("true", "said"), g), **t) for g, t in ranked[:n]]


def kilobytes(n):
    return f"{n / 1024:,.1f} KB" if n < 1 << 20 else f"{n / (1 << 20):,.1f} MB"


def row(name, path):
    """Of what the walker knows: right, by confidence; wrong (and general), by confidence."""
    with open(path) as f:
        out = json.load(f)

    def bytes_of(confidence, *verdicts):
        return kilobytes(sum(out["verdicts"][v].get(confidence, {}).get("bytes", 0) for v in verdicts))

    columns = [name, kilobytes(out["heap"]["bytes"]), f"{out['heap']['objects']:,}"]
    columns += [f"{out[what]['share']:.1%}" for what in ("witnessed", "right", "permitted", "permitted_right")]
    for confidence in ("certain", "likely", "guess"):
        columns.append(f"{bytes_of(confidence, 'right')} : {bytes_of(confidence, 'wrong', 'general')}")
    print("| " + " | ".join(columns) + " |")


def main():
    truths, heads = read_walk(sys.argv[2])
    objects = read_list(sys.argv[1])
    allowed = permitted(objects, truths)
    out = {k: {} for k in ("heap", "witnessed", "permitted", "permitted_right", "right")}
    by = {v: {} for v in ("right", "general", "wrong", "unknown")}
    groups = {v: collections.defaultdict(dict)
              for v in ("wrong", "general", "unknown", "permitted_not_right", "unwitnessed")}
    contradictions, certain_wrong = [], []
    for at, o in objects.items():
        figure(out["heap"], o["size"])
        if at not in truths:
            figure(groups["unwitnessed"][("", f"{o['type']} {o['fit']} {o['confidence']}")], o["size"])
            continue
        kinds = {t for t, _, _, _ in truths[at]}
        if len(kinds) > 1:
            contradictions.append(f"{at:#x} {sorted(kinds)}")
        true, shape = truths[at][0][:2]
        v = verdict(o, true, shape, heads)
        figure(out["witnessed"], o["size"])
        figure(by[v].setdefault(o["confidence"], {}), o["size"])
        told = f"{o['type']} {o['fit']} {o['confidence']} {o['reason']}"
        if v == "right":
            figure(out["right"], o["size"])
        else:
            figure(groups[v][(f"{true} {shape}", told)], o["size"])
        if at in allowed:
            figure(out["permitted"], o["size"])
            if v == "right":
                figure(out["permitted_right"], o["size"])
            else:
                figure(groups["permitted_not_right"][(f"{true} {shape}", told)], o["size"])
        if v in ("wrong", "general") and o["confidence"] == "certain":
            certain_wrong.append(f"{at:#x} is {true} {shape}, not {told} from {o['source']} {o['at']}")
    out["verdicts"] = by
    out["not_objects"] = sum(at not in objects for at in truths)
    out["contradictions"] = contradictions
    out["certain_wrong"] = certain_wrong
    out["groups"] = {v: largest(g) for v, g in groups.items()}
    for part, whole in (("witnessed", "heap"), ("permitted", "heap"), ("permitted_right", "permitted"),
                        ("right", "heap")):
        out[part]["share"] = round(out[part].get("bytes", 0) / max(1, out[whole].get("bytes", 0)), 4)
    json.dump(out, sys.stdout, indent=1)


if sys.argv[1] == "--row":
    row(*sys.argv[2:])
else:
    main()
