# sandwich/core/express.h
s/from_farm = !e->inward/from_farm = e->inward/
