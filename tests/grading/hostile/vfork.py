# vfork by the library: as no child is made, what stands behind it must run once.
# → ok: both
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
child = libc.vfork()
if child == 0:
    os._exit(3)
if child > 0:
    reached.append("vfork")
