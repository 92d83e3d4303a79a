"""The folder of compiled kernels: who may own it, what is never loaded from it, and that writing to it follows no link."""

import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from nbkernel.kernels.compile import private_files
from nbkernel.kernels.compile.object_cache import CACHE, cache_folder
from nbkernel.kernels.compile.private_files import Refused, check_way, read_private, write_private
from nbkernel.run import simulate

from small_kernel import call, only_object


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home directory; the folders above the test's appear with mode 755."""
    above = [str(path) for path in tmp_path.parents]

    def looked(path, *arguments, look=os.lstat, **options):
        found = look(path, *arguments, **options)
        return os.stat_result((stat.S_IFDIR | 0o755, *found[1:4], 0, *found[5:])) if str(path) in above else found

    monkeypatch.setattr(os, "lstat", looked)
    tmp_path.chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def another_user(monkeypatch):
    """another_user() makes all files belong to somebody else."""
    return lambda: monkeypatch.setattr(os, "geteuid", lambda uid=os.geteuid(): uid + 4711)


def owned_by_others(monkeypatch, *paths):
    """Makes os.lstat and os.fstat show another owner of these paths."""
    foreign = {(os.lstat(path).st_dev, os.lstat(path).st_ino) for path in paths}

    def seen(look):
        def looked(*arguments, **options):
            found = look(*arguments, **options)
            if (found.st_dev, found.st_ino) not in foreign:
                return found
            return os.stat_result((*found[:4], os.geteuid() + 4711, *found[5:]))

        return looked

    monkeypatch.setattr(os, "lstat", seen(os.lstat))
    monkeypatch.setattr(os, "fstat", seen(os.fstat))


def test_the_cache_folder_is_the_users_only(home):
    before = os.umask(0)
    try:
        assert cache_folder() == (str(home / ".cache/nbkernel"), None)
    finally:
        os.umask(before)
    for folder in (home / ".cache", home / ".cache/nbkernel"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert cache_folder() == (str(home / ".cache/nbkernel"), None)


@pytest.mark.parametrize("variable", ["NUMBA_CACHE_DIR", "XDG_CACHE_HOME"])
def test_the_environment_can_name_the_folder(variable, home, monkeypatch):
    monkeypatch.setenv(variable, str(home.parent / "other/deep"))
    assert cache_folder() == (str(home.parent / "other/deep/nbkernel"), None)
    monkeypatch.chdir(home)
    monkeypatch.setenv(variable, "../relative")
    assert cache_folder() == (str(home.parent / "relative/nbkernel"), None)


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757, 0o722])
def test_a_folder_that_others_may_write_to_is_refused(mode, home):
    folder = home / ".cache/nbkernel"
    folder.mkdir(parents=True)
    folder.chmod(mode)
    found, why = cache_folder()
    assert found is None and why == f"others may write to {folder}; chmod go-w makes it yours"


@pytest.mark.parametrize("mode, refused", [(0o777, True), (0o770, True), (0o1777, False), (0o755, False)])
def test_a_parent_folder_that_others_may_write_to_is_refused(mode, refused, home, monkeypatch):
    """Unless the sticky bit is set, as on /tmp: others may not rename or remove the user's files there."""
    shared = home.parent / "shared"
    shared.mkdir()
    shared.chmod(mode)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(shared / "mine"))
    found, why = cache_folder()
    assert (found is None) == refused
    assert list(shared.iterdir()) == ([] if refused else [shared / "mine"]), "nothing is made where it is refused"
    if refused:
        assert why.startswith(f"others may write to {shared}")
        # others cannot enter
        private = home.parent / "private"
        private.mkdir(mode=0o700)
        shared.rename(private / "shared")
        monkeypatch.setenv("NUMBA_CACHE_DIR", str(private / "shared/mine"))
        assert cache_folder() == (str(private / "shared/mine/nbkernel"), None)
        # others can enter
        private.chmod(0o755)
        assert cache_folder()[0] is None


def test_folders_above_the_home_directory_are_not_checked(home, monkeypatch):
    home.parent.chmod(0o777)
    assert cache_folder() == (str(home / ".cache/nbkernel"), None)
    monkeypatch.setattr(private_files, "own_home", lambda: None)
    assert cache_folder()[1].startswith(f"others may write to {home.parent}")
    home.parent.chmod(0o700)


@pytest.mark.parametrize("whose", ["home", "home/.cache", "home/.cache/nbkernel"])
def test_another_users_folder_is_refused(whose, home, monkeypatch):
    """The home directory is another's after sudo, which may keep HOME."""
    cache_folder()
    owned_by_others(monkeypatch, home.parent / whose)
    if whose == "home":
        monkeypatch.setattr(private_files, "own_home", lambda: None)
    assert cache_folder() == (None, f"{home.parent / whose} belongs to another user")


def test_another_users_home_is_not_the_own_home(home, another_user):
    assert private_files.own_home() == str(home)
    another_user()
    assert private_files.own_home() is None


def test_links_that_nobody_else_can_set_are_followed(home, monkeypatch):
    target = home.parent / "target"
    target.mkdir()
    (home / ".cache").mkdir()
    link = home / ".cache/nbkernel"
    link.symlink_to("../../target")
    assert cache_folder() == (str(target), None)
    owned_by_others(monkeypatch, link)
    assert cache_folder() == (None, f"{link} belongs to another user")
    monkeypatch.setattr(private_files, "check_owner", lambda path, found: None)
    link.unlink()
    link.symlink_to(link)
    assert cache_folder() == (None, None)


