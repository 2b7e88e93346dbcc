/* What folders are called on another server: one name each, the same at every run, readable back.
 */
#include "mapping_help.h"

enum { LONG = 400 };

#define assert_row(t, source, wanted, wanted_how)                                                  \
	do {                                                                                       \
		assert_string_equal(row(t, source)->name, wanted);                                 \
		assert_int_equal(row(t, source)->how, wanted_how);                                 \
	} while (0)

/* ---- one name ---- */

struct name {
	char from_delim;
	const char *from_prefix;
	char to_delim;
	const char *to_prefix, *from, *to;
	enum mapped_how how;
};

static void
check_names(const struct name *name, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct name *one = &name[i];
		struct table *t =
		    table_new(one->from_delim, one->from_prefix, one->to_delim, one->to_prefix);

		from(t, one->from);
		assert_int_equal(made(t), 0);
		assert_string_equal(t->to[0].name, one->to);
		assert_int_equal(t->to[0].how, one->how);
		assert_true((t->to[0].why != NULL) == (one->how == MAPPED_REPLACED));
		table_free(t);
	}
}

static void
delimiters_and_prefixes_are_the_targets(void **state)
{
	static const struct name names[] = {
		{ '/', "", '/', "", "a/b", "a/b", MAPPED_PLAIN },
		{ '/', "", '.', "", "a/b", "a.b", MAPPED_PLAIN },
		{ '.', "", '/', "", "a.b", "a/b", MAPPED_PLAIN },
		{ '/', "", '\\', "", "a/b", "a\\b", MAPPED_PLAIN },
		{ '\\', "", '/', "", "a\\b", "a/b", MAPPED_PLAIN },
		{ 0, "", '/', "", "a", "a", MAPPED_PLAIN },
		{ '.', "INBOX.", '/', "", "INBOX.a.b", "a/b", MAPPED_PLAIN },
		{ '/', "", '.', "INBOX.", "a/b", "INBOX.a.b", MAPPED_PLAIN },
		{ '.', "INBOX.", '.', "INBOX.", "INBOX.a.b", "INBOX.a.b", MAPPED_PLAIN },
		{ '/', "Mail/", '/', "", "Mail/x", "x", MAPPED_PLAIN },
		{ '/', "Mail/", '/', "", "Mail", "Mail", MAPPED_PLAIN },
		{ '/', "", '/', "Mail/", "x", "Mail/x", MAPPED_PLAIN },
		{ '.', "INBOX.", '/', "", "shared.x", "shared/x", MAPPED_PLAIN },
		{ '/', "", '.', "INBOX.", "shared/x", "INBOX.shared.x", MAPPED_PLAIN },
		/* what no server means */
		{ '/', "", '/', "bad\x01/", "x", "x", MAPPED_PLAIN },
		{ '\xe9', "", '\xe9', "", "a", "a", MAPPED_PLAIN },
	};

	(void)state;
	check_names(names, COUNT_OF(names));
}

static void
inbox_stays_inbox(void **state)
{
	static const struct name names[] = {
		{ '/', "", '.', "INBOX.", "INBOX", "INBOX", MAPPED_PLAIN },
		{ '.', "INBOX.", '/', "", "INBOX", "INBOX", MAPPED_PLAIN },
		{ '/', "", '/', "", "inbox", "INBOX", MAPPED_PLAIN },
		{ '/', "", '/', "Mail/", "Inbox", "INBOX", MAPPED_PLAIN },
		/* what lies below it */
		{ '/', "", '/', "", "INBOX/a", "INBOX/a", MAPPED_PLAIN },
		{ '/', "", '.', "INBOX.", "INBOX/a/b", "INBOX.a.b", MAPPED_PLAIN },
		{ '/', "", '/', "Mail/", "Inbox/a", "INBOX/a", MAPPED_PLAIN },
		{ '/', "", '/', "", "INBOXES/a", "INBOXES/a", MAPPED_PLAIN },
		{ '/', "", 0, "", "INBOX/a", "INBOX=2Fa", MAPPED_REPLACED },
		/* a folder of that name which is another */
		{ '.', "INBOX.", '.', "INBOX.", "INBOX.INBOX", "INBOX.INBOX", MAPPED_PLAIN },
		{ '.', "INBOX.", '/', "", "INBOX.INBOX", "INBOX~2", MAPPED_REPLACED },
		{ '.', "INBOX.", '/', "", "INBOX.inbox", "inbox~2", MAPPED_REPLACED },
	};

	(void)state;
	check_names(names, COUNT_OF(names));
}

