# sandwich/core/express.h
s/if (!place_carries(cfg, device))/if (0)/
