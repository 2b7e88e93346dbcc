/* What a filtered process is refused, and what still works. Each test is a child of its own: what is given up is not
 * got back. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/netlink.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#endif

#include <cmocka.h>

#include "base/filter.h"

#ifdef __linux__

enum { FAULTS_FROM = 100 };

/* Sanitizers and some systems do without. */
static bool
can_filter(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(filter_calls() ? 0 : 1);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* 0: all of it is so; else which one is not, counted from 1. */
typedef int check(void);

static int
in_child(check *work)
{
	int status, code;
	pid_t pid = fork();

	if (pid == 0) {
		int fault;

		if (!filter_calls())
			_exit(1);
		fault = work();
		_exit(fault == 0 ? 0 : FAULTS_FROM + fault);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	code = WEXITSTATUS(status);
	return code < FAULTS_FROM ? code : code - FAULTS_FROM;
}

static bool
not_permitted(long answer)
{
	return answer == -1 && errno == EPERM;
}

/* Calls that would end otherwise for root: by success, EINVAL, EFAULT, EBADF or ENOENT, never by EPERM. */
static int
programs_and_processes(void)
{
	char *argv[] = { (char[]){ "true" }, NULL }, *env[] = { NULL };
	struct iovec one = { .iov_base = argv, .iov_len = sizeof(argv) };

	if (!not_permitted(execve("/bin/true", argv, env)))
		return 1;
	if (!not_permitted(syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, env, 0)))
		return 2;
	if (!not_permitted(ptrace(PTRACE_TRACEME, 0, NULL, NULL)))
		return 3;
	if (!not_permitted(process_vm_readv(getpid(), &one, 1, &one, 1, 0)))
		return 4;
	if (!not_permitted(process_vm_writev(getpid(), &one, 1, &one, 1, 0)))
		return 5;
	return not_permitted(personality(ADDR_NO_RANDOMIZE)) ? 0 : 6;
}

static int
users(void)
{
	if (!not_permitted(setuid(getuid())) || !not_permitted(setgid(getgid())))
		return 1;
	if (!not_permitted(setresuid(getuid(), getuid(), getuid())))
		return 2;
	return not_permitted(setreuid(getuid(), getuid())) ? 0 : 3;
}

static int
file_systems(void)
{
	if (!not_permitted(mount("none", "/nowhere", "tmpfs", 0, NULL)))
		return 1;
	if (!not_permitted(umount2("/nowhere", 0)))
		return 2;
	if (!not_permitted(chroot("/nowhere")))
		return 3;
	if (!not_permitted(syscall(SYS_pivot_root, "/nowhere", "/nowhere")))
		return 4;
	if (!not_permitted(unshare(CLONE_NEWNS)) || !not_permitted(unshare(CLONE_NEWUSER)))
		return 5;
	return not_permitted(setns(-1, 0)) ? 0 : 6;
}

static int
kernel(void)
{
	static const long number[] = { SYS_bpf, SYS_perf_event_open, SYS_keyctl, SYS_add_key, SYS_userfaultfd,
		SYS_io_uring_setup, SYS_init_module, SYS_finit_module, SYS_kexec_load, SYS_reboot, SYS_swapon };

	for (size_t i = 0; i < sizeof(number) / sizeof(number[0]); i++)
		if (!not_permitted(syscall(number[i], -1, -1, -1, -1, -1)))
			return (int)i + 1;
	return 0;
}

/* The flags of clone alone; a thread that clone3 would make is made otherwise. */
static int
new_namespaces(void)
{
	if (!not_permitted(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)))
		return 1;
	if (!not_permitted(syscall(SYS_clone, CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0)))
		return 2;
	return syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS ? 0 : 3;
}

static int
other_sockets(void)
{
	static const int family[] = { AF_PACKET, AF_NETLINK, AF_ALG, AF_VSOCK, AF_BLUETOOTH, AF_KEY };

	for (size_t i = 0; i < sizeof(family) / sizeof(family[0]); i++)
		if (!not_permitted(socket(family[i], SOCK_RAW, 0)))
			return (int)i + 1;
	return 0;
}

/* Without a terminal the answer would be ENOTTY, or EBADF. */
static int
typing_into_the_terminal(void)
{
	return not_permitted(ioctl(-1, TIOCSTI, "x")) ? 0 : 1;
}

static void *
nothing(void *arg)
{
	return arg;
}

static int
what_a_run_needs(void)
{
	static const int family[] = { AF_INET, AF_INET6, AF_UNIX };
	struct addrinfo *found = NULL;
	pthread_t thread;
	pid_t pid;

	for (size_t i = 0; i < sizeof(family) / sizeof(family[0]); i++) {
		int fd = socket(family[i], SOCK_STREAM | SOCK_CLOEXEC, 0);

		/* A machine may have no IPv6. */
		if (fd < 0 && errno == EPERM)
			return (int)i + 1;
		if (fd >= 0)
			close(fd);
	}
	if (pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
		return 4;
	if (getaddrinfo("localhost", "993", NULL, &found) != 0)
		return 5;
	freeaddrinfo(found);
	pid = fork();
	if (pid == 0)
		_exit(0);
	return pid > 0 && waitpid(pid, NULL, 0) == pid ? 0 : 6;
}

static pthread_barrier_t filtered;

static void *
thread_of_before(void *arg)
{
	char *argv[] = { (char[]){ "true" }, NULL }, *env[] = { NULL };

	pthread_barrier_wait(&filtered);
	*(bool *)arg = not_permitted(execve("/bin/true", argv, env));
	return NULL;
}

static int
threads(void)
{
	pthread_t thread;
	bool is = false;

	/* Filtered twice, the second time with a thread that was there before. */
	pthread_barrier_init(&filtered, NULL, 2);
	if (pthread_create(&thread, NULL, thread_of_before, &is) != 0 || !filter_calls())
		return 1;
	pthread_barrier_wait(&filtered);
	return pthread_join(thread, NULL) == 0 && is ? 0 : 2;
}

#define FILTER_TEST(name, work) \
	static void name(void **state) \
	{ \
		(void)state; \
		assert_int_equal(in_child(work), 0); \
	}

FILTER_TEST(no_program_is_started_and_no_process_looked_into, programs_and_processes)
FILTER_TEST(no_other_user_is_become, users)
FILTER_TEST(no_file_system_is_mounted_or_moved_away, file_systems)
FILTER_TEST(nothing_is_asked_of_the_kernel_that_changes_it, kernel)
FILTER_TEST(no_namespace_is_made, new_namespaces)
FILTER_TEST(sockets_are_local_or_of_the_internet, other_sockets)
FILTER_TEST(nothing_is_typed_into_the_terminal, typing_into_the_terminal)
FILTER_TEST(names_are_looked_up_and_threads_started, what_a_run_needs)
FILTER_TEST(threads_of_before_are_filtered_too, threads)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_program_is_started_and_no_process_looked_into),
		cmocka_unit_test(no_other_user_is_become),
		cmocka_unit_test(no_file_system_is_mounted_or_moved_away),
		cmocka_unit_test(nothing_is_asked_of_the_kernel_that_changes_it),
		cmocka_unit_test(no_namespace_is_made),
		cmocka_unit_test(sockets_are_local_or_of_the_internet),
		cmocka_unit_test(nothing_is_typed_into_the_terminal),
		cmocka_unit_test(names_are_looked_up_and_threads_started),
		cmocka_unit_test(threads_of_before_are_filtered_too),
	};

	if (!can_filter()) {
		puts("1..0 # SKIP nothing is filtered here");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int
main(void)
{
	puts("1..0 # SKIP filters are of Linux");
	return 0;
}

#endif
