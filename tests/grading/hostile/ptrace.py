# Looks into and changes the memory of the first process.
# → ok: both
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
text = ctypes.create_string_buffer(4096)


def at(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return True


address = int(open("/proc/1/maps").read().split("-")[0], 16)
here = (ctypes.c_uint64 * 2)(ctypes.addressof(text), 8)
there = (ctypes.c_uint64 * 2)(address, 8)
attempt(at, 101, 0x4206, 1, 0, 0)                                        # PTRACE_SEIZE
attempt(at, 310, 1, here, 1, there, 1, 0)                                # process_vm_readv
attempt(at, 311, 1, here, 1, there, 1, 0)                                # process_vm_writev
attempt(lambda: at(438, os.pidfd_open(1), 2, 0))                         # pidfd_getfd
attempt(at, 321, 5, text, 128)                                           # bpf
attempt(at, 298, text, 0, -1, -1, 0)                                     # perf_event_open
attempt(at, 103, 3, text, 4096)                                          # syslog
attempt(at, 250, 0, -3, 1)                                               # keyctl
attempt(at, 323, 0)                                                      # userfaultfd
