# heapdump: build, test, lint, install.   make help
#
# Every directory of sources is one archive (a room); the tool links them in the
# order of the layer law. New files are picked up by themselves.

BUILD   ?= build
CFLAGS  ?= -O2 -g
PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
LIBDIR  ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR  ?= $(PREFIX)/share/man
SAN      =
# How many tests run at once.
JOBS    ?= 2
# make V=1 shows the commands.
Q        = $(if $(V),,@)
say      = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))

WARN     = -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wshadow -Wvla -Wno-unused-parameter \
	   -Werror=implicit-function-declaration -Werror=incompatible-pointer-types -Werror=int-conversion
BASE_CFLAGS = -std=gnu11 -D_GNU_SOURCE -Iinclude -I. $(WARN) -fno-omit-frame-pointer $(CFLAGS)
ALL_CFLAGS = $(BASE_CFLAGS) $(SAN)
LIBS     = -ldw -lelf -llzma -lzstd -llz4 -lz -ljansson -liberty -lpthread -lm -ldl

# Rooms, left to right as data flows; linked right to left.
ROOMS    = formats dump/attach analyze/space analyze/heap analyze/graph analyze/types analyze/ask analyze/ui
ROOM_LIBS = $(foreach r,$(ROOMS),$(BUILD)/$(subst /,-,$(r)).a)
LINK     = -Wl,--start-group $(ROOM_LIBS) -Wl,--end-group $(LIBS)

SOVERSION = 0

