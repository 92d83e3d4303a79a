"""Suggests a known name for an unknown one."""


def suggestion(name, candidates):
    """The end of a message that suggests the most similar of the candidates; empty if none is similar."""
    import difflib

    near = [other for other in candidates if len(name) > 3 and other.startswith(name)][:1]
    near = near or difflib.get_close_matches(name, list(candidates), 1, 0.5)
    return f"; did you mean {near[0]}?" if near else ""
