"""From an argument list to the values of nbkernel's own options, by the table in `options`."""

from nbkernel.errors import InputError
from nbkernel.support.suggestion import suggestion

from .options import options_of


class Chosen(dict):
    """{option's name: value} of a command line: True for a switch, a tuple if the option takes several values or repeats."""

    def __init__(self, command):
        super().__init__()
        self.command = command

    def fields(self, owner):
        """{field: value} from the options that set fields of the class `owner`."""
        found = {}
        for option in options_of(self.command):
            kind, _, field = option.sets.partition(".")
            if kind == owner and option.name in self:
                found[field] = self[option.name]
        return found


def parse(command, argv):
    """The Chosen options of a sub-command, and the other arguments. `--name=text` is the same as `--name text`.

    Raises InputError for an unknown option, a missing or unusable value, or an option without the one that it needs.
    """
    known = {option.name: option for option in options_of(command)}
    chosen, rest = Chosen(command), []
    arguments = list(reversed(argv))
    while arguments:
        argument = arguments.pop()
        if not argument.startswith("--"):
            rest.append(argument)
            continue
        name, equals, text = argument.partition("=")
        if name not in known:
            raise InputError(f"{name}: is not an option of nbkernel {command}{suggestion(name, known)}")
        option = known[name]
        count = len(option.values.split())
        texts = []
        if equals:
            if not count:
                raise InputError(f"{name}: takes no value, got {text!r}")
            texts = [text] if count == 1 else text.split() or [text]
        while len(texts) < count and arguments and not arguments[-1].startswith("--"):
            texts.append(arguments.pop())
        if len(texts) != count:
            raise InputError(f"{name}: needs {option.values}, got {' '.join(texts) or 'nothing'}")
        value = option.read(name, *texts)
        chosen[name] = (*chosen.get(name, ()), value) if option.repeats else value
    for option in known.values():
        needed = option.needs.partition(" ")[0]
        if option.name in chosen and needed in known and needed not in chosen:
            raise InputError(f"{option.name}: needs {option.needs} too")
    return chosen, rest


def file_names(command, rest, names):
    """The arguments of a sub-command that takes only files; `names`: of the files in its help. Raises InputError if their
    number is wrong."""
    if len(rest) != len(names):
        raise InputError(f"{command}: needs the files {' and '.join(names)}, got {len(rest)}; see nbkernel {command} -h")
    return rest