SOURCES  = $(wildcard $(addsuffix /*.c,$(ROOMS)) dump/*.c tests/lib/*.c tests/bench/*.c)
OBJECTS  = $(SOURCES:%.c=$(BUILD)/%.o)
UNITS    = $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/test_*.c))

all: $(BUILD)/heapdump $(BUILD)/libheapdump.so $(BUILD)/libheapdump.a
.PHONY: all
.DELETE_ON_ERROR:
.SECONDARY:

help:
	@sed -n 's/^#: //p' $(firstword $(MAKEFILE_LIST))
.PHONY: help
#: make                build/heapdump, build/libheapdump.so, build/libheapdump.a
#: make demo           a server under load dies; info, leaks and who on its core
#: make check          all tests, once plain and once under ASan + UBSan, and the lint
#: make check-real     programs nobody here wrote, compared with their own figures
#: make bench          the analyzer's passes in ns and bytes per object (BENCH_OBJECTS="…")
#: make lint           layer law, library owners, format, the early-warning numbers
#: make fuzz           the readers under libFuzzer for FUZZ_SECONDS each
#: make install        to PREFIX (/usr/local), below DESTDIR
#: make clean          removes build/
#:
#: BUILD=DIR builds elsewhere, V=1 shows the commands, CC and CFLAGS are as everywhere.

# Objects depend on the flags they were built with, archives on the list of sources.
FLAGS_TEXT = $(CC) $(ALL_CFLAGS) $(LDFLAGS)
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(FLAGS_TEXT)' | cmp -s - $@ || echo '$(FLAGS_TEXT)' > $@
$(BUILD)/sources: FORCE
	@mkdir -p $(@D)
	@echo '$(SOURCES)' | cmp -s - $@ || echo '$(SOURCES)' > $@
FORCE:
.PHONY: FORCE

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/analyze/ui/record.o: private ALL_CFLAGS += -DHEAPDUMP_LIBDIR='"$(LIBDIR)"'

define ROOM_ARCHIVE
$(BUILD)/$(subst /,-,$(1)).a: $(patsubst %.c,$(BUILD)/%.o,$(filter-out analyze/ui/main.c,$(wildcard $(1)/*.c))) $(BUILD)/sources
	$(call say,AR,$$(@F))
	@rm -f $$@
	$(Q)$$(AR) crs $$@ $$(filter %.o,$$^)
endef
$(foreach r,$(ROOMS),$(eval $(call ROOM_ARCHIVE,$(r))))
# What dumps another process has the library's own writer, but nothing that stands in a program's malloc.
$(BUILD)/dump-attach.a: $(patsubst %.c,$(BUILD)/%.o,$(filter-out dump/hooks%.c,$(wildcard dump/*.c)))

$(BUILD)/heapdump: $(BUILD)/analyze/ui/main.o $(ROOM_LIBS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(LINK)

# The library's objects are its own: position-independent, hidden, and never sanitized, as they live in other programs'
# malloc. malloc itself is a handful of instructions and a jump: no frame.
# It stays where it is (nodelete): signal handlers and hooks of it are never unmapped.
$(BUILD)/lib/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$< '(library)')
	$(Q)$(CC) $(LIB_CFLAGS) -MMD -MP -c -o $@ $<
LIB_CFLAGS = $(BASE_CFLAGS) -fPIC -fvisibility=hidden
# (-O1 makes no tail jumps by itself.) private: the flags file, a prerequisite, must not see it.
$(BUILD)/lib/dump/hooks.o $(BUILD)/lib/dump/hooks_cxx.o: private LIB_CFLAGS += -fomit-frame-pointer -foptimize-sibling-calls

# What is done for each object where all are tracked: seen as one by the compiler, it takes an eighth less of the program's
# time. Fat objects: in the archive they are like others. (-O3 only where -O2 was asked for; clang's -flto is another.)
HOT_OBJECTS = $(patsubst %,$(BUILD)/lib/dump/%.o,sampler sample_table site_table stack stack_memo)
HOT_LTO     = $(if $(findstring clang,$(CC)),,-flto=1)
HOT_CFLAGS  = -fomit-frame-pointer $(if $(filter -O2,$(CFLAGS)),-O3 $(HOT_LTO) $(if $(HOT_LTO),-ffat-lto-objects))
$(HOT_OBJECTS): private LIB_CFLAGS += $(HOT_CFLAGS)

LIB_SOURCES = $(wildcard dump/*.c) formats/core_write.c formats/image_write.c
LIB_OBJECTS = $(LIB_SOURCES:%.c=$(BUILD)/lib/%.o)
$(BUILD)/libheapdump.a: $(LIB_OBJECTS) $(BUILD)/sources
	$(call say,AR,$(@F))
	@rm -f $@
	$(Q)$(AR) crs $@ $(LIB_OBJECTS)
$(BUILD)/libheapdump.so.$(SOVERSION): $(LIB_OBJECTS) $(BUILD)/sources
	$(call say,LINK,$@)
	$(Q)$(CC) $(LIB_CFLAGS) $(LDFLAGS) $(HOT_LTO) -shared -Wl,-z,now -Wl,-z,defs -Wl,-z,nodelete -Wl,-soname,libheapdump.so.$(SOVERSION) -o $@ $(LIB_OBJECTS)
$(BUILD)/libheapdump.so: $(BUILD)/libheapdump.so.$(SOVERSION)
	@ln -sf $(<F) $@

# Units: one program per file, with the builders of tests/lib.
TEST_LIB = $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/lib/*.c))
$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(TEST_LIB) $(ROOM_LIBS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(UNIT_OBJECTS) $(TEST_LIB) $(LINK) -lcmocka

# Parts of the library are tested by their objects: its archive would replace the test's malloc.
STACK_OBJECTS = $(patsubst %.c,$(BUILD)/%.o,dump/sys.c dump/stack.c dump/stack_memo.c $(wildcard dump/unwind_*.c))
STACK_UNITS   = $(filter $(BUILD)/tests/unit/test_stack% $(BUILD)/tests/unit/test_unwind%,$(UNITS))
$(STACK_UNITS): $(STACK_OBJECTS)
$(STACK_UNITS): private UNIT_OBJECTS = $(STACK_OBJECTS)
TABLE_OBJECTS = $(patsubst %,$(BUILD)/dump/%.o,sys version tables sample_table region_table poisson)
TABLE_UNITS   = $(patsubst %,$(BUILD)/tests/unit/test_%,poisson sample_table)
$(TABLE_UNITS): $(TABLE_OBJECTS)
$(TABLE_UNITS): private UNIT_OBJECTS = $(TABLE_OBJECTS)
SITE_OBJECTS = $(patsubst %,$(BUILD)/dump/%.o,sys version tables site_table)
$(BUILD)/tests/unit/test_site_table: $(SITE_OBJECTS)
$(BUILD)/tests/unit/test_site_table: private UNIT_OBJECTS = $(SITE_OBJECTS)

units: $(UNITS)
.PHONY: units

# The tests find the tool and its build by these. A sanitizer's verdict is an exit status that no
# command of the tool has; and a sanitized tool lets the programs it starts leave cores.
TEST_ENV = CMOCKA_MESSAGE_OUTPUT=TAP BUILD='$(abspath $(BUILD))' HEAPDUMP='$(abspath $(BUILD))/heapdump' \
	   CC='$(CC)' ASAN_OPTIONS=exitcode=99:disable_coredump=0 UBSAN_OPTIONS=exitcode=99:print_stacktrace=1
CLI      = $(wildcard tests/cli/*.t)
REAL     = $(wildcard tests/real/*.t)
PROVE    = prove --timer -j$(JOBS) --exec scripts/run-test

# One after the other, whatever -j says: each step uses all of the machine.
check:
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory check-plain
	@$(MAKE) --no-print-directory check-san
.PHONY: check

check-plain: all units
	$(TEST_ENV) $(PROVE) $(UNITS) $(CLI)
.PHONY: check-plain

# The second run: the same tests on a tool that stops at the first wrong access; and the readers on
# everything that the fuzzers ever found.
SAN_FLAGS = -fsanitize=address,undefined -fno-sanitize-recover=undefined
check-san: $(if $(wildcard tests/fuzz/fuzz.mk),fuzz-regress)
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/san SAN='$(SAN_FLAGS)' CFLAGS='-O1 -g' check-plain
.PHONY: check-san

check-real: all $(BUILD)/tests/unit/test_glibc
	$(if $(REAL),$(TEST_ENV) $(PROVE) $(REAL),@echo 'check-real: there are no tests in tests/real')
.PHONY: check-real

lint: $(ROOM_LIBS)
	@$(TEST_ENV) scripts/lint
.PHONY: lint

demo:
	@scripts/setup
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@$(TEST_ENV) scripts/demo
.PHONY: demo

MAN1 = $(wildcard docs/man/*.1)
MAN3 = $(wildcard docs/man/*.3)
install: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBDIR) $(DESTDIR)$(INCLUDEDIR) $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man3
	install -m 755 $(BUILD)/heapdump $(DESTDIR)$(BINDIR)/
	install -m 644 $(BUILD)/libheapdump.a $(DESTDIR)$(LIBDIR)/
	install -m 755 $(BUILD)/libheapdump.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/
	ln -sf libheapdump.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libheapdump.so
	install -m 644 include/heapdump.h $(DESTDIR)$(INCLUDEDIR)/
	install -m 644 $(MAN1) $(DESTDIR)$(MANDIR)/man1/
	install -m 644 $(MAN3) $(DESTDIR)$(MANDIR)/man3/
.PHONY: install

clean:
	rm -rf $(BUILD)
.PHONY: clean

-include tests/bench/bench.mk tests/fuzz/fuzz.mk tests/real/real.mk
-include $(OBJECTS:.o=.d) $(LIB_OBJECTS:.o=.d) $(UNITS:=.d)
