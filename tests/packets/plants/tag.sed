# sandwich/core/rewrite.h
s/frame\[15\] = (u8)w->out_vlan;/frame[15] = 0;/
