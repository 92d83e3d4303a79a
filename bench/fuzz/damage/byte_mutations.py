"""Damage to the bytes of a file. A mutation is a function of (bytes, Draw) to bytes."""

import json
import re
import struct

NUMBER = re.compile(rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
NUMBERS = (
    b"inf", b"-inf", b"nan", b"1e308", b"-1e308", b"1e-320", b"0", b"-0", b"-1", b"1", b"2147483647", b"-2147483648",
    b"4294967296",
    b"9223372036854775807", b"99999999999999999999", b"1e10", b"0.5", b"", b"1_000", b"0x10", b"abc", b"1e", b"--1",
    b"\xd9\xa3", b"1" * 5000,
)  # fmt: skip
SNIPPETS = (
    b"\x1b[31m", b"\0", b"\r", b"\n", b"\x08\x08", b"\xff\xfe", b"\xef\xbb\xbf", "\u202e".encode(), "\u0085".encode(),
    b"\x7f", b"\x9b2J",
    b"'", b'"', b"[", b"]", b"{", b"}", b"=", b";", b"#", b"\\", b" " * 3000, b"%s%n", b"../../etc/passwd",
    b"/dev/zero", b"\t", b"_", b"loop_\n",
)  # fmt: skip
WHOLE = (0, 1, -1, 2, 255, 65535, 2**31 - 1, -(2**31), 10**9, 2**24)
REAL = (0.0, -1.0, float("nan"), float("inf"), float("-inf"), 1e308, 1e-310, -1e30)


def flip_bit(data, draw):
    if not data:
        return data
    place = draw.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << draw.randrange(8)]) + data[place + 1 :]


def set_byte(data, draw):
    if not data:
        return data
    place = draw.randrange(len(data))
    return data[:place] + bytes([draw.pick(0, 255, 127, 10, 27, draw.randrange(256))]) + data[place + 1 :]


def in_head(mutation):
    """The same, within the first bytes, where headers are."""

    def of_head(data, draw):
        size = draw.pick(16, 64, 256, 1024)
        return mutation(data[:size], draw) + data[size:]

    of_head.__name__ = f"{mutation.__name__}_in_head"
    return of_head


def truncate(data, draw):
    return data[: draw.pick(0, 1, 3, len(data) - 1, draw.randrange(len(data) + 1))]


def piece(data, draw):
    start = draw.randrange(len(data) + 1)
    return start, start + draw.pick(1, 2, 4, 8, 80, 512, draw.randrange(1, 5000))


def delete_piece(data, draw):
    start, stop = piece(data, draw)
    return data[:start] + data[stop:]


def repeat_piece(data, draw):
    start, stop = piece(data, draw)
    return data[:stop] + data[start:stop] * draw.pick(1, 2, 50) + data[stop:]


def blank_piece(data, draw):
    start, stop = piece(data, draw)
    return data[:start] + draw.pick(b"\0", b"\xff", b" ", b"9") * len(data[start:stop]) + data[stop:]


def move_piece(data, draw):
    start, stop = piece(data, draw)
    rest, place = data[:start] + data[stop:], draw.randrange(len(data) + 1)
    return rest[:place] + data[start:stop] + rest[place:]


def append(data, draw):
    return data + draw.pick(b"\0", b"garbage\n", draw.randbytes(draw.pick(1, 100, 10000)), data)


def binary_number(data, draw):
    """An integer or real number of 2, 4 or 8 bytes somewhere."""
    order, kind = draw.pick("<", ">"), draw.pick("h", "i", "q", "f", "d")
    if kind in "fd":
        with_overflow = [value for value in REAL if kind == "d" or not 1e38 < abs(value) < float("inf")]
        number = struct.pack(order + kind, draw.choice(with_overflow))
    else:
        bits = 8 * struct.calcsize(kind)
        number = struct.pack(order + kind, draw.pick(*(v for v in WHOLE if -(2 ** (bits - 1)) <= v < 2 ** (bits - 1))))
    place = draw.randrange(max(len(data) - len(number), 0) + 1)
    return data[:place] + number + data[place + len(number) :]


def replace_number(data, draw):
    """One of the numbers written in the text."""
    found = list(NUMBER.finditer(data[:200000]))
    if not found:
        return data
    match = draw.choice(found)
    return data[: match.start()] + draw.choice(NUMBERS) + data[match.end() :]


def replace_numbers(data, draw):
    """All numbers of one line."""
    lines = data.split(b"\n")
    place, number = draw.randrange(len(lines)), draw.choice(NUMBERS)
    lines[place] = NUMBER.sub(lambda match: number, lines[place])
    return b"\n".join(lines)


def insert(data, draw):
    place = draw.randrange(len(data) + 1)
    return data[:place] + draw.choice(SNIPPETS) + data[place:]


