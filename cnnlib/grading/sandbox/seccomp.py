"""The system calls that a submission may not make, as a program for the kernel (man 2 seccomp)."""

import platform
import struct

# What makes processes or threads, sockets, or memory that no limit counts (vmsplice: pages of 2 MB held by pipes); what
# looks into or reshapes the system; what changes a file that is open already, such as the /dev/null that we pass on.
# Behind each list the number of fcntl, of which only the locks of _LOCKS are refused: no limit counts them either.
_REFUSED = {
    "x86_64": (0xC000003E, {
        "clone": 56, "fork": 57, "vfork": 58, "clone3": 435, "socket": 41, "socketpair": 53, "memfd_create": 319,
        "memfd_secret": 447, "shmget": 29, "shmat": 30, "semget": 64, "msgget": 68, "mq_open": 240,
        "io_uring_setup": 425, "io_setup": 206, "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311,
        "pidfd_getfd": 438, "mount": 165, "umount2": 166, "pivot_root": 155,
        "chroot": 161, "unshare": 272, "setns": 308, "open_tree": 428, "fsopen": 430,
        "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "keyctl": 250, "add_key": 248, "request_key": 249,
        "open_by_handle_at": 304, "personality": 135, "inotify_init": 253, "inotify_init1": 294, "fanotify_init": 300,
        "splice": 275, "tee": 276, "vmsplice": 278, "landlock_create_ruleset": 444, "syslog": 103,
        "chmod": 90, "fchmod": 91, "fchmodat": 268, "chown": 92, "fchown": 93, "lchown": 94,
        "fchownat": 260, "utime": 132, "utimes": 235, "futimesat": 261, "utimensat": 280, "setxattr": 188,
        "lsetxattr": 189, "fsetxattr": 190, "removexattr": 197, "lremovexattr": 198, "fremovexattr": 199}, 72),
    "aarch64": (0xC00000B7, {
        "clone": 220, "clone3": 435, "socket": 198, "socketpair": 199, "memfd_create": 279, "memfd_secret": 447,
        "shmget": 194, "shmat": 196, "semget": 190, "msgget": 186, "mq_open": 180, "io_uring_setup": 425, "io_setup": 0,
        "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271, "pidfd_getfd": 438, "mount": 40,
        "umount2": 39, "pivot_root": 41, "chroot": 51, "unshare": 97, "setns": 268, "open_tree": 428, "fsopen": 430,
        "bpf": 280,
        "perf_event_open": 241, "userfaultfd": 282, "keyctl": 219, "add_key": 217, "request_key": 218,
        "open_by_handle_at": 265, "personality": 92, "inotify_init1": 26, "fanotify_init": 262,
        "splice": 76, "tee": 77, "vmsplice": 75, "landlock_create_ruleset": 444, "syslog": 116,
        "fchmod": 52, "fchmodat": 53, "fchown": 55, "fchownat": 54, "utimensat": 88, "setxattr": 5, "lsetxattr": 6,
        "fsetxattr": 7, "removexattr": 14, "lremovexattr": 15, "fremovexattr": 16}, 25),
}
_LOCKS = (6, 7, 37, 38, 1024)    # F_SETLK, F_SETLKW, F_OFD_SETLK, F_OFD_SETLKW, F_SETLEASE
_NEWER = 452                     # calls from Linux 6.6 on, at which nobody has looked: as if there were none
ARCHITECTURES = set(_REFUSED)


def rules():
    """The program of the kernel's packet filter (man 2 seccomp): refused calls give EPERM, foreign ones the end.

    An instruction: operation, jump if true, jump if false, number. 0x20 loads a word of (call number, architecture, …),
    0x15 compares, 0x35 compares for ≥, 0x06 returns.
    """
    architecture, calls, fcntl = _REFUSED[platform.machine()]
    numbers = sorted(set(calls.values()))
    allow, refuse, unknown, kill = 0x7FFF0000, 0x00050000 | 1, 0x00050000 | 38, 0x80000000
    program = [(0x20, 0, 0, 4), (0x15, 1, 0, architecture), (0x06, 0, 0, kill),
               (0x20, 0, 0, 0), (0x35, 0, 1, 0x40000000), (0x06, 0, 0, kill),                # x32 calls on x86_64
               (0x35, 0, 1, _NEWER), (0x06, 0, 0, unknown)]
    size = len(numbers) + 2 + len(_LOCKS)                                # to `allow`, behind it `refuse`
    program += [(0x15, size - i, 0, number) for i, number in enumerate(numbers)]
    program += [(0x15, 0, len(_LOCKS) + 1, fcntl), (0x20, 0, 0, 24)]     # its second argument
    program += [(0x15, len(_LOCKS) - i, 0, command) for i, command in enumerate(_LOCKS)]
    program += [(0x06, 0, 0, allow), (0x06, 0, 0, refuse)]
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)
