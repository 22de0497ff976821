# Packet fixtures and random packets through both data paths: user space's and the kernel's.

include tests/common.mk

PACKETS_PARTS   := packets script capture random generate twin clock kernel user world frame
PACKETS_SOURCES := $(PACKETS_PARTS:%=tests/packets/%.c) sandwich/slowpath/memory.c \
		   sandwich/slowpath/pump_batch.c sandwich/slowpath/checksum.c \
		   sandwich/fastpath/describe.c sandwich/fastpath/layout.c
PACKETS_RANDOM  ?= 1100000
PACKETS_SEED    ?= 1
PACKETS_PLANTS  := $(sort $(wildcard tests/packets/plants/*.sed))
PACKETS_LATE    := -l $(filter-out %/captures.txt %/captures-tunnel.txt,$(PACKETS_FILES))
BPF_OBJECT      := $(BPF)/sandwich.bpf.o

$(PACKETS_DIR)/packets: $(PACKETS_SOURCES:%.c=$(OBJ)/%.o)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# The fixtures in user space, then in the kernel: SKIP where there is no BPF.
.PHONY: check-packets check-bpf check-bpf-bites check-verifier
check-packets: $(PACKETS_DIR)/packets check-bpf check-bpf-bites check-verifier
	@for f in $(PACKETS_FILES); do tests/report $$f $< $$f || status=1; done; exit $$status

check-bpf: $(PACKETS_DIR)/packets $(BPF_OBJECT)
	@tests/report 'fixtures and random frames, kernel and user space agree' \
		$< -k $(BPF_OBJECT) -r $(PACKETS_RANDOM) -s $(PACKETS_SEED) $(PACKETS_FILES)
	@tests/report 'the same with touches that are deferred' \
		$< -k $(BPF_OBJECT) $(PACKETS_LATE)

# A program that was spoiled must be found out, or the comparison proves nothing.
check-bpf-bites: $(PACKETS_DIR)/packets
	@for p in $(PACKETS_PLANTS); do \
		tests/report "kernel and user space are told apart: $$p" tests/packets/bites \
			$(PACKETS_DIR)/plants $$p $(CLANG) $(BPF_FLAGS) -- \
			$< -r 100000 $(PACKETS_FILES) || status=1; \
	done; \
	for p in tests/packets/plants/late/*.sed; do \
		tests/report "and so they are where it defers touches: $$p" tests/packets/bites \
			$(PACKETS_DIR)/plants $$p $(CLANG) $(BPF_FLAGS) -- \
			$< $(PACKETS_LATE) || status=1; \
	done; exit $$status

# Each header of the core compiles for BPF by itself, but for what the program defines
# (express_room()), and all of it passes the verifier.
check-verifier: $(PACKETS_DIR)/packets $(BPF_OBJECT)
	@for h in sandwich/core/*.h; do \
		printf '#include "sandwich/fastpath/tables.bpf.h"\n#include "%s"\n' $$h | \
			$(CLANG) $(BPF_FLAGS) -Wno-undefined-internal -fsyntax-only -x c - || \
			exit 1; \
	done
	@tests/report 'the program passes the kernel'"'"'s verifier' $< -k $(BPF_OBJECT)
