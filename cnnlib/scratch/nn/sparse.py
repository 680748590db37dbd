"""A table of vectors, of which integers choose the rows."""

import numpy as np

from cnnlib.checks import per_axis

from .. import functional as F
from ..tensor.autograd import apply
from .initialization import normal_
from .module import Module, Parameter

__all__ = ["Embedding"]


class Embedding(Module):
    """A row of the table for each number: integers (*) from 0 to num_embeddings − 1  →  (*, embedding_dim).

    The table (num_embeddings, embedding_dim) starts standard normal; row padding_idx is 0 and does not learn.
    Raises TypeError or ValueError naming the argument; else see `functional.embedding`.  Source: `torch.nn.Embedding`.
    """

    def __init__(self, num_embeddings, embedding_dim, padding_idx=None, dtype=np.float32):
        super().__init__()
        self.num_embeddings, = per_axis("Embedding", "num_embeddings", num_embeddings, 1, minimum=0)
        self.embedding_dim, = per_axis("Embedding", "embedding_dim", embedding_dim, 1, minimum=0)
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"Embedding: padding_idx must be from {-num_embeddings} to {num_embeddings - 1}, "
                             f"got {padding_idx}")
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        table = normal_(np.empty((num_embeddings, embedding_dim), dtype))
        if padding_idx is not None:
            table[padding_idx] = 0
        self.weight = Parameter(table)

    def forward(self, input):
        return apply(F.embedding, input, self.weight, padding_idx=self.padding_idx)

    def extra_repr(self):
        padding = f", padding_idx={self.padding_idx}" if self.padding_idx is not None else ""
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
