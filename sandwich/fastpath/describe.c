// SPDX-License-Identifier: ISC
#include "sandwich/fastpath/describe.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>

#define DESCRIBE_DEPTH 4

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

int describe(struct layout *l, struct bpf_object *object)
{
	struct describe d = {.layout = l, .btf = bpf_object__btf(object)};
	struct bpf_map *map;

	layout_init(l);
	bpf_object__for_each_map(map, object) {
		if (bpf_map__is_internal(map))
			continue;
		d.err = layout_add_map(l, bpf_map__name(map), bpf_map__type(map),
				       bpf_map__value_size(map), bpf_map__max_entries(map));
		if (!d.err && d.btf && bpf_map__btf_value_type_id(map))
			describe_type(&d, "", bpf_map__btf_value_type_id(map), 0, 0);
		if (d.err)
			break;
	}
	return d.err;
}
