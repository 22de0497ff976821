/* SPDX-License-Identifier: ISC */
/* links: conf/address.c conf/check-addresses.c conf/check-devices.c */
/* links: conf/check-tunnels.c conf/check.c conf/keys.c */
/* links: conf/lines.c conf/lists.c conf/model.c conf/print.c conf/problem.c conf/read.c */
/* links: conf/scripts.c conf/targets.c conf/tunnels.c conf/units.c conf/values.c */
/* The config file: what it says becomes the model, what is wrong is told, what is printed reads. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <glob.h>

#include "conf/address.h"
#include "conf/config.h"
#include "conf/keys.h"
#include "tests/unit/config_broken.h"

static const char good_config[] = "[sandwich]\n"
				  "name = test\n"
				  "mode = firewall\n"
				  "secret-file = /etc/sandwich/secret\n"
				  "\n"
				  "[side ingress]\n"
				  "uplink-address = 192.0.2.1/24\n"
				  "farm-address = 10.1.0.1/24\n"
				  "\n"
				  "[side egress]\n"
				  "uplink-address = 10.9.0.1/16\n"
				  "farm-address = 10.2.0.1/24\n"
				  "\n"
				  "[balancer in-a]\n"
				  "side = ingress\n"
				  "uplink = eth0\n"
				  "farm = eth1\n"
				  "\n"
				  "[balancer out-a]\n"
				  "side = egress\n"
				  "uplink = eth0\n"
				  "farm = eth1\n"
				  "\n"
				  "[device fw1]\n"
				  "ingress = 10.1.0.11\n"
				  "egress = 10.2.0.11\n"
				  "\n"
				  "[device fw2]\n"
				  "ingress = 10.1.0.12\n"
				  "egress = 10.2.0.12\n"
				  "\n"
				  "[health]\n"
				  "path = 20ms x 3\n";

/* good_config with the first FIND replaced. */
static char *changed(const char *find, const char *replace)
{
	const char *at = strstr(good_config, find);

	assert_non_null(at);
	return g_strdup_printf("%.*s%s%s", (int)(at - good_config), good_config, replace,
			       at + strlen(find));
}

/* TEXT's problems as "line: text\n". */
static char *problems_of(const char *text, size_t length)
{
	GPtrArray *problems = config_problems_new();
	GString *told = g_string_new(NULL);
	struct config *config;
	int rc = config_parse(text, length, &config, problems);

	assert_int_equal(rc, problems->len ? -EINVAL : 0);
	assert_true(!config == (rc != 0));
	for (guint i = 0; i < problems->len; i++) {
		const struct config_problem *p = g_ptr_array_index(problems, i);

		g_string_append_printf(told, "%d: %s\n", p->line, p->text);
	}
	config_free(config);
	g_ptr_array_unref(problems);
	return g_string_free(told, FALSE);
}

static struct config *parse(const char *text)
{
	GPtrArray *problems = config_problems_new();
	struct config *config;
	int rc = config_parse(text, strlen(text), &config, problems);

	for (guint i = 0; i < problems->len; i++) {
		const struct config_problem *p = g_ptr_array_index(problems, i);

		print_error("%d: %s\n", p->line, p->text);
	}
	assert_int_equal(rc, 0);
	g_ptr_array_unref(problems);
	return config;
}

/* good_config with ADDED behind FIND, parsed. */
static struct config *parse_with(const char *find, const char *added)
{
	char *both = g_strconcat(find, added, NULL), *text = changed(find, both);
	struct config *config = parse(text);

	g_free(both);
	g_free(text);
	return config;
}

static void check_broken(const struct broken *broken, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *text = changed(broken[i].find, broken[i].replace);
		char *told = problems_of(text, strlen(text));

		assert_string_equal(told, broken[i].problems);
		g_free(told);
		g_free(text);
	}
}

static void broken_lines_are_told(void **state)
{
	(void)state;
	check_broken(broken_lines, G_N_ELEMENTS(broken_lines));
}

static void broken_values_are_told(void **state)
{
	(void)state;
	check_broken(broken_values, G_N_ELEMENTS(broken_values));
}

static void contradictions_are_told(void **state)
{
	(void)state;
	check_broken(broken_cross, G_N_ELEMENTS(broken_cross));
}

static void a_zero_byte_is_told(void **state)
{
	char text[] = "a\0b";
	char *told = problems_of(text, sizeof(text) - 1);

	(void)state;
	assert_true(g_str_has_prefix(told, "1: not text: "));
	g_free(told);
}

