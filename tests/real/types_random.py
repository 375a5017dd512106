"""A random C program that knows what each of its objects is.

    types_random.py SEED [--stale] [--midway] >program.c

It makes structs that hold each other in the ways of C (pointers, arrays of pointers and of structs, intrusive lists,
unions with a tag, first members as base classes, pointers to members inside, flexible arrays, arrays of one at the
end, void *, text), writes what each object is to the file named by its argument, in the form of walk.py, and aborts.

Every pointer of a declared type points to one, or to what begins with one. With --stale this no longer holds: objects
are freed while others still point to them, and their memory is used again. With --midway it dies while objects are
being made, in some depth of calls, whose locals are set or not set yet.
"""
import random
import sys

seed, stale, midway = int(sys.argv[1]), "--stale" in sys.argv, "--midway" in sys.argv
rng = random.Random(seed)
N = rng.randint(8, 16)
SCALARS = ["int", "long", "double", "char", "short", "unsigned char", "bool", "enum colour"]


class Struct:
    def __init__(self, i):
        self.i, self.name = i, f"struct s{i}"
        # a base is one with a smaller number; its objects may be those of all that begin with it
        self.base = rng.choice(structs) if structs and rng.random() < 0.3 else None
        if self.base is not None and self.base.tail:
            self.base = None
        self.fields = [self.field(k) for k in range(rng.randint(1, 7))]
        self.tail = rng.choice(["", "", "", "", "char text[];", "struct s%d *held[];", "long numbers[1];"])
        if "%d" in self.tail:
            self.tail = self.tail % rng.randrange(N)
        self.linked = rng.random() < 0.3

    def field(self, k):
        kind = rng.choice(["scalar", "scalar", "scalar", "buffer", "pointer", "pointer", "pointer", "pointers", "vector",
                           "text", "bytes", "any", "union", "inside", "call", "head"])
        return kind, f"f{k}", rng.randrange(N), rng.choice(SCALARS), rng.randint(1, 40)

    def embeds(self):
        """By value: only those that stand before it, and have no open end."""
        return [s for s in structs if s.i < self.i and not s.tail]

    def declare(self):
        lines = [f"{self.name} {{"]
        if self.base is not None:
            lines.append(f"{self.base.name} base;")
        if self.linked:
            lines.append("struct list_head link;")
        for kind, name, other, scalar, n in self.fields:
            o = f"struct s{other}"
            if kind == "inside" and self.embeds():
                kind, o = "embedded", self.embeds()[other % len(self.embeds())].name
            lines.append({
                "scalar": f"{scalar} {name};",
                "buffer": f"char {name}[{n}];",
                "pointer": f"{o} *{name};",
                "pointers": f"{o} **{name}; int n_{name};",
                "vector": f"{o} *{name}; int n_{name};",
                "text": f"char *{name};",
                "bytes": f"unsigned char *{name};",
                "any": f"void *{name};",
                "union": f"union {{ {o} *a; struct s{(other + 1) % N} *b; long i; double d; }} {name}; int tag_{name};",
                "embedded": f"{o} {name}; {o} *to_{name};",
                "inside": f"int {name};",
                "call": f"int (*{name})(int);",
                "head": f"struct list_head {name};",
            }[kind])
        return "\n\t".join(lines + ([self.tail] if self.tail else [])) + "\n};"

    def all_fields(self, before=""):
        return [(kind, before + name, other, scalar, n) for kind, name, other, scalar, n in self.fields]

    def fill(self):
        """Sets what is in *p, but for its base."""
        lines = []
        for kind, name, other, scalar, n in self.fields:
            o, p = f"s{other}", f"p->{name}"
            if kind == "inside" and self.embeds():
                e = self.embeds()[other % len(self.embeds())]
                lines.append(f"fill_s{e.i}(&{p}, depth - 1); p->to_{name} = chance(50) ? &{p} : any_s{e.i}(depth - 1);")
                continue
            lines.append({
                "scalar": f"{p} = ({scalar})(rand() % {2 if scalar in ('bool', 'enum colour') else 100});",
                "buffer": f"memset({p}, rand(), sizeof({p}));",
                "pointer": f"{p} = any_{o}(depth - 1);",
                "pointers": f"p->n_{name} = 1 + rand() % 9; {p} = calloc(p->n_{name}, sizeof(*{p})); "
                            f"note({p}, \"struct {o} *\", \"array\"); "
                            f"for (int i = 0; i < p->n_{name}; i++) {p}[i] = any_{o}(depth - 1);",
                "vector": f"{p} = NULL; p->n_{name} = 1 + rand() % 5; if (depth > 0 && !OPEN_{o}) {{ "
                          f"{p} = calloc(p->n_{name}, sizeof(*{p})); "
                          f"note({p}, \"struct {o}\", p->n_{name} > 1 ? \"array\" : \"one\"); "
                          f"for (int i = 0; i < p->n_{name}; i++) fill_{o}(&{p}[i], depth - 1); }}",
                "text": f"{p} = text();",
                "bytes": f"{p} = bytes();",
                "any": f"{p} = any_of_any();",
                "union": f"p->tag_{name} = rand() % 4; {p}.i = 0; switch (p->tag_{name}) {{ "
                         f"case 0: {p}.a = any_{o}(depth - 1); break; "
                         f"case 1: {p}.b = any_s{(other + 1) % N}(depth - 1); break; "
                         f"case 2: {p}.i = rand(); break; default: {p}.d = rand() / 7.0; }}",
                "inside": f"{p} = rand();",
                "call": f"{p} = chance(50) ? NULL : a_function;",
                "head": f"list_init(&{p}); if (LINKED_{o}) for (int i = rand() % 4; i > 0; i--) {{ "
                        f"struct {o} *e = make_{o}(depth - 1); if (e) list_add(&{p}, LINK_{o}(e)); }}",
            }[kind])
        return lines

    def write(self):
        body = "\n\t".join(self.fill())
        base = f"fill_s{self.base.i}(&p->base, depth);" if self.base is not None else ""
        link = "list_init(&p->link);" if self.linked else ""
        held = self.tail.split()[1] if self.tail.startswith("struct") else None
        more = {"": "0", "c": "1 + rand() % 60", "s": "(1 + rand() % 8) * 8", "l": "(rand() % 6) * 8"}[self.tail[:1]]
        shape = "open" if self.tail else "one"
        tail = f"for (size_t i = 0; i < more / 8; i++) p->held[i] = any_{held}(depth - 1);" if held else ""
        # who is to be one of this kind may be one of those that begin with it
        derived = [s for s in structs if s.base is self]
        heirs = " ".join(f"case {k}: return (struct s{self.i} *)make_s{d.i}(depth);" for k, d in enumerate(derived))
        return f"""
void fill_s{self.i}({self.name} *p, int depth)
{{
	{base}
	{link}
	{body}
}}

{self.name} *make_s{self.i}(int depth)
{{
	size_t more = {more};
	{self.name} *p;

	if (depth < 0 || budget-- < 0)
		return NULL;
	if (budget == last)
		finish();
	{f"switch (rand() % {len(derived) + 1}) {{ {heirs} }}" if derived else ""}
	p = calloc(1, sizeof(*p) + more);
	note(p, "{self.name}", "{shape}");
	fill_s{self.i}(p, depth);
	{tail}
	made_s{self.i}[rand() % KEPT] = p;
	keep(p);
	return p;
}}

{self.name} *any_s{self.i}(int depth)
{{
	if (chance(30))
		return NULL;
	if (chance(30) && made_s{self.i}[0])
		return made_s{self.i}[rand() % KEPT];
	return make_s{self.i}(depth);
}}"""

    def derives(self):
        return [] if self.base is None else [self.base.name] + self.base.derives()


