# Fuzz targets: each tests/fuzz/fuzz_NAME.c is a libFuzzer program of the sources that its links
# comments name, with ASan and UBSan. Seeds lie in tests/fuzz/seeds/NAME; what a run finds new
# stays in the build folder.

include tests/common.mk

FUZZ_SECONDS  ?= 10
FUZZ_LONG     ?= 600
FUZZ_DIR      := $(BUILD)/fuzz
FUZZ_OBJ      := $(BUILD)/obj-fuzz
FUZZ_SOURCES  := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_PROGRAMS := $(FUZZ_SOURCES:tests/fuzz/%.c=$(FUZZ_DIR)/%)
FUZZ_SAN      := address,undefined
FUZZ_FLAGS    := -O1 -g -std=gnu11 $(WARN) -fno-omit-frame-pointer -fno-sanitize-recover=undefined

$(FUZZ_OBJ)/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo "  FUZZ  $<")
	$(Q)$(CLANG) $(CPPFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link,$(FUZZ_SAN) \
		-MMD -MP -c -o $@ $<

define fuzz_program
$(FUZZ_DIR)/$(1): $(FUZZ_OBJ)/tests/fuzz/$(1).o \
		$$(patsubst %.c,$(FUZZ_OBJ)/%.o,$$(call links_of,tests/fuzz/$(1).c))
	@mkdir -p $$(@D)
	$$(CLANG) -fsanitize=fuzzer,$(FUZZ_SAN) -o $$@ $$^ $$(LDLIBS)
endef
$(foreach s,$(FUZZ_SOURCES),$(eval $(call fuzz_program,$(s:tests/fuzz/%.c=%))))

# The frames of the packet fixtures are the seeds of fuzz_packet.
$(FUZZ_DIR)/seeds/packet/.made: $(PACKETS_DIR)/packets $(PACKETS_FILES)
	@mkdir -p $(@D)
	@$< -c $(@D) $(PACKETS_FILES) >/dev/null && touch $@

# $(1): seconds for each target. All are run, whatever one finds.
fuzz_run = @for f in $(FUZZ_PROGRAMS); do \
		tests/report $$f tests/fuzz/run $$f $(FUZZ_DIR) $(1) || status=1; \
	done; exit $$status

.PHONY: fuzz-programs check-fuzz fuzz
fuzz-programs: $(FUZZ_PROGRAMS) $(FUZZ_DIR)/seeds/packet/.made

check-fuzz: fuzz-programs
	$(call fuzz_run,$(FUZZ_SECONDS))

fuzz: fuzz-programs
	$(call fuzz_run,$(FUZZ_LONG))
