// SPDX-License-Identifier: ISC
#include "sandwich/fastpath/describe.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DESCRIBE_DEPTH 4
#define DESCRIBE_SECTION ".bss."

struct describe {
	struct layout *layout;
	const struct btf *btf;
	int err;
};

static void describe_type(struct describe *d, const char *prefix, u32 id, u32 offset, int depth);

static void describe_members(struct describe *d, const char *prefix, const struct btf_type *type,
			     u32 offset, int depth)
{
	const struct btf_member *member = btf_members(type);

	for (u32 i = 0; i < btf_vlen(type) && !d->err; i++) {
		const char *name = btf__name_by_offset(d->btf, member[i].name_off);
		char path[2 * LAYOUT_NAME];
		int n = snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix ? "." : "", name);

		if (n >= (int)sizeof(path))
			d->err = -ENAMETOOLONG;
		describe_type(d, path, member[i].type, offset + btf_member_bit_offset(type, i) / 8,
			      depth + 1);
	}
}

/* One member: structs are named and then gone into, and so is the first element of an array. */
static void describe_type(struct describe *d, const char *prefix, u32 id, u32 offset, int depth)
{
	int resolved = btf__resolve_type(d->btf, id);
	const struct btf_type *type = resolved < 0 ? NULL : btf__type_by_id(d->btf, (u32)resolved);

	if (!type || d->err)
		return;
	if (*prefix)
		d->err = layout_add_field(d->layout, prefix, offset,
					  (u32)btf__resolve_size(d->btf, id));
	if (btf_is_array(type)) {
		resolved = btf__resolve_type(d->btf, btf_array(type)->type);
		type = resolved < 0 ? NULL : btf__type_by_id(d->btf, (u32)resolved);
	}
	if (type && btf_is_composite(type) && depth < DESCRIBE_DEPTH)
		describe_members(d, prefix, type, offset, depth);
}

const char *describe_name(const struct bpf_map *map)
{
	const char *name = bpf_map__name(map);
	size_t prefix = strlen(DESCRIBE_SECTION);

	if (!bpf_map__is_internal(map))
		return name;
	return strncmp(name, DESCRIBE_SECTION, prefix) ? NULL : name + prefix;
}

struct bpf_map *describe_find(const struct bpf_object *object, const char *name)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		const char *other = describe_name(map);

		if (other && !strcmp(other, name))
			return map;
	}
	return NULL;
}

/* A variable's section: the entries of an array are one value of the map. */
static void describe_variable(struct describe *d, const char *name)
{
	int id = btf__find_by_name_kind(d->btf, name, BTF_KIND_VAR);
	int resolved = id < 0 ? id : btf__resolve_type(d->btf, (u32)id);
	const struct btf_type *type = resolved < 0 ? NULL : btf__type_by_id(d->btf, (u32)resolved);
	u32 entries = 1, of = (u32)resolved;

	if (!type) {
		d->err = -ENOENT;
		return;
	}
	if (btf_is_array(type)) {
		entries = btf_array(type)->nelems;
		of = btf_array(type)->type;
	}
	d->err = layout_add_map(d->layout, name, BPF_MAP_TYPE_ARRAY | LAYOUT_ONE_VALUE,
				(u32)btf__resolve_size(d->btf, of), entries);
	if (!d->err)
		describe_type(d, "", of, 0, 0);
}

static void describe_map(struct describe *d, const struct bpf_map *map)
{
	d->err = layout_add_map(d->layout, bpf_map__name(map), bpf_map__type(map),
				bpf_map__value_size(map), bpf_map__max_entries(map));
	if (!d->err && d->btf && bpf_map__btf_value_type_id(map))
		describe_type(d, "", bpf_map__btf_value_type_id(map), 0, 0);
}

int describe(struct layout *l, struct bpf_object *object)
{
	struct describe d = {.layout = l, .btf = bpf_object__btf(object)};
	struct bpf_map *map;

	layout_init(l);
	bpf_object__for_each_map(map, object) {
		const char *name = describe_name(map);

		if (!name || d.err)
			continue;
		if (bpf_map__is_internal(map))
			describe_variable(&d, name);
		else
			describe_map(&d, map);
	}
	return d.err;
}
