# Starts processes and threads in every way that there is.
# → ok: both
import _thread
import ctypes
import multiprocessing
import os
import subprocess
import sys
import threading

libc = ctypes.CDLL(None, use_errno=True)


def system_call(*arguments):
    result = libc.syscall(*arguments)
    if result == 0:                                                      # the child
        os._exit(0)
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result


# %%
def fork():
    if (child := os.fork()) == 0:
        os._exit(0)
    return child


def daemon():
    if os.fork() == 0:
        os.setsid()
        os.fork()
        os._exit(0)


attempt(fork)
attempt(daemon)
attempt(os.forkpty)
attempt(os.posix_spawn, sys.executable, [sys.executable, "-c", ""], {})
attempt(subprocess.run, [sys.executable, "-c", ""])
attempt(os.popen, "true")

# %%
attempt(system_call, 56, 17, 0, 0, 0, 0)                                 # clone(SIGCHLD)
attempt(system_call, 57)                                                 # fork
attempt(system_call, 435, bytes(56) + bytes([17]) + bytes(7), 64)        # clone3

# %%
attempt(threading.Thread(target=print).start)
attempt(_thread.start_new_thread, print, ())
attempt(multiprocessing.Process(target=print).start)
