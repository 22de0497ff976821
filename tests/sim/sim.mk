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
	@SIM_SEEDS=$(SIM_SEEDS) tests/report 'simulation of the whole sandwich' $< || status=1; \
	for plant in $(SIM_PLANTS); do \
		tests/report "simulation finds a planted bug: $$plant" \
			tests/sim/bites $< $$plant || status=1; \
	done; exit $$status
