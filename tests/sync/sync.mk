# The simulation of replication notices planted bugs. SYNC_SEEDS=100000 build/unit/test_sync_faults is the long run.

.PHONY: check-sync
check-sync: $(BUILD)/unit/test_sync_faults
	@tests/sync/bites $(BUILD)
