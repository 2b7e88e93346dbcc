/* A list of what is refused, not of what is allowed: the C library, its name services, OpenSSL and SQLite may call
 * in their next version what they do not call today, and a run must not end for that. What is refused answers EPERM
 * rather than to kill, since a library that tries has another way.
 *
 * Plain BPF, because libseccomp would be one more thing to install for a list and three questions. */
#include "base/filter.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

#if defined(__linux__) && !defined(SANITIZED) && \
    ((defined(__x86_64__) && !defined(__ILP32__)) || defined(__aarch64__) || (defined(__riscv) && __riscv_xlen == 64))

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH AUDIT_ARCH_RISCV64
#endif

/* Newer than the headers of some systems; the numbers are the same everywhere. */
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

/* Calls of x32, of which x86-64 kernels may know a second set. */
enum { X32 = 0x40000000, PROGRAM_MAX = 256 };

static const int refused[] = {
	/* another program; other processes */
	SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp,
	SYS_pidfd_getfd, SYS_personality,
	/* another user */
	SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid, SYS_setfsuid,
	SYS_setfsgid, SYS_setgroups, SYS_capset,
	/* another view of the file system; names of files without a way to them */
	SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_open_tree, SYS_move_mount, SYS_fsopen,
	SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_mount_setattr, SYS_unshare, SYS_setns, SYS_mknodat,
	SYS_open_by_handle_at, SYS_fanotify_init, SYS_quotactl, SYS_quotactl_fd,
	/* the kernel: its code, its keys, where faults were found again and again */
	SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_bpf, SYS_perf_event_open,
	SYS_keyctl, SYS_add_key, SYS_request_key, SYS_userfaultfd, SYS_io_uring_setup, SYS_io_uring_enter,
	SYS_io_uring_register, SYS_syslog, SYS_acct,
	/* the machine */
	SYS_reboot, SYS_swapon, SYS_swapoff, SYS_sethostname, SYS_setdomainname, SYS_settimeofday,
	SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_vhangup,
#ifdef SYS_kexec_file_load
	SYS_kexec_file_load,
#endif
#ifdef __x86_64__
	SYS_mknod, SYS_iopl, SYS_ioperm, SYS_modify_ldt,
#endif
};

static const uint32_t families[] = { AF_UNIX, AF_INET, AF_INET6 };
static const uint32_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
    CLONE_NEWPID | CLONE_NEWNET;
/* Typing into the terminal that one was started from starts programs, too. */
static const uint32_t typing[] = { TIOCSTI, TIOCLINUX };

struct program {
	struct sock_filter at[PROGRAM_MAX];
	unsigned short len;
};

static void
put(struct program *p, struct sock_filter instruction)
{
	if (p->len < PROGRAM_MAX)
		p->at[p->len++] = instruction;
}

/* One of the kernel's struct seccomp_data; of an argument the lower half. */
static void
load(struct program *p, size_t offset)
{
	put(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void
load_argument(struct program *p, unsigned n)
{
	load(p, offsetof(struct seccomp_data, args) + n * sizeof(uint64_t));
}

static void
end(struct program *p, uint32_t answer)
{
	put(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, answer));
}

/* If what was loaded compares so, the next `n` instructions are done, else they are passed over. */
static void
when(struct program *p, unsigned short compare, uint32_t value, uint8_t n)
{
	put(p, (struct sock_filter)BPF_JUMP((unsigned short)(BPF_JMP | compare | BPF_K), value, 0, n));
}

static void
refuse_others(struct program *p)
{
	load(p, offsetof(struct seccomp_data, arch));
	put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0));
	end(p, SECCOMP_RET_ERRNO | EPERM);
	load(p, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
	when(p, BPF_JGE, X32, 1);
	end(p, SECCOMP_RET_ERRNO | EPERM);
#endif
}

/* The number of the call is loaded. */
static void
refuse_listed(struct program *p)
{
	for (size_t i = 0; i < COUNT_OF(refused); i++) {
		when(p, BPF_JEQ, (uint32_t)refused[i], 1);
		end(p, SECCOMP_RET_ERRNO | EPERM);
	}
}

static void
refuse_families(struct program *p)
{
	when(p, BPF_JEQ, SYS_socket, 2 + 2 * COUNT_OF(families));
	load_argument(p, 0);
	for (size_t i = 0; i < COUNT_OF(families); i++) {
		when(p, BPF_JEQ, families[i], 1);
		end(p, SECCOMP_RET_ALLOW);
	}
	end(p, SECCOMP_RET_ERRNO | EPERM);
}

static void
refuse_typing(struct program *p)
{
	when(p, BPF_JEQ, SYS_ioctl, 2 + 2 * COUNT_OF(typing));
	load_argument(p, 1);
	for (size_t i = 0; i < COUNT_OF(typing); i++) {
		when(p, BPF_JEQ, typing[i], 1);
		end(p, SECCOMP_RET_ERRNO | EPERM);
	}
	end(p, SECCOMP_RET_ALLOW);
}

/* clone3 has its flags in memory, where a filter does not see them: the C library then takes clone. */
static void
refuse_namespaces(struct program *p)
{
#ifdef SYS_clone3
	when(p, BPF_JEQ, SYS_clone3, 1);
	end(p, SECCOMP_RET_ERRNO | ENOSYS);
#endif
	when(p, BPF_JEQ, SYS_clone, 4);
	load_argument(p, 0);
	when(p, BPF_JSET, namespaces, 1);
	end(p, SECCOMP_RET_ERRNO | EPERM);
	end(p, SECCOMP_RET_ALLOW);
}

bool
filter_calls(void)
{
	struct program p = { .len = 0 };
	struct sock_fprog all;

	refuse_others(&p);
	refuse_listed(&p);
	refuse_families(&p);
	refuse_typing(&p);
	refuse_namespaces(&p);
	end(&p, SECCOMP_RET_ALLOW);
	all = (struct sock_fprog){ .len = p.len, .filter = p.at };
	return p.len < PROGRAM_MAX && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW, &all) == 0;
}

#else

bool
filter_calls(void)
{
	return false;
}

#endif