static void
what_the_server_cannot_have_is_replaced(void **state)
{
	static const struct name names[] = {
		{ '/', "", '.', "", "v1.2/x", "v1=2E2.x", MAPPED_REPLACED },
		{ '.', "", '/', "", "a/b.c", "a=2Fb/c", MAPPED_REPLACED },
		{ '/', "", '\\', "", "a\\b", "a=5Cb", MAPPED_REPLACED },
		{ '/', "", 0, "", "a/b", "a=2Fb", MAPPED_REPLACED },
		{ '.', "", 0, "", "a/b.c", "a/b=2Fc", MAPPED_REPLACED },
		{ '/', "", 0, "", "a=2Fb", "a=3D2Fb", MAPPED_REPLACED },
		/* '=' */
		{ '/', "", '.', "", "a=2Eb", "a=3D2Eb", MAPPED_REPLACED },
		{ '/', "", '/', "", "a=3d", "a=3D3d", MAPPED_REPLACED },
		{ '/', "", '/', "", "a=b", "a=b", MAPPED_PLAIN },
		{ '/', "", '/', "", "a=", "a=", MAPPED_PLAIN },
		{ '/', "", '/', "", "=", "=3D", MAPPED_REPLACED },
		{ '/', "", '/', "", "=%", "==25", MAPPED_REPLACED },
		{ '/', "", '/', "", "=2%", "=2=25", MAPPED_REPLACED },
		/* levels without a name */
		{ '/', "", '/', "", "a//b", "a/=/b", MAPPED_REPLACED },
		{ '/', "", '/', "", "/a", "=/a", MAPPED_REPLACED },
		{ '/', "", '/', "", "a/", "a/=", MAPPED_REPLACED },
		{ '.', "INBOX.", '/', "", "INBOX.", "=", MAPPED_REPLACED },
		/* blanks, wildcards, control characters */
		{ '/', "", '/', "", " a b /  c", "=20a b=20/=20 c", MAPPED_REPLACED },
		{ '/', "", '/', "", " ", "=20", MAPPED_REPLACED },
		{ '/', "", '/', "", "100%/*", "100=25/=2A", MAPPED_REPLACED },
		{ '/', "", '/', "", "a\tb\x7f", "a=09b=7F", MAPPED_REPLACED },
		{ '/', "", '/', "", "a&AAk-b", "a=09b", MAPPED_REPLACED },
		{ '/', "", '/', "", "a&AIU-b", "a=C2=85b", MAPPED_REPLACED },
		/* never inside a run of base64 */
		{ '/', "", '.', "", "Entw&APw-rfe.alt", "Entw&APw-rfe=2Ealt", MAPPED_REPLACED },
		{ '/', "", '/', "", "&AOkACQDp-", "&AOk-=09&AOk-", MAPPED_REPLACED },
		{ '.', "", '/', "", "&AOk-/&AOk-", "&AOk-=2F&AOk-", MAPPED_REPLACED },
		{ '/', "", '+', "", "&,+k-", "&,+k-", MAPPED_PLAIN },
	};

	(void)state;
	check_names(names, COUNT_OF(names));
}

static void
raw_names_become_modified_utf7(void **state)
{
	static const struct name names[] = {
		{ '/', "", '.', "", "Entw\xc3\xbcrfe/x", "Entw&APw-rfe.x", MAPPED_PLAIN },
		{ '/', "", '.', "", "R&D \xc3\xbc", "R&-D &APw-", MAPPED_PLAIN },
		{ '/', "", '.', "", "Entw\xfcrfe", "Entw&APw-rfe", MAPPED_REPLACED },
		{ '/', "", '.', "", "R&D", "R&-D", MAPPED_REPLACED },
		{ '/', "", '.', "", "&AGE-", "&-AGE-", MAPPED_REPLACED },
		{ '/', "", '.', "", "caf\xc3\xa9. \x01", "caf&AOk-=2E =01", MAPPED_REPLACED },
	};
	struct table *t = table_new('/', "", '/', "");

	(void)state;
	check_names(names, COUNT_OF(names));
	from_octets(t, "a\0b", 3);
	/* two spellings of one name */
	from(t, "&APw-");
	from(t, "\xc3\xbc");
	from(t, "\xfc");
	assert_int_equal(made(t), 0);
	assert_string_equal(t->to[0].name, "a=00b");
	assert_string_equal(t->to[1].name, "&APw-");
	assert_string_equal(t->to[2].name, "&APw-~2");
	assert_string_equal(t->to[3].name, "&APw-~3");
	table_free(t);
}

