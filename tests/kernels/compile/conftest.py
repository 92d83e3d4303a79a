import pytest

from nbkernel.kernels.compile import jit
from nbkernel.kernels.compile.object_cache import CACHE


@pytest.fixture
def compilations(tmp_path, monkeypatch):
    """An empty cache; gives the list of the functions compiled so far."""
    seen = []

    def counted(function, arguments):
        seen.append(function.__name__)
        return original(function, arguments)

    original = jit.compile_kernel
    monkeypatch.setattr(jit, "compile_kernel", counted)
    monkeypatch.setattr(CACHE, "folder", tmp_path)
    monkeypatch.setattr(CACHE, "say", None)
    monkeypatch.setattr(CACHE, "said", False)
    return seen
