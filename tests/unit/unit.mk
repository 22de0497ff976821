# Unit tests: each tests/unit/test_NAME.c is a program of its own, linked from the sources that its
# links comment names: /* links: a.c b.c */. The list is the contract of what a unit needs.

UNIT_DIR      := $(BUILD)/unit$(if $(SAN),-$(subst $(comma),-,$(SAN)))
UNIT_SOURCES  := $(wildcard tests/unit/test_*.c)
UNIT_PROGRAMS := $(UNIT_SOURCES:tests/unit/%.c=$(UNIT_DIR)/%)

# The sources that the links comment of $(1) names; it may go over several lines.
links_of = $(filter %.c,$(shell sed -n '1,20{/links:/,/\*\//p}' $(1)))

define unit_program
$(UNIT_DIR)/$(1): $(OBJ)/tests/unit/$(1).o $$(patsubst %.c,$(OBJ)/%.o,$$(call links_of,tests/unit/$(1).c))
	@mkdir -p $$(@D)
	$$(CC) $$(LDFLAGS) -o $$@ $$^ -lcmocka $$(LDLIBS)
endef
$(foreach s,$(UNIT_SOURCES),$(eval $(call unit_program,$(s:tests/unit/%.c=%))))

.PHONY: unit check-unit
unit: $(UNIT_PROGRAMS)

check-unit: $(UNIT_PROGRAMS)
	@tests/unit/run $^
