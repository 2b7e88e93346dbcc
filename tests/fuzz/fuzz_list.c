/* libFuzzer: files that a user gives, lists of accounts and control files; the first octet chooses
 * kind, code page and --server. */
#include <stdlib.h>
#include <string.h>

#include "app/cli/textfile.h"
#include "app/users/userlist.h"
#include "app/users/wizard.h"
#include "imap/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What has no fault is a whole account, whose URLs are ones. */
static void
try_list(struct textfile *t, const char *server)
{
	const struct userlist_how how = { .server = server };
	struct userlist list;
	struct imap_url url;
	struct faults faults;
	struct err err;
	struct arena a;

	faults_init(&faults);
	arena_init(&a, 16 * 1024 * 1024);
	if (userlist_parse(&list, "list", t->data, t->len, &how, &faults, &err) < 0 ||
	    (list.len == 0 && faults.count == 0))
		abort();
	for (size_t i = 0; i < list.len; i++) {
		const struct user_row *row = &list.row[i];

		arena_reset(&a);
		if (imap_url_parse(row->source, &a, &url, &err) < 0 || strcmp(url.user, row->login) ||
		    (row->dest && imap_url_parse(row->dest, &a, &url, &err) < 0))
			abort();
	}
	arena_done(&a);
	userlist_done(&list);
	faults_done(&faults);
}

static void
try_control(struct textfile *t)
{
	struct wizard w;
	struct faults faults;

	faults_init(&faults);
	wizard_parse(&w, "dir/control", t->data, &faults);
	if (faults.count == 0 && (!w.file || (w.mode == WIZARD_IMAP && !w.accounts &&
						 w.function != WIZARD_IMPORT)))
		abort();
	wizard_done(&w);
	faults_done(&faults);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const unsigned codepages[] = { 0, 1252, 932, 65001, 850, 10000, 1, 37 };
	struct textfile t;
	struct err err;

	if (len == 0 || textfile_of(&t, (struct slice){ (const char *)data + 1, len - 1 }, "file",
			    codepages[data[0] / 2 % 8], &err) < 0)
		return 0;
	if (data[0] % 2)
		try_list(&t, data[0] & 128 ? "imap.example.org" : NULL);
	else
		try_control(&t);
	textfile_done(&t);
	return 0;
}
