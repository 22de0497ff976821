# sandwich/fastpath/defer.bpf.h
s/decide_moved(&t, cfg, &d->work, s, true);/decide_moved(\&t, cfg, \&d->work, s, false);/
