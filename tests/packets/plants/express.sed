# sandwich/core/express.h
s/core_write(32, frame + 8, rest);/core_write(32, frame + 8, rest ^ 1);/
