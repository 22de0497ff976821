# sandwich: one make for everything. `make help` lists the targets.
#
# Each folder has a NAME.mk that lists what is in it; this file has the rules only.

BUILD     ?= build
CC        ?= gcc
CLANG     ?= clang
SAN       ?=
PREFIX    ?= /usr/local
PKGS      := glib-2.0 gio-2.0 gio-unix-2.0 json-glib-1.0 libmnl libsodium libmicrohttpd libcap-ng libbpf libxdp libpcap libbsd-overlay
OBJ       := $(BUILD)/obj$(if $(SAN),-$(subst $(comma),-,$(SAN)))
comma     := ,

WARN      := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Wvla -fno-common
CFLAGS    ?= -O2 -g
override CFLAGS += -std=gnu11 $(WARN) $(if $(CI),-Werror)
CPPFLAGS  += -I. -D_GNU_SOURCE $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LDLIBS    += $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lnet -lm -lpthread
ifneq ($(SAN),)
CFLAGS    += -fsanitize=$(SAN) -fno-omit-frame-pointer
LDFLAGS   += -fsanitize=$(SAN)
endif

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

# What the folders hold
LIB_DIRS  := sandwich/slowpath sandwich/health sandwich/control sandwich/run sync conf
LIB_SRC   := $(foreach d,$(LIB_DIRS),$(wildcard $(d)/*.c))
LIB       := $(OBJ)/libsandwich.a
PROGRAMS  := $(BUILD)/bin/sandwich-ingress $(BUILD)/bin/sandwich-egress $(BUILD)/bin/sandwichctl

include $(wildcard conf/conf.mk tests/*/*.mk topo/topo.mk)

.PHONY: all
all: $(PROGRAMS)

$(OBJ)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(LIB): $(LIB_SRC:%.c=$(OBJ)/%.o)
	@mkdir -p $(@D)
	@rm -f $@
	ar rcs $@ $^

define program
$(BUILD)/bin/$(1): $(patsubst %.c,$(OBJ)/%.o,$(wildcard $(2)/*.c)) $$(LIB)
	@mkdir -p $$(@D)
	$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(LDLIBS)
endef
$(eval $(call program,sandwich-ingress,ingress))
$(eval $(call program,sandwich-egress,egress))
$(eval $(call program,sandwichctl,sandwich/ctl))

.PHONY: clean
clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