static void
a_target_that_lists_raw_names_gets_them(void **state)
{
	struct table *t = table_new('.', "INBOX.", '/', "");

	(void)state;
	from(t, "INBOX.Entw&APw-rfe");
	from(t, "INBOX.Entw&APw-rfe.alt");
	there(t, "Entw\xc3\xbcrfe", NULL);
	assert_int_equal(made(t), 0);
	assert_row(t, "INBOX.Entw&APw-rfe", "Entw\xc3\xbcrfe", MAPPED_PLAIN);
	assert_true(row(t, "INBOX.Entw&APw-rfe")->exists);
	assert_row(t, "INBOX.Entw&APw-rfe.alt", "Entw&APw-rfe/alt", MAPPED_PLAIN);
	assert_false(row(t, "INBOX.Entw&APw-rfe.alt")->exists);
	table_free(t);
}

/* ---- long names ---- */

static void
long_name(char *out, const char *piece, size_t times, const char *end)
{
	out[0] = '\0';
	for (size_t i = 0; i < times; i++)
		memcpy(out + i * strlen(piece), piece, strlen(piece) + 1);
	memcpy(out + strlen(out), end, strlen(end) + 1);
}

static void
long_names_are_cut_and_stay_readable(void **state)
{
	static const char *const pieces[] = { "x", "&AOk-", "&2D3eAA-", "&-", "ab ", "a/", "%",
		"\xc3\xa9", "\xe5\x8f\xb0\xe5\x8c\x97", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80z",
		"=3D" };
	char a[4096], b[4096];

	(void)state;
	for (size_t shift = 0; shift < 12; shift++) {
		for (size_t i = 0; i < COUNT_OF(pieces); i++) {
			struct table *t = table_new('/', "", '.', "INBOX.");
			struct buf text;

			long_name(a, "y", shift, "");
			long_name(a + shift, pieces[i], LONG, "1");
			long_name(b, "y", shift, "");
			long_name(b + shift, pieces[i], LONG, "2");
			from(t, a);
			from(t, b);
			assert_int_equal(made(t), 0);
			buf_init(&text, 4096);
			for (size_t k = 0; k < 2; k++) {
				size_t len = strlen(t->to[k].name);

				assert_true(len <= MAPPED_NAME_MAX && len > MAPPED_NAME_MAX - 20);
				assert_int_equal(t->to[k].name[len - 17], '~');
				assert_int_equal(
				    strspn(t->to[k].name + len - 16, "0123456789abcdef"), 16);
				assert_int_equal(t->to[k].how, MAPPED_REPLACED);
				assert_true(mutf7_decode(slice_str(t->to[k].name), &text));
			}
			assert_false(
			    name_twins(slice_str(t->to[0].name), slice_str(t->to[1].name)));
			buf_done(&text);
			table_free(t);
		}
	}
}

static void
a_name_of_the_greatest_length_is_not_cut(void **state)
{
	struct table *t = table_new('/', "", '/', "");
	char fits[300], over[300];

	(void)state;
	long_name(fits, "x", MAPPED_NAME_MAX, "");
	long_name(over, "x", MAPPED_NAME_MAX + 1, "");
	from(t, fits);
	from(t, over);
	assert_int_equal(made(t), 0);
	assert_row(t, fits, fits, MAPPED_PLAIN);
	assert_int_equal(row(t, over)->how, MAPPED_REPLACED);
	assert_int_equal(strlen(row(t, over)->name), MAPPED_NAME_MAX - 1);
	table_free(t);
}

