"""What inputs in memory have in common: each has the content of a file that it could be read from."""

import functools


class InMemory:
    """Immutable; compared and hashed by content.

    Sub-classes have: content, the bytes of such a file; ending, the usual one of its name.
    """

    content: bytes
    ending: str
    column: str | None = None  # which one of the file's is meant

    @classmethod
    def from_content(cls, content: bytes, name: str, column: str | None = None) -> "InMemory":
        """The object of a file's bytes.

        content: the bytes; name: of the file, in messages; column: which one of the file's is meant. Raises InputError for
        bytes of another kind.
        """
        raise NotImplementedError

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of the content, hexadecimal."""
        import hashlib

        return hashlib.sha256(self.content).hexdigest()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, InMemory):
            return NotImplemented
        return self is other or self.key() == other.key()

    def __hash__(self) -> int:
        return hash(self.key())

    def key(self) -> tuple:
        """What two equal ones have in common."""
        return type(self), self.column, self.digest
