# heapdump: build, test, lint, install.   make help
#
# Every directory of sources is one archive (a room); the tool links them in the
# order of the layer law. New files are picked up by themselves.

BUILD   ?= build
CC      ?= gcc
CFLAGS  ?= -O2 -g
PREFIX  ?= /usr/local
PYTHON  ?= python3

WARN     = -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wshadow -Wvla -Wno-unused-parameter \
	   -Werror=implicit-function-declaration -Werror=incompatible-pointer-types -Werror=int-conversion
WERROR  ?=
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -Iinclude -I. $(WARN) $(WERROR) -fno-omit-frame-pointer $(CFLAGS) $(SAN)
LIBS     = -ldw -lelf -lzstd -llz4 -lz -ljansson -lpthread -lm

# Rooms, left to right as data flows; linked right to left.
ROOMS    = formats analyze/space analyze/heap analyze/graph analyze/ask analyze/ui
ROOM_LIBS = $(foreach r,$(ROOMS),$(if $(filter-out analyze/ui/main.c,$(wildcard $(r)/*.c)),$(BUILD)/$(subst /,-,$(r)).a))
LINK     = -Wl,--start-group $(ROOM_LIBS) -Wl,--end-group $(LIBS)

SOURCES  = $(wildcard $(addsuffix /*.c,$(ROOMS)) dump/*.c tests/lib/*.c)
OBJECTS  = $(SOURCES:%.c=$(BUILD)/%.o)
UNITS    = $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/test_*.c))

all: $(if $(wildcard analyze/ui/main.c),$(BUILD)/heapdump)
.PHONY: all
.DELETE_ON_ERROR:
.SECONDARY:

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

define ROOM_ARCHIVE
$(BUILD)/$(subst /,-,$(1)).a: $(patsubst %.c,$(BUILD)/%.o,$(filter-out analyze/ui/main.c,$(wildcard $(1)/*.c)))
	@rm -f $$@
	$$(AR) crs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call ROOM_ARCHIVE,$(r))))

$(BUILD)/heapdump: $(BUILD)/analyze/ui/main.o $(ROOM_LIBS)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(LINK)

# Units: one program per file, with the builders of tests/lib.
TEST_LIB = $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/lib/*.c))
$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(TEST_LIB) $(ROOM_LIBS)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(TEST_LIB) $(LINK) -lcmocka

units: $(UNITS)
.PHONY: units

clean:
	rm -rf $(BUILD)
.PHONY: clean

-include $(OBJECTS:.o=.d) $(UNITS:=.d)
