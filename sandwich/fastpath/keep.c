// SPDX-License-Identifier: ISC
#include "sandwich/fastpath/keep.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandwich/fastpath/behind.h"
#include "sandwich/fastpath/bpffs.h"
#include "sandwich/fastpath/name.h"

#define KEEP_PATIENCE_MS 5000 /* how long a predecessor may take to die: its tables are large */
#define KEEP_STEP_MS 20
#define KEEP_PATH 128

struct keep {
	int root, dir;
	char name[NAME_SIZE];
	unsigned int former; /* number of the set; 0: none */
	unsigned int made;   /* ours; 0: not begun */
	bool finished;
};

static void keep_sweep(const struct keep *k);

/* --- names ---------------------------------------------------------------------------------- */

/* By the descriptor: no mount namespace matters, and pin paths are short. */
static void keep_path(const struct keep *k, char *out, const char *folder, const char *name)
{
	snprintf(out, KEEP_PATH, "/proc/self/fd/%d/%s%s%s", k->dir, folder, *folder ? "/" : "",
		 name);
}

static void keep_set_name(char *out, size_t size, unsigned int number, bool finished)
{
	snprintf(out, size, "%s%u", finished ? "t" : "new", number);
}

static const char *const keep_pins[KEEP_PINS] = {
	[KEEP_LINK] = "port_",
	[KEEP_NATIVE] = "native_",
	[KEEP_GENERIC] = "generic_",
};

static void keep_pin_name(char *out, size_t size, enum keep_pin kind, int ifindex)
{
	snprintf(out, size, "%s%d", keep_pins[kind], ifindex);
}

/* The interface that a pin belongs to; 0: it is none of an interface. */
static int keep_pin_ifindex(const char *name)
{
	for (int kind = 0; kind < KEEP_PINS; kind++)
		if (g_str_has_prefix(name, keep_pins[kind]))
			return atoi(name + strlen(keep_pins[kind]));
	return 0;
}

/* --- walking a directory -------------------------------------------------------------------- */

typedef void (*keep_visit)(void *user, int dir, const char *name);

/* Visits every entry, listed beforehand: what is visited may be removed. */
static void keep_walk(int dir, keep_visit visit, void *user)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	DIR *list = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	while (list && (entry = readdir(list)))
		if (entry->d_name[0] != '.')
			g_ptr_array_add(names, g_strdup(entry->d_name));
	if (list)
		closedir(list);
	for (guint i = 0; i < names->len; i++)
		visit(user, dir, g_ptr_array_index(names, i));
	g_ptr_array_unref(names);
}

static void keep_unlink(void *user, int dir, const char *name)
{
	(void)user;
	(void)unlinkat(dir, name, 0);
}

static void keep_remove_set(int dir, const char *name)
{
	int set = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (set < 0)
		return;
	keep_walk(set, keep_unlink, NULL);
	close(set);
	(void)unlinkat(dir, name, AT_REMOVEDIR);
}

static void keep_find_former(void *user, int dir, const char *name)
{
	struct keep *k = user;
	unsigned int number;
	char end;

	(void)dir;
	if (sscanf(name, "t%u%c", &number, &end) == 1 && number > k->former)
		k->former = number;
}

/* --- open ----------------------------------------------------------------------------------- */

/* Whether the directory was removed between being opened and being locked. */
static bool keep_is_gone(int dir)
{
	struct stat st;

	return fstat(dir, &st) || !st.st_nlink;
}

/* Opens and locks it, waiting for PATIENCE_MS. The descriptor or -errno. */
static int keep_lock(int root, const char *name, int patience_ms)
{
	for (;; patience_ms -= KEEP_STEP_MS) {
		int dir = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

		if (dir < 0)
			return -errno;
		err = flock(dir, LOCK_EX | LOCK_NB) ? errno : 0;
		if (!err && !keep_is_gone(dir))
			return dir;
		close(dir);
		if (!err)
			return -ENOENT;
		if (err != EWOULDBLOCK)
			return -err;
		if (patience_ms <= 0)
			return -EBUSY;
		g_usleep(KEEP_STEP_MS * 1000);
	}
}

static int keep_enter(int root, const char *name)
{
	int dir;

	do {
		if (mkdirat(root, name, 0700) && errno != EEXIST)
			return -errno;
		dir = keep_lock(root, name, KEEP_PATIENCE_MS);
	} while (dir == -ENOENT);
	return dir;
}

