"""The mode of a network, training or evaluation, for as long as a block of code runs."""

import contextlib

__all__ = ["in_mode"]


@contextlib.contextmanager
def in_mode(net, training):
    """Within it the network trains or not; after it each layer is again in the mode in which it was.

    with in_mode(net, training=False): … is `net.eval()` that undoes itself, also when something is raised.
    """
    before = [(module, module.training) for module in net.modules()]
    net.train(training)
    try:
        yield
    finally:
        for module, mode in before:
            module.training = mode
