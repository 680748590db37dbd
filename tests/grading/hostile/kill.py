# Kills whatever it sees.
# → ok: both
import os
import signal

for process in (-1, 1, *range(3, 1000)):
    for number in (signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):
        try:
            os.kill(process, number)
        except OSError:
            pass
if os.getppid() != 1:
    reached.append("the first process is gone")
