"""The course's own weights, a few MB in `weights/` beside this package; `make weights` makes them from seeds."""

from pathlib import Path

import torch

from .checks import checked, require
from .tensors import Net

__all__ = ["load_weights", "save_weights"]

FOLDER = Path(__file__).resolve().parents[1] / "weights"


@checked
def save_weights(net: Net, name):
    """Write what a network has learned to `weights/NAME.pt`, its floats as float16: half the size, and close enough.

    name: of the file, without its ending, a word.  → the path.  Raises TypeError unless net is a network, ValueError
    for another name.
    """
    require("save_weights", isinstance(name, str) and name.isidentifier(), f"name must be a word, got {name!r}")
    path = FOLDER / f"{name}.pt"
    state = {key: value.half() if value.is_floating_point() else value for key, value in net.state_dict().items()}
    torch.save(state, path)
    return path


@checked
def load_weights(net: Net, name):
    """Put `weights/NAME.pt` into a network, in place.  → the network, in eval mode.

    net: built with the sizes that the file was made with.  name: of the file, without its ending.
    Raises TypeError unless net is a network; ValueError for a name that is not there; RuntimeError, torch's, which says
    what names and shapes do not fit.
    """
    path = FOLDER / f"{name}.pt"
    there = ", ".join(sorted(file.stem for file in FOLDER.glob("*.pt"))) or f"none, in {FOLDER}"
    require("load_weights", path.exists(), f"name must be one of {there}; got {name!r}")
    net.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
    return net.eval()
