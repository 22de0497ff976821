# Packet fixtures through both machines: user space's engine and the kernel's.

include tests/common.mk

PACKETS_SOURCES := tests/packets/packets.c tests/packets/script.c tests/packets/twin.c \
		   tests/packets/kernel.c tests/packets/world.c tests/packets/frame.c \
		   sandwich/slowpath/memory.c
PACKETS_RANDOM  ?= 300000
BPF_OBJECT      := $(BPF)/decide.bpf.o

$(PACKETS_DIR)/packets: $(PACKETS_SOURCES:%.c=$(OBJ)/%.o)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# The fixtures in user space, then in the kernel: SKIP where there is no BPF.
.PHONY: check-packets check-bpf check-verifier
check-packets: $(PACKETS_DIR)/packets check-bpf check-verifier
	@for f in $(PACKETS_FILES); do tests/report $$f $< $$f || status=1; done; exit $$status

check-bpf: $(PACKETS_DIR)/packets $(BPF_OBJECT)
	@tests/report 'fixtures and random frames, kernel and user space agree' \
		$< -k $(BPF_OBJECT) -r $(PACKETS_RANDOM) $(PACKETS_FILES)

# Each header of the core compiles for BPF by itself, and all of it passes the verifier.
check-verifier: $(PACKETS_DIR)/packets $(BPF_OBJECT)
	@for h in sandwich/core/*.h; do \
		printf '#include "sandwich/fastpath/tables.bpf.h"\n#include "%s"\n' $$h | \
			$(CLANG) $(BPF_FLAGS) -fsyntax-only -x c - || exit 1; \
	done
	@tests/report 'the core passes the kernel'"'"'s verifier' $< -k $(BPF_OBJECT)
