"""The table [detector.response] of a TOML file: the detector's response, or one of several such tables for each panel."""

import dataclasses
import os
from typing import Any

from nbkernel.errors import InputError
from nbkernel.geometry.response import MAPS, Response
from nbkernel.support.printable import shortened
from nbkernel.support.suggestion import suggestion

KNOWN = [field.name for field in dataclasses.fields(Response)]
TABLE = "detector.response"


def read_responses(value, lead, folder):
    """The Response, or the tuple of them, in the value of a TOML file in `folder`. Raises InputError, starting with
    `lead`."""
    if isinstance(value, dict):
        return read_response(value, f"{lead}: [{TABLE}]", folder)
    if not isinstance(value, list) or not value or not all(isinstance(own, dict) for own in value):
        raise InputError(f"{lead}: {TABLE} must be a table, or a list of tables, one for each panel")
    return tuple(read_response(own, f"{lead}: [[{TABLE}]] {number}", folder) for number, own in enumerate(value))


def read_response(table, lead, folder):
    for name in table:
        if name not in KNOWN:
            raise InputError(f"{lead} has no {shortened(name, 80)}{suggestion(name, KNOWN)}")
    stated: dict[str, Any] = {
        name: os.path.join(folder, value) if name in MAPS and isinstance(value, str) else value
        for name, value in table.items()
    }
    try:
        return Response(**stated)
    except InputError as error:
        raise InputError(f"{lead} {error}") from None


def response_tables(experiment, folder):
    """[(header, Response with paths relative to `folder`)] of the tables of an Experiment. Raises InputError for a map that
    is an array."""
    response = experiment.response
    if response is None:
        return []
    if isinstance(response, Response):
        return [(f"[{TABLE}]", relative(response, folder))]
    return [(f"[[{TABLE}]]", relative(own, folder)) for own in response]


def relative(response, folder):
    changes = {}
    for name in MAPS:
        value = getattr(response, name)
        if isinstance(value, str):
            changes[name] = os.path.relpath(os.path.realpath(value), folder)
        elif not isinstance(value, (int, float)):
            raise InputError(
                f"response: {name} is an array, which TOML does not hold; save it by numpy.save, and give its path"
            )
    return dataclasses.replace(response, **changes)
