// SPDX-License-Identifier: ISC
#include "sandwich/fastpath/layout.h"

#include <errno.h>
#include <string.h>

void layout_init(struct layout *l)
{
	memset(l, 0, sizeof(*l));
	l->magic = LAYOUT_MAGIC;
	l->form = LAYOUT_FORM;
	l->meaning = LAYOUT_MEANING;
}

int layout_add_map(struct layout *l, const char *name, u32 type, u32 value_size, u32 entries)
{
	struct layout_map *m = &l->map[l->maps];

	if (l->maps >= LAYOUT_MAPS)
		return -ENOSPC;
	if (strlen(name) >= sizeof(m->name))
		return -ENAMETOOLONG;
	strcpy(m->name, name);
	m->type = type;
	m->value_size = value_size;
	m->entries = entries;
	m->first = l->fields;
	l->maps++;
	return 0;
}

int layout_add_field(struct layout *l, const char *name, u32 offset, u32 size)
{
	struct layout_field *field = &l->field[l->fields];

	if (!l->maps || l->fields >= LAYOUT_FIELDS)
		return -ENOSPC;
	if (strlen(name) >= sizeof(field->name))
		return -ENAMETOOLONG;
	strcpy(field->name, name);
	field->offset = offset;
	field->size = size;
	l->fields++;
	l->map[l->maps - 1].fields++;
	return 0;
}

static bool layout_is_text(const char *name, size_t size)
{
	return *name && memchr(name, 0, size);
}

static bool layout_field_ok(const struct layout_map *m, const struct layout_field *field)
{
	return layout_is_text(field->name, sizeof(field->name)) && field->size <= m->value_size &&
	       field->offset <= m->value_size - field->size;
}

static bool layout_map_ok(const struct layout *l, const struct layout_map *m)
{
	if (!layout_is_text(m->name, sizeof(m->name)) || m->fields > l->fields ||
	    m->first > l->fields - m->fields)
		return false;
	for (u32 i = 0; i < m->fields; i++)
		if (!layout_field_ok(m, &l->field[m->first + i]))
			return false;
	return true;
}

int layout_check(const struct layout *l)
{
	if (l->magic != LAYOUT_MAGIC || l->form != LAYOUT_FORM)
		return -EPROTO;
	if (l->maps > LAYOUT_MAPS || l->fields > LAYOUT_FIELDS)
		return -EINVAL;
	for (u32 i = 0; i < l->maps; i++)
		if (!layout_map_ok(l, &l->map[i]))
			return -EINVAL;
	return 0;
}

const struct layout_map *layout_map(const struct layout *l, const char *name)
{
	for (u32 i = 0; i < l->maps; i++)
		if (!strcmp(l->map[i].name, name))
			return &l->map[i];
	return NULL;
}

const struct layout_field *layout_field(const struct layout *l, const struct layout_map *m,
					const char *name)
{
	for (u32 i = 0; m && i < m->fields; i++)
		if (!strcmp(l->field[m->first + i].name, name))
			return &l->field[m->first + i];
	return NULL;
}

bool layout_same(const struct layout *a, const struct layout *b, const char *name)
{
	const struct layout_map *x = layout_map(a, name), *y = layout_map(b, name);

	if (!x || !y || a->meaning != b->meaning || x->type != y->type ||
	    x->value_size != y->value_size || x->entries != y->entries || x->fields != y->fields)
		return false;
	for (u32 i = 0; i < x->fields; i++) {
		const struct layout_field *f = &a->field[x->first + i];
		const struct layout_field *g = &b->field[y->first + i];

		if (strcmp(f->name, g->name) || f->offset != g->offset || f->size != g->size)
			return false;
	}
	return true;
}

size_t layout_stride(const struct layout_map *m)
{
	if (m->type & LAYOUT_ONE_VALUE)
		return m->value_size;
	return ((size_t)m->value_size + 7) & ~(size_t)7;
}

size_t layout_bytes(const struct layout_map *m)
{
	return layout_stride(m) * m->entries;
}