static void what_is_no_text_is_told_once(void **state)
{
	char text[] = "[sandwich]\na\0b\n\0\n\377\n";
	char *told = problems_of(text, sizeof(text) - 1);

	(void)state;
	assert_string_equal(told, "2: not text: write UTF-8 without zero bytes\n");
	g_free(told);
}

static void a_byte_order_mark_is_skipped(void **state)
{
	char *text = g_strconcat("\xef\xbb\xbf", good_config, NULL);

	(void)state;
	config_free(parse(text));
	g_free(text);
}

static void terminal_controls_are_blanked(void **state)
{
	char *text = changed("mode = firewall", "mode = \033[2J");
	char *told = problems_of(text, strlen(text));

	(void)state;
	assert_string_equal(told, "3: mode = ?[2J: write firewall or vpn\n");
	g_free(told);
	g_free(text);
}

/* good_config with a line "KEY = ITEM ITEM ...", COUNT of them, at its end. */
static char *crowded(const char *key, const char *item, int count)
{
	GString *line = g_string_new(NULL);
	char *text;

	g_string_append_printf(line, "path = off\n%s = ", key);
	for (int i = 0; i < count; i++)
		g_string_append_printf(line, " %s", item);
	text = changed("path = 20ms x 3", line->str);
	g_string_free(line, TRUE);
	return text;
}

static void a_value_too_long_is_told(void **state)
{
	static const struct {
		const char *key, *item;
		int count;
		const char *told;
	} cases[] = {
		{"tcp", "1", 1023, ""},
		{"tcp", "1", 1024, ": write fewer than 1024 checks\n"},
		{"[device fw3]\ningress = port:eth1\negress", "10.2.0.9", 65,
		 ": write 64 items or fewer\n"},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		char *text = crowded(cases[i].key, cases[i].item, cases[i].count);
		char *told = problems_of(text, strlen(text));

		assert_true(g_str_has_suffix(told, cases[i].told));
		assert_true(*cases[i].told || !*told);
		g_free(told);
		g_free(text);
	}
}

static void a_device_too_many_is_told(void **state)
{
	GString *text = g_string_new("[balancer b]\nside = ingress\n");
	char *told;

	(void)state;
	for (int i = 0; i < 256; i++)
		g_string_append_printf(text, "[device d%d]\n", i);
	told = problems_of(text->str, text->len);
	assert_non_null(strstr(told, "258: device 'd255' is one too many"));
	assert_null(strstr(told, "257: device 'd254' is one too many"));
	g_free(told);
	g_string_free(text, TRUE);
}

static void a_file_too_large_is_told(void **state)
{
	size_t length = (1 << 20) + 1;
	char *text = g_malloc0(length);
	char *told = problems_of(text, length);

	(void)state;
	assert_string_equal(told, "0: larger than 1 MiB: this is no config file\n");
	g_free(told);
	g_free(text);
}

static void a_file_that_is_not_there_is_told(void **state)
{
	GPtrArray *problems = config_problems_new();
	struct config *config;

	(void)state;
	assert_int_equal(config_read("/nonexistent/file", &config, problems), -ENOENT);
	assert_null(config);
	assert_int_equal(problems->len, 1);
	g_ptr_array_unref(problems);
}

/* Reads PATH, which must fail with a problem that has WORDS. */
static void check_unfit(const char *path, const char *words)
{
	GPtrArray *problems = config_problems_new();
	const struct config_problem *p;
	struct config *config;

	assert_int_not_equal(config_read(path, &config, problems), 0);
	assert_null(config);
	assert_int_equal(problems->len, 1);
	p = g_ptr_array_index(problems, 0);
	assert_non_null(strstr(p->text, words));
	g_ptr_array_unref(problems);
}

static void what_is_no_file_is_told_at_once(void **state)
{
	char folder[] = "/tmp/test-config-XXXXXX";
	char *path;

	(void)state;
	assert_non_null(mkdtemp(folder));
	path = g_build_filename(folder, "pipe", NULL);
	assert_int_equal(mkfifo(path, 0600), 0);
	check_unfit(path, "nobody writes to");
	check_unfit(folder, "is a directory");
	check_unfit("/dev/zero", "is a device");
	unlink(path);
	rmdir(folder);
	g_free(path);
}

/* As in: sandwich-ingress -c <(generate) */
static void a_pipe_is_read_to_its_end(void **state)
{
	GPtrArray *problems = config_problems_new();
	struct config *config;
	char *path;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], good_config, strlen(good_config)), strlen(good_config));
	close(ends[1]);
	path = g_strdup_printf("/dev/fd/%d", ends[0]);
	assert_int_equal(config_read(path, &config, problems), 0);
	config_free(config);
	close(ends[0]);
	g_free(path);
	g_ptr_array_unref(problems);
}

