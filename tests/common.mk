# What the makefiles of the test folders share. Variables only: it may be included more than once.

# The sources that the links comments of $(1) name; they may go over several lines.
links_of = $(filter %.c,$(shell sed -n '1,20{/links:/,/\*\//p}' $(1)))

PACKETS_DIR     := $(BUILD)/packets$(if $(SAN),-$(subst $(comma),-,$(SAN)))
PACKETS_FILES   := $(sort $(wildcard tests/packets/fixtures/*.txt))
