# Reads what is none of its business.
# → ok: both
import glob
import os

import numpy

for path in ("/etc/passwd", "/etc/shadow", "/etc/hostname", "/etc/resolv.conf", "/bin/sh", "/usr/bin/env", "/usr/bin/bash",
             "ROOT/solutions/week1.ipynb", "ROOT/cnnlib/grading/questions/week1.py", "ROOT/pyproject.toml",
             "ROOT/cnnlib/scratch/functional.py", "OTHER/week1.ipynb", "/proc/self/root/etc/passwd",
             "/proc/self/cwd/../etc/passwd", "/packages/../ROOT/pyproject.toml"):
    attempt(open, path)
for path in ("/home", "/var", "/etc/ssl", "/sys", "/run", "/mnt", "/opt", "/srv", "/boot", "ROOT", "OTHER", "/usr/share", "/usr/src"):
    attempt(os.listdir, path)
if os.listdir("/tmp") or os.listdir("/etc") != ["ld.so.cache"]:
    reached.append(f"{os.listdir('/tmp')} {os.listdir('/etc')}")
for folder in ("/root", "/work", "/usr/lib/python3/dist-packages", f"{os.path.dirname(os.__file__)}/site-packages",
               "/usr/local/lib"):
    reached += glob.glob(f"{folder}/**/cnnlib*", recursive=True) + glob.glob(f"{folder}/**/torch", recursive=True)
if os.path.exists(os.path.join(os.path.dirname(os.path.dirname(numpy.__file__)), "scipy")):
    reached.append("scipy")
