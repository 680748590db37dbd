"""Which names an answer's code uses: by them a question's `forbids` and `needs` are judged.

This file runs in the student's kernel and inside the sandbox too, so it needs the standard library only.
"""

import builtins
import dis
import functools
import inspect
import sys
import types

MOST = 500                       # names, and as many functions that are looked at
LENGTH = 80                      # characters of a name


def used(answer):
    """The names that a student's function uses, and those that the student's other functions use that it calls.

    Counted is what is read of an object (`np.fft.fft2` gives np, fft and fft2), what is imported, and what is global
    but is not the student's own; of that also the name it was made under, so that `from numpy import convolve as c`
    gives c and convolve, and numpy, where it is from. A function or class of the student's own is not counted, whatever
    its name: it is looked into. So are decorated and partial functions, functions in closures and defaults, and objects
    that are called. Of what has no code to see, such as `answer = np.convolve`, its own name counts. Nothing is called,
    and nothing raises.
    → a set of at most MOST names
    """
    names, seen, waiting = set(), {}, [answer]
    while waiting and len(seen) < MOST:
        value = waiting.pop()
        if id(value) not in seen:
            seen[id(value)] = value                                      # kept, so that no other gets its id
            try:
                found, inner = _look(value)
            except Exception:                                            # an object that lets nobody look
                continue
            names |= {name for name in found if type(name) is str and len(name) <= LENGTH and name.isascii()}
            waiting += inner
    return set(sorted(names)[:MOST])


def _look(value):
    """→ the names that count of a value itself, the values to look at further."""
    if isinstance(value, types.ModuleType):
        return value.__name__.split("."), []
    if isinstance(value, types.MethodType):
        return [], [value.__func__]
    if isinstance(value, functools.partial):
        return [], list(filter(callable, [value.func, *value.args, *value.keywords.values()]))
    inner = _wrapped(value)
    if isinstance(value, types.FunctionType):
        if not _is_own(value.__globals__.get("__name__"), value.__code__.co_filename):
            return [value.__name__, _top(value.__globals__.get("__name__"))], inner
        names, further = _read(value.__code__, value.__globals__)
        held = [cell.cell_contents for cell in value.__closure__ or () if cell != types.CellType()]
        held += [*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()]
        return names, inner + further + list(filter(callable, held))
    if isinstance(value, type):
        if not _is_own(value.__module__):
            return [value.__name__, _top(value.__module__)], inner
        members = [getattr(member, "__func__", getattr(member, "fget", member)) for member in vars(value).values()]
        return [], inner + [*filter(callable, members), *value.__bases__]
    if _is_own(type(value).__module__):                                  # an object that is called
        return [], [*inner, type(value)]
    return ([], inner) if inner else ([getattr(value, "__name__", type(value).__name__)], [])


def _wrapped(value):
    """The function that another was made of, in a list: functools.wraps and lru_cache leave it, and np.vectorize."""
    found = [inspect.getattr_static(value, name, None) for name in ("__wrapped__", "pyfunc")]
    return list(filter(callable, found))


def _read(code, namespace):
    """What code uses, with the functions in it. → names, values that global names stand for"""
    names, values = [], []
    for instruction in dis.get_instructions(code):
        if instruction.opcode in dis.hasname and instruction.opname.startswith(("LOAD", "IMPORT")):
            name = instruction.argval
            if "GLOBAL" not in instruction.opname and instruction.opname != "LOAD_NAME":
                names += name.split(".")                                 # an attribute, or what is imported
                continue
            value = namespace.get(name, vars(builtins).get(name))
            if callable(value) or isinstance(value, types.ModuleType):
                values.append(value)
                names += [] if _is_students(value) else [name]
    for constant in code.co_consts:
        if inspect.iscode(constant):
            further, more = _read(constant, namespace)
            names, values = names + further, values + more
    return names, values


def _is_students(value):
    """Whether a global name stands for something that the student made, which is looked into."""
    if isinstance(value, types.ModuleType):
        return False
    if isinstance(value, (types.MethodType, functools.partial)):
        return True
    if isinstance(value, types.FunctionType):
        return _is_own(value.__globals__.get("__name__"), value.__code__.co_filename)
    return _is_own(value.__module__ if isinstance(value, type) else type(value).__module__) or any(
        map(_is_students, _wrapped(value)))


def _top(module):
    """The first part of a module's name."""
    return str(module).partition(".")[0]


def _is_own(module, file=""):
    """Whether code is the student's: of no module of Python, NumPy or cnnlib, and no installed package's.

    What cnnlib.grading holds is looked into: the answers in the questions' files, and what a sheet wraps an answer in.
    """
    top = _top(module)
    if top == "cnnlib":
        return str(module).startswith("cnnlib.grading.")
    file = file or str(getattr(sys.modules.get(str(module)), "__file__", ""))
    return top == "__main__" or top not in sys.stdlib_module_names and top != "numpy" and not any(
        f"{folder}-packages" in file.replace("\\", "/").split("/") for folder in ("site", "dist"))
