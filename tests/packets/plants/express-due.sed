# sandwich/core/express.h
s/if (!quantum || e->flags & (TCP_SYN | TCP_FIN | TCP_RST))/if (!quantum)/
