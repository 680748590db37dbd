"""What runs inside the sandbox: it executes a student's cells, then calls the student's functions.

This file is run by itself, `python -I -S inside.py IN OUT PACKAGES`, in a process that holds nothing worth stealing:
the standard library, NumPy, the student's cells and the inputs of the calls. Nothing it says is believed: what it
writes to OUT is a claim about arrays, which the process outside reads as numbers and compares itself; and, of a
question with rules, about the names that an answer uses. It must not import cnnlib; `names.py` lies beside it.

A message in either direction: the length of a JSON header (4 bytes), the length of the data (8 bytes), header, data.
"""

import __future__

import ast
import inspect
import json
import linecache
import opcode
import os
import re
import struct
import sys
import traceback
import types
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec, spec_from_file_location

LIMIT = 300                      # characters of an error's text
DEFINES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
FUTURE = __future__.annotations.compiler_flag             # the one `from __future__` that still changes something


class Inert(types.ModuleType):
    """What stands in for modules, functions and objects that only show things: takes whatever is done to it.

    It is called, indexed, assigned to, reckoned with and unpacked into as many as are wanted; what comes out is another
    one. As a number it is 0, as a list it is empty, as text it is "".
    """

    __path__ = []
    __all__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Inert(name)

    def __call__(self, *args, **options):
        return Inert("result")

    def __iter__(self):
        return iter([Inert("item") for _ in range(unpacked(sys._getframe(1)))])

    def __await__(self):
        return Inert("result")
        yield                                                            # a generator, which awaits nothing

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False

    def __mro_entries__(self, bases):
        return ()                                                        # a class may derive from it

    def __setitem__(self, key, value):
        pass

    def __delitem__(self, key):
        pass

    def __len__(self):
        return 0

    def __bool__(self):
        return True

    def __contains__(self, item):
        return False

    def __int__(self):
        return 0

    def __float__(self):
        return 0.0

    def __complex__(self):
        return 0j

    __index__ = __int__

    def __format__(self, form):
        return ""

    __str__ = __repr__ = lambda self: ""


def _stand_in(self, *others, **options):
    return Inert("result")


Inert.__array_ufunc__ = Inert.__array_function__ = _stand_in             # whatever NumPy does to it
for _name in """getitem add sub mul matmul truediv floordiv mod divmod pow lshift rshift and or xor radd rsub rmul
                rmatmul rtruediv rfloordiv rmod rdivmod rpow rlshift rrshift rand ror rxor neg pos abs invert round lt
                le gt ge""".split():
    setattr(Inert, f"__{_name}__", _stand_in)


def unpacked(frame):
    """How many values the statement wants that iterates in this frame, as `fig, (left, right) = …` does; else 0."""
    code, at = frame.f_code.co_code, frame.f_lasti
    name, count = opcode.opname[code[at]], code[at + 1]
    if name == "UNPACK_EX":                                              # first, *rest, last = …
        above = code[at - 1] if at and opcode.opname[code[at - 2]] == "EXTENDED_ARG" else 0
        return count + above
    return count if name == "UNPACK_SEQUENCE" else 0


class Shell(Inert):
    """What IPython's magics become: those that time or print what they run do run it, all others do nothing."""

    runs = ("capture", "prun", "time", "timeit")

    def __init__(self, run):
        super().__init__("get_ipython")
        self._run = run

    def __call__(self):
        return self

    def run_line_magic(self, name, line, *args, **options):
        return self._run(re.sub(r"^(-\w+(\s*\d+)?\s+)*", "", line)) if name in self.runs[1:] else Inert("result")

    def run_cell_magic(self, name, line, cell):
        if name in self.runs:
            return self._run(cell)


class Display:
    """Imports modules that only show things as Inert ones, whatever name below them is asked for."""

    packages = ("cnnlib.data", "cnnlib.figures", "cnnlib.grading", "IPython", "ipywidgets", "matplotlib",
                "mpl_toolkits")

    def find_spec(self, name, path=None, target=None):
        if name == "cnnlib" or any(name == p or name.startswith(p + ".") for p in self.packages):
            return ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return Inert(spec.name)

    def exec_module(self, module):
        pass


def transformer(folder):
    """→ IPython's own transformer of cells, from two files of IPython in a folder; the rest of it is not here."""
    for name in ("IPython", "IPython.core", "IPython.utils"):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = [f"{folder}/{name.replace('.', '/')}"]
    from IPython.core.inputtransformer2 import TransformerManager

    for name in [name for name in sys.modules if name.partition(".")[0] == "IPython"]:
        del sys.modules[name]                                            # a sheet's `import IPython` gets a stand-in
    return TransformerManager().transform_cell


class Cells:
    """Runs cells as IPython does, but statement by statement: one that fails costs nothing but itself."""

    def __init__(self, namespace, transform):
        self.namespace, self.transform = namespace, transform
        self.flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT                      # and each `from __future__` that has run
        self.name, self.errors = "", []

    def run(self, number, source, skip=(), rest=None, at=lambda statement: None):
        """Execute a cell and say at which statement it is. → its first error described, or None.

        skip: numbers of statements to leave out.  rest: from this one on only what defines and imports is executed.
        """
        self.name, self.errors = f"<cell {number}>", []
        self.source(source.replace("\r\n", "\n").replace("\r", "\n"), skip, rest, at)
        return self.errors[0] if self.errors else None

    def source(self, source, skip=(), rest=None, at=lambda statement: None):
        """Execute source. → the value of its last statement if that is an expression."""
        value = None
        try:
            source = self.transform(source)
            linecache.cache[self.name] = (len(source), None, source.splitlines(keepends=True), self.name)
            statements = self.compiled(source, ast.PyCF_ONLY_AST).body
        except BaseException as error:
            self.errors.append(describe(error))
            return None
        for number, statement in enumerate(statements):
            if number not in skip and (rest is None or number < rest or isinstance(statement, DEFINES)):
                at(number)
                try:
                    value = self.execute(statement)
                except BaseException as error:                           # what it raises is its own affair
                    value = None
                    self.errors.append(describe(error))
        return value

    def compiled(self, source, flags=0, mode="exec"):
        return compile(source, self.name, mode, self.flags | flags, dont_inherit=True)

    def execute(self, statement):
        if isinstance(statement, ast.Expr):
            code = self.compiled(ast.Expression(statement.value), mode="eval")
        else:
            code = self.compiled(ast.Module([statement], []))
        self.flags |= code.co_flags & FUTURE
        value = eval(code, self.namespace)
        if code.co_flags & inspect.CO_COROUTINE:                         # `await` at the top; there is no event loop
            try:
                while True:
                    value.send(None)
            except StopIteration as end:
                value = end.value
        return value


