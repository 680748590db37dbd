# Puts memory where the limit of the address space does not count it.
# → ok: both
import ctypes
import fcntl
import mmap
import os
from multiprocessing import shared_memory

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p


def checked(result):
    if result in (-1, 2**64 - 1):
        raise OSError(ctypes.get_errno(), "refused")
    return result


attempt(os.memfd_create, "hidden")
attempt(shared_memory.SharedMemory, None, True, 1 << 20)
attempt(open, "/dev/shm/hidden", "wb")
attempt(lambda: checked(libc.shmget(0, 1 << 20, 0o1600)))
attempt(lambda: checked(libc.syscall(447, 0)))                           # memfd_secret
attempt(lambda: checked(libc.syscall(425, 8, ctypes.create_string_buffer(120))))         # io_uring_setup
attempt(lambda: checked(libc.syscall(444, (ctypes.c_uint64 * 2)(0, 3), 16, 0)))          # landlock_create_ruleset
attempt(lambda: os.setxattr("/tmp", "user.hidden", bytes(60000)))
attempt(lambda: fcntl.lockf(open("/tmp/lock", "wb"), fcntl.LOCK_EX, 1, 0))
attempt(lambda: checked(libc.syscall(321, 0, ctypes.create_string_buffer(72), 72)))      # bpf

# %%
# A pipe that is given one small part of a page of 2 MB keeps the whole page.
inlet, outlet = os.pipe()
page = mmap.mmap(-1, 4 << 20)
page.write(bytes([1]) * (4 << 20))
vector = (ctypes.c_uint64 * 2)(ctypes.addressof(ctypes.c_char.from_buffer(page)), 4096)
attempt(lambda: checked(libc.vmsplice(outlet, vector, 1, 2)))
attempt(lambda: os.splice(os.open("/dev/zero", os.O_RDONLY), outlet, 4096))

# %%
# Pipes keep what is written: 1 MB each, and there are 64 descriptors.
pipes, kept = [], 0
try:
    while True:
        pipes.append(os.pipe())
        try:
            fcntl.fcntl(pipes[-1][1], 1031, 1 << 20)                     # F_SETPIPE_SZ
        except OSError:
            pass
        os.set_blocking(pipes[-1][1], False)
        try:
            while True:
                kept += os.write(pipes[-1][1], bytes(1 << 16))
        except BlockingIOError:
            pass
except OSError:
    pass
for pipe in pipes:
    os.close(pipe[0])
    os.close(pipe[1])
if kept > 40 << 20:
    reached.append(f"{kept >> 20} MB in pipes")
