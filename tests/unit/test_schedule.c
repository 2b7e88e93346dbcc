/* engine/hosts and engine/schedule: who is next, and how many at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "engine/schedule.h"

struct fixture {
	struct hosts *hosts;
	struct cancel *stop;
	unsigned a, b;
};

static void
begin(struct fixture *f, unsigned per_host)
{
	f->hosts = hosts_new(per_host);
	f->stop = cancel_new();
	f->a = hosts_find(f->hosts, "a.example:993");
	f->b = hosts_find(f->hosts, "B.example:143");
}

static void
end(struct fixture *f)
{
	hosts_free(f->hosts);
	cancel_free(f->stop);
}

static struct schedule_item
item(unsigned host, uint64_t bytes)
{
	return (struct schedule_item){ .host = { host }, .n_hosts = 1, .rank = bytes };
}

static void
give_back(struct fixture *f, unsigned id, enum login_end how)
{
	hosts_login(f->hosts, id, how);
	if (how == LOGIN_TAKEN)
		hosts_out(f->hosts, id);
	hosts_leave(f->hosts, &id, 1);
}

/* The connection of one that is logged in is closed. */
static void
leave(struct fixture *f)
{
	hosts_out(f->hosts, f->a);
	hosts_leave(f->hosts, &f->a, 1);
}

/* ---- hosts ---- */

static void
a_host_is_one_in_any_case(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 0);
	assert_int_equal(hosts_find(f.hosts, "A.EXAMPLE:993"), f.a);
	assert_int_equal(hosts_find(f.hosts, "b.example:143"), f.b);
	assert_int_not_equal(hosts_find(f.hosts, "a.example:143"), f.a);
	assert_string_equal(hosts_name(f.hosts, f.b), "B.example:143");
	end(&f);
}

static void
no_more_places_than_the_limit(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 2);
	assert_true(hosts_try(f.hosts, &f.a, 1));
	assert_true(hosts_try(f.hosts, &f.a, 1));
	assert_false(hosts_try(f.hosts, &f.a, 1));
	assert_true(hosts_try(f.hosts, &f.b, 1));
	give_back(&f, f.a, LOGIN_TAKEN);
	assert_true(hosts_try(f.hosts, &f.a, 1));
	end(&f);
}

static void
both_ends_or_none(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 1);
	unsigned both[] = { f.a, f.b };

	assert_true(hosts_try(f.hosts, &f.b, 1));
	assert_false(hosts_try(f.hosts, both, 2));
	/* Nothing was taken of the first. */
	assert_true(hosts_try(f.hosts, &f.a, 1));
	end(&f);
}

static void
an_account_that_stays_on_its_server_needs_two_places(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 3);
	unsigned same[] = { f.a, f.a };

	assert_true(hosts_try(f.hosts, same, 2));
	assert_false(hosts_try(f.hosts, same, 2));
	end(&f);
	/* Of a limit that is too low for one it gets them when nobody else is there. */
	begin(&f, 1);
	assert_true(hosts_try(f.hosts, same, 2));
	assert_false(hosts_try(f.hosts, &f.a, 1));
	end(&f);
}

/* A connection of the account is refused, and gone; true: that taught a ceiling. */
static bool
refuse(struct fixture *f, size_t account, unsigned *ret_now)
{
	struct refusal r = { .account = account, .began_ms = clock_mono_ms() };

	assert_true(hosts_try(f->hosts, &f->a, 1));
	hosts_login(f->hosts, f->a, LOGIN_NONE);

	bool taught = hosts_refused(f->hosts, f->a, &r, ret_now);

	hosts_leave(f->hosts, &f->a, 1);
	return taught;
}

static void
log_in(struct fixture *f, int n)
{
	for (int i = 0; i < n; i++) {
		assert_true(hosts_try(f->hosts, &f->a, 1));
		hosts_login(f->hosts, f->a, LOGIN_TAKEN);
	}
}

static void
a_refused_connection_lowers_the_ceiling(void **state)
{
	struct fixture f;
	unsigned now = 9;

	(void)state;
	begin(&f, 10);
	/* Alone it says nothing of a ceiling. */
	assert_false(refuse(&f, 0, &now));
	log_in(&f, 3);
	assert_true(refuse(&f, 0, &now));
	assert_int_equal(now, 3);
	assert_false(hosts_try(f.hosts, &f.a, 1));
	leave(&f);
	assert_true(hosts_try(f.hosts, &f.a, 1));
	end(&f);
}

