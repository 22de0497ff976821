# sandwich/core/session.h
s/same = slot_is(s, flow)/same = true/
