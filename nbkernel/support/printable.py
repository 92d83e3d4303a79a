"""Arbitrary text, such as names of files and panels, made safe for a terminal or a log."""


def printable(text):
    """The text in one line. Characters that a terminal would obey, hide or reorder (control characters, line ends,
    direction marks, undecodable bytes) are replaced by Python's escapes."""
    text = str(text)
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def shortened(text, most):
    """The text; the beginning and the end if it has more than `most` characters."""
    text = str(text)
    if len(text) <= most:
        return text
    end = most // 4
    return f"{text[: most - end]}...{text[-end:]}"