static void
twins_and_children_of_long_names_have_their_own(void **state)
{
	struct table *t = table_new('/', "", '/', "");
	char lower[300], upper[300], parent[600], child[600];

	(void)state;
	long_name(lower, "x", MAPPED_NAME_MAX - 1, "");
	long_name(upper, "x", MAPPED_NAME_MAX - 2, "X");
	long_name(parent, "p", LONG, "");
	long_name(child, "p", LONG, "/c");
	from(t, lower);
	from(t, upper);
	from(t, parent);
	from(t, child);
	assert_int_equal(made(t), 0);
	assert_row(t, lower, lower, MAPPED_PLAIN);
	for (size_t i = 1; i < t->n; i++) {
		assert_true(strlen(t->to[i].name) <= MAPPED_NAME_MAX);
		for (size_t k = 0; k < i; k++)
			assert_false(
			    name_twins(slice_str(t->to[i].name), slice_str(t->to[k].name)));
	}
	table_free(t);
}

/* ---- special use ---- */

static void
a_special_use_goes_to_the_same_one_with_what_lies_below(void **state)
{
	struct table *t = table_new('/', "", '.', "INBOX.");

	(void)state;
	from(t, "INBOX");
	from(t, "Gesendet")->special_use = "\\Sent";
	from(t, "Gesendet/2003");
	from(t, "Gesendet/2003/alt.x");
	from(t, "Papierkorb")->special_use = "\\Trash";
	from(t, "Ablage")->special_use = "\\Archive \\All";
	from(t, "Entw")->special_use = "\\Drafts";
	there(t, "INBOX", NULL);
	there(t, "INBOX.Sent Items", "\\Sent");
	there(t, "INBOX.Trash", "\\trash")->attrs = FOLDER_NOINFERIORS;
	there(t, "INBOX.Papierkorb", NULL);
	there(t, "INBOX.all", "\\All");
	there(t, "INBOX.D1", "\\Drafts");
	there(t, "INBOX.D2", "\\Drafts");
	from(t, "Papierkorb/alt");
	assert_int_equal(made(t), 0);
	assert_row(t, "INBOX", "INBOX", MAPPED_PLAIN);
	assert_row(t, "Gesendet", "INBOX.Sent Items", MAPPED_USE);
	assert_row(t, "Gesendet/2003", "INBOX.Sent Items.2003", MAPPED_USE);
	assert_row(t, "Gesendet/2003/alt.x", "INBOX.Sent Items.2003.alt=2Ex", MAPPED_REPLACED);
	assert_row(t, "Papierkorb", "INBOX.Trash", MAPPED_USE);
	assert_row(t, "Papierkorb/alt", "INBOX.Trash.alt", MAPPED_USE);
	assert_true(row(t, "Papierkorb/alt")->below_noinferiors);
	assert_false(row(t, "Papierkorb")->below_noinferiors);
	assert_row(t, "Ablage", "INBOX.all", MAPPED_USE);
	/* two on the target: which one cannot be known */
	assert_row(t, "Entw", "INBOX.Entw", MAPPED_PLAIN);
	assert_true(row(t, "Gesendet")->exists);
	assert_false(row(t, "Entw")->exists);
	table_free(t);
}

static void
of_several_folders_with_a_use_one_goes_there(void **state)
{
	struct table *t = table_new('/', "", '/', "");

	(void)state;
	from(t, "Alt")->special_use = "\\Sent";
	from(t, "Neu")->special_use = "\\Sent";
	from(t, "A")->special_use = "\\Junk";
	from(t, "Spam")->special_use = "\\Junk";
	from(t, "Other")->special_use = "\\Trash";
	t->source[t->n - 1].attrs = FOLDER_SHARED;
	there(t, "Sent", "\\Sent");
	there(t, "Spam", "\\Junk");
	there(t, "Trash", "\\Trash");
	assert_int_equal(made(t), 0);
	assert_row(t, "Alt", "Sent", MAPPED_USE);
	assert_row(t, "Neu", "Neu", MAPPED_PLAIN);
	assert_row(t, "A", "A", MAPPED_PLAIN); /* Spam has the name already */
	assert_row(t, "Spam", "Spam", MAPPED_PLAIN);
	assert_row(t, "Other", "Other", MAPPED_PLAIN);
	table_free(t);
}