def change_lines(data, draw):
    """Lines removed, repeated, swapped, cut off, joined, blanked."""
    lines = data.split(b"\n")
    i, j = draw.randrange(len(lines)), draw.randrange(len(lines))
    kind = draw.randrange(7)
    if kind == 0:
        del lines[i]
    elif kind == 1:
        lines.insert(j, lines[i])
    elif kind == 2:
        lines[i], lines[j] = lines[j], lines[i]
    elif kind == 3:
        lines[i] = lines[i][: draw.randrange(len(lines[i]) + 1)]
    elif kind == 4:
        lines[i : i + 2] = [b" ".join(lines[i : i + 2])]
    elif kind == 5:
        lines[i] = draw.pick(b"", b" " * 100, lines[i] * 200)
    else:
        lines[min(i, j) : max(i, j)] = []
    return b"\n".join(lines)


def change_words(data, draw):
    """A word removed, repeated, or put in the place of another."""
    words = list(re.finditer(rb"\S+", data[:200000]))
    if not words:
        return data
    a, b = draw.choice(words), draw.choice(words)
    return data[: a.start()] + draw.pick(b"", a.group() + b" " + a.group(), b.group(), b"?", b".") + data[a.end() :]


def line_ends(data, draw):
    return data.replace(b"\n", draw.pick(b"\r\n", b"\r", b"\n\n", b"", b"\x0b", b"\0\n"))


def recode(data, draw):
    """Another encoding of the same text."""
    return data.decode("latin-1").encode(draw.pick("utf-16", "utf-8-sig", "utf-32"))


def other_value(draw):
    """A JSON value of any type."""
    return draw.pick(
        None, True, False, 0, -1, 1e308, float("nan"), float("inf"), 10**30, 0.5, "", "text", "\u001b[31mred", "1",
        "nan", [], {}, [[]], [1],
        [1, 2, 3], ["a", "b", "c"], [None] * 3, {"a": 1}, [[1, 2], [3, 4]], [0, 0, 0], [1e200] * 3,
        [float("nan")] * 3, "x" * 3000, nested(draw),
        ["\u202e"], -(2**63), 2**31, {"": {}},
    )  # fmt: skip


def nested(draw):
    value = 1
    for _ in range(draw.pick(3, 40, 300)):
        value = [value] if draw.some(0.5) else {"children": [value]}
    return value


def change_json(data, draw):
    """A value somewhere in a JSON document is changed, removed, doubled, or gets a further key."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return data
    places = list(places_in(document))
    if not places:
        return json.dumps(other_value(draw)).encode()
    container, key = draw.choice(places)
    kind = draw.randrange(5)
    if kind == 0:
        del container[key]
    elif kind == 1 and isinstance(container, list):
        container.extend([container[key]] * draw.pick(1, 300))
    elif kind == 2 and isinstance(container, dict):
        other, name = draw.choice(places)
        container[key] = other[name] if not isinstance(other[name], (dict, list)) else len(other[name])
    else:
        container[key] = other_value(draw)
    try:
        return json.dumps(document).encode()
    except (ValueError, RecursionError):
        return data


def places_in(document, depth=0):
    """(container, key) of every value at any depth."""
    if depth > 50:
        return
    for key in list(document if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()):
        yield document, key
        yield from places_in(document[key], depth + 1)


def change_toml(data, draw):
    """A value of a TOML document, or its key, is changed."""
    lines = data.split(b"\n")
    settings = [place for place, line in enumerate(lines) if b"=" in line]
    if not settings:
        return data
    place = draw.choice(settings)
    key, value = lines[place].split(b"=", 1)
    other = draw.choice(settings)
    lines[place] = draw.pick(
        key
        + b"= "
        + json.dumps(other_value(draw))
        .encode()
        .replace(b"null", b"nan")
        .replace(b"NaN", b"nan")
        .replace(b"Infinity", b"inf"),
        key
        + b"= "
        + draw.pick(
            b"1979-05-27T07:32:00Z",
            b"{a = 1}",
            b"[[1], [2]]",
            b"'''\n'''",
            b"inf",
            b"-nan",
            b"0xff",
            b"1e400",
            b'"\\u001b[31m"',
        ),
        key + b"=" + lines[other].split(b"=", 1)[1],
        lines[other].split(b"=", 1)[0] + b"=" + value,
        b"[" + key.strip() + b"]",
        b"[[" + key.strip() + b"]]",
        b'"a\\u001bb" = 1',
        b'dump = "../elsewhere"',
        key + b".x =" + value,
    )
    return b"\n".join(lines)


ANY = (
    flip_bit, set_byte, in_head(flip_bit), in_head(set_byte), truncate, delete_piece, repeat_piece, blank_piece,
    in_head(blank_piece), move_piece,
    append, binary_number, in_head(binary_number),
)  # fmt: skip
TEXT = (
    replace_number, replace_number, replace_numbers, insert, in_head(insert), change_lines, change_lines,
    change_words, change_words, truncate,
    line_ends, recode, flip_bit, repeat_piece, delete_piece, append,
)  # fmt: skip
HEADED = (
    *ANY,
    in_head(replace_number),
    in_head(replace_number),
    in_head(change_lines),
    in_head(change_words),
    in_head(insert),
)
JSON = (change_json,) * 12 + TEXT
TOML = (change_toml,) * 10 + TEXT
