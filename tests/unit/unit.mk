# Unit tests: each tests/unit/test_NAME.c is a program of its own, linked from the sources that its
# links comment names: /* links: a.c b.c */. The list is the contract of what a unit needs.

include tests/common.mk

UNIT_DIR      := $(BUILD)/unit$(if $(SAN),-$(subst $(comma),-,$(SAN)))
UNIT_SOURCES  := $(wildcard tests/unit/test_*.c)
UNIT_PROGRAMS := $(UNIT_SOURCES:tests/unit/%.c=$(UNIT_DIR)/%)

define unit_program
$(UNIT_DIR)/$(1): $(OBJ)/tests/unit/$(1).o \
		$$(patsubst %.c,$(OBJ)/%.o,$$(call links_of,tests/unit/$(1).c))
	@mkdir -p $$(@D)
	$$(CC) $$(LDFLAGS) -o $$@ $$^ -lcmocka $$(LDLIBS)
endef
$(foreach s,$(UNIT_SOURCES),$(eval $(call unit_program,$(s:tests/unit/%.c=%))))

.PHONY: unit check-unit
unit: $(UNIT_PROGRAMS)

check-unit: $(UNIT_PROGRAMS)
	@tests/unit/run $^
