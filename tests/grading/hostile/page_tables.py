# Pages far apart: each takes two more for its tables, which no limit counts.
# → limit: both
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
kept = 0
for place in range(1, 131000):
    address = libc.mmap(place << 30, 4096, 1, 0x32, -1, 0)
    if address not in (None, 2**64 - 1):
        ctypes.string_at(address, 1)
while True:
    pass