static void defaults_depend_on_mode_and_name(void **state)
{
	struct config *config = parse(good_config);
	char *vpn = changed("mode = firewall", "mode = vpn");

	(void)state;
	assert_int_equal(config->affinity, CONFIG_AFFINITY_PAIR);
	assert_int_equal(config->sessions, 1 << 20);
	assert_int_equal(config->timeout[CONFIG_TIMEOUT_TCP_ESTABLISHED], 5 * 86400);
	assert_int_equal(config->health.path.interval_ms, 20);
	assert_int_equal(config->health.path_port, 4851);
	assert_int_equal(config->side[CONFIG_INGRESS].farm_vlan, -1);
	assert_int_equal(config->side[CONFIG_EGRESS].farm_mac.bytes[1], 0x73);
	assert_string_equal(config_find_balancer(config, "in-a")->control,
			    "/run/sandwich/in-a.sock");
	assert_int_equal(config_find_device(config, "fw2")->id, 2);
	assert_null(config_find_device(config, "fw3"));
	config_free(config);

	config = parse(vpn);
	assert_int_equal(config->affinity, CONFIG_AFFINITY_CLIENT);
	config_free(config);
	g_free(vpn);
}

static void virtual_macs_are_stable(void **state)
{
	struct config *config = parse(good_config);
	GString *mac = g_string_new(NULL);

	(void)state;
	/* A released default: it must not change, or an upgrade would change MACs under hosts. */
	address_mac_print(mac, &config->side[CONFIG_INGRESS].uplink_mac);
	assert_string_equal(mac->str, "02:73:be:cd:39:87");
	g_string_free(mac, TRUE);
	config_free(config);
}

static void slots_are_rounded_up(void **state)
{
	struct config *config = parse_with("mode = firewall\n", "sessions = 1000000\npins = 3k\n");

	(void)state;
	assert_int_equal(config->sessions, 1 << 20);
	assert_int_equal(config->pins, 4096);
	config_free(config);
}

static void comments_stand_anywhere(void **state)
{
	char *text = changed("[side ingress]", "  # one\r\n#two\n [ timeouts ]\t# three\r\n"
					       "\tudp=7s\t# four\n#\nicmp = 8s #\n"
					       "[side  ingress] # five");
	struct config *config = parse(text);

	(void)state;
	assert_int_equal(config->timeout[CONFIG_TIMEOUT_UDP], 7);
	assert_int_equal(config->timeout[CONFIG_TIMEOUT_ICMP], 8);
	config_free(config);
	g_free(text);
}

static void a_hash_within_a_word_is_no_comment(void **state)
{
	char *text = changed("/etc/sandwich/secret", "/etc/a#b");
	struct config *config = parse(text);

	(void)state;
	assert_string_equal(config->secret_file, "/etc/a#b");
	config_free(config);
	g_free(text);
}

static void attachments_mix(void **state)
{
	struct config *config =
		parse_with("ingress = 10.1.0.11", ", 02:00:00:00:00:0a fe80::1  vlan:7,port:eth1");
	const struct config_attachment *at = &config_find_device(config, "fw1")->at[CONFIG_INGRESS];

	(void)state;
	assert_int_equal(at->addresses->len, 2);
	assert_int_equal(at->macs->len, 1);
	assert_int_equal(g_array_index(at->macs, struct config_mac, 0).bytes[5], 0x0a);
	assert_int_equal(at->vlan, 7);
	assert_string_equal(at->port, "eth1");
	config_free(config);
}

static void sync_has_a_default_port(void **state)
{
	struct config *config = parse_with("farm = eth1\n", "sync = 172.31.0.1 2001:db8::1\n");
	const struct config_balancer *balancer = config_find_balancer(config, "in-a");

	(void)state;
	assert_string_equal(g_ptr_array_index(balancer->sync, 0), "172.31.0.1:4850");
	assert_string_equal(g_ptr_array_index(balancer->sync, 1), "[2001:db8::1]:4850");
	config_free(config);
}

/* print -> read -> print is the identity. */
static void check_identity(struct config *config)
{
	char *first = config_print(config), *second;
	struct config *again = parse(first);

	second = config_print(again);
	assert_string_equal(first, second);
	g_free(second);
	g_free(first);
	config_free(again);
}

static void what_is_printed_reads_the_same(void **state)
{
	struct config *config = parse(good_config);

	(void)state;
	check_identity(config);
	config_free(config);
}

