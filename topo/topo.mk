# Traffic for the lab, the demo and the system tests.

TOPO_PROGRAMS := $(BUILD)/topo/conversations

.PHONY: topo
topo: $(TOPO_PROGRAMS)

$(BUILD)/topo/conversations: $(OBJ)/topo/traffic/conversations.o
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $<
