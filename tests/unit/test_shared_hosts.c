/* engine/hosts of two processes that share a job: a lock of a file is that of a handle, so two states in one
 * process are two to each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "engine/hosts.h"
#include "state_help.h"

struct pair {
	struct job job;
	struct state *other;
	struct hosts *mine, *its;
	unsigned a, a_its; /* one server */
};

static void
begin(struct pair *p, unsigned per_host)
{
	struct job *job = &p->job;

	job_make(job);
	OK(state_open(&job->state, job->dir, STATE_RUN, &job->err));
	OK(state_share(job->state, SHARING_WILLING, &job->err));
	OK(state_open(&p->other, job->dir, STATE_JOIN, &job->err));
	p->mine = hosts_new(per_host);
	p->its = hosts_new(per_host);
	p->a = hosts_find(p->mine, "a.example:993");
	(void)hosts_find(p->its, "b.example:993");
	p->a_its = hosts_find(p->its, "a.example:993");
}

static void
share(struct pair *p)
{
	struct job *job = &p->job;

	OK(hosts_share(p->mine, job->state, &job->err));
	OK(hosts_share(p->its, p->other, &job->err));
}

static void
end(struct pair *p)
{
	hosts_free(p->mine);
	hosts_free(p->its);
	state_close(&p->other);
	job_drop(&p->job);
}

static void
give_back(struct hosts *h, unsigned id, enum login_end how)
{
	hosts_login(h, id, how);
	if (how == LOGIN_TAKEN)
		hosts_out(h, id);
	hosts_leave(h, &id, 1);
}

static void
places_from_before_count(void **state)
{
	struct pair p;

	(void)state;
	begin(&p, 2);
	assert_true(hosts_try(p.mine, &p.a, 1));
	share(&p);
	assert_true(hosts_try(p.its, &p.a_its, 1));
	assert_false(hosts_try(p.its, &p.a_its, 1));
	assert_false(hosts_try(p.mine, &p.a, 1));
	give_back(p.mine, p.a, LOGIN_TAKEN);
	usleep(150000); /* what was heard a moment ago holds so long */
	assert_true(hosts_try(p.its, &p.a_its, 1));
	end(&p);
}

static void
ceiling_that_one_learns_is_that_of_all(void **state)
{
	struct pair p;
	struct refusal r = { .account = 0 };
	unsigned now;

	(void)state;
	begin(&p, 0);
	share(&p);
	assert_true(hosts_try(p.mine, &p.a, 1));
	hosts_login(p.mine, p.a, LOGIN_TAKEN);
	assert_true(hosts_try(p.its, &p.a_its, 1));
	hosts_login(p.its, p.a_its, LOGIN_TAKEN);
	assert_true(hosts_try(p.its, &p.a_its, 1));
	hosts_login(p.its, p.a_its, LOGIN_NONE);
	/* Alone it would say 1. */
	assert_true(hosts_refused(p.its, p.a_its, &r, &now));
	assert_int_equal(now, 2);
	hosts_leave(p.its, &p.a_its, 1);
	assert_false(hosts_try(p.mine, &p.a, 1));
	end(&p);
}

static void
wait_that_one_was_asked_for_is_that_of_all(void **state)
{
	struct pair p;
	struct refusal r = { .of_server = true, .after_ms = 60000 };
	unsigned now;

	(void)state;
	begin(&p, 0);
	assert_false(hosts_refused(p.mine, p.a, &r, &now));
	share(&p);
	assert_false(hosts_try(p.its, &p.a_its, 1));
	end(&p);
}

static void
refused_logins_are_counted_together(void **state)
{
	struct pair p;

	(void)state;
	begin(&p, 0);
	for (int i = 0; i < 2; i++) {
		assert_true(hosts_try(p.mine, &p.a, 1));
		give_back(p.mine, p.a, LOGIN_REFUSED);
	}
	share(&p);
	/* Those under way could be refused too. */
	assert_true(hosts_try(p.mine, &p.a, 1));
	assert_true(hosts_try(p.its, &p.a_its, 1));
	assert_true(hosts_try(p.its, &p.a_its, 1));
	assert_false(hosts_try(p.mine, &p.a, 1));
	assert_false(hosts_login(p.its, p.a_its, LOGIN_REFUSED));
	assert_false(hosts_login(p.mine, p.a, LOGIN_REFUSED));
	assert_true(hosts_login(p.its, p.a_its, LOGIN_REFUSED));
	usleep(150000);
	assert_false(hosts_try(p.mine, &p.a, 1));
	assert_true(hosts_closed(p.mine, p.a));
	end(&p);
}

static void
login_that_one_gets_through_counts_for_all(void **state)
{
	struct pair p;

	(void)state;
	begin(&p, 0);
	share(&p);
	for (int i = 0; i < 4; i++) {
		assert_true(hosts_try(p.mine, &p.a, 1));
		give_back(p.mine, p.a, LOGIN_REFUSED);
	}
	assert_true(hosts_try(p.its, &p.a_its, 1));
	give_back(p.its, p.a_its, LOGIN_TAKEN);
	assert_true(hosts_try(p.mine, &p.a, 1));
	assert_false(hosts_login(p.mine, p.a, LOGIN_REFUSED));
	assert_false(hosts_closed(p.mine, p.a));
	end(&p);
}

enum { THREADS = 4, ROUNDS = 60, LIMIT = 3 };

struct racer {
	struct hosts *hosts;
	unsigned id;
	atomic_int *open, *most, *entries;
};

static void *
race(void *arg)
{
	struct racer *r = arg;

	for (int i = 0; i < ROUNDS; i++) {
		if (!hosts_try(r->hosts, &r->id, 1)) {
			usleep(1000);
			continue;
		}
		int now = atomic_fetch_add(r->open, 1) + 1, most = atomic_load(r->most);

		while (now > most && !atomic_compare_exchange_weak(r->most, &most, now))
			;
		atomic_fetch_add(r->entries, 1);
		usleep(500);
		atomic_fetch_sub(r->open, 1);
		give_back(r->hosts, r->id, LOGIN_TAKEN);
	}
	return NULL;
}

static void
limit_holds_at_any_instant(void **state)
{
	struct pair p;
	pthread_t thread[2 * THREADS];
	atomic_int open = 0, most = 0, entries = 0;
	struct racer mine, its;

	(void)state;
	begin(&p, LIMIT);
	share(&p);
	mine = (struct racer){ .hosts = p.mine, .id = p.a, .open = &open, .most = &most, .entries = &entries };
	its = mine;
	its.hosts = p.its;
	its.id = p.a_its;
	for (int i = 0; i < 2 * THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, race, i % 2 == 0 ? &mine : &its), 0);
	for (int i = 0; i < 2 * THREADS; i++)
		pthread_join(thread[i], NULL);
	assert_in_range(atomic_load(&most), 1, LIMIT);
	assert_true(atomic_load(&entries) > 0);
	end(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_from_before_count),
		cmocka_unit_test(ceiling_that_one_learns_is_that_of_all),
		cmocka_unit_test(wait_that_one_was_asked_for_is_that_of_all),
		cmocka_unit_test(refused_logins_are_counted_together),
		cmocka_unit_test(login_that_one_gets_through_counts_for_all),
		cmocka_unit_test(limit_holds_at_any_instant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