static void
an_account_that_is_refused_again_takes_its_ceiling_back(void **state)
{
	struct fixture f;
	unsigned now = 9;

	(void)state;
	begin(&f, 10);
	log_in(&f, 3);
	assert_true(refuse(&f, 7, &now));
	leave(&f);
	/* With fewer open: so it was not their number. */
	assert_false(refuse(&f, 7, &now));
	assert_int_equal(now, 0);
	log_in(&f, 2);
	assert_false(refuse(&f, 7, &now));
	assert_int_equal(now, 0);
	end(&f);
}

static void
as_many_as_were_logged_in_are_no_ceiling(void **state)
{
	struct fixture f;
	unsigned now = 9;

	(void)state;
	begin(&f, 10);
	log_in(&f, 6);
	leave(&f);
	leave(&f);
	for (size_t account = 0; account < 20; account++)
		assert_false(refuse(&f, account, &now));
	/* The greeting is for all. */
	struct refusal r = { .of_server = true, .began_ms = clock_mono_ms() };

	assert_true(hosts_try(f.hosts, &f.a, 1));
	hosts_login(f.hosts, f.a, LOGIN_NONE);
	assert_true(hosts_refused(f.hosts, f.a, &r, &now));
	assert_int_equal(now, 4);
	end(&f);
}

static void
a_server_that_bears_less_now_is_believed_in_the_end(void **state)
{
	struct fixture f;
	unsigned now = 9;
	int refused = 0;

	(void)state;
	begin(&f, 10);
	log_in(&f, 6);
	leave(&f);
	while (!refuse(&f, (size_t)refused, &now))
		refused++;
	assert_int_equal(refused, HOST_REFUSALS_MAX - 1);
	assert_int_equal(now, 5);
	end(&f);
}

static void
more_that_log_in_raise_the_ceiling(void **state)
{
	struct fixture f;
	unsigned now = 9;
	struct refusal r = { .account = 1 };

	(void)state;
	begin(&f, 10);
	log_in(&f, 1);
	for (int i = 0; i < 4; i++)
		assert_true(hosts_try(f.hosts, &f.a, 1));
	hosts_login(f.hosts, f.a, LOGIN_NONE);
	assert_true(hosts_refused(f.hosts, f.a, &r, &now));
	/* Those on their way may be refused, too. */
	assert_int_equal(now, 1);
	hosts_leave(f.hosts, &f.a, 1);
	for (int i = 0; i < 3; i++)
		hosts_login(f.hosts, f.a, LOGIN_TAKEN);
	assert_int_equal(hosts_bears(f.hosts, f.a).now, 4);
	end(&f);
}

static void
a_host_on_hold_gives_no_place(void **state)
{
	struct fixture f;
	struct refusal r = { .of_server = true, .after_ms = 3600 * SEC };
	unsigned now;

	(void)state;
	begin(&f, 0);
	assert_false(hosts_refused(f.hosts, f.a, &r, &now));
	assert_false(hosts_try(f.hosts, &f.a, 1));
	assert_true(hosts_try(f.hosts, &f.b, 1));
	end(&f);
}

static void
who_names_a_time_tells_no_ceiling(void **state)
{
	struct fixture f;
	struct refusal r = { .account = 1, .after_ms = 3600 * SEC };
	unsigned now = 9;

	(void)state;
	begin(&f, 0);
	log_in(&f, 2);
	assert_true(hosts_try(f.hosts, &f.a, 1));
	hosts_login(f.hosts, f.a, LOGIN_NONE);
	assert_false(hosts_refused(f.hosts, f.a, &r, &now));
	assert_int_equal(now, 0);
	hosts_leave(f.hosts, &f.a, 1);
	assert_true(hosts_try(f.hosts, &f.a, 1));
	give_back(&f, f.a, LOGIN_NONE);
	end(&f);
}

