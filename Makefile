# sandwich: one make for everything. `make help` lists the targets.
#
# Folders list what is in them in a NAME.mk of their own; this file has the rules.

comma     := ,
VERSION   := 0.1.0
SAN       ?=
# A sanitizer's build stands beside the plain one: objects are never mixed.
BUILD     ?= build$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))
ifeq ($(origin CC),default)
CC        := gcc
endif
CLANG     ?= clang
DESTDIR   ?=
PREFIX    ?= /usr/local
SYSCONFDIR ?= /etc
PYTHON    ?= /usr/bin/python3
DEPS      ?= conf/install/deps
JOBS      ?= 2
V         ?=
Q         := $(if $(V),,@)
OBJ       := $(BUILD)/obj
BIN       := $(BUILD)/bin

PKGS      := glib-2.0 gio-2.0 gio-unix-2.0 json-glib-1.0 libmnl libsodium libmicrohttpd libcap-ng \
	     libbpf libxdp libpcap libbsd-overlay
WARN      := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Wvla \
	     -fno-common
CFLAGS    ?= -O2 -g
override CFLAGS   += -std=gnu11 $(WARN) $(if $(CI),-Werror)
override CPPFLAGS += -I. -D_GNU_SOURCE -DSANDWICH_VERSION='"$(VERSION)"' \
		     $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
override LDLIBS   += $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lnet -lm -lpthread
ifneq ($(SAN),)
override CFLAGS   += -fsanitize=$(SAN) -fno-omit-frame-pointer
override LDFLAGS  += -fsanitize=$(SAN)
endif

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

# What the folders hold
LIB_DIRS  := sandwich/fastpath sandwich/slowpath sandwich/health sandwich/control sandwich/run \
	     sync conf
