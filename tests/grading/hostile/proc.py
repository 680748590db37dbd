# Snoops in /proc: other processes, their environment, memory and files, and the settings of the system.
# → ok: both
import glob
import os

paths = glob.glob("/proc/[0-9]*")
if set(paths) - {"/proc/1", "/proc/2"}:
    reached.append(f"{len(paths)} processes")
for path in paths:
    try:
        if b"SECRET" in open(f"{path}/environ", "rb").read() + open(f"{path}/cmdline", "rb").read():
            reached.append(f"{path} tells a secret")
        descriptors = os.listdir(f"{path}/fd")
    except OSError:
        continue
    attempt(os.listdir, f"{path}/root/home")
    attempt(open, f"{path}/root/etc/passwd")
    attempt(open, f"{path}/cwd/pyproject.toml")
    attempt(open, f"{path}/mem", "r+b")
    attempt(open, f"{path}/oom_score_adj", "w")
    for name in descriptors:
        try:
            target = os.readlink(f"{path}/fd/{name}")
        except OSError:
            continue
        if not target.startswith(("pipe:", "anon_inode:", "/dev/null", "/memfd:errors", "/proc")):
            reached.append(f"{path} has {target} open")

# %%
for setting in ("kernel/core_pattern", "kernel/hostname", "kernel/sysrq", "kernel/modprobe", "vm/drop_caches", "fs/file-max"):
    attempt(open, f"/proc/sys/{setting}", "r+b")
for name in ("kcore", "kmsg", "sysrq-trigger", "mtrr", "scsi/scsi", "kpageflags"):
    attempt(open, f"/proc/{name}", "r+b")
attempt(open, "/proc/kcore", "rb")
attempt(os.listdir, "/sys")
if "SECRET" in str(os.environ):
    reached.append("a secret in the environment")