/* Three that are refused at once are one answer, and teach no ceiling. */
static void
a_host_that_greets_nobody_is_left_alone_for_a_while(void **state)
{
	struct fixture f;
	struct refusal r = { .of_server = true, .began_ms = clock_mono_ms() };
	unsigned now = 9;

	(void)state;
	begin(&f, 0);
	for (int i = 0; i < 3; i++)
		assert_true(hosts_try(f.hosts, &f.a, 1));
	for (int i = 0; i < 3; i++) {
		hosts_login(f.hosts, f.a, LOGIN_NONE);
		assert_false(hosts_refused(f.hosts, f.a, &r, &now));
		assert_int_equal(now, 0);
		r.began_ms = 0;
	}
	for (int i = 0; i < 3; i++)
		hosts_leave(f.hosts, &f.a, 1);
	assert_false(hosts_try(f.hosts, &f.a, 1));
	assert_true(hosts_try(f.hosts, &f.b, 1));

	int64_t began_ms = clock_mono_ms();

	assert_int_equal(hosts_enter(f.hosts, &f.a, 1, NULL, &(struct err){ 0 }), 0);
	assert_true(clock_mono_ms() - began_ms < 2 * SEC);
	end(&f);
}

static void
one_account_that_is_told_to_wait_holds_no_host(void **state)
{
	struct fixture f;
	struct refusal r = { .account = 1, .after_ms = 3600 * SEC }, other = { .account = 2, .after_ms = 3600 * SEC };
	unsigned now;

	(void)state;
	begin(&f, 0);
	for (int i = 0; i < 3; i++)
		assert_false(hosts_refused(f.hosts, f.a, &r, &now));
	log_in(&f, 1);
	leave(&f);
	other.began_ms = r.began_ms = clock_mono_ms();
	assert_false(hosts_refused(f.hosts, f.a, &other, &now));
	assert_true(hosts_try(f.hosts, &f.a, 1));
	give_back(&f, f.a, LOGIN_NONE);
	/* Two in a row, and nobody logged in between them. */
	assert_false(hosts_refused(f.hosts, f.a, &r, &now));
	assert_false(hosts_try(f.hosts, &f.a, 1));
	end(&f);
}

static void
never_more_than_five_refused_logins(void **state)
{
	struct fixture f;
	int under_way = 0, refused = 0;

	(void)state;
	begin(&f, 0);
	while (hosts_try(f.hosts, &f.a, 1))
		under_way++;
	assert_int_equal(under_way, HOST_REFUSALS_MAX);
	/* Two are refused: only one more may come for each of the others that is not. */
	for (int i = 0; i < 2; i++, refused++)
		give_back(&f, f.a, LOGIN_REFUSED);
	assert_false(hosts_try(f.hosts, &f.a, 1));
	give_back(&f, f.a, LOGIN_TAKEN);
	for (under_way = 2; hosts_try(f.hosts, &f.a, 1);)
		under_way++;
	assert_int_equal(under_way, HOST_REFUSALS_MAX);
	for (int i = 0; i < HOST_REFUSALS_MAX; i++) {
		assert_false(hosts_closed(f.hosts, f.a));
		give_back(&f, f.a, LOGIN_REFUSED);
	}
	assert_true(hosts_closed(f.hosts, f.a));
	assert_false(hosts_closed(f.hosts, f.b));
	end(&f);
}

/* ---- schedule ---- */

static void
groups_take_turns_and_the_largest_comes_first(void **state)
{
	struct fixture f;
	struct schedule *s;
	size_t got[4];

	(void)state;
	begin(&f, 0);
	const struct schedule_item items[] = { item(f.a, 10), item(f.a, 30), item(f.b, 0),
		item(f.a, 20) };

	s = schedule_new(items, 4, SCHEDULE_LARGEST, 4, f.hosts, f.stop);
	for (int i = 0; i < 4; i++)
		assert_int_equal(schedule_next(s, &got[i]), SCHEDULE_TAKE);
	assert_int_equal(got[0], 1);
	assert_int_equal(got[1], 2);
	assert_int_equal(got[2], 3);
	assert_int_equal(got[3], 0);
	schedule_free(s);
	end(&f);
}

