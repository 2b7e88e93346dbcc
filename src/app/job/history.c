#include "app/job/history.h"

#include <stdio.h>
#include <string.h>

#include "app/cli/option_value.h"
#include "base/mem.h"

enum { HISTORY_MAX = 64 * 1024 };

static bool
history_is_secret(const struct option_row *row)
{
	return strcmp(row->name, "password-command") == 0 ||
	       strcmp(row->name, "dest-password-command") == 0;
}

/* As a shell takes it. */
static void
history_word(const char *word, struct buf *ret)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-";

	if (*word != '\0' && word[strspn(word, plain)] == '\0') {
		(void)buf_add_str(ret, word);
		return;
	}
	(void)buf_add_byte(ret, '\'');
	for (; *word; word++)
		if (*word == '\'')
			(void)buf_add_str(ret, "'\\''");
		else
			(void)buf_add_byte(ret, *word);
	(void)buf_add_byte(ret, '\'');
}

static void
history_option(
    const struct options *o, const struct option_row *row, struct buf *value, struct buf *ret)
{
	if (row->kind == OPT_COUNT) {
		for (unsigned n = *(const unsigned *)((const char *)o + row->offset); n > 0; n--)
			(void)buf_printf(ret, " --%s", row->name);
		return;
	}
	if (row->kind == OPT_FLAG || history_is_secret(row)) {
		(void)buf_printf(
		    ret, " --%s%s", row->name, row->kind == OPT_FLAG ? "" : "=...");
		return;
	}
	for (size_t i = 0; option_text(o, row, i, value); i++) {
		(void)buf_printf(ret, " --%s=", row->name);
		history_word(value->data, ret);
		buf_reset(value);
	}
}

int
history_begin(struct state *t, const struct options *o, int64_t *ret_run, struct err *err)
{
	AUTO(buf_done) struct buf line;
	AUTO(buf_done) struct buf value;

	buf_init(&line, HISTORY_MAX);
	buf_init(&value, HISTORY_MAX);
	(void)buf_add_str(&line, o->command->name);
	for (size_t i = 0; i < o->n_words; i++) {
		(void)buf_add_byte(&line, ' ');
		history_word(o->word[i], &line);
	}
	for (size_t i = 0; i < option_count; i++)
		if (o->from[i] == FROM_COMMAND)
			history_option(o, &option_table[i], &value, &line);
	return state_run_begin(t, IMEX_VERSION, line.data, ret_run, err);
}

const char *
history_end(const struct run_rec *r, char ret[32])
{
	if (r->ended_ms == 0)
		return "running or killed";
	if (r->exit_code < 0)
		return "killed";
	(void)snprintf(ret, 32, "exit code %d", r->exit_code);
	return ret;
}