/* Changes that leave good_config good. */
static const struct {
	const char *find, *replace;
} fine[] = {
	{"path = 20ms x 3", "path = off"},
	{"path = 20ms x 3", "path = 5ms x 3\nlink = yes"},
	{"mode = firewall", "mode = vpn\naffinity = flow"},
	{"10.9.0.1/16", "10.9.0.1/16 fe80::1/64\ngateway = fe80::2 10.9.0.2"},
	{"10.1.0.1/24", "10.1.0.1/24\nfarm-vlan = none\nuplink-vlan = 4094\nlast-hop = on"},
	{"10.1.0.11\n", "10.1.0.11 fe80::1 02:00:00:00:00:01\nid = 200\nstate = disabled\n"},
	{"farm = eth1\n", "farm = eth1, eth2\nmetrics = [::1]\ndatapath = xdp\nxdp-chain = on\n"},
	{"farm = eth1\n", "farm = eth1\nmetrics = off\nsync = none\ncontrol = /tmp/x y\n"},
};

static void good_variants_read_and_print(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(fine); i++) {
		char *text = changed(fine[i].find, fine[i].replace);
		struct config *config = parse(text);

		check_identity(config);
		config_free(config);
		g_free(text);
	}
}

static void examples_read_and_print(void **state)
{
	glob_t files;

	(void)state;
	if (glob("conf/examples/*.conf", 0, NULL, &files))
		fail_msg("no conf/examples/*.conf: run from the root of the repository");
	assert_true(files.gl_pathc >= 7);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		GPtrArray *problems = config_problems_new();
		struct config *config;

		if (config_read(files.gl_pathv[i], &config, problems))
			fail_msg("%s: %u problems", files.gl_pathv[i], problems->len);
		check_identity(config);
		config_free(config);
		g_ptr_array_unref(problems);
	}
	globfree(&files);
}

/* What stands in PATH between the lines BEGIN and END; run from the root of the repository. */
static char *excerpt(const char *path, const char *begin, const char *end)
{
	char *text, *from, *to, *inside;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		fail_msg("no %s: run from the root of the repository", path);
	from = strstr(text, begin);
	assert_non_null(from);
	from += strlen(begin);
	to = strstr(from, end);
	assert_non_null(to);
	inside = g_strndup(from, (gsize)(to - from));
	g_free(text);
	return inside;
}

static void documented_examples_read(void **state)
{
	char *texts[] = {excerpt("sandwich/DESIGN.md", "\n```ini\n", "\n```\n"),
			 excerpt("conf/man/sandwich.conf.5",
				 "\nTwo balancers around two firewalls:\n"
				 ".Bd -literal -offset indent\n",
				 "\n.Ed\n")};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		struct config *config = parse(texts[i]);

		check_identity(config);
		config_free(config);
		g_free(texts[i]);
	}
}

static void every_key_is_in_the_man_page(void **state)
{
	char *page = excerpt("conf/man/sandwich.conf.5", "\n.Sh SECTIONS\n", "\n.Sh FILES\n");

	(void)state;
	for (int i = 0; i < SECTIONS; i++) {
		for (const struct key *key = section_kinds[i].keys; key->name; key++) {
			char *item = g_strdup_printf("\n.It Ic %s ", key->name);

			if (!strstr(page, item))
				fail_msg("%s is not in sandwich.conf(5)", key->name);
			g_free(item);
		}
	}
	g_free(page);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(broken_lines_are_told),
		cmocka_unit_test(broken_values_are_told),
		cmocka_unit_test(contradictions_are_told),
		cmocka_unit_test(a_zero_byte_is_told),
		cmocka_unit_test(what_is_no_text_is_told_once),
		cmocka_unit_test(a_byte_order_mark_is_skipped),
		cmocka_unit_test(terminal_controls_are_blanked),
		cmocka_unit_test(a_value_too_long_is_told),
		cmocka_unit_test(a_device_too_many_is_told),
		cmocka_unit_test(a_file_too_large_is_told),
		cmocka_unit_test(a_file_that_is_not_there_is_told),
		cmocka_unit_test(what_is_no_file_is_told_at_once),
		cmocka_unit_test(a_pipe_is_read_to_its_end),
		cmocka_unit_test(defaults_depend_on_mode_and_name),
		cmocka_unit_test(virtual_macs_are_stable),
		cmocka_unit_test(slots_are_rounded_up),
		cmocka_unit_test(comments_stand_anywhere),
		cmocka_unit_test(a_hash_within_a_word_is_no_comment),
		cmocka_unit_test(attachments_mix),
		cmocka_unit_test(sync_has_a_default_port),
		cmocka_unit_test(what_is_printed_reads_the_same),
		cmocka_unit_test(good_variants_read_and_print),
		cmocka_unit_test(examples_read_and_print),
		cmocka_unit_test(documented_examples_read),
		cmocka_unit_test(every_key_is_in_the_man_page),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
