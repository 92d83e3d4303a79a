"""What must be registered with a compiler before it compiles a function: the functions of `kernels` that it names."""

from types import CodeType, FunctionType, ModuleType

PACKAGE = __name__.rpartition(".compile.")[0]


class Registry:
    """Functions that a compiler knows. `tell(function)` registers another one; `known`: those that need no registration."""

    def __init__(self, tell, known=()):
        self.tell = tell
        self.known = set(known)

    def register(self, function):
        """Registers a function and everything that it calls. Returns it, as decorators do."""
        if function not in self.known:
            self.known.add(function)
            self.tell(function)
            self.register_called(function)
        return function

    def register_called(self, function):
        """Registers what a function calls. Returns the function."""
        for called in called_functions(function):
            self.register(called)
        return function


def called_functions(function):
    """The functions of `kernels` that a function's code names: those it was built from, and those of its file and of the
    modules that it names. A name that merely looks like one of these does no harm."""
    names, codes = set(), [function.__code__]
    while codes:
        code = codes.pop()
        names.update(code.co_names)
        codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    values = [cell.cell_contents for cell in function.__closure__ or ()]
    values += [function.__globals__[name] for name in sorted(names) if name in function.__globals__]
    for module in [value for value in values if isinstance(value, ModuleType) and is_of_kernels(value.__name__)]:
        values += [vars(module)[name] for name in sorted(names) if name in vars(module)]
    return [value for value in values if isinstance(value, FunctionType) and is_of_kernels(value.__module__)]


def is_of_kernels(module):
    return module.startswith(f"{PACKAGE}.")
