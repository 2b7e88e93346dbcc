#include "app/report/ready.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "app/report/unfinished.h"
#include "base/clock.h"
#include "base/json.h"

/* When it was last known that nothing is missing. A watch that finds nothing new has no run to tell it by. What is
 * still to come was written by a clock that was put back since, and is taken only where there is nothing else. */
static int64_t
ready_ms(const struct report *r, const struct account_rec *a, int64_t now_ms, const char **ret_what)
{
	struct watched w;
	int64_t ended_ms = a->ended_ms, looked_ms = watched_of(&r->watched, a->id, &w) ? w.equal_ms : 0;
	bool was_ended = ended_ms <= now_ms, was_looked = looked_ms <= now_ms;
	bool looked = looked_ms > 0 && (was_looked == was_ended ? looked_ms > ended_ms : was_looked);

	*ret_what = looked ? "its watch last looked" : "its last run ended";
	return looked ? looked_ms : ended_ms;
}

/* Why the cut-over must wait for account i; false: it need not. */
static bool
ready_why(const struct report *r, size_t i, int64_t now_ms, int64_t age_ms, char why[LACKS_MAX])
{
	const struct account_rec *a = &r->account[i];
	const char *what;
	int64_t known_ms = ready_ms(r, a, now_ms, &what);
	char at[ISO_MAX];

	if (account_lacks(a, &r->sum[i], why))
		return true;
	if (known_ms <= now_ms && now_ms - known_ms <= age_ms)
		return false;
	clock_iso(known_ms, at);
	snprintf(why, LACKS_MAX, "complete, but %s at %.19sZ%s", what, at,
	    known_ms > now_ms ? ", which is still to come: a clock was wrong" : "");
	return true;
}

static void
ready_account(const struct account_rec *a, const char *why, bool json, struct out *o)
{
	if (json) {
		json_open(&o->buf, NULL);
		json_put_text(&o->buf, "account", slice_str(a->name));
		json_put_str(&o->buf, "why", why);
		json_close(&o->buf);
		out_drain(o);
		return;
	}
	out_str(o, "  ");
	out_visible(o, a->name);
	out_str(o, ": ");
	out_visible(o, why);
	out_str(o, "\n");
}

static size_t
ready_walk(struct report *r, int64_t age_ms, bool json, struct out *o)
{
	int64_t now_ms = clock_wall_ms();
	char why[LACKS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < r->n_accounts; i++) {
		if (!ready_why(r, i, now_ms, age_ms, why))
			continue;
		if (o != NULL)
			ready_account(&r->account[i], why, json, o);
		n++;
	}
	return n;
}

static void
ready_text(struct report *r, int64_t age_ms, size_t late, struct out *o)
{
	char all[HUMAN_MAX], some[HUMAN_MAX];

	human_count(r->n_accounts, all);
	human_count(late, some);
	if (r->n_accounts == 0)
		out_str(o, "NO-GO: there is no account yet\n");
	else if (late == 0)
		out_printf(o, "GO: all %s accounts are complete and new enough\n", all);
	else
		out_printf(o, "NO-GO: %s of %s accounts are not ready\n", some, all);
	(void)ready_walk(r, age_ms, false, o);
}

static void
ready_json(struct report *r, int64_t age_ms, size_t late, struct out *o)
{
	struct buf *b = &o->buf;

	json_open(b, NULL);
	json_put_str(b, "imex", IMEX_VERSION);
	json_put_bool(b, "ready", late == 0 && r->n_accounts > 0);
	json_put_int(b, "accounts", (int64_t)r->n_accounts);
	json_put_int(b, "not_ready", (int64_t)late);
	json_open_array(b, "stragglers");
	(void)ready_walk(r, age_ms, true, o);
	json_close_array(b);
	json_close(b);
	buf_add_byte(b, '\n');
}

int
ready_print(struct report *r, int64_t age_ms, bool json, struct err *err)
{
	size_t late = ready_walk(r, age_ms, json, NULL);
	struct out o;

	out_open(&o, STDOUT_FILENO);
	if (json)
		ready_json(r, age_ms, late, &o);
	else
		ready_text(r, age_ms, late, &o);
	if (out_close(&o, err) < 0)
		return -1;
	return late == 0 && r->n_accounts > 0 ? 0 : EXIT_BAD;
}
