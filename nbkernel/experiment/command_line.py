"""From nanoBragg.c's command line to an Experiment's fields, the files to write, and whether to show progress."""

import shlex

from nbkernel.errors import InputError
from nbkernel.support.logger import LOG

from .arguments import parse_flags
from .outputs import Outputs
from .quirks import fix_names


def fields_of_command(command, fix):
    """{name: value} of an Experiment's fields; see `Experiment.from_command_line`."""
    try:
        words = shlex.split(command) if isinstance(command, str) else [str(word) for word in command]
    except ValueError as error:
        raise InputError(f"the command line cannot be split into words: {error}") from None
    if words and not words[0].startswith("-"):
        words = words[1:]
    for word in words:
        if word.startswith("--"):
            raise InputError(f"{word}: is not a flag of nanoBragg.c; give it as an argument of Experiment or simulate")
    fixes = fix_names("fix", [fix] if isinstance(fix, str) else fix)
    parsed = parse_flags(words, fixes)
    for line in parsed.warnings:
        LOG.warning("%s", line)
    fields, _, _ = split_settings(parsed.settings)
    return {**fields, "fix": fixes}


def split_settings(settings):
    """The flag table's settings as fields of Experiment, as fields of Outputs, and whether to show progress."""
    settings = dict(settings)
    progress = settings.pop("progress", True) and not settings.get("printout", False)
    enabled = {
        "pgmfile": settings.pop("write_pgm", True),
        "noisefile": settings.pop("calculate_noise", True),
    }
    outputs = {name: settings.pop(name) for name in Outputs.__dataclass_fields__ if name in settings}
    if "dump" in outputs:
        settings["dump"] = outputs["dump"]  # the only output that is also read
    outputs.update({name: None for name, is_written in enabled.items() if not is_written})
    return settings, outputs, progress
