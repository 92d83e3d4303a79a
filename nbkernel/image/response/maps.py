"""The Responses of panels, and the files that they name."""

import os

from nbkernel.errors import InputError
from nbkernel.geometry.response import MAPS, Response, as_responses


def checked_responses(function, response, panels):
    """A Response for each of so many panels, from one for all or a list of them. Raises InputError for anything else."""
    responses = [response] * panels if isinstance(response, Response) else response
    if not isinstance(responses, (list, tuple)) or not all(isinstance(own, Response) for own in responses):
        raise InputError(f"{function}: needs a Response, or a list of them, one per panel")
    if len(responses) != panels:
        raise InputError(f"{function}: has {len(responses)} responses for {panels} panels; need one for all, or one each")
    return list(responses)


def map_paths(response):
    """Absolute paths of the files with maps of a Response, or of several."""
    maps = (getattr(own, name) for own in as_responses(response) for name in MAPS)
    return [os.path.abspath(path) for path in maps if isinstance(path, str)]
