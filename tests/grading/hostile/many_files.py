# Files without content: each takes a kB of the kernel's memory, which no limit counts.
# → limit: both
import os

for number in range(10**8):
    os.symlink("x" * 100, f"/tmp/{'x' * 200}{number}")
