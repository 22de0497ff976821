# sandwich/fastpath/sandwich.bpf.c
s/ ? XDP_DROP : XDP_PASS;/ ? XDP_PASS : XDP_PASS;/
