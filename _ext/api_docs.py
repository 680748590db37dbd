"""How the pages of the API show the code: docstrings and signatures as they are written.

Docstrings are plain text and no reStructuredText: `|x|`, `*` and aligned columns would be read as markup. So each
becomes a block of preformatted text. Of the annotations in a signature, as `channels: Positive`, Sphinx would show what
they stand for, a check and its address in memory; so the signature is read from the source.
"""

import ast
import inspect
import textwrap

from docutils import nodes
from sphinx.util.docutils import SphinxDirective


class Docstring(SphinxDirective):
    has_content = True

    def run(self):
        # With a source that is not its text, Sphinx takes it for no code: no colours, and no button to copy it.
        return [nodes.literal_block("a docstring", "\n".join(self.content), classes=["docstring"])]


def keep_docstring(app, what, name, obj, options, lines):
    if lines:
        lines[:] = [".. docstring::", "", *("   " + line for line in lines)]


def keep_signature(app, what, name, obj, options, signature, returns):
    function = obj.__init__ if inspect.isclass(obj) else inspect.unwrap(obj)
    if signature and inspect.isfunction(inspect.unwrap(function)) and function.__module__.startswith("cnnlib"):
        return written(inspect.unwrap(function))


def written(function):
    """→ (the arguments with brackets, what is returned or None), as the source has them, without self"""
    try:
        source = inspect.getsource(function)
    except OSError:                                      # made by a dataclass
        return None
    definition = ast.parse(textwrap.dedent(source)).body[0]
    if not isinstance(definition, ast.FunctionDef):
        return None
    definition.args.args = [argument for argument in definition.args.args if argument.arg not in ("self", "cls")]
    return f"({ast.unparse(definition.args)})", definition.returns and ast.unparse(definition.returns)


def leave_out(app, what, name, obj, skip, options):
    """Of a class, show the methods that have a docstring: not what PyTorch asks of each module, and no fields."""
    if what == "class" and not (getattr(obj, "__doc__", None) and
                                (inspect.isroutine(obj) or isinstance(obj, property))):
        return True


def setup(app):
    app.setup_extension("sphinx.ext.autodoc")
    app.config.autodoc_default_options = {"members": True, "undoc-members": True}
    app.config.autodoc_inherit_docstrings = False        # or each forward has that of torch.nn.Module
    app.add_directive("docstring", Docstring)
    app.connect("autodoc-process-docstring", keep_docstring)
    app.connect("autodoc-process-signature", keep_signature)
    app.connect("autodoc-skip-member", leave_out)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
