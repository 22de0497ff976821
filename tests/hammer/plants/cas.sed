# sandwich/core/table.h
s/__sync_val_compare_and_swap(&s->version, version, SLOT_BUSY) == version;/(core_store(\&s->version, SLOT_BUSY), true);/