structs = []
for i in range(N):
    structs.append(Struct(i))

print("""#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT = 8, MANY = 1 << 16 };
enum colour { RED, GREEN };
struct list_head { struct list_head *next, *prev; };
static int budget = 3000, last = -2;
static const char *told;
static struct { void *p; const char *type, *shape; } notes[MANY];
static int n_notes;
static void write_heads(FILE *f);
static void *kept[64];
""")
# what is kept for the bookkeeping is inverted, so that nothing finds it there
print("""static void note(void *p, const char *type, const char *shape)
{
	if (n_notes == MANY)
		abort();
	notes[n_notes].p = (void *)~(size_t)p;
	notes[n_notes].type = type;
	notes[n_notes++].shape = shape;
}
static void keep(void *p)
{
	kept[rand() % 64] = (void *)~(size_t)p;
}
static void *any_of_any(void)
{
	size_t p = (size_t)kept[rand() % 64];

	return p ? (void *)~p : NULL;
}
static bool chance(int percent)
{
	return rand() % 100 < percent;
}
static char *text(void)
{
	size_t n = 1 + rand() % 100;
	char *p = malloc(n + 1);

	memset(p, 'a' + rand() % 26, n);
	p[n] = 0;
	note(p, "bytes", "array");
	return p;
}
static unsigned char *bytes(void)
{
	size_t n = 8 * (1 + rand() % 30);
	unsigned char *p = malloc(n);

	for (size_t i = 0; i < n; i++)
		p[i] = rand();
	/* as if it held pointers */
	for (size_t i = 0; i + 8 <= n && chance(50); i += 8)
		*(void **)(p + i) = any_of_any();
	note(p, "bytes", "array");
	return p;
}
static void finish(void)
{
	FILE *f = fopen(told, "w");

	for (int i = 0; i < n_notes; i++)
		if (strcmp(notes[i].shape, "gone"))
			fprintf(f, "%p\\t%s\\t%s\\t0x0\\terased\\n", (void *)~(size_t)notes[i].p, notes[i].type,
				notes[i].shape);
	write_heads(f);
	fclose(f);
	abort();
}
static int a_function(int i)
{
	return i + 1;
}
static void list_init(struct list_head *h)
{
	h->next = h->prev = h;
}
static void list_add(struct list_head *h, struct list_head *e)
{
	if (!e || e->next != e)
		return;
	e->next = h->next;
	e->prev = h;
	h->next->prev = e;
	h->next = e;
}
""")
for s in structs:
    print(f"{s.name};")
