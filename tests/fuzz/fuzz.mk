# make fuzz: each target under libFuzzer for FUZZ_SECONDS, one after the other; what it finds is left in
# $(BUILD)/fuzz/found (keep the smallest form in tests/fuzz/corpus/TARGET).
# make fuzz-regress: the seeds and all of tests/fuzz/corpus once, under ASan and UBSan, without libFuzzer.

FUZZ_SECONDS ?= 60
FUZZ_TARGETS  = fuzz_core fuzz_session fuzz_tables fuzz_unpack
FUZZ_CC      ?= clang
FUZZ_DIR      = $(BUILD)/tests/fuzz
FUZZ_SEEDS    = $(FUZZ_DIR)/seeds

# fuzz_session opens no file but its dump. fuzz_tables has a dump that names none.
FUZZ_LINK     = $(TEST_LIB) -Wl,--wrap=open $(LINK)
FUZZ_SAN      = -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined

$(FUZZ_DIR)/fuzz_seeds: $(FUZZ_DIR)/fuzz_seeds.o $(TEST_LIB) $(ROOM_LIBS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(TEST_LIB) $(LINK)
$(FUZZ_SEEDS)/made: $(FUZZ_DIR)/fuzz_seeds
	$(Q)rm -rf $(FUZZ_SEEDS)
	$(Q)$< $(FUZZ_SEEDS)
	@touch $@

# The plain driver.
$(FUZZ_TARGETS:%=$(FUZZ_DIR)/%-once): $(FUZZ_DIR)/%-once: $(FUZZ_DIR)/%.o $(FUZZ_DIR)/fuzz_main.o $(TEST_LIB) $(ROOM_LIBS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(FUZZ_DIR)/fuzz_main.o \
		$(if $(filter fuzz_session%,$(@F)),$(FUZZ_LINK),$(TEST_LIB) $(LINK))

# libFuzzer. Packed bytes are left to its own mutations.
$(FUZZ_TARGETS:%=$(FUZZ_DIR)/%): $(FUZZ_DIR)/%: $(FUZZ_DIR)/%.o $(FUZZ_DIR)/fuzz_mutate.o $(TEST_LIB) $(ROOM_LIBS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -fsanitize=fuzzer -o $@ $< \
		$(if $(filter fuzz_unpack,$(@F)),,$(FUZZ_DIR)/fuzz_mutate.o) \
		$(if $(filter fuzz_session,$(@F)),$(FUZZ_LINK),$(TEST_LIB) $(LINK))

fuzz-regress:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/san SAN='$(SAN_FLAGS)' CFLAGS='-O1 -g' fuzz-once
fuzz-once: $(FUZZ_TARGETS:%=$(FUZZ_DIR)/%-once) $(FUZZ_SEEDS)/made
	$(Q)for t in $(FUZZ_TARGETS); do \
		ASAN_OPTIONS=hard_rss_limit_mb=1024 $(FUZZ_DIR)/$$t-once $(FUZZ_SEEDS)/$$t \
			$$(ls -d tests/fuzz/corpus/$$t 2>/dev/null) 2>$(FUZZ_DIR)/$$t.log || \
			{ tail -n 60 $(FUZZ_DIR)/$$t.log; echo "fuzz-regress: $$t failed"; exit 1; }; \
	done
.PHONY: fuzz-regress fuzz-once

fuzz:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzz CC='$(FUZZ_CC)' SAN='$(FUZZ_SAN)' CFLAGS='-O1 -g' fuzz-all
fuzz-all: $(FUZZ_TARGETS:%=$(FUZZ_DIR)/%) $(FUZZ_SEEDS)/made
	@mkdir -p $(BUILD)/found $(FUZZ_TARGETS:%=$(BUILD)/grown/%)
	$(Q)for t in $(FUZZ_TARGETS); do \
		$(FUZZ_DIR)/$$t -max_total_time=$(FUZZ_SECONDS) -max_len=200000 -timeout=20 -rss_limit_mb=2048 \
			-print_final_stats=1 -artifact_prefix=$(BUILD)/found/$$t- $(BUILD)/grown/$$t $(FUZZ_SEEDS)/$$t \
			$$(ls -d tests/fuzz/corpus/$$t 2>/dev/null) || exit 1; \
	done
.PHONY: fuzz fuzz-all

-include $(wildcard $(FUZZ_DIR)/*.d)