static char *keep_why(int err, const char *balancer)
{
	if (err == -EBUSY)
		return g_strdup_printf("another daemon of balancer %s runs in this network "
				       "namespace", balancer);
	return g_strdup_printf("no bpffs to keep the fast path in: %s", g_strerror(-err));
}

int keep_open(struct keep **out, const struct keep_who *who, char **why)
{
	struct keep *k = g_new0(struct keep, 1);
	int err = name_make(k->name, who->sandwich, who->balancer);

	k->dir = -1;
	k->root = err ? err : bpffs_open(true);
	if (k->root >= 0)
		k->dir = keep_enter(k->root, k->name);
	err = k->root < 0 ? k->root : k->dir < 0 ? k->dir : 0;
	if (err) {
		*why = keep_why(err, who->balancer);
		keep_close(k);
		return err;
	}
	keep_walk(k->dir, keep_find_former, k);
	keep_sweep(k);
	*out = k;
	return 0;
}

void keep_close(struct keep *k)
{
	char set[32];

	if (!k)
		return;
	if (k->made && !k->finished) {
		keep_set_name(set, sizeof(set), k->made, false);
		keep_remove_set(k->dir, set);
	}
	if (k->dir >= 0) {
		if (!k->former && !k->finished)
			(void)unlinkat(k->root, k->name, AT_REMOVEDIR); /* if it is empty */
		close(k->dir);
	}
	if (k->root >= 0)
		close(k->root);
	g_free(k);
}

/* --- what was left -------------------------------------------------------------------------- */

bool keep_has_former(const struct keep *k)
{
	return k->former;
}

static int keep_get(const struct keep *k, const char *folder, const char *name)
{
	char path[KEEP_PATH];
	int fd;

	keep_path(k, path, folder, name);
	fd = bpf_obj_get(path);
	return fd < 0 ? -errno : fd;
}

int keep_former_map(const struct keep *k, const char *name)
{
	char set[32];

	if (!k->former)
		return -ENOENT;
	keep_set_name(set, sizeof(set), k->former, true);
	return keep_get(k, set, name);
}

int keep_pinned(const struct keep *k, enum keep_pin kind, int ifindex)
{
	char name[32];

	keep_pin_name(name, sizeof(name), kind, ifindex);
	return keep_get(k, "", name);
}

/* --- what is put there ---------------------------------------------------------------------- */

/* Another who died while filling a set of that number left it: away with it. */
static int keep_begin(struct keep *k)
{
	char set[32];

	if (k->made)
		return 0;
	keep_set_name(set, sizeof(set), k->former + 1, false);
	keep_remove_set(k->dir, set);
	if (mkdirat(k->dir, set, 0700))
		return -errno;
	k->made = k->former + 1;
	return 0;
}

int keep_put_map(struct keep *k, int fd, const char *name)
{
	char path[KEEP_PATH], set[32];
	int err = keep_begin(k);

	if (err)
		return err;
	keep_set_name(set, sizeof(set), k->made, k->finished);
	keep_path(k, path, set, name);
	return bpf_obj_pin(fd, path) ? -errno : 0;
}

int keep_pin(struct keep *k, enum keep_pin kind, int fd, int ifindex)
{
	char path[KEEP_PATH], name[32];

	keep_pin_name(name, sizeof(name), kind, ifindex);
	(void)unlinkat(k->dir, name, 0);
	keep_path(k, path, "", name);
	return bpf_obj_pin(fd, path) ? -errno : 0;
}

void keep_unpin(struct keep *k, enum keep_pin kind, int ifindex)
{
	char name[32];

	keep_pin_name(name, sizeof(name), kind, ifindex);
	(void)unlinkat(k->dir, name, 0);
}

int keep_finish(struct keep *k)
{
	char from[32], to[32];
	int err = keep_begin(k);

	if (err)
		return err;
	keep_set_name(from, sizeof(from), k->made, false);
	keep_set_name(to, sizeof(to), k->made, true);
	if (renameat(k->dir, from, k->dir, to))
		return -errno;
	k->finished = true;
	return 0;
}

/* --- what is removed ------------------------------------------------------------------------ */

struct keep_tidying {
	struct keep *k;
	const int *wanted;
	unsigned int n;
	struct keep_removed *removed;
};

static bool keep_is_wanted(const struct keep_tidying *t, int ifindex)
{
	for (unsigned int i = 0; i < t->n; i++)
		if (t->wanted[i] == ifindex)
			return true;
	return false;
}

