# The data path against a bare libpcap forwarder and Linux routing: `make bench`, as root; it takes
# less than three minutes.

BENCH_DIR := $(BUILD)/bench
BENCH_PROGRAMS := $(addprefix $(BENCH_DIR)/,pump_harness bare_pcap generator probe)
BENCH_OBJECTS := $(BENCH_DIR)/generator.bpf.o $(BENCH_DIR)/pass.bpf.o

$(BENCH_DIR)/pump_harness: $(OBJ)/tests/bench/pump_harness.o $(OBJ)/tests/packets/world.o \
			   $(OBJ)/tests/packets/frame.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BENCH_DIR)/%: $(OBJ)/tests/bench/%.o
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $< -lpcap -lbpf -lpthread

$(BENCH_DIR)/%.bpf.o: tests/bench/%.bpf.c tests/bench/generator.h
	@mkdir -p $(@D)
	$(CLANG) -target bpf -O2 -g -Wall -I. -I/usr/include/$(shell $(CC) -print-multiarch) \
		-c -o $@ $<

.PHONY: bench bench-build
bench-build: $(BENCH_PROGRAMS) $(BENCH_OBJECTS)

bench: all bench-build
	/usr/bin/python3 tests/bench/bench.py --build $(BUILD)
