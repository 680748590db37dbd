"""Tensors with a tape: `autograd`, and what can be done with them: `arithmetic`."""
