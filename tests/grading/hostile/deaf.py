# Is deaf to all signals and never ends.
# → timeout: convolve1d_full
import signal

for number in signal.valid_signals():
    try:
        signal.signal(number, signal.SIG_IGN)
    except OSError:
        pass
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


# %%
def count_weights(*sizes):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
