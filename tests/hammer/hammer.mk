# Two CPUs and the daemon's threads at one table.

include tests/common.mk

HAMMER_DIR     := $(BUILD)/hammer
HAMMER_SOURCES := $(wildcard tests/hammer/*.c) \
		  $(addprefix tests/packets/,kernel.c world.c frame.c) sandwich/slowpath/memory.c \
		  sandwich/fastpath/describe.c sandwich/fastpath/layout.c
HAMMER_SECONDS ?= 10
HAMMER_PLANTS  := $(sort $(wildcard tests/hammer/plants/*.sed))

$(HAMMER_DIR)/hammer: $(HAMMER_SOURCES:%.c=$(OBJ)/%.o)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# A table that was made unsafe must be found out. SKIP where there is no BPF, or one CPU.
.PHONY: check-hammer
check-hammer: $(HAMMER_DIR)/hammer $(BPF)/sandwich.bpf.o
	@tests/report 'two CPUs and the daemon at one table' \
		$< -k $(BPF)/sandwich.bpf.o -t $(HAMMER_SECONDS) || status=1; \
	tests/report 'the same with touches that are deferred' \
		$< -k $(BPF)/sandwich.bpf.o -t $(HAMMER_SECONDS) -l || status=1; \
	for p in $(HAMMER_PLANTS); do \
		tests/report "the hammer finds what was planted: $$p" tests/hammer/bites \
			$(HAMMER_DIR)/plants $$p '$(CLANG) $(BPF_FLAGS)' \
			'$(CC) $(CPPFLAGS) $(CFLAGS)' '$(LDLIBS)' $(HAMMER_SOURCES) || status=1; \
	done; exit $$status
