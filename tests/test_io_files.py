"""A file appears whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nnxp._files import atomic_path, write_atomic

MEBIBYTE = 2**20


@pytest.fixture
def little_disk() -> Iterator[None]:
    """Let no file grow beyond one MiB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MEBIBYTE, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_bytes_and_text_are_written_as_they_are(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a.bin", b"\x00\r\n\xff")
    write_atomic(str(tmp_path / "b.txt"), "größe\n")
    assert (tmp_path / "a.bin").read_bytes() == b"\x00\r\n\xff"
    assert (tmp_path / "b.txt").read_bytes() == "größe\n".encode()


def test_the_temporary_file_keeps_the_suffix_and_the_folder(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "curve.png") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".png"
        assert not (tmp_path / "curve.png").exists()
        temporary.write_text("picture")
    assert [p.name for p in tmp_path.iterdir()] == ["curve.png"]


def test_an_old_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("a longer old text")
    write_atomic(path, "new")
    assert path.read_text() == "new"


def test_a_file_in_the_working_folder_needs_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_atomic("a", "new")
    assert (tmp_path / "a").read_text() == "new"


def test_a_symbolic_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    link = tmp_path / "latest"
    link.symlink_to(tmp_path / "run" / "model")
    write_atomic(link, "new")
    assert link.is_symlink()
    assert (tmp_path / "run" / "model").read_text() == "new"


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_the_umask_decides_who_may_read(umask: int, mode: int, tmp_path: Path) -> None:
    old = os.umask(umask)
    try:
        write_atomic(tmp_path / "a", "text")
    finally:
        os.umask(old)
    assert (tmp_path / "a").stat().st_mode & 0o777 == mode


@pytest.mark.parametrize(
    "error", [ValueError("a mistake"), KeyboardInterrupt(), FileNotFoundError(2, "missing", "other")]
)
def test_a_block_that_fails_leaves_the_old_file_and_its_own_error(error: BaseException, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")

    def write_half() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half of the n")
            raise error

    with pytest.raises(type(error)) as caught:
        write_half()
    assert caught.value is error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("little_disk")
def test_a_full_disk_leaves_the_old_file_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    sentence = (
        f"write({str(path)!r}): expected a disk that takes the file, got 'File too large'; "
        "what was there before is unchanged"
    )
    with pytest.raises(OSError, match=f"^{re.escape(sentence)}$") as caught:
        write_atomic(path, bytes(2 * MEBIBYTE))
    assert caught.value.errno == errno.EFBIG
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_fails_at_the_end_leaves_the_old_file(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_text("old")

    def fail(*args: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, call, fail)
    sentence = f"write({str(path)!r}): expected a disk that takes the file, got 'Input/output error'; "
    with pytest.raises(OSError, match=f"^{re.escape(sentence)}"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_and_then_its_name_are_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace

    def record_fsync(handle: int) -> None:
        calls.append(os.path.basename(os.readlink(f"/proc/self/fd/{handle}")))
        fsync(handle)

    def record_replace(old: Path, new: Path) -> None:
        calls.append("replace")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(os, "replace", record_replace)
    write_atomic(tmp_path / "a", "new")
    assert calls[0].startswith(".nnxp-")
    assert calls[1:] == ["replace", tmp_path.name]


def test_a_missing_folder_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "a"
    sentence = f"write({str(path)!r}): expected a folder that exists, got {str(path.parent)!r}; make it first"
    with pytest.raises(FileNotFoundError, match=f"^{re.escape(sentence)}$"):
        write_atomic(path, "new")


def test_a_file_in_place_of_the_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    path = tmp_path / "runs" / "a"
    sentence = f"write({str(path)!r}): expected a folder that exists, got {str(path.parent)!r}; make it first"
    with pytest.raises(NotADirectoryError, match=f"^{re.escape(sentence)}$"):
        write_atomic(path, "new")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_folder_that_may_not_be_written_to_is_one_sentence(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write everywhere, so that the system's refusal has to be played.
    def refuse(*args: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    sentence = f"write({str(tmp_path / 'a')!r}): expected a folder that may be written to, got {str(tmp_path)!r}"
    with pytest.raises(OSError, match=f"^{re.escape(sentence)}$") as caught:
        write_atomic(tmp_path / "a", "new")
    assert caught.value.errno == number


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    sentence = f"write({str(tmp_path)!r}): expected the name of a file, got 'a folder'"
    with pytest.raises(IsADirectoryError, match=f"^{re.escape(sentence)}$"):
        write_atomic(tmp_path, "new")


def test_what_is_no_regular_file_is_not_replaced(tmp_path: Path) -> None:
    # A pipe stands for devices: a test that fails must not replace one of the machine's.
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    sentence = f"write({str(pipe)!r}): expected the name of a regular file, got 'a device, a pipe or a socket'"
    with pytest.raises(OSError, match=f"^{re.escape(sentence)}$"):
        write_atomic(pipe, "new")
    assert pipe.is_fifo()


KILLED = """
import sys, time
from nnxp._files import atomic_path
with atomic_path(sys.argv[1]) as temporary:
    temporary.write_text("half of the n")
    print("writing", flush=True)
    time.sleep(60)
"""


def test_a_killed_writer_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        writer.kill()
    assert writer.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    write_atomic(path, "new")
    assert path.read_text() == "new"
