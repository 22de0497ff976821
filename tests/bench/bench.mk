# What the data paths cost, beside others: `make bench`, as root.
#
#   make bench BENCH="forward new decision table peer latency"      one part or several

BENCH_DIR := $(BUILD)/bench
BENCH_PROGRAMS := $(addprefix $(BENCH_DIR)/,pump_harness bare_pcap generator probe fast journal \
		  link)
BENCH_OBJECTS := $(BENCH_DIR)/generator.bpf.o $(BENCH_DIR)/ends.bpf.o

BENCH_GENERATOR := $(OBJ)/tests/bench/generate.o
BENCH_WORLD := $(OBJ)/tests/packets/world.o $(OBJ)/tests/packets/frame.o $(LIB)

$(BENCH_DIR)/pump_harness: $(OBJ)/tests/bench/pump_harness.o $(BENCH_WORLD)
$(BENCH_DIR)/bare_pcap: $(OBJ)/tests/bench/bare_pcap.o
$(BENCH_DIR)/probe: $(OBJ)/tests/bench/probe.o
$(BENCH_DIR)/journal: $(OBJ)/tests/bench/journal.o $(LIB)
$(BENCH_DIR)/link: $(OBJ)/tests/bench/link.o $(LIB)
$(BENCH_DIR)/generator: $(OBJ)/tests/bench/generator.o $(BENCH_GENERATOR)
$(BENCH_DIR)/fast: $(patsubst %.c,$(OBJ)/%.o,$(wildcard tests/bench/fast/*.c)) $(BENCH_GENERATOR) \
		   $(BENCH_WORLD)

$(BENCH_PROGRAMS):
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LINK  $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BENCH_DIR)/%.bpf.o: tests/bench/%.bpf.c $(wildcard tests/bench/*.h)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  BPF   $<")
	$(Q)$(CLANG) $(BPF_FLAGS) -c -o $@ $<

.PHONY: bench bench-build
bench-build: $(BENCH_PROGRAMS) $(BENCH_OBJECTS)

bench: all bench-build
	@$(PYTHON) tests/bench/bench.py --build $(BUILD) $(BENCH)
