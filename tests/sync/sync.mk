# The simulation of replication notices planted bugs.

.PHONY: check-sync
check-sync: $(BUILD)/unit/test_sync_faults
	@tests/sync/bites $(BUILD)

# The long run of both simulations, replication's and the roles': some twenty minutes of one core.
# LONG_SEEDS=1000000: more. A seed that fails is named; SYNC_SEED=N SYNC_SEEDS=1, or SEED=N, runs it
# alone.
LONG_SEEDS ?= 100000
.PHONY: check-seeds
check-seeds: $(BUILD)/unit/test_sync_faults $(BUILD)/roles/roles
	@SYNC_SEEDS=$(LONG_SEEDS) tests/report 'replication and repair, $(LONG_SEEDS) seeds' $< || \
		status=1; \
	SEEDS=$(LONG_SEEDS) tests/report 'roles, $(LONG_SEEDS) seeds' $(BUILD)/roles/roles || \
		status=1; exit $$status