/* Other links to the program keep it on its port for as long as they are open: detach says now. */
static void keep_drop_port(const struct keep_tidying *t, int ifindex)
{
	int fd = keep_pinned(t->k, KEEP_LINK, ifindex);

	if (fd >= 0) {
		(void)bpf_link_detach(fd);
		keep_unpin(t->k, KEEP_LINK, ifindex);
		close(fd);
		if (t->removed)
			t->removed->links++;
	}
	behind_give_back(t->k, ifindex);
}

static void keep_tidy_entry(void *user, int dir, const char *name)
{
	const struct keep_tidying *t = user;
	int ifindex = keep_pin_ifindex(name);
	char own[32];

	keep_set_name(own, sizeof(own), t->k->made, true);
	if (ifindex) {
		if (!keep_is_wanted(t, ifindex))
			keep_drop_port(t, ifindex);
	} else if (!t->k->made || strcmp(name, own)) {
		keep_remove_set(dir, name);
		if (t->removed && name[0] == 't')
			t->removed->sets++;
	}
}

void keep_tidy(struct keep *k, const int *wanted, unsigned int n)
{
	struct keep_tidying t = {k, wanted, n, NULL};

	keep_walk(k->dir, keep_tidy_entry, &t);
	k->former = 0;
}

void keep_remove(struct keep *k, struct keep_removed *removed)
{
	struct keep_tidying t = {k, NULL, 0, removed};

	k->made = k->former = 0;
	keep_walk(k->dir, keep_tidy_entry, &t);
	if (!unlinkat(k->root, k->name, AT_REMOVEDIR) && removed)
		removed->balancers++;
	k->finished = true; /* nothing is left to be removed */
}

struct keep_removing {
	struct keep_removed *removed;
	char prefix[NAME_SIZE];
	int err;
};

static void keep_remove_one(void *user, int root, const char *name)
{
	struct keep_removing *r = user;
	struct keep k = {.root = root};

	if (strncmp(name, r->prefix, strlen(r->prefix)))
		return;
	g_strlcpy(k.name, name, sizeof(k.name));
	k.dir = keep_lock(root, name, 0);
	if (k.dir >= 0) {
		keep_remove(&k, r->removed);
		close(k.dir);
	} else if (k.dir != -ENOENT) {
		r->err = k.dir;
	}
}

int keep_remove_all(const struct keep_who *who, struct keep_removed *removed, char **why)
{
	struct keep_removing r = {.removed = removed};
	int err = name_make(r.prefix, who->sandwich, who->balancer), root;

	root = err ? err : bpffs_open(false);
	if (root == -ENOENT)
		return 0;
	if (root >= 0) {
		keep_walk(root, keep_remove_one, &r);
		close(root);
	}
	err = root < 0 ? root : r.err;
	if (err)
		*why = keep_why(err, who->balancer);
	return err;
}

/* --- what no namespace has any more ----------------------------------------------------------- */

/* A link whose interface is gone names none. */
static void keep_look_alive(void *user, int dir, const char *name)
{
	const struct keep k = {.dir = dir};
	struct bpf_link_info info = {0};
	int fd = keep_pin_ifindex(name) ? keep_get(&k, "", name) : -ENOENT;
	unsigned int size = sizeof(info);
	bool *alive = user;

	if (fd < 0)
		return;
	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		*alive = true; /* who knows */
	else if (info.type == BPF_LINK_TYPE_XDP && info.xdp.ifindex)
		*alive = true;
	close(fd);
}

/* "-NETNS-": the part of a name that tells the network namespace. */
static bool keep_same_netns(const char *a, const char *b)
{
	const char *at = strchr(a, '-'), *end = at ? strchr(at + 1, '-') : NULL;
	const char *other = strchr(b, '-');

	return end && other && !strncmp(at, other, (size_t)(end - at) + 1);
}

static void keep_sweep_one(void *user, int root, const char *name)
{
	const struct keep *own = user;
	struct keep k = {.root = root};
	bool alive = false;

	if (keep_same_netns(own->name, name))
		return;
	g_strlcpy(k.name, name, sizeof(k.name));
	k.dir = keep_lock(root, name, 0);
	if (k.dir < 0)
		return; /* its daemon runs */
	keep_walk(k.dir, keep_look_alive, &alive);
	if (!alive)
		keep_remove(&k, NULL);
	close(k.dir);
}

static void keep_sweep(const struct keep *k)
{
	keep_walk(k->root, keep_sweep_one, (void *)(uintptr_t)k);
}
