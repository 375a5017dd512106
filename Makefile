# heapdump: build, test, lint, install.   make help
#
# Every directory of sources is one archive (a room); the tool links them in the
# order of the layer law. New files are picked up by themselves.

BUILD   ?= build
CFLAGS  ?= -O2 -g
PREFIX  ?= /usr/local
PYTHON  ?= python3
SAN      =

WARN     = -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wshadow -Wvla -Wno-unused-parameter \
	   -Werror=implicit-function-declaration -Werror=incompatible-pointer-types -Werror=int-conversion
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -Iinclude -I. $(WARN) -fno-omit-frame-pointer $(CFLAGS) $(SAN)
LIBS     = -ldw -lelf -lzstd -llz4 -lz -ljansson -lpthread -lm -ldl

# Rooms, left to right as data flows; linked right to left.
ROOMS    = formats analyze/space analyze/heap analyze/graph analyze/ask analyze/ui
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

# Objects depend on the flags they were built with.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(ALL_CFLAGS)' | cmp -s - $@ || echo '$(CC) $(ALL_CFLAGS)' > $@
FORCE:
.PHONY: FORCE

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/dump/%.o: ALL_CFLAGS += -fPIC -fvisibility=hidden

define ROOM_ARCHIVE
$(BUILD)/$(subst /,-,$(1)).a: $(patsubst %.c,$(BUILD)/%.o,$(filter-out analyze/ui/main.c,$(wildcard $(1)/*.c)))
	@rm -f $$@
	$$(AR) crs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call ROOM_ARCHIVE,$(r))))

$(BUILD)/heapdump: $(BUILD)/analyze/ui/main.o $(ROOM_LIBS)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(LINK)

LIB_OBJECTS = $(patsubst %.c,$(BUILD)/%.o,$(wildcard dump/*.c))
$(BUILD)/libheapdump.a: $(LIB_OBJECTS)
	@rm -f $@
	$(AR) crs $@ $^
$(BUILD)/libheapdump.so.$(SOVERSION): $(LIB_OBJECTS)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -shared -Wl,-soname,libheapdump.so.$(SOVERSION) -o $@ $^
$(BUILD)/libheapdump.so: $(BUILD)/libheapdump.so.$(SOVERSION)
	ln -sf $(<F) $@

# Units: one program per file, with the builders of tests/lib.
TEST_LIB = $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/lib/*.c))
$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(TEST_LIB) $(ROOM_LIBS)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(TEST_LIB) $(LINK) -lcmocka

units: $(UNITS)
.PHONY: units

# The tests find the tool and its build by these.
TEST_ENV = BUILD='$(abspath $(BUILD))' HEAPDUMP='$(abspath $(BUILD))/heapdump' CC='$(CC)'
CLI      = $(wildcard tests/cli/*.t)
PROVE    = prove --timer --exec ''

check: lint check-plain check-san
.PHONY: check

check-plain: all units
	$(TEST_ENV) $(PROVE) $(UNITS) $(CLI)
.PHONY: check-plain

# The second run: the same tests on a tool that stops at the first wrong access.
SAN_FLAGS = -fsanitize=address,undefined -fno-sanitize-recover=undefined
check-san:
	$(MAKE) BUILD=$(BUILD)/san SAN='$(SAN_FLAGS)' CFLAGS='-O1 -g' check-plain
	$(MAKE) fuzz-regress
.PHONY: check-san

check-real: all
	$(TEST_ENV) $(PROVE) $(wildcard tests/real/*.t)
.PHONY: check-real

lint:
	scripts/lint
.PHONY: lint

demo:
	@scripts/setup
	@$(MAKE) --no-print-directory all
	@$(TEST_ENV) scripts/demo
.PHONY: demo

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib $(DESTDIR)$(PREFIX)/include \
		$(DESTDIR)$(PREFIX)/share/man/man1
	install -m 755 $(BUILD)/heapdump $(DESTDIR)$(PREFIX)/bin/
	install -m 644 $(BUILD)/libheapdump.a $(DESTDIR)$(PREFIX)/lib/
	install -m 755 $(BUILD)/libheapdump.so.$(SOVERSION) $(DESTDIR)$(PREFIX)/lib/
	ln -sf libheapdump.so.$(SOVERSION) $(DESTDIR)$(PREFIX)/lib/libheapdump.so
	install -m 644 include/heapdump.h $(DESTDIR)$(PREFIX)/include/
	install -m 644 docs/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/
.PHONY: install

clean:
	rm -rf $(BUILD)
.PHONY: clean

-include tests/bench/bench.mk tests/fuzz/fuzz.mk
-include $(OBJECTS:.o=.d) $(UNITS:=.d)
