"""What the user may have meant by a name that is not known."""


def suggestion(name, candidates):
    """The end of a message that names the nearest of the known names; empty where none is near."""
    import difflib

    near = [other for other in candidates if len(name) > 3 and other.startswith(name)][:1]
    near = near or difflib.get_close_matches(name, list(candidates), 1, 0.5)
    return f"; did you mean {near[0]}?" if near else ""
