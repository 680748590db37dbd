# Asks for more than it was given.
# → ok: both
import ctypes
import os
import resource

libc = ctypes.CDLL(None, use_errno=True)


def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result


for flags in (0x10000000, 0x20000, 0x40000000, 0x20000000, 0x8000000):   # namespaces: user, mount, network, process, IPC
    attempt(lambda: checked(libc.unshare(flags)))
    attempt(lambda: checked(libc.setns(os.open("/proc/1/ns/user", os.O_RDONLY), flags)))
attempt(os.chroot, "/tmp")
attempt(os.setuid, 0)
attempt(os.setgid, 0)
attempt(os.setgroups, [0])
attempt(os.setresuid, 0, 0, 0)
attempt(lambda: checked(libc.mount(b"none", b"/tmp", b"tmpfs", 0, b"size=1g")))
attempt(lambda: checked(libc.mount(b"none", b"/tmp", None, 32, b"size=1g")))             # MS_REMOUNT
attempt(lambda: checked(libc.mount(b"none", b"/", None, 32 | 4096, None)))
attempt(lambda: checked(libc.umount2(b"/packages", 2)))
attempt(lambda: checked(libc.syscall(155, b"/tmp", b"/tmp")))            # pivot_root
attempt(lambda: checked(libc.sethostname(b"mine", 4)))
attempt(os.mknod, "/tmp/device", 0o20666, os.makedev(1, 1))
attempt(lambda: checked(libc.personality(0x0040000)))
attempt(os.nice, -5)

# %%
for name in ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_CORE", "RLIMIT_NOFILE"):
    limit = getattr(resource, name)
    most = resource.getrlimit(limit)[1]
    attempt(resource.setrlimit, limit, (most + 1, most + 1))
    attempt(resource.setrlimit, limit, (-1, -1))
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
if int(status["CapEff"], 16) or int(status["CapBnd"], 16) or status["NoNewPrivs"].strip() != "1":
    reached.append("capabilities")
if os.getuid() == 0 or resource.getrlimit(resource.RLIMIT_CORE) != (0, 0):
    reached.append("it is root, or may write core dumps")
