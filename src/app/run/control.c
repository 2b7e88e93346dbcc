#include "app/run/control.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

enum { STOP_THREAD = SIGUSR1 };

struct control {
	struct cancel *stop;
	struct screen *screen;
	struct metrics *metrics;
	void (*on_reopen)(void *arg), (*on_tick)(void *arg);
	void *reopen_arg, *tick_arg;
	sigset_t ours, before;
	bool on_terminal;	/* SIGHUP may mean that it has gone */
	pthread_t signals;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	/* under the mutex */
	bool done, resized, told, reopen;
	struct cancel *soft;	/* what the first signal raises instead; NULL: nothing */
	int stops;		/* signals that ask to end */
	/* of the worker */
	int (*work)(void *arg, struct err *err);
	void *arg;
	struct err err;
	int rc;
};

static void
control_stop(struct control *c)
{
	if (c->soft && !cancel_raised(c->soft)) {
		cancel_raise(c->soft);
		return;
	}
	if (++c->stops > 1)
		_exit(EXIT_INTERRUPTED);
	cancel_raise(c->stop);
}

/* The terminal that the process belongs to. */
static bool
control_has_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void
control_hangup(struct control *c)
{
	if (c->on_terminal && !control_has_terminal())
		control_stop(c);
	else
		c->reopen = true;
}

static void *
control_signals(void *arg)
{
	struct control *c = arg;
	int number;

	while (sigwait(&c->ours, &number) == 0 && number != STOP_THREAD) {
		pthread_mutex_lock(&c->mutex);
		if (number == SIGWINCH)
			c->resized = true;
		else if (number == SIGHUP)
			control_hangup(c);
		else
			control_stop(c);
		pthread_cond_signal(&c->cond);
		pthread_mutex_unlock(&c->mutex);
	}
	return NULL;
}

static void
control_signal_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGWINCH);
	sigaddset(set, SIGHUP);
	sigaddset(set, STOP_THREAD);
}

static void
control_init(struct control *c)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&c->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->cond, &attr);
	pthread_condattr_destroy(&attr);
}

static void
control_exit(int number)
{
	(void)number;
	_exit(EXIT_INTERRUPTED);
}

/* The second signal that asks to end may come when what the first one left to do is nearly done. */
static void
control_await_second(const struct control *c)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	const struct sigaction act = { .sa_handler = control_exit };

	for (size_t i = 0; i < COUNT_OF(numbers); i++)
		if (numbers[i] != SIGHUP || c->on_terminal)
			sigaction(numbers[i], &act, NULL);
}

/* A signal that the thread has not taken any more came when the work was done: it must not kill us now. */
static void
control_free(struct control *c)
{
	if (c->stops > 0)
		control_await_second(c);
	/* From logrotate it may come while the reports are written. */
	if (!c->on_terminal)
		signal(SIGHUP, SIG_IGN);
	while (sigtimedwait(&c->ours, NULL, &(struct timespec){ 0 }) > 0)
		;
	pthread_sigmask(SIG_SETMASK, &c->before, NULL);
	pthread_cond_destroy(&c->cond);
	pthread_mutex_destroy(&c->mutex);
	free(c);
}

static int
control_thread(pthread_t *ret, void *(*body)(void *), struct control *c, struct err *err)
{
	errno = pthread_create(ret, NULL, body, c);
	return errno == 0 ? 0 : err_set_sys(err, ERR_SHORT, "start a thread");
}

int
control_open(struct control **ret, struct cancel *stop, struct screen *s, struct err *err)
{
	struct control *c = mem_new(sizeof(*c));
	struct sigaction hup;

	c->stop = stop;
	c->screen = s;
	control_init(c);
	/* Under nohup the terminal's end is no reason to stop. */
	c->on_terminal = sigaction(SIGHUP, NULL, &hup) == 0 && hup.sa_handler != SIG_IGN &&
			 control_has_terminal();
	control_signal_set(&c->ours);
	pthread_sigmask(SIG_BLOCK, &c->ours, &c->before);
	if (control_thread(&c->signals, control_signals, c, err) < 0) {
		control_free(c);
		return -1;
	}
	*ret = c;
	return 0;
}

void
control_close(struct control **c)
{
	if (!*c)
		return;
	pthread_kill((*c)->signals, STOP_THREAD);
	pthread_join((*c)->signals, NULL);
	control_free(*c);
	*c = NULL;
}

void
control_set_metrics(struct control *c, struct metrics *m)
{
	c->metrics = m;
}

void
control_set_reopen(struct control *c, void (*reopen)(void *arg), void *arg)
{
	c->on_reopen = reopen;
	c->reopen_arg = arg;
}

void
control_set_tick(struct control *c, void (*tick)(void *arg), void *arg)
{
	c->on_tick = tick;
	c->tick_arg = arg;
}

static void *
control_work(void *arg)
{
	struct control *c = arg;
	int rc = c->work(c->arg, &c->err);

	pthread_mutex_lock(&c->mutex);
	c->rc = rc;
	c->done = true;
	pthread_cond_signal(&c->cond);
	pthread_mutex_unlock(&c->mutex);
	return NULL;
}

static void
control_wait(struct control *c)
{
	struct timespec until;
	int ms = screen_period_ms(c->screen);

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	pthread_cond_timedwait(&c->cond, &c->mutex, &until);
}

/* Draw and speak without the mutex: a terminal may be slow, and the second signal must not wait for
 * it. */
static void
control_show(struct control *c)
{
	bool tell = c->stops > 0 && !c->told, resized = c->resized, reopen = c->reopen;

	c->resized = c->reopen = false;
	c->told |= tell;
	pthread_mutex_unlock(&c->mutex);
	if (tell)
		screen_say(c->screen,
		    "imex: finishing the current batch; press Ctrl-C again to stop at once");
	screen_tick(c->screen, resized);
	metrics_tick(c->metrics);
	if (reopen && c->on_reopen)
		c->on_reopen(c->reopen_arg);
	if (c->on_tick)
		c->on_tick(c->tick_arg);
	pthread_mutex_lock(&c->mutex);
}

void
control_soften(struct control *c, struct cancel *end)
{
	pthread_mutex_lock(&c->mutex);
	c->soft = end;
	pthread_mutex_unlock(&c->mutex);
}

int
control_run(struct control *c, int (*work)(void *arg, struct err *err), void *arg, struct err *err)
{
	pthread_t worker;

	c->work = work;
	c->arg = arg;
	c->done = false;
	if (control_thread(&worker, control_work, c, err) < 0)
		return -1;
	pthread_mutex_lock(&c->mutex);
	while (!c->done) {
		control_wait(c);
		control_show(c);
	}
	pthread_mutex_unlock(&c->mutex);
	pthread_join(worker, NULL);
	if (c->rc < 0)
		*err = c->err;
	return c->rc;
}