def describe(error):
    """An exception as data: type, text and the student's line. Its own __str__ may do anything."""
    try:
        text = " ".join(str(error).split())[:LIMIT]
    except BaseException:
        text = "(its text cannot be shown)"
    line = ""
    try:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith("<cell")]
        if isinstance(error, SyntaxError) and str(error.filename).startswith("<cell"):
            line = f"line {error.lineno}: {(error.text or '').strip()}"[:LIMIT]
        elif frames:
            source = linecache.getline(frames[-1].filename, frames[-1].lineno).strip()
            line = f"line {frames[-1].lineno}: {source}"[:LIMIT]
    except BaseException:
        pass
    kind = type.__dict__["__name__"].__get__(type(error))[:80]           # a class of classes may say anything
    return {"error": kind, "text": f"{kind}: {text}", "line": line}


def call(namespace, name, arguments):
    """Call a function of the student's. → header, data of the reply."""
    import numpy as np

    answer = namespace.get(name)
    if not callable(answer):
        return {"missing": True}, b""
    before = [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]
    try:
        value = answer(*arguments)
        if value is None or isinstance(value, (bool, str, bytes, dict)) or not isinstance(
                value, (np.ndarray, np.generic, int, float, list, tuple)):
            return {"returned": type(value).__name__[:80]}, b""
        array = np.array(value)
        if array.dtype.kind == "f" and array.dtype.str not in ("<f2", "<f4", "<f8"):
            array = array.astype(np.float64)                             # long double, or bytes in another order
        array = np.asarray(array, array.dtype.newbyteorder("="))
        header = {"dtype": array.dtype.str[:16], "shape": list(array.shape),
                  "changed": [i for i, (now, then) in enumerate(zip(arguments, before, strict=True))
                              if isinstance(then, np.ndarray) and not np.array_equal(now, then)]}
        if array.dtype.kind not in "iuf":
            return {"returned": f"an array of dtype {array.dtype}"[:80]}, b""
        return header, array.tobytes()
    except BaseException as error:
        return describe(error), b""


def beside(name):
    """→ the module in a file beside this one; what a sheet imports by this name is another."""
    spec = spec_from_file_location(name, os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{name}.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def names(used, namespace, name):
    """The names that a function of the student's uses, a sorted list; [] when they cannot be found."""
    try:
        return sorted(used(namespace.get(name)))
    except BaseException:
        return []


def read(stream, count):
    """So many bytes of a pipe; ends the process when the other end is gone."""
    parts = []
    while count:
        part = os.read(stream, min(count, 1 << 20))
        if not part:
            os._exit(0)                                                  # the process outside is gone
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def receive(stream):
    """→ header and data of the next message."""
    header, data = struct.unpack("<IQ", read(stream, 12))
    return json.loads(read(stream, header)), read(stream, data)


def send(stream, header, data=b""):
    """Write a message."""
    header = json.dumps(header).encode()
    message = memoryview(struct.pack("<IQ", len(header), len(data)) + header + data)
    while message:
        message = message[os.write(stream, message):]


def arguments(described, data):
    """The inputs of a call, fresh: numbers and text as they are, lists, tuples, and arrays from the data."""
    import numpy as np

    values = []
    for item in described:
        if isinstance(item, dict) and "list" in item:
            values.append(item["list"])
        elif isinstance(item, dict):
            size = item["bytes"]
            values.append(np.frombuffer(data[:size], item["dtype"]).reshape(item["shape"]).copy())
            data = data[size:]
        else:
            values.append(tuple(item) if isinstance(item, list) else item)
    return values


def main():
    """Import NumPy, say so, and do what the messages ask, one after the other."""
    inbox, outbox, packages = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    sys.path.append(packages)
    transform = transformer(os.path.dirname(os.path.abspath(__file__)))
    used = beside("names").used
    sys.meta_path.insert(0, Display())
    import numpy  # noqa: F401  before any of the student's code can be in its way

    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)                         # until here errors were told outside
    send(outbox, {"ready": True})
    sys.modules["__main__"] = types.ModuleType("__main__")
    namespace = sys.modules["__main__"].__dict__
    cells = Cells(namespace, transform)
    namespace.update(__builtins__=__builtins__, display=Inert("display"), get_ipython=Shell(cells.source))
    sys.argv = [""]
    while True:
        command, data = receive(inbox)
        if "cell" in command:
            error = cells.run(command["cell"], data.decode("utf-8", "replace"), command["skip"], command["rest"],
                              lambda statement: send(outbox, {"at": statement}))
            send(outbox, {"ran": error or {}})
        elif "names" in command:
            send(outbox, {"names": names(used, namespace, command["names"])})
        else:
            send(outbox, *call(namespace, command["call"], arguments(command["arguments"], data)))


if __name__ == "__main__":
    main()
