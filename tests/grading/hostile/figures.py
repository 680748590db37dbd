# Shows figures, asks for its marks and imports what only displays: all of that is there and does nothing.
# → ok: both
import ipywidgets
import matplotlib.pyplot as plt
from cnnlib import figures
from cnnlib.figures import sweep
from cnnlib.grading import check
from IPython.display import HTML

# %%
figure, axes = plt.subplots(2, 3, figsize=(8, 4))
axes[0, 1].imshow(np.zeros((3, 3)), cmap="gray")
plt.show()
display(HTML("<b>hello</b>"))
check(convolve1d_full)
assert check(count_weights).passed
get_ipython().run_line_magic("matplotlib", "inline")