LIB_SRC   := $(filter-out %.bpf.c,$(foreach d,$(LIB_DIRS),$(wildcard $(d)/*.c)))
LIB       := $(OBJ)/libsandwich.a
PROGRAMS  := $(addprefix $(BIN)/,sandwich-ingress sandwich-egress sandwichctl)
MAN_PAGES := $(wildcard conf/man/*.[1-9])
EXAMPLES  := $(wildcard conf/examples/*.conf)

BPF       := $(BUILD)/bpf
BPF_FLAGS := -O2 -g -target bpf -mcpu=v3 -ffreestanding -std=gnu11 -Wall -Wextra \
	     $(if $(CI),-Werror) -I. -I/usr/include/$(shell uname -m)-linux-gnu

include $(wildcard conf/conf.mk tests/*/*.mk topo/topo.mk)

.PHONY: all
all: $(PROGRAMS)

# Compile and link
$(OBJ)/%.o: %.c | $(OBJ)/.libraries
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC    $<")
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# The fast path's program, for the kernel; it lies within ours.
$(BPF)/%.o: sandwich/fastpath/%.c $(wildcard sandwich/core/*.h sandwich/fastpath/*.h) \
	    | $(OBJ)/.libraries
	@mkdir -p $(@D)
	$(if $(V),,@echo "  BPF   $<")
	$(Q)$(CLANG) $(BPF_FLAGS) -c -o $@ $<

$(OBJ)/sandwich/fastpath/object.o: $(BPF)/sandwich.bpf.o
$(OBJ)/sandwich/fastpath/object.o: override CPPFLAGS += -DFASTPATH_OBJECT='"$(BPF)/sandwich.bpf.o"'

$(LIB): $(LIB_SRC:%.c=$(OBJ)/%.o)
	@mkdir -p $(@D)
	@rm -f $@
	$(if $(V),,@echo "  AR    $@")
	$(Q)ar rcs $@ $^

define program
$(BIN)/$(1): $(patsubst %.c,$(OBJ)/%.o,$(wildcard $(2)/*.c)) $$(LIB)
	@mkdir -p $$(@D)
	$$(if $$(V),,@echo "  LINK  $$@")
	$$(Q)$$(CC) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$^ $$(LDLIBS)
endef
$(eval $(call program,sandwich-ingress,ingress))
$(eval $(call program,sandwich-egress,egress))
$(eval $(call program,sandwichctl,sandwich/ctl))

# Looked at once: a missing library is told as such, and not as a page of compiler errors.
$(OBJ)/.libraries:
	@mkdir -p $(@D)
	@for p in $(PKGS); do pkg-config --exists $$p || missing="$$missing $$p"; done; \
	echo '#include <libnet.h>' | $(CC) -E - >/dev/null 2>&1 || missing="$$missing libnet"; \
	command -v $(CLANG) >/dev/null || missing="$$missing $(CLANG)"; \
	if [ -n "$$missing" ]; then \
		echo "what it takes to build is not here:$$missing" >&2; \
		echo "run: sudo make deps" >&2; exit 1; \
	fi
	@touch $@

# What is missing on a Debian machine. DEPS=true: nothing is, or I have seen to it myself.
.PHONY: deps
deps:
	@$(DEPS) build run demo check

# `sudo make` leaves the build folder to the one who called sudo.
define give_back
if [ -n "$$SUDO_UID" ]; then chown -R "$$SUDO_UID:$$SUDO_GID" build 2>/dev/null || true; fi
endef
define need_root
if [ "$$(id -u)" != 0 ]; then echo "$(1)" >&2; exit 1; fi
endef

.PHONY: demo
demo:
	@$(call need_root,the demo makes network namespaces: run it as root (sudo make demo))
	@$(DEPS) build run demo
	@mkdir -p $(BUILD)
	@echo "building (the compiler's words are in $(BUILD)/make.log)"
	@$(MAKE) --no-print-directory -j$(JOBS) all topo >$(BUILD)/make.log 2>&1 || \
		{ tail -n 30 $(BUILD)/make.log >&2; exit 1; }
	@KEEP="$(KEEP)" BINDIR=$(BIN) topo/demo; status=$$?; $(give_back); exit $$status

# A farm of real VPN gateways: VPN=wireguard, ipsec or openvpn.
VPN ?= wireguard
.PHONY: demo-vpn
demo-vpn:
	@$(call need_root,the demo makes network namespaces: run it as root (sudo make demo-vpn))
	@$(DEPS) build run demo vpn
	@mkdir -p $(BUILD)
	@$(MAKE) --no-print-directory -j$(JOBS) all topo >$(BUILD)/make.log 2>&1 || \
		{ tail -n 30 $(BUILD)/make.log >&2; exit 1; }
	@KEEP="$(KEEP)" BINDIR=$(BIN) topo/farm $(VPN); status=$$?; $(give_back); exit $$status

# Failover drills: 2 + 2 balancers, and one thing after the other breaks.
DRILLS ?=
.PHONY: drill
drill:
	@$(call need_root,the drills make network namespaces: run them as root (sudo make drill))
	@$(DEPS) build run demo drill
	@$(MAKE) --no-print-directory -j$(JOBS) all topo >$(BUILD)/make.log 2>&1 || \
		{ tail -n 30 $(BUILD)/make.log >&2; exit 1; }
	@topo/drill --bindir $(BIN) --out $(BUILD)/drill $(if $(DRILLS),--only $(DRILLS)); \
	status=$$?; $(give_back); exit $$status

# Tests: each suite is a target of its own, and tests/run adds up what they say.
SUITES    ?= $(if $(SAN),unit packets sim roles config,\
	     lint unit packets hammer sim sync roles model fuzz config man system system-generic \
	     system-pcap vpn)
CHECK_LOG := $(BUILD)/check

.PHONY: check
check:
	@$(DEPS) build run demo check
	@$(PYTHON) tests/run --logs $(CHECK_LOG) \
		'build=$(MAKE) -j$(JOBS) all topo' \
		$(foreach s,$(SUITES),'$(s)=$(MAKE) -k --output-sync=target check-$(s)'); \
	status=$$?; $(give_back); exit $$status

.PHONY: check-config check-man check-system check-system-generic check-system-pcap
check-config: $(BIN)/sandwich-ingress $(BIN)/sandwich-egress
	@tests/lint/examples $(BIN) $(EXAMPLES)

check-man:
	@tests/lint/manuals $(MAN_PAGES)

# The lab's own tools are never sanitized.
check-system: all $(if $(SAN),,topo)
	$(if $(SAN),@$(MAKE) SAN= BUILD=build topo)
	SANDWICH_BINDIR=$(BIN) $(PYTHON) -m pytest -p no:cacheprovider -rfEs tests/system

# What carries traffic once more: XDP behind the driver, and what works everywhere.
SYSTEM_TRAFFIC := conversations failover ftp packets datapath events
check-system-generic: SYSTEM_DATAPATH := xdp-generic
check-system-pcap: SYSTEM_DATAPATH := pcap
check-system-generic check-system-pcap: all topo
	SANDWICH_DATAPATH=$(SYSTEM_DATAPATH) SANDWICH_BINDIR=$(BIN) $(PYTHON) -m pytest \
		-p no:cacheprovider -rfEs $(SYSTEM_TRAFFIC:%=tests/system/test_%.py)

# Installing
INSTALLED_SBIN := $(DESTDIR)$(PREFIX)/sbin
INSTALLED_MAN  := $(DESTDIR)$(PREFIX)/share/man
INSTALLED_DOC  := $(DESTDIR)$(PREFIX)/share/doc/sandwich
INSTALLED_LIB  := $(DESTDIR)$(PREFIX)/lib
INSTALLED_ETC  := $(DESTDIR)$(SYSCONFDIR)/sandwich

.PHONY: install
install: all
	install -d $(INSTALLED_SBIN) $(INSTALLED_LIB)/systemd/system $(INSTALLED_LIB)/sysusers.d \
		$(INSTALLED_DOC)/examples/keepalived $(INSTALLED_DOC)/examples/health \
		$(INSTALLED_ETC)
	install -m 755 $(PROGRAMS) $(INSTALLED_SBIN)
	for page in $(MAN_PAGES); do \
		install -D -m 644 $$page $(INSTALLED_MAN)/man$${page##*.}/$${page##*/} || exit 1; \
	done
	for unit in conf/systemd/*.service; do \
		sed 's#/usr/sbin/#$(PREFIX)/sbin/#' $$unit \
			>$(INSTALLED_LIB)/systemd/system/$${unit##*/} || exit 1; \
	done
	install -m 644 conf/systemd/sandwich.sysusers $(INSTALLED_LIB)/sysusers.d/sandwich.conf
	install -m 644 $(EXAMPLES) $(INSTALLED_DOC)/examples
	install -m 644 conf/examples/keepalived/keepalived.conf $(INSTALLED_DOC)/examples/keepalived
	install -m 755 conf/examples/keepalived/sandwich-role $(INSTALLED_DOC)/examples/keepalived
	install -m 755 conf/examples/health/check-* $(INSTALLED_DOC)/examples/health
	install -m 644 conf/examples/firewall.conf $(INSTALLED_ETC)/sandwich.conf.example
	@[ -n "$(DESTDIR)" ] || echo "next: cp $(SYSCONFDIR)/sandwich/sandwich.conf.example" \
		"$(SYSCONFDIR)/sandwich/sandwich.conf, and see sandwich.conf(5)"

.PHONY: deb
deb: all
	@BUILD=$(BUILD) VERSION=$(VERSION) MAKE="$(MAKE)" conf/install/deb

.PHONY: clean
clean:
	rm -rf build

.PHONY: help
help:
	@sed -n 's/^#@ \{0,1\}//p' $(firstword $(MAKEFILE_LIST))

#@ make                  builds build/bin/sandwich-ingress, sandwich-egress, sandwichctl
#@ sudo make demo        a sandwich in network namespaces, in under a minute (KEEP=1: it stays up)
#@ sudo make demo-vpn    three real VPN gateways behind one cluster address, and twenty clients:
#@                       VPN=wireguard, ipsec or openvpn (KEEP=1: it stays up)
#@ sudo make check       all the tests; the last line is their sum. Both install what is missing
#@ sudo make bench       packets a second and latency, beside Linux doing the same;
#@                       some of it: make bench BENCH="forward new"
#@ sudo make drill       failover drills on 2 + 2 balancers (DRILLS=kill-ingress,firewall: some)
#@ sudo make drill-standby  a standby beside a million sessions: filled, repaired, and not in vain
#@ sudo make deps        installs what building, the demo and the tests need (Debian)
#@ sudo make install     to PREFIX (/usr/local), with manual pages, units, examples; DESTDIR works
#@ make deb              a Debian package of the same, in build/
#@ make clean            removes build/
#@
#@ One suite of the tests: make check-lint, check-unit, check-packets, check-hammer, check-sim,
#@   check-sync, check-roles, check-model, check-fuzz, check-config, check-man, check-system,
#@   check-system-generic, check-system-pcap, check-vpn (real VPN gateways);
#@   check-seeds: the simulations of sync and roles with 100,000 seeds (LONG_SEEDS), 20 minutes;
#@   several: make check SUITES="lint unit"
#@
#@ CC=clang              gcc and clang both do
#@ CI=true               warnings are errors
#@ SAN=address,undefined the unit, packet and simulation tests under sanitizers; SAN=thread as well
#@ DEPS=true             installs nothing: what is needed is there
#@ JOBS=2                how many compilers at a time
#@ V=1                   shows their command lines

-include $(shell find $(OBJ) $(FUZZ_OBJ) -name '*.d' 2>/dev/null)
