/* See inventory.h: the source is driven as the copying loop drives it, and what comes is counted. */
#include "engine/inventory.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"
#include "engine/answer.h"
#include "engine/select.h"
#include "mail/names.h"
#include "store/source.h"

struct inventory {
	const struct job *job;
	const struct inventory_out *out;
	struct inventory_sum *sum;
	struct source *source;
	struct digest *digest;
	struct msg_page *page;
	struct inventory_folder folder;
};

static void
trouble(struct inventory *v, enum trouble kind, uint32_t uid, const char *text)
{
	if (kind == TROUBLE_NOTE)
		v->sum->notes++;
	else
		v->folder.faulty++;
	v->out->trouble(v->out->arg, kind, v->folder.name, uid, text);
}

static void
take_notes(struct inventory *v)
{
	struct notes *notes = source_files.notes(v->source);

	for (size_t i = 0; notes != NULL && i < notes->len; i++) {
		const struct note *n = &notes->note[i];

		if (n->event.level >= LEVEL_WARNING)
			trouble(v, n->event.level == LEVEL_ERROR ? TROUBLE_UNREADABLE : TROUBLE_NOTE,
			    n->event.uid, n->text);
	}
	if (notes != NULL)
		notes_clear(notes);
}

static int
read_body(struct inventory *v, const struct offer *o, struct err *err)
{
	uint8_t sum[SHA256_LEN];
	struct slice part;
	uint64_t octets = 0;

	digest_start(v->digest);
	do {
		/* What cannot be read is offered again, with a verdict. */
		if (source_files.read(v->source, &part, err) < 0)
			return err->kind == ERR_MESSAGE ? 0 : -1;
		digest_add(v->digest, part.data, part.len);
		octets += part.len;
	} while (part.len > 0);
	digest_end(v->digest, sum);
	v->folder.bytes += octets;
	v->folder.rebuilt += o->rebuilt;
	if (!verdict_good(o->good))
		trouble(v, TROUBLE_UNREADABLE, o->uid, o->reason ? o->reason : "");
	if (o->sha256 != NULL && memcmp(sum, o->sha256, SHA256_LEN) != 0)
		trouble(v, TROUBLE_DIFFERS, o->uid,
		    "its SHA-256 is not the one that the sidecar tells");
	return 0;
}

static int
take_answers(struct inventory *v, struct err *err)
{
	for (;;) {
		struct offer o;

		switch (answer_next(&source_files, v->source, v->job->stop, &o, err)) {
		case STEP_ERR:
			return -1;
		case STEP_END:
			return 0;
		case STEP_OWE:
			break;
		case STEP_ITEM:
			if (o.verdict != VERDICT_NONE)
				trouble(v, TROUBLE_UNREADABLE, o.uid, o.reason ? o.reason : "");
			else if (read_body(v, &o, err) < 0)
				return -1;
		}
	}
}

static void
count_message(struct inventory_folder *f, const struct msg *m)
{
	f->messages++;
	f->unread += !(m->flags.system & FLAG_SEEN);
	f->deleted += (m->flags.system & FLAG_DELETED) != 0;
	if (!m->date.known)
		return;
	if (f->dated == 0 || m->date.epoch < f->oldest)
		f->oldest = m->date.epoch;
	if (f->dated == 0 || m->date.epoch > f->newest)
		f->newest = m->date.epoch;
	f->dated++;
}

static int
read_page(struct inventory *v, struct err *err)
{
	struct want *want = mem_resize(NULL, v->page->len + 1, sizeof(*want));

	for (size_t i = 0; i < v->page->len; i++) {
		count_message(&v->folder, &v->page->msg[i]);
		want[i] = (struct want){ .uid = v->page->msg[i].uid };
	}

	int rc = source_files.ask(v->source, want, v->page->len, err);

	free(want);
	return rc < 0 ? -1 : take_answers(v, err);
}

static int
read_folder(struct inventory *v, const struct folder *f, struct err *err)
{
	struct folder_head head;

	if (source_files.enter(v->source, f, NULL, &head, err) < 0)
		return -1;
	for (;;) {
		if (source_files.list(v->source, v->page, err) < 0)
			return -1;
		if (v->page->len == 0)
			break;
		if (read_page(v, err) < 0)
			return -1;
	}
	if (source_files.ask_rest(v->source, err) < 0 || take_answers(v, err) < 0)
		return -1;

	struct folder_proof proof;

	if (source_files.leave(v->source, &proof, err) < 0)
		return -1;
	if (!proof.proved)
		trouble(v, TROUBLE_UNREADABLE, 0, proof.why);
	return 0;
}

static int
take_folder(struct inventory *v, const struct planned *p, struct err *err)
{
	struct err why = { 0 };

	v->folder = (struct inventory_folder){ .name = p->display, .excluded = p->excluded };
	progress_folder(v->job->progress, p->display);
	if (!p->excluded && read_folder(v, &p->folder, &why) < 0) {
		if (why.scope > SCOPE_FOLDER) {
			*err = why;
			return -1;
		}
		trouble(v, TROUBLE_UNREADABLE, 0, why.text);
	}
	take_notes(v);
	v->sum->folders += !p->excluded;
	v->sum->messages += v->folder.messages;
	v->sum->bytes += v->folder.bytes;
	v->sum->faulty += v->folder.faulty;
	v->sum->rebuilt += v->folder.rebuilt;
	v->out->folder(v->out->arg, &v->folder);
	return 0;
}

static void
note_unmatched(struct inventory *v, const struct plan *plan)
{
	struct buf text;

	buf_init(&text, NO_FOLDER_MAX);
	v->folder = (struct inventory_folder){ .name = "" };
	if (plan_unmatched(plan, &v->job->selection, &text))
		trouble(v, TROUBLE_NOTE, 0, text.data);
	buf_done(&text);
}

int
job_inventory(const struct job *job, const struct inventory_out *out, struct inventory_sum *io,
    struct err *err)
{
	struct inventory v = { .job = job, .out = out, .sum = io };
	struct source_place place = { .shelf = job->from };
	struct folder_list list = { 0 };
	struct plan plan;
	int rc;

	plan_init(&plan);
	v.digest = digest_new();
	v.page = msg_page_new();
	rc = source_files.open(&v.source, &place, job->stop, err);
	if (rc == 0)
		rc = source_files.folders(v.source, &plan.arena, &list, err);
	if (rc == 0)
		rc = plan_make(&plan, &job->selection, &list, err);
	if (rc == 0)
		note_unmatched(&v, &plan);
	for (size_t i = 0; rc == 0 && i < plan.len; i++)
		rc = take_folder(&v, &plan.folder[i], err);
	source_files.close(&v.source);
	folder_list_done(&list);
	plan_done(&plan);
	msg_page_free(v.page);
	digest_free(v.digest);
	return rc;
}