for s in structs:
    print(s.declare())
    print(f"enum {{ LINKED_s{s.i} = {int(s.linked)}, OPEN_s{s.i} = {int(bool(s.tail))} }};")
    print(f"static struct list_head *LINK_s{s.i}({s.name} *p) {{ return {'&p->link' if s.linked else 'NULL'}; }}")
    print(f"{s.name} *make_s{s.i}(int depth), *any_s{s.i}(int depth); void fill_s{s.i}({s.name} *, int);")
    print(f"static {s.name} *made_s{s.i}[KEPT];")
for s in structs:
    print(s.write())
roots = [rng.choice(structs) for _ in range(4)]
for k, s in enumerate(roots):
    print(f"{s.name} *g_root{k}, *g_roots{k}[8];")
by_value = [s for s in structs if not s.tail][:2]
for k, s in enumerate(by_value):
    print(f"{s.name} g_value{k};")
print("static void write_heads(FILE *f)\n{")
for s in structs:
    for d in s.derives():
        print(f'\tfputs("head\\t{s.name}\\t{d}\\n", f);')
print("}")
print("int main(int argc, char **argv)\n{\n\tsrand(%d);\n\ttold = argv[1];" % seed)
if midway:
    print(f"\tlast = {rng.randint(200, 2900)};")
for k, s in enumerate(roots):
    print(f"\tg_root{k} = make_s{s.i}(6);\n\tfor (int i = 0; i < 8; i++)\n\t\tg_roots{k}[i] = any_s{s.i}(5);")
for k, s in enumerate(by_value):
    print(f"\tfill_s{s.i}(&g_value{k}, 5);")
if stale:
    print("""	for (int i = 0; i < n_notes / 4; i++) {
		int k = rand() % n_notes;
		void *p = (void *)~(size_t)notes[k].p;

		if (!strcmp(notes[k].shape, "gone"))
			continue;
		free(p);
		notes[k].shape = "gone";
	}
	budget = 2000;""")
    for k, s in enumerate(roots):
        print(f"\tg_root{k} = make_s{s.i}(6);")
# the lists of what was made lately would lead to all
for s in structs:
    print(f"\tif (argc > 2)\n\t\tmemset(made_s{s.i}, 0, sizeof(made_s{s.i}));")
print("\tfinish();\n}")
