"""What runs inside the sandbox: it executes a student's cells, then calls the student's functions.

This file is run by itself, `python -I -S inside.py IN OUT PACKAGES`, in a process that holds nothing worth stealing:
the standard library, NumPy, the student's cells and the inputs of the calls. Nothing it says is believed: what it
writes to OUT is a claim about arrays, which the process outside reads as numbers and compares itself. It must not
import cnnlib.

A message in either direction: the length of a JSON header (4 bytes), the length of the data (8 bytes), header, data.
"""

import ast
import json
import linecache
import os
import re
import struct
import sys
import traceback
import types
from importlib.machinery import ModuleSpec

LIMIT = 300                      # characters of an error's text


class Inert(types.ModuleType):
    """A module, function or object that is there, does nothing and shows nothing: for what a sheet only displays."""

    __path__ = []
    __all__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Inert(name)

    def __call__(self, *args, **options):
        return (Inert("figure"), Inert("axes")) if self.__name__ == "subplots" else Inert("result")

    def __iter__(self):
        return iter(())

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False

    def __getitem__(self, key):
        return Inert("item")


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


def plain(source):
    """A cell without IPython's own language: magics, shell lines and questions become nothing."""
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    first = next((line.strip() for line in lines if line.strip()), "")
    if first.startswith("%%"):
        if re.match(r"%%(time|timeit|capture|prun)\b", first) is None:
            return ""                                                    # another language
        lines[lines.index(next(line for line in lines if line.strip()))] = ""
    lines = [re.sub(r"^(\s*)%time\s+(?=\S)", r"\1", line) for line in lines]            # what it times counts
    magic = re.compile(r"^(\s*)(?:[%!].*|\?.*|[\w.]+\?{1,2}\s*|\w+\s*=\s*[%!].*)$")
    return "\n".join(magic.sub(r"\1pass", line) for line in lines)


def run_cell(number, source, namespace):
    """Execute a cell; what it raises is its own affair. Returns the text of an error, or ''."""
    name = f"<cell {number}>"
    try:
        try:
            tree = ast.parse(source, name)
        except SyntaxError:
            source = plain(source)
            tree = ast.parse(source, name)
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        exec(compile(tree, name, "exec"), namespace)
    except BaseException as error:
        return describe(error)["text"]
    return ""


def describe(error):
    """An exception as data: type, text and the student's line. Its own __str__ may do anything."""
    try:
        text = " ".join(str(error).split())[:LIMIT]
    except BaseException:
        text = "(its text cannot be shown)"
    line = ""
    try:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith("<cell")]
        if frames:
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
    """The inputs of a call, fresh: numbers and text as they are, arrays from the data."""
    import numpy as np

    values = []
    for item in described:
        if isinstance(item, dict):
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
    sys.meta_path.insert(0, Display())
    import numpy  # noqa: F401  before any of the student's code can be in its way

    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)                         # until here errors were told outside
    send(outbox, {"ready": True})
    namespace = {"__name__": "__main__", "__builtins__": __builtins__, "display": Inert("display"),
                 "get_ipython": Inert("get_ipython")}
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.modules["__main__"].__dict__.update(namespace)
    namespace = sys.modules["__main__"].__dict__
    sys.argv = [""]
    while True:
        command, data = receive(inbox)
        if "cell" in command:
            send(outbox, {"ran": run_cell(command["cell"], data.decode("utf-8", "replace"), namespace)})
        else:
            send(outbox, *call(namespace, command["call"], arguments(command["arguments"], data)))


if __name__ == "__main__":
    main()
