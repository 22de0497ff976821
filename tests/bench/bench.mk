# What the data paths cost, beside others: `make bench`, as root; BENCH="forward new" are some of
# its parts (forward, new, decision, table, peer, latency, sync).

BENCH ?=
BENCH_DIR := $(BUILD)/bench
BENCH_PROGRAMS := $(addprefix $(BENCH_DIR)/,bare_pcap generator probe fast decision table \
		  journal link sync)
BENCH_OBJECTS := $(addprefix $(BENCH_DIR)/,generator.bpf.o ends.bpf.o wrapper.bpf.o lru_hash.bpf.o \
		 hash.bpf.o) $(BPF)/sandwich.bpf.o
BENCH_HEADERS := $(wildcard tests/bench/*.h tests/bench/*/*.h)

BENCH_GENERATOR := $(OBJ)/tests/bench/generate.o
BENCH_WORLD := $(OBJ)/tests/packets/world.o $(OBJ)/tests/packets/frame.o $(LIB)
bench_objects = $(patsubst %.c,$(OBJ)/%.o,$(filter-out %.bpf.c,$(wildcard tests/bench/$(1)/*.c)))

$(BENCH_DIR)/bare_pcap: $(OBJ)/tests/bench/bare_pcap.o
$(BENCH_DIR)/probe: $(OBJ)/tests/bench/probe.o
$(BENCH_DIR)/journal: $(OBJ)/tests/bench/journal.o $(LIB)
$(BENCH_DIR)/link: $(OBJ)/tests/bench/link.o $(LIB)
$(BENCH_DIR)/sync: $(OBJ)/tests/bench/sync.o $(BENCH_WORLD)
$(BENCH_DIR)/generator: $(OBJ)/tests/bench/generator.o $(BENCH_GENERATOR)
$(BENCH_DIR)/fast: $(call bench_objects,fast) $(BENCH_GENERATOR) $(BENCH_WORLD)
$(BENCH_DIR)/decision: $(call bench_objects,decision) $(OBJ)/tests/bench/fast/fill.o $(BENCH_WORLD)
$(BENCH_DIR)/table: $(call bench_objects,table) $(LIB)

# Of DPDK the bench takes the hash table that ours is measured against.
DPDK = $(shell pkg-config --$(1) libdpdk 2>/dev/null)
$(BENCH_DIR)/table: override LDLIBS += -Wl,--as-needed $(call DPDK,libs)
$(OBJ)/tests/bench/table/dpdk.o: override CPPFLAGS += $(call DPDK,cflags)

$(BENCH_PROGRAMS):
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LINK  $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

define bench_bpf
	@mkdir -p $(@D)
	$(if $(V),,@echo "  BPF   $@")
	$(Q)$(CLANG) $(BPF_FLAGS) $(1) -c -o $@ $<
endef

$(BENCH_DIR)/%.bpf.o: tests/bench/%.bpf.c $(BENCH_HEADERS)
	$(bench_bpf)
$(BENCH_DIR)/%.bpf.o: tests/bench/decision/%.bpf.c $(BENCH_HEADERS)
	$(bench_bpf)

# The program with its sessions in the kernel's own hash maps.
$(BENCH_DIR)/hash.bpf.o $(BENCH_DIR)/lru_hash.bpf.o: tests/bench/decision/hash.bpf.c \
		$(wildcard sandwich/core/*.h sandwich/fastpath/*.h) sandwich/fastpath/sandwich.bpf.c
	$(call bench_bpf,-DHASH_MAP_TYPE=BPF_MAP_TYPE_$(if $(findstring lru,$@),LRU_)HASH)

.PHONY: bench bench-build
bench-build: $(BENCH_PROGRAMS) $(BENCH_OBJECTS)

bench:
	@$(call need_root,the bench makes network namespaces: run it as root (sudo make bench))
	@$(DEPS) build run bench
	@mkdir -p $(BUILD)
	@$(MAKE) --no-print-directory -j$(JOBS) all bench-build >$(BUILD)/make.log 2>&1 || \
		{ tail -n 30 $(BUILD)/make.log >&2; exit 1; }
	@$(PYTHON) tests/bench/bench.py --build $(BUILD) $(BENCH); status=$$?; $(give_back); \
		exit $$status
