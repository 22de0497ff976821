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

# A standby beside a million sessions, with the real daemons: STANDBY="--sessions 100000".
STANDBY ?=
.PHONY: drill-standby
drill-standby:
	@$(call need_root,it makes network namespaces: run it as root (sudo make drill-standby))
	@$(DEPS) build run demo drill
	@$(MAKE) --no-print-directory -j$(JOBS) all bench-build >$(BUILD)/make.log 2>&1 || \
		{ tail -n 30 $(BUILD)/make.log >&2; exit 1; }
	@topo/standby --build $(BUILD) --bindir $(BIN) --out $(BUILD)/drill/standby.json \
	$(STANDBY); \
	status=$$?; $(give_back); exit $$status