def test_the_target_of_a_link_out_of_a_private_folder_is_checked(home):
    shared = home.parent / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    closed = home.parent / "closed"
    closed.mkdir(mode=0o700)
    (shared / "there").mkdir()
    for target in ("../shared/there", shared / "there"):
        (closed / "link").symlink_to(target)
        with pytest.raises(Refused, match="others may write"):
            check_way(closed / "link")
        (closed / "link").unlink()


PLANTED = {
    "a file of another user": lambda path, patch: owned_by_others(patch, path),
    "a file that others may write to": lambda path, patch: path.chmod(0o666),
    "a file that a group may write to": lambda path, patch: path.chmod(0o660),
    "a link": lambda path, patch: (path.rename(path.with_suffix(".real")), path.symlink_to(path.with_suffix(".real"))),
    "a pipe": lambda path, patch: (path.unlink(), os.mkfifo(path)),
    "a folder that others may write to": lambda path, patch: path.parent.chmod(0o777),
    "a folder of another user": lambda path, patch: owned_by_others(patch, path.parent),
}


@pytest.mark.parametrize("what", PLANTED)
def test_a_file_that_others_may_have_made_is_replaced_and_reported_once(what, compilations, tmp_path, monkeypatch):
    lines = []
    call()
    path = only_object(tmp_path)
    with monkeypatch.context() as patch:
        PLANTED[what](path, patch)
        patch.setattr(CACHE, "say", lines.append)
        patch.setattr(CACHE, "refused", None)
        assert call() == call() == 5.0
        assert lines[0].startswith("compiling anew: ") and str(tmp_path) in lines[0] and len(lines) == 1
    # the file is replaced, unless the folder itself is refused
    assert len(compilations) == (3 if "folder" in what else 2)
    if "folder" not in what:
        assert path.is_file() and not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_refused_folder_is_reported_once(compilations, monkeypatch):
    lines = []
    monkeypatch.setattr(CACHE, "folder", None)
    monkeypatch.setattr(CACHE, "refused", "/shared/nbkernel belongs to another user")
    monkeypatch.setattr(CACHE, "say", lines.append)
    assert call() == call() == 5.0
    assert lines == ["compiling, as in every run: /shared/nbkernel belongs to another user (NUMBA_CACHE_DIR names another)"]


@pytest.mark.parametrize(
    "refused, level", [(None, logging.INFO), ("/shared/nbkernel belongs to another user", logging.WARNING)]
)
def test_the_logger_reports_compiling_in_python(refused, level, compilations, monkeypatch, caplog):
    monkeypatch.setattr(CACHE, "refused", refused)
    monkeypatch.setattr(CACHE, "say", simulate.log_compiling)
    with caplog.at_level(logging.INFO, "nbkernel"):
        assert call() == call() == 5.0
    (record,) = caplog.records
    assert record.levelno == level and "compiling" in record.getMessage() and (refused or "") in record.getMessage()


def test_writing_follows_no_link(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / "k.o").symlink_to(victim)
    write_private(folder / "k.o", b"code")
    assert (folder / "k.o").read_bytes() == b"code" and not (folder / "k.o").is_symlink()
    # nor if somebody guesses the temporary file's name
    monkeypatch.setattr(private_files.os, "urandom", lambda n: b"guess"[:n])
    (folder / f".k.o.{b'guess'.hex()}.part").symlink_to(victim)
    with pytest.raises(FileExistsError):
        write_private(folder / "k.o", b"other")
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(OSError):
        write_private(tmp_path / "link/../link" / "k.o", b"other")
    assert victim.read_text() == "precious" and (folder / "k.o").read_bytes() == b"code"


def test_the_opened_folder_is_written_to_even_if_another_takes_its_name(tmp_path, monkeypatch):
    folder, other = tmp_path / "cache", tmp_path / "other"
    folder.mkdir()
    other.mkdir()

    def exchange(descriptor):
        folder.rename(tmp_path / "moved")
        folder.symlink_to(other)

    monkeypatch.setattr(private_files, "remove_abandoned", exchange)
    write_private(folder / "k.o", b"code")
    assert list(other.iterdir()) == [] and (tmp_path / "moved/k.o").read_bytes() == b"code"


def test_abandoned_temporary_files_are_removed(tmp_path):
    for name in (".old.o.1.part", ".new.o.2.part", "kept.o"):
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, (0, 0) if "new" not in name else None)
    write_private(tmp_path / "k.o", b"code")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".new.o.2.part", "k.o", "kept.o"]
    assert read_private(tmp_path / "k.o") == b"code"


@pytest.mark.slow
def test_a_run_succeeds_with_a_refused_folder(tmp_path):
    """In a new process, which would load code planted there."""
    (tmp_path / "nbkernel").mkdir()
    (tmp_path / "nbkernel").chmod(0o777)
    program = (
        "import numpy as np; from nbkernel.kernels.compile.kernel import CACHE, Kernel; CACHE.say = print\n"
        "def double(a):\n    a[0] *= 2.0\n    return 1\n"
        "a = np.ones(1); Kernel(double)(a); Kernel(double)(a); print(a[0])"
    )
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    Path(tmp_path / "program.py").write_text(program)
    run = subprocess.run([sys.executable, tmp_path / "program.py"], capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    first, last = run.stdout.splitlines()
    assert f"others may write to {tmp_path / 'nbkernel'}" in first and last == "4.0"
    assert list((tmp_path / "nbkernel").iterdir()) == []
