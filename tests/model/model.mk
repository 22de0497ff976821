# The Spin models of sync: each sync/model/*.pml with the runs its comment lists.

MODELS := $(wildcard sync/model/*.pml)

.PHONY: check-model
check-model:
	@CC=$(CC) tests/model/run $(BUILD)/model $(MODELS)
