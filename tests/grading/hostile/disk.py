# Fills the disk, with one file, with many, and with a file that is mostly hole.
# → ok: both
import os

written = 0
for name in range(100):
    try:
        with open(f"/tmp/{name}", "wb", buffering=0) as file:
            for _ in range(100):
                written += file.write(bytes([1]) * (1 << 20))
    except OSError:
        pass
if not 8 << 20 < written <= 17 << 20:
    reached.append(f"{written} bytes written")
attempt(os.truncate, "/tmp/0", 1 << 40)
for name in os.listdir("/tmp"):
    os.remove(f"/tmp/{name}")
