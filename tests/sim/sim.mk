# The simulation of the whole sandwich in one process.

include tests/common.mk

SIM_DIR     := $(BUILD)/sim$(if $(SAN),-$(subst $(comma),-,$(SAN)))
SIM_SOURCES := $(wildcard tests/sim/*.c) tests/packets/world.c tests/packets/frame.c \
	       sandwich/slowpath/memory.c
SIM_SEEDS   ?= 300
SIM_PLANTS  := no-sweep asymmetric-hash leak

$(SIM_DIR)/sim: $(SIM_SOURCES:%.c=$(OBJ)/%.o)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# Many seeds must hold; and each planted bug must be found, or the simulation proves nothing.
.PHONY: check-sim
check-sim: $(SIM_DIR)/sim
	@SIM_SEEDS=$(SIM_SEEDS) $<
	@for plant in $(SIM_PLANTS); do \
		! SIM_SEEDS=40 SIM_PLANT=$$plant $< >/dev/null || \
			{ echo "sim: did not find the planted bug $$plant"; exit 1; }; \
	done; echo "sim: found every planted bug: $(SIM_PLANTS)"
