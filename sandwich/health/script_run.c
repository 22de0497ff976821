/* SPDX-License-Identifier: ISC */
#include "sandwich/health/script_run.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534
#define OUTPUT_MAX 65536 /* bytes that are read; a program that says more waits for its end */
#define TAIL_MAX 1024	 /* bytes that are kept */
#define WHY_MAX 96
#define FAILED_TO_DROP 126
#define UNDROPPED "not run: its privileges can't be taken away\n"

struct script_run {
	struct script_setup setup; /* .argv and .envp are not kept */
	bool abandoned, late;
	pid_t pid;
	int ended, output; /* a pidfd, and our end of the pipe */
	guint on_end, on_output, on_timeout;
	gsize read;
	GString *tail;
};

/* --- the child, between fork and exec: calls that are safe there (signal-safety(7)) ----------- */

static bool child_change_user(const struct script_user *as)
{
	return !as->change || (!setgroups(0, NULL) && !setresgid(as->gid, as->gid, as->gid) &&
			       !setresuid(as->uid, as->uid, as->uid));
}

static bool child_drop(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return !syscall(SYS_capset, &header, none) && !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* What the daemon has of the CPU, and of the right to stay when memory is short, is its own. */
static void child_be_modest(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	ssize_t done = fd < 0 ? 0 : write(fd, "0", 1);

	(void)done; /* it has ours then: no reason not to run */
	setpriority(PRIO_PROCESS, 0, 0);
}

static void child_prepare(gpointer user)
{
	const struct script_setup *setup = user;
	sigset_t none;

	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	child_be_modest();
	if (!child_change_user(&setup->as) || !child_drop()) {
		ssize_t said = write(STDERR_FILENO, UNDROPPED, sizeof(UNDROPPED) - 1);

		_exit(said < 0 ? FAILED_TO_DROP + 1 : FAILED_TO_DROP);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* a change of user takes it back */
}

/* --- what it says --------------------------------------------------------------------------- */

/* True: there may be more later. */
static bool run_read(struct script_run *r)
{
	char piece[1024];
	ssize_t got = read(r->output, piece, sizeof(piece));

	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	g_string_append_len(r->tail, piece, got);
	if (r->tail->len > TAIL_MAX)
		g_string_erase(r->tail, 0, (gssize)(r->tail->len - TAIL_MAX));
	r->read += (gsize)got;
	return got && r->read < OUTPUT_MAX;
}

static void run_read_rest(struct script_run *r)
{
	bool more = r->on_output != 0;

	while (more) {
		errno = 0;
		more = run_read(r) && !errno;
	}
}

static gboolean on_output(gint fd, GIOCondition condition, gpointer user)
{
	struct script_run *r = user;

	(void)fd, (void)condition;
	if (run_read(r))
		return G_SOURCE_CONTINUE;
	r->on_output = 0;
	return G_SOURCE_REMOVE;
}

/* Its last line that is not empty; goes into logs and JSON, so what isn't text is not taken. */
static char *run_last_line(struct script_run *r)
{
	char *end, *line;

	for (gsize i = 0; i < r->tail->len; i++)
		if (!g_ascii_isprint(r->tail->str[i]) && r->tail->str[i] != '\n')
			r->tail->str[i] = g_ascii_isspace(r->tail->str[i]) ? ' ' : '?';
	end = g_strchomp(r->tail->str);
	line = strrchr(end, '\n');
	return g_strstrip(line ? line + 1 : end);
}

/* --- its end -------------------------------------------------------------------------------- */

static void run_free(struct script_run *r)
{
	guint *sources[] = {&r->on_end, &r->on_output, &r->on_timeout};

	for (gsize i = 0; i < G_N_ELEMENTS(sources); i++)
		if (*sources[i])
			g_source_remove(*sources[i]);
	if (r->ended >= 0)
		close(r->ended);
	if (r->output >= 0)
		close(r->output);
	g_string_free(r->tail, TRUE);
	g_free(r);
}

/* What became of it, and what it said last; NULL: all is well. */
static char *run_why(struct script_run *r, const siginfo_t *info)
{
	const char *line = run_last_line(r);
	GString *why = g_string_new(NULL);

	if (r->late)
		g_string_printf(why, "not done in %u ms", r->setup.timeout_ms);
	else if (info->si_code != CLD_EXITED)
		g_string_printf(why, "ended by signal %d", info->si_status);
	else if (info->si_status)
		g_string_printf(why, "exit status %d", info->si_status);
	else
		return g_string_free(why, TRUE);
	if (*line)
		g_string_append_printf(why, ": %s", line);
	if (why->len >= WHY_MAX)
		g_string_truncate(why, WHY_MAX - 1);
	return g_string_free(why, FALSE);
}

/* Until it is reaped nobody else can have its number: so the rest of its group goes first. */
static gboolean on_end(gint fd, GIOCondition condition, gpointer user)
{
	struct script_run *r = user;
	struct script_setup setup = r->setup;
	bool abandoned = r->abandoned;
	siginfo_t info = {.si_code = CLD_KILLED};
	char *why;

	(void)fd, (void)condition;
	kill(-r->pid, SIGKILL);
	if (waitid(P_PID, (id_t)r->pid, &info, WEXITED | WNOHANG) || !info.si_pid)
		return G_SOURCE_CONTINUE;
	run_read_rest(r);
	why = run_why(r, &info);
	r->on_end = 0;
	run_free(r);
	if (!abandoned)
		setup.done(setup.user, !why, why);
	g_free(why);
	return G_SOURCE_REMOVE;
}

static gboolean on_timeout(gpointer user)
{
	struct script_run *r = user;

	r->on_timeout = 0;
	r->late = true;
	kill(-r->pid, SIGKILL);
	return G_SOURCE_REMOVE;
}

void script_abandon(struct script_run *r)
{
	r->abandoned = true;
	kill(-r->pid, SIGKILL); /* on_end() frees the rest */
}

/* --- its beginning -------------------------------------------------------------------------- */

void script_user(struct script_user *out)
{
	const struct passwd *user = getpwnam("sandwich");

	*out = (struct script_user){.change = !geteuid(),
				    .uid = user ? user->pw_uid : NOBODY,
				    .gid = user ? user->pw_gid : NOBODY};
}

static int run_spawn(struct script_run *r, char **argv, char **envp, int output, char **why)
{
	GError *error = NULL;

	if (!g_spawn_async_with_fds("/", argv, envp, G_SPAWN_DO_NOT_REAP_CHILD, child_prepare,
				    &r->setup, &r->pid, -1, output, output, &error)) {
		*why = g_strdup(error->message);
		g_error_free(error);
		return -ENOEXEC;
	}
	r->ended = (int)syscall(SYS_pidfd_open, r->pid, 0);
	if (r->ended >= 0)
		return 0;
	*why = g_strdup_printf("pidfd_open: %s", g_strerror(errno));
	kill(-r->pid, SIGKILL);
	waitpid(r->pid, NULL, 0);
	return -ENOSYS;
}

static void run_watch(struct script_run *r)
{
	r->on_end = g_unix_fd_add(r->ended, G_IO_IN, on_end, r);
	r->on_output = g_unix_fd_add(r->output, G_IO_IN | G_IO_HUP, on_output, r);
	r->on_timeout = g_timeout_add(r->setup.timeout_ms, on_timeout, r);
}

int script_run(struct script_run **out, const struct script_setup *setup, char **why)
{
	struct script_run *r = g_new0(struct script_run, 1);
	int ends[2], rc = -EMFILE;

	*out = NULL;
	r->setup = *setup;
	r->setup.argv = r->setup.envp = NULL;
	r->ended = r->output = -1;
	r->tail = g_string_new(NULL);
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK)) {
		*why = g_strdup_printf("pipe: %s", g_strerror(errno));
		goto out;
	}
	r->output = ends[0];
	fcntl(ends[1], F_SETFL, 0); /* programs expect to wait where a pipe is full */
	rc = run_spawn(r, setup->argv, setup->envp, ends[1], why);
	close(ends[1]);
out:
	if (rc) {
		run_free(r);
		return rc;
	}
	run_watch(r);
	*out = r;
	return 0;
}
