#include "app/job/checked.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli/values.h"
#include "base/mem.h"
#include "mail/names.h"

#define CHECKED "checked/"

enum { CHECKED_ARENA = 256 * 1024 * 1024 };

struct checked {
	struct job_note *note;
	size_t n;
	struct arena arena;
};

struct checked *
checked_new(size_t n)
{
	struct checked *c = mem_new(sizeof(*c));

	c->note = mem_resize(NULL, n + 1, sizeof(*c->note));
	arena_init(&c->arena, CHECKED_ARENA);
	return c;
}

void
checked_free(struct checked *c)
{
	if (!c)
		return;
	arena_done(&c->arena);
	free(c->note);
	free(c);
}

/* One that does not fit into memory is not known, as others are not. */
void
checked_add(struct checked *c, const struct user_row *row, uint64_t octets)
{
	struct job_note *note = &c->note[c->n];
	struct buf dir;

	buf_init(&dir, 4096);
	account_dir(slice_str(row->login), row->server, row->port, &dir);
	note->key = arena_printf(&c->arena, CHECKED "%s", dir.data);
	note->value = arena_printf(&c->arena, "%" PRIu64, octets);
	c->n += note->key != NULL && note->value != NULL;
	buf_done(&dir);
}

int
checked_keep(struct checked *c, struct state *t, struct err *err)
{
	return c->n > 0 ? state_notes_set(t, c->note, c->n, err) : 0;
}

static int
note_order(const void *dir, const void *note)
{
	return strcmp(dir, ((const struct job_note *)note)->key + strlen(CHECKED));
}

int
checked_take(struct state *t, struct account_rec *rec, size_t n, struct err *err)
{
	struct job_note *note;
	struct arena a;
	size_t len, taken = 0;
	int rc;

	arena_init(&a, CHECKED_ARENA);
	rc = state_notes(t, CHECKED, &a, &note, &len, err);
	for (size_t i = 0; rc == 0 && len > 0 && i < n; i++) {
		struct job_note *found = bsearch(rec[i].dir, note, len, sizeof(*note), note_order);

		if (found && found->value && value_number(found->value, UINT64_MAX, &rec[i].bytes_known))
			found->value = NULL;
	}
	for (size_t i = 0; rc == 0 && i < len; i++)
		if (!note[i].value)
			note[taken++] = note[i];
	if (rc == 0 && taken > 0)
		rc = state_notes_set(t, note, taken, err);
	arena_done(&a);
	return rc;
}
