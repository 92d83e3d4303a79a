import pytest

from nbkernel.kernels.compile import jit, kernel


@pytest.fixture
def compilations(tmp_path, monkeypatch):
    """A cache of its own, and a list that grows with each compilation."""
    seen = []

    def counted(function, arguments):
        seen.append(function.__name__)
        return original(function, arguments)

    original = jit.compile_ahead
    monkeypatch.setattr(jit, "compile_ahead", counted)
    monkeypatch.setattr(kernel.CACHE, "folder", tmp_path)
    monkeypatch.setattr(kernel.CACHE, "say", None)
    monkeypatch.setattr(kernel.CACHE, "said", False)
    return seen
