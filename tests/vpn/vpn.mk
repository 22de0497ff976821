# Real VPN gateways behind one cluster address. What doesn't install is skipped, and told.

.PHONY: check-vpn
check-vpn: all
	@$(DEPS) vpn || echo "some VPNs did not install: their cases are skipped"
	SANDWICH_BINDIR=$(BIN) $(PYTHON) -m pytest -p no:cacheprovider -rfEsx tests/vpn
