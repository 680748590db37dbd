"""Modules that hold modules: one after the other, or as a list."""

from .module import Module

__all__ = ["ModuleList", "Sequential"]


class _Several(Module):
    """What Sequential and ModuleList share: a list of modules under the names "0", "1", …"""

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules.values())

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self._some(list(self._modules.items())[index])
        return list(self._modules.values())[index]

    def append(self, module):
        """Put a module at the end. → self.  Raises TypeError for anything else."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules):
        """Put modules at the end. → self.  Raises TypeError for anything else."""
        for module in modules:
            self.append(module)
        return self


class Sequential(_Several):
    """Modules one after the other; given one by one, or as a dict of names and modules.

    The shapes are its parts'.  Raises TypeError for a part that is not a module.  Source: `torch.nn.Sequential`.
    """

    def __init__(self, *modules):
        super().__init__()
        named = modules[0].items() if len(modules) == 1 and isinstance(modules[0], dict) else enumerate(modules)
        for name, module in named:
            self.add_module(str(name), module)

    def forward(self, input):
        for module in self:
            input = module(input)
        return input

    def _some(self, named):
        return Sequential(dict(named))


class ModuleList(_Several):
    """A list of modules whose parameters are found; it has no `forward`.

    Raises TypeError for a part that is not a module.  Source: `torch.nn.ModuleList`.
    """

    def __init__(self, modules=()):
        super().__init__()
        self.extend(modules)

    def _some(self, named):
        return ModuleList(module for _, module in named)

    def __repr__(self):
        groups = []                                                      # [first, last, text]: equal neighbours are one
        for number, module in enumerate(self):
            if groups and groups[-1][2] == repr(module):
                groups[-1][1] = number
            else:
                groups.append([number, number, repr(module)])
        return self._repr_of([(a, text) if a == b else (f"{a}-{b}", f"{b - a + 1} x {text}") for a, b, text in groups])
