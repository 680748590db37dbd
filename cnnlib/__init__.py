"""The code of the course: convolutional networks from scratch (`cnnlib.scratch`, NumPy only) and in PyTorch.

Nothing is imported here, so that `import cnnlib.scratch` loads neither torch nor matplotlib.
"""

__version__ = "0.1.0"
