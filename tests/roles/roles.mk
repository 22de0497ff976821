# The simulation of the roles: two sides with two boxes each, faults at random.

ROLES_DIR     := $(BUILD)/roles$(if $(SAN),-$(subst $(comma),-,$(SAN)))
ROLES_SOURCES := $(wildcard tests/roles/*.c) $(wildcard sync/role*.c)
ROLES_SEEDS   ?= 3000
ROLES_PLANTS  := no-vote deaf equal slow

$(ROLES_DIR)/roles: $(ROLES_SOURCES:%.c=$(OBJ)/%.o)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^

# Many seeds must hold; and each planted bug must be found, or the simulation proves nothing.
.PHONY: check-roles
check-roles: $(ROLES_DIR)/roles
	@SEEDS=$(ROLES_SEEDS) tests/report 'simulation of the roles' $< || status=1; \
	for plant in $(ROLES_PLANTS); do \
		tests/report "simulation of the roles finds a planted bug: $$plant" \
			tests/roles/bites $< $$plant || status=1; \
	done; exit $$status
