"""Stop what takes too long, also where it catches what stops it."""

import signal


class TooLong(Exception):
    pass


def in_time(seconds, action, *arguments):
    """The result of an action. Raises TooLong when it takes longer than that, and whatever the action raises.

    The alarm comes again and again: what is raised in a callback of the garbage collector is swallowed, and hypothesis
    has one there; a broken loop may catch it as well. It raises only while the action runs, never behind it.
    """
    def act():
        return action(*arguments)

    def stop(_, frame):
        while frame is not None:
            if frame.f_code is act.__code__:
                raise TooLong
            frame = frame.f_back

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds / 10)
    try:
        return act()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
