"""Text that may hold anything, such as names of files and panels, for a terminal or a log."""


def printable(text):
    """The text in one line, with what a terminal would obey, hide or reorder written as Python's escapes: control
    characters, line ends, marks of direction, bytes that are not text."""
    text = str(text)
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def shortened(text, most):
    """The text, of a longer one its beginning and its end."""
    text = str(text)
    if len(text) <= most:
        return text
    end = most // 4
    return f"{text[: most - end]}...{text[-end:]}"
