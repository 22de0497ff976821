// SPDX-License-Identifier: ISC
#include "sandwich/fastpath/former.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sandwich/fastpath/keep.h"

struct former {
	const struct keep *keep;
	struct layout layout;
	const void *at[LAYOUT_MAPS]; /* NULL: not mapped (yet) */
};

/* Whether the kernel says of the map what the layout does: nothing is read beyond its end. */
static bool former_is_as_told(int fd, const struct layout_map *m)
{
	bool one = m->type & LAYOUT_ONE_VALUE;
	struct bpf_map_info info = {0};
	u32 size = sizeof(info);

	return !bpf_obj_get_info_by_fd(fd, &info, &size) &&
	       info.value_size == (one ? layout_bytes(m) : m->value_size) &&
	       info.max_entries == (one ? 1 : m->entries) && info.map_flags & BPF_F_MMAPABLE;
}

static const void *former_map(const struct keep *keep, const struct layout_map *m)
{
	int fd = keep_former_map(keep, m->name);
	void *at = MAP_FAILED;

	if (fd < 0)
		return NULL;
	if (former_is_as_told(fd, m))
		at = mmap(NULL, layout_bytes(m), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	return at == MAP_FAILED ? NULL : at;
}

int former_open(struct former **out, const struct keep *keep)
{
	const struct layout_map self = {
		.name = "layout", .value_size = sizeof(struct layout), .entries = 1};
	const void *layout;
	struct former *f;
	int err;

	if (!keep_has_former(keep))
		return -ENOENT;
	layout = former_map(keep, &self);
	if (!layout)
		return -EPROTO;
	f = g_new0(struct former, 1);
	f->keep = keep;
	memcpy(&f->layout, layout, sizeof(f->layout));
	munmap((void *)(uintptr_t)layout, layout_bytes(&self));
	err = layout_check(&f->layout);
	if (err)
		g_free(f);
	else
		*out = f;
	return err;
}

void former_free(struct former *f)
{
	if (!f)
		return;
	for (u32 i = 0; i < f->layout.maps; i++)
		if (f->at[i])
			munmap((void *)(uintptr_t)f->at[i], layout_bytes(&f->layout.map[i]));
	g_free(f);
}

const struct layout *former_layout(const struct former *f)
{
	return &f->layout;
}

void former_column(struct former *f, const char *map, const char *field, u32 size,
		   struct former_column *out)
{
	const struct layout_map *m = layout_map(&f->layout, map);
	const struct layout_field *member = layout_field(&f->layout, m, field);
	size_t i = m ? (size_t)(m - f->layout.map) : 0;

	memset(out, 0, sizeof(*out));
	if (!member || (size && member->size != size))
		return;
	if (!f->at[i])
		f->at[i] = former_map(f->keep, m);
	if (!f->at[i])
		return;
	out->at = (const u8 *)f->at[i] + member->offset;
	out->stride = layout_stride(m);
	out->count = m->entries;
	out->size = member->size;
}

u64 former_number(const struct former_column *c, u32 index)
{
	const u8 *at = c->at + index * c->stride;

	if (!c->at || index >= c->count)
		return 0;
	switch (c->size) {
	case 1:
		return *at;
	case 2:
		return *(const u16 *)(const void *)at;
	case 4:
		return core_load((const u32 *)(const void *)at);
	case 8:
		return core_load((const u64 *)(const void *)at);
	default:
		return 0;
	}
}

void former_copy(const struct former_column *c, u32 index, void *out, u32 size)
{
	memset(out, 0, size);
	if (c->at && index < c->count)
		memcpy(out, c->at + index * c->stride, MIN(size, c->size));
}
