# sandwich/core/tunnel.h
s/core_read(32, f->byte + (esp ? 0 : 4))/core_read(32, f->byte + (esp ? 0 : 8))/
