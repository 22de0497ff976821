# Traffic for the lab, the demo and the system tests.

TOPO_PROGRAMS := $(BUILD)/topo/conversations
CONVERSATIONS := conversations answerer asker asker_report talk

.PHONY: topo
topo: $(TOPO_PROGRAMS)

$(BUILD)/topo/conversations: $(CONVERSATIONS:%=$(OBJ)/topo/traffic/%.o)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^
