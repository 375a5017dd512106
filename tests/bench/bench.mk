# make bench: the passes over cores of BENCH_OBJECTS objects, made for it and removed again.

BENCH_OBJECTS ?= 1000000 10000000
BENCH_RUNS    ?= 3

$(BUILD)/bench_heap: $(BUILD)/tests/bench/bench_heap.o
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $<
$(BUILD)/bench_passes: $(BUILD)/tests/bench/bench_passes.o $(ROOM_LIBS)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(LINK)

bench: $(BUILD)/bench_heap $(BUILD)/bench_passes
	@BENCH_RUNS='$(BENCH_RUNS)' tests/bench/bench '$(abspath $(BUILD))' $(BENCH_OBJECTS)
.PHONY: bench

# The unwinder beside others: not with the above, it needs no core.
$(BUILD)/bench_stack: $(BUILD)/tests/bench/bench_stack.o $(STACK_OBJECTS)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ -ldl

bench-stack: $(BUILD)/bench_stack
	@$<
.PHONY: bench-stack

# What sampling costs real programs, beside other samplers.
$(BUILD)/bench_loop: $(BUILD)/tests/bench/bench_loop.o
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $<

$(BUILD)/bench_forward.so: tests/bench/bench_forward.c
	$(CC) -O2 -fPIC -shared -fvisibility=hidden -o $@ $<

bench-sampler: all $(BUILD)/bench_loop $(BUILD)/bench_forward.so
	@tests/bench/bench-sampler '$(BUILD)' --rounds $(BENCH_ROUNDS)
.PHONY: bench-sampler
BENCH_ROUNDS ?= 7

# What an image costs, from within and by PID, beside a bare fork, a bare write and gcore (BENCH_GCORE=: without).
# BENCH_FOLDER: where the images go.
# BENCH_DUMP_OPTIONS: -H, with huge pages; -c MEBIBYTES, only so much of the heap is changed.
$(BUILD)/bench_dump: $(BUILD)/tests/bench/bench_dump.o $(BUILD)/libheapdump.a
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ -lpthread -ldl

bench-dump: all $(BUILD)/bench_dump
	@for threads in $(BENCH_THREADS); do for mebibytes in $(BENCH_MEBIBYTES); do \
		$(BUILD)/bench_dump -t $$threads -d $(BUILD)/heapdump $(BENCH_GCORE) $(BENCH_DUMP_OPTIONS) \
			'$(BENCH_FOLDER)' $$mebibytes $(BENCH_ROUNDS) || exit 1; done; done
.PHONY: bench-dump
BENCH_MEBIBYTES ?= 1024 4096
BENCH_THREADS   ?= 2
BENCH_GCORE     ?= -g
BENCH_FOLDER    ?= $(or $(TMPDIR),/var/tmp)

# Reading types: the tool's own debug information, and libc's where it is installed (BENCH_DEBUG: others).
$(BUILD)/bench_types: $(BUILD)/tests/bench/bench_types.o $(ROOM_LIBS)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(LINK)

bench-types: $(BUILD)/bench_types $(BUILD)/heapdump
	@$< $(BUILD)/heapdump $(BENCH_DEBUG)
.PHONY: bench-types
LIBC_BUILD_ID = $(shell LC_ALL=C readelf -n "$$(readlink -f /lib/$$($(CC) -print-multiarch)/libc.so.6)" 2>/dev/null | sed -n 's/.*Build ID: \(..\)\(.*\)/\1\/\2/p')
BENCH_DEBUG   ?= $(wildcard /usr/lib/debug/.build-id/$(LIBC_BUILD_ID).debug)
