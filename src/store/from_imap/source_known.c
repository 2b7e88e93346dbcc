/* What an earlier run has met: a listing that leaves it out may have lost a line. */
#include "store/from_imap/source_imap.h"

static int
expect(const struct source *s, struct arena *a, struct folder_list *ret, struct err *err)
{
	for (size_t i = 0; i < s->at.n_known; i++) {
		const struct folder_rec *r = &s->at.known[i];
		const struct folder f = { .name = slice_str(r->name) };

		if (!r->vanished && !r->excluded && folder_list_add(ret, a, &f, err) < 0)
			return -1;
	}
	return 0;
}

int
source_list_folders(struct source *s, struct arena *a, struct folder_list *ret, struct err *err)
{
	struct folder_list expected = { 0 };
	int rc = expect(s, a, &expected, err);

	s->s->expected = &expected;
	if (rc == 0)
		rc = sess_folders(s->s, s->at.sizes, a, ret, err);
	s->s->expected = NULL;
	folder_list_done(&expected);
	return rc;
}
