# sandwich/core/flow.h
s/return hash_end(&s, tail >> 32, 8 + 4);/return hash_end(\&s, tail >> 33, 8 + 4);/