static void
a_folder_whose_name_a_use_took_is_a_twin(void **state)
{
	struct table *t = table_new('/', "", '/', "");

	(void)state;
	from(t, "Sent");
	from(t, "Sent/2003");
	from(t, "Sent Items")->special_use = "\\Sent";
	from(t, "Sent Items/2003");
	there(t, "Sent", "\\Sent");
	assert_int_equal(made(t), 0);
	assert_row(t, "Sent Items", "Sent", MAPPED_USE);
	assert_row(t, "Sent Items/2003", "Sent/2003", MAPPED_USE);
	assert_row(t, "Sent", "Sent~2", MAPPED_REPLACED);
	assert_row(t, "Sent/2003", "Sent~2/2003", MAPPED_REPLACED);
	table_free(t);
}

/* ---- rules ---- */

static void
the_longest_rule_wins_and_takes_children_along(void **state)
{
	struct table *t = table_new('/', "", '.', "INBOX.");

	(void)state;
	map(t, "Work", "Alt/Arbeit");
	map(t, "Work/Projects/Secret", "Hidden");
	map(t, "Work/Projects", "P.1");
	map(t, "inbox", "Old Inbox");
	map(t,
	    "B\xc3\xbc"
	    "cher",
	    "INBOX/Books");
	from(t, "Work");
	from(t, "Work/a/b");
	from(t, "Work/Projects/x");
	from(t, "Work/Projects/Secret/x");
	from(t, "Workshop");
	from(t, "INBOX");
	from(t, "INBOX/x");
	from(t, "B&APw-cher")->special_use = "\\Sent"; /* the rule speaks */
	there(t, "INBOX.Sent", "\\Sent");
	assert_int_equal(made(t), 0);
	assert_row(t, "Work", "INBOX.Alt.Arbeit", MAPPED_RULE);
	assert_row(t, "Work/a/b", "INBOX.Alt.Arbeit.a.b", MAPPED_RULE);
	assert_row(t, "Work/Projects/x", "INBOX.P=2E1.x", MAPPED_REPLACED);
	assert_row(t, "Work/Projects/Secret/x", "INBOX.Hidden.x", MAPPED_RULE);
	assert_row(t, "Workshop", "INBOX.Workshop", MAPPED_PLAIN);
	assert_row(t, "INBOX", "INBOX.Old Inbox", MAPPED_RULE);
	assert_row(t, "INBOX/x", "INBOX.Old Inbox.x", MAPPED_RULE);
	assert_row(t, "B&APw-cher", "INBOX.Books", MAPPED_RULE);
	table_free(t);
}

static void
a_rule_names_folders_with_or_without_the_prefix(void **state)
{
	struct table *t = table_new('.', "INBOX.", '/', "");

	(void)state;
	map(t, "INBOX/a", "x");
	map(t, "b", "INBOX");
	map(t, "INBOX", "in");
	map(t, "c/d", "y");
	from(t, "INBOX");
	from(t, "INBOX.a");
	from(t, "INBOX.b");
	from(t, "INBOX.c/d"); /* one level: people write what they see */
	from(t, "INBOX.z");
	assert_int_equal(made(t), 0);
	assert_row(t, "INBOX", "in", MAPPED_RULE);
	assert_row(t, "INBOX.a", "x", MAPPED_RULE);
	assert_row(t, "INBOX.b", "INBOX", MAPPED_RULE);
	assert_row(t, "INBOX.c/d", "y", MAPPED_RULE);
	assert_row(t, "INBOX.z", "z", MAPPED_PLAIN);
	table_free(t);
}

static void
the_prefix_is_before_all_but_inbox(void **state)
{
	struct table *t = table_new('/', "", '.', "");

	(void)state;
	t->rules.prefix = "Old-";
	map(t, "m", "M");
	from(t, "INBOX");
	from(t, "INBOX/x");
	from(t, "a");
	from(t, "a/b");
	from(t, "m/n");
	from(t, "s")->special_use = "\\Sent";
	there(t, "Sent", "\\Sent");
	assert_int_equal(made(t), 0);
	assert_row(t, "INBOX", "INBOX", MAPPED_PLAIN);
	assert_row(t, "INBOX/x", "Old-INBOX.x", MAPPED_RULE);
	assert_row(t, "a", "Old-a", MAPPED_RULE);
	assert_row(t, "a/b", "Old-a.b", MAPPED_RULE);
	assert_row(t, "m/n", "M.n", MAPPED_RULE);
	assert_row(t, "s", "Old-s", MAPPED_RULE);
	t->rules.prefix = "Old/";
	assert_int_equal(made(t), 0);
	assert_row(t, "a/b", "Old.a.b", MAPPED_RULE);
	table_free(t);
}

