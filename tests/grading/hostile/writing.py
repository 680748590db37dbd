# Writes anywhere but into its own small /tmp, and changes files that are open already.
# → ok: both
import os

import numpy

mounts = [line.split()[4] for line in open("/proc/self/mountinfo")]
folders = {"/", "/usr", "/usr/lib", "/etc", "/dev", "/proc", "/sys", "/root", "/home", "/var", "/run", "/packages", "ROOT",
           "OTHER", os.path.dirname(os.__file__), os.path.dirname(numpy.__file__), *mounts} - {"/tmp"}
for folder in sorted(folders):
    attempt(open, f"{folder}/written", "w")
    attempt(os.mkdir, f"{folder}/made")
    attempt(os.rename, "/tmp", f"{folder}/moved")
for file in ("/packages/inside.py", os.__file__, numpy.__file__, "/etc/ld.so.cache"):
    attempt(open, file, "r+")
    attempt(os.remove, file)
    attempt(os.truncate, file, 0)

# %%
# Where root has started the grader, the process is root's as far as the owner of a file counts.
for file in ("/dev/null", "/dev/zero", "/dev/urandom", os.__file__, 0, 1):
    attempt(os.chmod, file, 0o666)
    attempt(os.chown, file, -1, -1)
    attempt(os.utime, file)
    attempt(os.setxattr, file, "user.note", b"1")
if open("/tmp/mine", "w").write("mine") != 4:
    reached.append("not even /tmp can be written")