static void
order_of(enum schedule_order order, const size_t *want)
{
	struct fixture f;
	struct schedule *s;
	size_t got;

	begin(&f, 0);
	const struct schedule_item items[] = { item(f.a, 20), item(f.a, 0), item(f.a, 10) };

	s = schedule_new(items, 3, order, 3, f.hosts, f.stop);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(schedule_next(s, &got), SCHEDULE_TAKE);
		assert_int_equal(got, want[i]);
	}
	schedule_free(s);
	end(&f);
}

static void
orders_are_what_they_say(void **state)
{
	(void)state;
	order_of(SCHEDULE_LIST, (const size_t[]){ 0, 1, 2 });
	order_of(SCHEDULE_LARGEST, (const size_t[]){ 0, 2, 1 });
	order_of(SCHEDULE_SMALLEST, (const size_t[]){ 2, 0, 1 });
}

static void
a_full_host_does_not_hold_up_the_others(void **state)
{
	struct fixture f;
	struct schedule *s;
	size_t got;

	(void)state;
	begin(&f, 1);
	const struct schedule_item items[] = { item(f.a, 9), item(f.a, 8), item(f.b, 1) };

	s = schedule_new(items, 3, SCHEDULE_LARGEST, 3, f.hosts, f.stop);
	assert_int_equal(schedule_next(s, &got), SCHEDULE_TAKE);
	assert_int_equal(got, 0);
	assert_int_equal(schedule_next(s, &got), SCHEDULE_TAKE);
	assert_int_equal(got, 2);
	give_back(&f, f.a, LOGIN_TAKEN);
	assert_int_equal(schedule_next(s, &got), SCHEDULE_TAKE);
	assert_int_equal(got, 1);
	schedule_free(s);
	end(&f);
}

static void
what_is_laid_aside_comes_again(void **state)
{
	struct fixture f;
	struct schedule *s;
	struct schedule_counts c;
	size_t got;

	(void)state;
	begin(&f, 0);
	const struct schedule_item items[] = { item(f.a, 0) };

	s = schedule_new(items, 1, SCHEDULE_LIST, 1, f.hosts, f.stop);
	assert_int_equal(schedule_next(s, &got), SCHEDULE_TAKE);
	give_back(&f, f.a, LOGIN_TAKEN);
	schedule_again(s, got, 20);
	schedule_counts(s, &c);
	assert_int_equal(c.waiting, 1);
	assert_int_equal(c.running, 0);
	/* It is waited for, and only then is it the end. */
	got = 7;
	assert_int_equal(schedule_next(s, &got), SCHEDULE_TAKE);
	assert_int_equal(got, 0);
	give_back(&f, f.a, LOGIN_TAKEN);
	schedule_done(s, got);
	assert_int_equal(schedule_next(s, &got), SCHEDULE_END);
	schedule_free(s);
	end(&f);
}

static void
a_closed_host_gives_its_accounts_back_without_a_place(void **state)
{
	struct fixture f;
	struct schedule *s;
	size_t got;

	(void)state;
	begin(&f, 1);
	const struct schedule_item items[] = { item(f.a, 0), item(f.a, 0) };

	for (int i = 0; i < HOST_REFUSALS_MAX; i++) {
		assert_true(hosts_try(f.hosts, &f.a, 1));
		give_back(&f, f.a, LOGIN_REFUSED);
	}
	s = schedule_new(items, 2, SCHEDULE_LIST, 2, f.hosts, f.stop);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(schedule_next(s, &got), SCHEDULE_CLOSED);
		assert_int_equal(got, i);
		schedule_done(s, got);
	}
	assert_int_equal(schedule_next(s, &got), SCHEDULE_END);
	schedule_free(s);
	end(&f);
}

struct next_one {
	struct schedule *s;
	atomic_bool may; /* it may be given out */
	bool early;
	size_t got;
};

static void *
take_next(void *arg)
{
	struct next_one *n = arg;

	if (schedule_next(n->s, &n->got) != SCHEDULE_TAKE)
		n->got = SIZE_MAX;
	n->early = !atomic_load(&n->may);
	return NULL;
}

