/* Servers, sums over accounts, and the outcome of a job. */
#include <stdio.h>

#include "state/sqlite.h"

/* ---- servers ---- */

int
sqlite_server_get(
    struct backend *b, const char *host_port, struct server_facts *ret, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_SERVER_GET);
	struct server_facts f = { .works_form = -1 };

	query_text(&q, host_port);
	int rc = query_row(&q, err);
	if (rc < 0)
		return -1;
	if (rc > 0) {
		const char *product = (const char *)sqlite3_column_text(q.stmt, 0);

		(void)snprintf(f.product, sizeof f.product, "%s", product != NULL ? product : "");
		f.refused_forms = (uint32_t)col_int(&q, 1);
		f.works_form = (int32_t)col_int(&q, 2);
		f.quirks = (uint32_t)col_int(&q, 3);
		f.connections = (uint32_t)col_int(&q, 4);
	}
	*ret = f;
	return 0;
}

int
sqlite_server_set(
    struct backend *b, const char *host_port, const struct server_facts *f, struct err *err)
{
	struct server_facts all;

	if (sqlite_server_get(b, host_port, &all, err) < 0)
		return -1;
	server_facts_join(&all, f);

	AUTO(query_done) struct query q = query_start(b, STMT_SERVER_SET);

	query_text(&q, host_port);
	query_text(&q, all.product);
	query_int(&q, all.refused_forms);
	query_int(&q, all.works_form);
	query_int(&q, all.quirks);
	query_int(&q, all.connections);
	return query_run(&q, err);
}

/* ---- outcome ---- */

int
sqlite_outcome(struct backend *b, int *ret, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_OUTCOME);

	query_int(&q, ACCOUNT_DONE);
	if (query_row(&q, err) < 0)
		return -1;
	int64_t accounts = col_int(&q, 0), unfinished = col_int(&q, 1), folders = col_int(&q, 2);
	if (accounts == 0 || unfinished > 0 || folders > 0)
		*ret = 2;
	else
		*ret = col_int(&q, 3) > 0 ? 1 : 0;
	return 0;
}

/* ---- sums ---- */

static void
tally_read(const struct query *q, struct tally *ret)
{
	*ret = (struct tally){
		.account = col_int(q, 0),
		.folders = (uint64_t)col_int(q, 1),
		.proved = (uint64_t)col_int(q, 2),
		.listed = (uint64_t)col_int(q, 3),
		.expunged = (uint64_t)col_int(q, 4),
		.bytes = (uint64_t)col_int(q, 5),
	};
	for (int v = 0; v < VERDICTS; v++)
		ret->verdicts[v] = (uint64_t)col_int(q, 6 + v);
	ret->mirrored = (uint64_t)col_int(q, 6 + VERDICTS);
}

int
sqlite_tally(struct backend *b, int64_t account, struct tally *ret, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_TALLY);

	query_int(&q, account);
	if (query_row(&q, err) < 0)
		return -1;
	tally_read(&q, ret);
	return 0;
}

int
sqlite_newest(
    struct backend *b, struct arena *a, struct newest **ret, size_t *ret_len, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, STMT_NEWEST);
	AUTO(rows_done) struct rows rows = { .each = sizeof **ret };
	int rc;

	while ((rc = query_row(&q, err)) > 0)
		*(struct newest *)rows_add(&rows) = (struct newest){ col_int(&q, 0), col_int(&q, 1) };
	return rc < 0 ? -1 : rows_end(&rows, a, false, ret, ret_len, err);
}

int
sqlite_tallies(
    struct backend *b, struct arena *a, struct tally **ret, size_t *ret_len, struct err *err)
{
	AUTO(query_done) struct query q = query_start(b, b->version < 6 ? STMT_TALLIES_5 : STMT_TALLIES);
	AUTO(rows_done) struct rows rows = { .each = sizeof **ret };
	int rc;

	while ((rc = query_row(&q, err)) > 0)
		tally_read(&q, rows_add(&rows));
	return rc < 0 ? -1 : rows_end(&rows, a, false, ret, ret_len, err);
}
