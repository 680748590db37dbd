"""Functions of the questions' files as a student would have written them: source that needs NumPy and nothing else."""

import ast
import builtins
import dis
import inspect
import textwrap

import numpy as np

from cnnlib.grading.text import answer


def global_names(function):
    """The global names that a function reads, with the functions in it."""
    names, codes = set(), [function.__code__]
    while codes:
        code = codes.pop()
        names |= {one.argval for one in dis.get_instructions(code) if one.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
        codes += filter(inspect.iscode, code.co_consts)
    return names


def alone(question):
    """The solution of a question, compiled in a namespace that holds only `np`."""
    namespace = {"np": np}
    exec(compile(answer(question), f"<{question.name}>", "exec"), namespace)
    return namespace[question.name]


def stand_alone(question, function):
    """Source of a function under the question's name and of the helpers that it calls; None if it needs more."""
    helpers, waiting = {}, [function]
    while waiting:
        one = waiting.pop()
        for name in sorted(global_names(one) - {"np", *vars(builtins), *helpers}):
            helper = one.__globals__.get(name)
            if not inspect.isfunction(helper) or helper.__module__ != function.__module__:
                return None
            helpers[name] = helper
            waiting.append(helper)
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    tree.decorator_list, tree.name = [], question.name
    return "\n\n".join(["import numpy as np", *map(inspect.getsource, helpers.values()), ast.unparse(tree)])
