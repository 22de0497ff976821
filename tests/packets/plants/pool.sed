# sandwich/core/pool.h
s/return kind & 0xff;/return kind \& 0xfe;/