/* So many at work with servers, and no more; one that waits for the disk alone is none of them. */
static void
who_needs_no_server_makes_room_for_the_next(void **state)
{
	struct fixture f;
	struct schedule *s;
	struct schedule_counts c;
	struct next_one next = { .got = 0 };
	pthread_t thread;
	size_t got;

	(void)state;
	begin(&f, 0);
	const struct schedule_item items[] = { item(f.a, 0), item(f.a, 0), item(f.a, 0) };

	s = schedule_new(items, 3, SCHEDULE_LIST, 1, f.hosts, f.stop);
	assert_int_equal(schedule_next(s, &got), SCHEDULE_TAKE);
	give_back(&f, f.a, LOGIN_TAKEN);
	schedule_leaves(s, 0);
	schedule_leaves(s, 0); /* twice is once */
	assert_int_equal(schedule_next(s, &got), SCHEDULE_TAKE);
	assert_int_equal(got, 1);
	schedule_counts(s, &c);
	assert_int_equal(c.running, 2);
	/* The first is through, but the second still needs its server. */
	schedule_done(s, 0);
	next.s = s;
	assert_int_equal(pthread_create(&thread, NULL, take_next, &next), 0);
	usleep(20 * 1000);
	atomic_store(&next.may, true);
	schedule_leaves(s, 1);
	pthread_join(thread, NULL);
	assert_int_equal(next.got, 2);
	assert_false(next.early);
	give_back(&f, f.a, LOGIN_TAKEN);
	schedule_free(s);
	end(&f);
}

/* Held, nothing is given out and nobody is told that all is done; and what is laid aside for an hour can be
 * hurried. */
static void
what_is_held_waits_and_is_not_over(void **state)
{
	struct fixture f;
	struct schedule *s;
	struct schedule_counts c;
	size_t got;

	(void)state;
	begin(&f, 0);
	const struct schedule_item items[] = { item(f.a, 0), item(f.a, 0) };

	s = schedule_new(items, 2, SCHEDULE_LIST, 2, f.hosts, f.stop);
	assert_int_equal(schedule_next(s, &got), SCHEDULE_TAKE);
	assert_int_equal(got, 0);
	give_back(&f, f.a, LOGIN_TAKEN);
	schedule_again(s, 0, 3600 * SEC);
	schedule_hold(s, true);
	schedule_counts(s, &c);
	assert_int_equal(c.queued + c.waiting, 2);
	schedule_hurry(s, 1); /* it is not laid aside */
	schedule_hurry(s, 0);
	schedule_hold(s, false);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(schedule_next(s, &got), SCHEDULE_TAKE);
		assert_int_equal(got, i);
		give_back(&f, f.a, LOGIN_TAKEN);
		schedule_done(s, got);
	}
	assert_int_equal(schedule_next(s, &got), SCHEDULE_END);
	schedule_free(s);
	/* A stop ends the wait of what is held. */
	s = schedule_new(items, 2, SCHEDULE_LIST, 2, f.hosts, f.stop);
	schedule_hold(s, true);
	cancel_raise(f.stop);
	assert_int_equal(schedule_next(s, &got), SCHEDULE_END);
	schedule_free(s);
	end(&f);
}

static void
a_stop_ends_the_wait(void **state)
{
	struct fixture f;
	struct schedule *s;
	size_t got;

	(void)state;
	begin(&f, 0);
	const struct schedule_item items[] = { item(f.a, 0) };

	s = schedule_new(items, 1, SCHEDULE_LIST, 1, f.hosts, f.stop);
	assert_int_equal(schedule_next(s, &got), SCHEDULE_TAKE);
	schedule_again(s, got, 3600 * SEC);
	cancel_raise(f.stop);
	assert_int_equal(schedule_next(s, &got), SCHEDULE_END);
	schedule_free(s);
	end(&f);
}

enum { CROWD = 16, CROWD_ITEMS = 2000 };
struct crowd {
	struct fixture f;
	struct schedule *s;
	const struct schedule_item *item;
	atomic_int open[2], most[2], taken[CROWD_ITEMS];
};

