# sandwich/core/table.h
s/(&s->version, version, SLOT_BUSY) == version;/(\&s->version, version, version) == version;/
