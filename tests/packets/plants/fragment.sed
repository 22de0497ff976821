# sandwich/core/fragment.h
s/core_copy(&p->sport, &ports, 2);/core_copy(\&p->dport, \&ports, 2);/
