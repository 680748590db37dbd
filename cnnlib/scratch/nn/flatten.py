"""One axis in place of several, and back."""

from .module import FunctionLayer

__all__ = ["Flatten", "Unflatten"]


class Flatten(FunctionLayer):
    """One axis in place of those from start_dim to end_dim: (N, *)  →  (N, product of *); see `Tensor.flatten`."""

    def __init__(self, start_dim=1, end_dim=-1):
        super().__init__(start_dim=start_dim, end_dim=end_dim)

    def forward(self, input):
        return input.flatten(self.start_dim, self.end_dim)


class Unflatten(FunctionLayer):
    """Several axes in place of one: (*, n, *)  →  (*, *unflattened_size, *); see `Tensor.unflatten`."""

    def __init__(self, dim, unflattened_size):
        super().__init__(dim=dim, unflattened_size=unflattened_size)

    def forward(self, input):
        return input.unflatten(self.dim, self.unflattened_size)
