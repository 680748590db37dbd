"""The fast forms of convolution, each with the same three verbs: `choose` takes the one that fits."""
