# sandwich/core/table.h
s/(&s->version, version, version | SLOT_HELD) == version;/(\&s->version, version, SLOT_BUSY) == version;/