static void
everything_goes_below_under(void **state)
{
	struct table *t = table_new('.', "INBOX.", '/', "Mail/");

	(void)state;
	t->rules.under = "Old/2003";
	map(t, "m", "M");
	from(t, "INBOX");
	from(t, "INBOX.a.b");
	from(t, "INBOX.INBOX");
	from(t, "INBOX.m");
	from(t, "INBOX.s")->special_use = "\\Sent";
	there(t, "Mail/Sent", "\\Sent");
	assert_int_equal(made(t), 0);
	assert_row(t, "INBOX", "Mail/Old/2003/INBOX", MAPPED_RULE);
	assert_row(t, "INBOX.a.b", "Mail/Old/2003/a/b", MAPPED_RULE);
	assert_row(t, "INBOX.INBOX", "Mail/Old/2003/INBOX~2", MAPPED_REPLACED);
	assert_row(t, "INBOX.m", "Mail/Old/2003/M", MAPPED_RULE);
	assert_row(t, "INBOX.s", "Mail/Old/2003/s", MAPPED_RULE);
	table_free(t);
}

static void
two_folders_that_a_rule_brings_together_are_an_error(void **state)
{
	static const struct {
		const char *from, *to, *a, *b;
	} bad[] = {
		{ "a", "b", "a", "b" },
		{ "a", "B", "a", "b" },
		{ "a", "b", "a/x", "b/x" },
		{ "a", "INBOX", "a", "INBOX" },
		{ "INBOX", "b", "INBOX", "b" },
		{ "a/b", "c", "a/b", "c" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct table *t = table_new('/', "", '.', "");
		char text[64];

		map(t, bad[i].from, bad[i].to);
		from(t, bad[i].a);
		from(t, bad[i].b);
		assert_int_equal(made(t), -1);
		assert_int_equal(t->err.kind, ERR_USAGE);
		snprintf(text, sizeof(text), "'%s'", bad[i].a);
		assert_non_null(strstr(t->err.text, text));
		snprintf(text, sizeof(text), "'%s'", bad[i].b);
		assert_non_null(strstr(t->err.text, text));
		table_free(t);
	}

	struct table *t = table_new('/', "", '.', "");

	map(t, "a", "x");
	map(t, "b", "x");
	from(t, "a");
	from(t, "b");
	assert_int_equal(made(t), -1);
	table_free(t);
	/* twins below one rule are not its fault */
	t = table_new('/', "", '.', "");
	map(t, "a", "x");
	from(t, "a/b");
	from(t, "a/B");
	assert_int_equal(made(t), 0);
	assert_row(t, "a/b", "x.b", MAPPED_RULE);
	assert_row(t, "a/B", "x.B~2", MAPPED_REPLACED);
	table_free(t);
}

static void
a_rule_with_no_name_is_an_error(void **state)
{
	static const char *const bad[] = { "", "/", "/a", "a//b", "a/", "\xff" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		for (int way = 0; way < 4; way++) {
			struct table *t = table_new('/', "", '.', "");

			if (way == 0)
				map(t, bad[i], "x");
			if (way == 1)
				map(t, "x", bad[i]);
			if (way == 2)
				t->rules.under = bad[i];
			if (way == 3)
				t->rules.prefix = bad[i];
			if (way == 3 && strcmp(bad[i], "a/") == 0)
				t->rules.prefix = "a//";
			assert_int_equal(made(t), -1);
			assert_int_equal(t->err.kind, ERR_USAGE);
			table_free(t);
		}
	}
}

/* ---- twins ---- */

static void
twins_get_a_number_and_children_follow(void **state)
{
	struct table *t = table_new('/', "", '/', "");

	(void)state;
	from(t, "A");
	from(t, "A/x");
	from(t, "A~2");
	from(t, "a");
	from(t, "a/x");
	from(t, "a/X");
	from(t, "b/c"); /* its parent is not in the list */
	from(t, "B/C");
	assert_int_equal(made(t), 0);
	assert_row(t, "A", "A", MAPPED_PLAIN);
	assert_row(t, "A/x", "A/x", MAPPED_PLAIN);
	assert_row(t, "A~2", "A~2", MAPPED_PLAIN);
	assert_row(t, "a", "a~3", MAPPED_REPLACED);
	assert_row(t, "a/x", "a~3/x", MAPPED_REPLACED);
	assert_row(t, "a/X", "a~3/X~2", MAPPED_REPLACED);
	assert_row(t, "b/c", "b/c", MAPPED_PLAIN);
	assert_row(t, "B/C", "B/C~2", MAPPED_REPLACED);
	table_free(t);
}

static void
names_that_meet_after_the_change_are_twins(void **state)
{
	struct table *t = table_new('.', "INBOX.", '/', "");

	(void)state;
	from(t, "INBOX.shared.x");
	from(t, "shared.x");
	assert_int_equal(made(t), 0);
	assert_row(t, "INBOX.shared.x", "shared/x", MAPPED_PLAIN);
	assert_row(t, "shared.x", "shared/x~2", MAPPED_REPLACED);
	table_free(t);
	t = table_new('/', "", '.', "INBOX.");
	from(t, "INBOX");
	from(t, "INBOX/x");
	from(t, "x");
	assert_int_equal(made(t), 0);
	assert_row(t, "x", "INBOX.x", MAPPED_PLAIN);
	assert_row(t, "INBOX/x", "INBOX.x~2", MAPPED_REPLACED);
	table_free(t);
}

/* ---- what earlier runs have made ---- */

static void
folders_keep_the_names_of_earlier_runs(void **state)
{
	struct table *t = table_new('/', "", '/', "");
	/* Then there was "a" alone, and "Sent" had no use on the target. */
	const char *const kept[] = { NULL, "a", NULL, "Gesendet", NULL };

	(void)state;
	from(t, "A");
	from(t, "a");
	from(t, "A~2");
	from(t, "Gesendet")->special_use = "\\Sent";
	from(t, "Neu");
	there(t, "Sent", "\\Sent");
	assert_int_equal(made(t), 0);
	assert_row(t, "A", "A", MAPPED_PLAIN);
	assert_row(t, "a", "a~3", MAPPED_REPLACED);
	assert_int_equal(mapping_keep(t->to, t->n, kept, &t->arena, &t->err), 0);
	assert_row(t, "A", "A~4", MAPPED_REPLACED);
	assert_non_null(row(t, "A")->why);
	assert_string_equal(row(t, "a")->name, "a");
	assert_row(t, "A~2", "A~2", MAPPED_PLAIN);
	assert_string_equal(row(t, "Gesendet")->name, "Gesendet");
	assert_row(t, "Neu", "Neu", MAPPED_PLAIN);
	table_free(t);
}

/* ---- stricter ---- */

static void
a_stricter_name_has_only_letters_digits_and_a_few(void **state)
{
	static const struct {
		char delim;
		const char *prefix, *name, *stricter;
	} names[] = {
		{ '.', "INBOX.", "INBOX.a b-c_d.E9", NULL },
		{ '.', "INBOX.", "INBOX.a!.~x", "INBOX.a=21.=7Ex" },
		{ '/', "", "a.b/c:d", "a=2Eb/c=3Ad" },
		{ '/', "", "Entw&APw-rfe", "Entw=C3=BCrfe" },
		{ '/', "", "a&-b", "a=26b" },
		{ '/', "", "a=2Fb", NULL },
		{ '/', "", "a=zz", "a=3Dzz" },
		{ '/', "", "a/=/b", NULL },
		{ '/', "", "a~2", "a=7E2" },
		{ 0, "", "a/b", "a=2Fb" },
		{ '/', "", "caf\xc3\xa9", "caf=C3=A9" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct mapping_side side = { .delim = names[i].delim,
			.prefix = slice_str(names[i].prefix) };
		struct arena a;
		struct err err;
		const char *ret = "?";

		arena_init(&a, 65536);
		assert_int_equal(mapping_stricter(&side, names[i].name, &a, &ret, &err), 0);
		if (names[i].stricter == NULL)
			assert_null(ret);
		else
			assert_string_equal(ret, names[i].stricter);
		arena_done(&a);
	}
}

static void
a_stricter_name_is_cut_when_it_grows_too_long(void **state)
{
	struct mapping_side side = { .delim = '/', .prefix = slice_str("") };
	char name[300];
	struct arena a;
	struct err err;
	const char *ret, *again;

	(void)state;
	long_name(name, "!", 200, "");
	arena_init(&a, 65536);
	assert_int_equal(mapping_stricter(&side, name, &a, &ret, &err), 0);
	assert_true(strlen(ret) <= MAPPED_NAME_MAX);
	assert_int_equal(mapping_stricter(&side, name, &a, &again, &err), 0);
	assert_string_equal(ret, again);
	arena_done(&a);
}

static void
below_a_folder_without_inferiors_it_lies_beside(void **state)
{
	static const struct {
		char delim;
		const char *prefix, *name, *beside;
	} names[] = {
		{ '/', "", "leaf/b", "leaf=2Fb" },
		{ '/', "", "leaf/b/c", "leaf=2Fb=2Fc" },
		{ '/', "", "x/leaf/b", "x/leaf=2Fb" },
		{ '/', "", "leaf", NULL },
		{ '/', "", "leafy/b", NULL },
		{ '/', "", "x/y", NULL },
		{ '.', "INBOX.", "INBOX.leaf", NULL },
		{ 0, "", "leaf/b", NULL },
	};
	const struct folder there[] = {
		{ .name = slice_str("INBOX"), .attrs = FOLDER_NOINFERIORS },
		{ .name = slice_str("leaf"), .attrs = FOLDER_NOINFERIORS },
		{ .name = slice_str("x") },
		{ .name = slice_str("x/leaf"), .attrs = FOLDER_NOINFERIORS },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct mapping_side side = { .folder = there,
			.n = COUNT_OF(there),
			.delim = names[i].delim,
			.prefix = slice_str(names[i].prefix) };
		struct arena a;
		struct err err;
		const char *ret = "?";

		arena_init(&a, 65536);
		assert_int_equal(mapping_beside(&side, names[i].name, &a, &ret, &err), 0);
		if (names[i].beside == NULL)
			assert_null(ret);
		else
			assert_string_equal(ret, names[i].beside);
		arena_done(&a);
	}
}

static void
an_arena_that_is_full_is_an_error(void **state)
{
	(void)state;
	for (size_t max = 0; max < 16 * 1024; max += 512) {
		struct table *t = table_new('/', "", '.', "INBOX.");

		arena_done(&t->arena);
		arena_init(&t->arena, max);
		from(t, "a");
		from(t, "A");
		from(t, "a/b.c");
		there(t, "INBOX", NULL);
		if (made(t) < 0)
			assert_int_equal(t->err.kind, ERR_PROTOCOL);
		table_free(t);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delimiters_and_prefixes_are_the_targets),
		cmocka_unit_test(inbox_stays_inbox),
		cmocka_unit_test(what_the_server_cannot_have_is_replaced),
		cmocka_unit_test(raw_names_become_modified_utf7),
		cmocka_unit_test(a_target_that_lists_raw_names_gets_them),
		cmocka_unit_test(long_names_are_cut_and_stay_readable),
		cmocka_unit_test(a_name_of_the_greatest_length_is_not_cut),
		cmocka_unit_test(twins_and_children_of_long_names_have_their_own),
		cmocka_unit_test(a_special_use_goes_to_the_same_one_with_what_lies_below),
		cmocka_unit_test(of_several_folders_with_a_use_one_goes_there),
		cmocka_unit_test(a_folder_whose_name_a_use_took_is_a_twin),
		cmocka_unit_test(the_longest_rule_wins_and_takes_children_along),
		cmocka_unit_test(a_rule_names_folders_with_or_without_the_prefix),
		cmocka_unit_test(the_prefix_is_before_all_but_inbox),
		cmocka_unit_test(everything_goes_below_under),
		cmocka_unit_test(two_folders_that_a_rule_brings_together_are_an_error),
		cmocka_unit_test(a_rule_with_no_name_is_an_error),
		cmocka_unit_test(twins_get_a_number_and_children_follow),
		cmocka_unit_test(names_that_meet_after_the_change_are_twins),
		cmocka_unit_test(folders_keep_the_names_of_earlier_runs),
		cmocka_unit_test(a_stricter_name_has_only_letters_digits_and_a_few),
		cmocka_unit_test(a_stricter_name_is_cut_when_it_grows_too_long),
		cmocka_unit_test(below_a_folder_without_inferiors_it_lies_beside),
		cmocka_unit_test(an_arena_that_is_full_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
