# Traffic for the lab, the demo, the drills and the system tests.

TOPO_PROGRAMS := $(BUILD)/topo/conversations $(BUILD)/topo/lossy
CONVERSATIONS := conversations answerer asker asker_report talk

.PHONY: topo
topo: $(TOPO_PROGRAMS)

$(BUILD)/topo/conversations: $(CONVERSATIONS:%=$(OBJ)/topo/traffic/%.o)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^

$(BUILD)/topo/lossy: $(OBJ)/topo/traffic/lossy.o
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^
