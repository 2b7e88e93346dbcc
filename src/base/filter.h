/* What the process never asks of the kernel after its start, refused for good: to become another program or user,
 * to look into other processes, to change the machine. By a seccomp filter, where the kernel and the processor are
 * known (Linux on x86-64, ARM64 and RISC-V); else, and under sanitizers, which need some of it, nothing is refused. */
#ifndef BASE_FILTER_H
#define BASE_FILTER_H

#include <stdbool.h>

/* From here on all threads get EPERM for it: execve, ptrace, mount, setuid, bpf, io_uring, namespaces and so on
 * (filter.c has the list), and for sockets that are neither of the internet nor local. False: it is not so. */
bool filter_calls(void);

#endif
