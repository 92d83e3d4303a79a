"""Random choices that a seed and a number repeat."""

import random


class Draw(random.Random):
    """The choices of one case. The same seed and number always draw the same."""

    def __init__(self, seed, number):
        super().__init__(f"{seed} {number}")

    def some(self, chance):
        return self.random() < chance

    def pick(self, *values):
        return self.choice(values)

    def number(self, low, high, digits=6):
        """Text of a number between two bounds, with `digits` significant digits."""
        return f"{self.uniform(low, high):.{digits}g}"

    def scale(self, low, high, digits=3):
        """Text of a number evenly drawn in its logarithm."""
        return f"{low * (high / low) ** self.random():.{digits}g}"


def group(flag, *values):
    """One flag and its values, as the words of a command line."""
    words = [flag]
    for value in values:
        words += str(value).split()
    return tuple(words)


def words(line):
    """The arguments of a line, which is a tuple of groups."""
    return [word for each in line for word in each]
