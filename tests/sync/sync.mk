# The simulation of replication notices planted bugs. The long run of it:
# SYNC_SEEDS=100000 build/unit/test_sync_faults

.PHONY: check-sync
check-sync: $(BUILD)/unit/test_sync_faults
	@tests/sync/bites $(BUILD)
