# Walks through all frames, modules and objects for whatever could know an answer.
# → ok: both
import gc
import importlib
import sys

for name in ("cnnlib.scratch", "cnnlib.scratch.functional", "cnnlib.geometry", "cnnlib.blocks", "torch", "scipy", "skimage",
             "sklearn", "jinja2", "nbformat", "dask", "pip", "yaml", "PIL", "mlxtend"):
    attempt(importlib.import_module, name)
known = ("reference", "expected", "tolerance", "mistakes", "WEEKS", "QUESTIONS", "draw_cases", "SEED", "Sandbox", "cnnlib")
frame = sys._getframe()
while frame:
    reached += [f"{name} in a frame" for name in known if name in {**frame.f_globals, **frame.f_locals} and frame.f_back]
    frame = frame.f_back
for thing in gc.get_objects():
    if type(thing).__name__ in ("Question", "Mistake", "Case", "Verdict", "Sandbox", "_Marking"):
        reached.append(repr(thing))
for name, module in list(sys.modules.items()):
    if name.startswith(("cnnlib.scratch", "cnnlib.geometry", "torch", "scipy")):
        reached.append(name)
    if "cnnlib/" in str(getattr(module, "__file__", "")):
        reached.append(str(module))
