# sandwich/core/express.h
s/if (l4\[13\] & (TCP_SYN | TCP_FIN | TCP_RST))/if (0)/