static void *
crowd_work(void *arg)
{
	struct crowd *c = arg;
	size_t at;

	while (schedule_next(c->s, &at) == SCHEDULE_TAKE) {
		unsigned id = c->item[at].host[0];
		int k = id == c->f.b, open = atomic_fetch_add(&c->open[k], 1) + 1, most;

		while ((most = atomic_load(&c->most[k])) < open &&
		       !atomic_compare_exchange_weak(&c->most[k], &most, open))
			;
		if (atomic_fetch_add(&c->taken[at], 1) == 0 && at % 7 == 0) {
			atomic_fetch_sub(&c->open[k], 1);
			give_back(&c->f, id, LOGIN_NONE);
			schedule_again(c->s, at, 1);
			continue;
		}
		atomic_fetch_sub(&c->open[k], 1);
		give_back(&c->f, id, LOGIN_TAKEN);
		schedule_done(c->s, at);
	}
	return NULL;
}

static void
a_crowd_does_each_once_and_keeps_the_limit(void **state)
{
	static struct schedule_item items[CROWD_ITEMS];
	static struct crowd c;
	pthread_t thread[CROWD];

	(void)state;
	begin(&c.f, 3);
	for (size_t i = 0; i < CROWD_ITEMS; i++)
		items[i] = item(i % 3 ? c.f.a : c.f.b, i);
	c.item = items;
	c.s = schedule_new(items, CROWD_ITEMS, SCHEDULE_LARGEST, CROWD_ITEMS, c.f.hosts, c.f.stop);
	for (size_t i = 0; i < CROWD; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, crowd_work, &c), 0);
	for (size_t i = 0; i < CROWD; i++)
		pthread_join(thread[i], NULL);
	for (size_t i = 0; i < CROWD_ITEMS; i++)
		assert_int_equal(atomic_load(&c.taken[i]), i % 7 == 0 ? 2 : 1);
	assert_true(atomic_load(&c.most[0]) <= 3);
	assert_true(atomic_load(&c.most[1]) <= 3);
	schedule_free(c.s);
	end(&c.f);
}

static void
connections_that_stay_leave_half_of_the_places(void **state)
{
	struct hosts *few = hosts_new(3), *h = hosts_new(5);
	unsigned id = hosts_find(h, "a.example:993"), other = hosts_find(few, "a.example:993");
	const unsigned both[HOST_ENDS] = { id, id };

	(void)state;
	assert_false(hosts_try_stay(few, other));
	assert_true(hosts_try_stay(h, id));
	assert_true(hosts_try_stay(h, id));
	assert_false(hosts_try_stay(h, id));
	assert_false(hosts_full(h, id, 2));
	assert_true(hosts_try(h, both, HOST_ENDS));
	assert_false(hosts_full(h, id, 1));
	assert_true(hosts_full(h, id, 2));
	hosts_free(few);
	hosts_free(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_is_one_in_any_case),
		cmocka_unit_test(no_more_places_than_the_limit),
		cmocka_unit_test(both_ends_or_none),
		cmocka_unit_test(an_account_that_stays_on_its_server_needs_two_places),
		cmocka_unit_test(a_refused_connection_lowers_the_ceiling),
		cmocka_unit_test(an_account_that_is_refused_again_takes_its_ceiling_back),
		cmocka_unit_test(as_many_as_were_logged_in_are_no_ceiling),
		cmocka_unit_test(a_server_that_bears_less_now_is_believed_in_the_end),
		cmocka_unit_test(more_that_log_in_raise_the_ceiling),
		cmocka_unit_test(a_host_on_hold_gives_no_place),
		cmocka_unit_test(who_names_a_time_tells_no_ceiling),
		cmocka_unit_test(a_host_that_greets_nobody_is_left_alone_for_a_while),
		cmocka_unit_test(one_account_that_is_told_to_wait_holds_no_host),
		cmocka_unit_test(never_more_than_five_refused_logins),
		cmocka_unit_test(groups_take_turns_and_the_largest_comes_first),
		cmocka_unit_test(orders_are_what_they_say),
		cmocka_unit_test(a_full_host_does_not_hold_up_the_others),
		cmocka_unit_test(what_is_laid_aside_comes_again),
		cmocka_unit_test(a_closed_host_gives_its_accounts_back_without_a_place),
		cmocka_unit_test(who_needs_no_server_makes_room_for_the_next),
		cmocka_unit_test(what_is_held_waits_and_is_not_over),
		cmocka_unit_test(a_stop_ends_the_wait),
		cmocka_unit_test(connections_that_stay_leave_half_of_the_places),
		cmocka_unit_test(a_crowd_does_each_once_and_keeps_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
