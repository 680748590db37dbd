# Fills the address space with arrays, mappings and lists: less than 2 GB must fit in all.
# → ok: both
import mmap

import numpy as np

hoard, total = [], 0
for size in (1 << 28, 1 << 24, 1 << 20):
    try:
        while total < 5 << 29:
            hoard.append(np.zeros(size, np.uint8))                       # to write into them only takes longer
            total += size
    except MemoryError:
        pass
    try:
        while total < 5 << 29:
            hoard.append(mmap.mmap(-1, size))
            total += size
    except (OSError, MemoryError):
        pass
if not 1 << 30 < total < 2 << 30:
    reached.append(f"{total >> 20} MB")
hoard.clear()
