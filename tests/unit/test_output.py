"""Output: whole or not at all, and what stood there stays what it was. Nothing here is written outside of a test's own folder."""

from __future__ import annotations

import os
import pty
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from meterhouse.errors import FixConfiguration
from meterhouse.export.output import HANDED_ON, PRIVATE, draft_of, is_standard_output, write_whole

NEW = b"new figures\n"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("wanted", [PRIVATE, HANDED_ON])
def test_a_new_file_has_the_mode_that_was_asked_for(tmp_path: Path, wanted: int):
    write_whole(NEW, tmp_path / "out", wanted)
    assert (mode(tmp_path / "out"), (tmp_path / "out").read_bytes()) == (wanted, NEW)
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("before", [0o600, 0o640, 0o664, 0o444])
@pytest.mark.parametrize("wanted", [PRIVATE, HANDED_ON])
def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path, before: int, wanted: int):
    out = tmp_path / "out"
    out.write_text("old")
    out.chmod(before)
    write_whole(NEW, out, wanted)
    assert (mode(out), out.read_bytes()) == (before, NEW)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_that_is_replaced_keeps_its_owner(tmp_path: Path):
    out = tmp_path / "out"
    out.write_text("old")
    os.chown(out, 65534, 65533)
    write_whole(NEW, out, PRIVATE)
    assert (out.stat().st_uid, out.stat().st_gid) == (65534, 65533)


def test_an_error_leaves_what_was_there(tmp_path: Path):
    out = tmp_path / "out"
    out.write_text("old")

    def stop_halfway() -> None:
        with draft_of(out, PRIVATE) as draft:
            draft.write_text("half")
            assert out.read_text() == "old"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_halfway()
    assert out.read_text() == "old"
    assert names(tmp_path) == ["out"]


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    target, link, link_to_link = tmp_path / "elsewhere" / "target", tmp_path / "link", tmp_path / "link_to_link"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(Path("elsewhere") / "target")
    link_to_link.symlink_to(link)
    write_whole(NEW, link_to_link, PRIVATE)
    assert link_to_link.is_symlink()
    assert link.is_symlink()
    assert (target.read_bytes(), mode(target)) == (NEW, 0o640)
    assert names(tmp_path / "elsewhere") == ["target"]


def test_a_link_to_a_file_that_is_not_there_makes_that_file(tmp_path: Path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    write_whole(NEW, link, PRIVATE)
    assert link.is_symlink()
    assert ((tmp_path / "target").read_bytes(), mode(tmp_path / "target")) == (NEW, PRIVATE)


def test_a_named_pipe_is_written_through_and_stays_one(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_whole(NEW * 50_000, pipe, PRIVATE)
    reader.join(20)
    assert got == [NEW * 50_000]
    assert pipe.is_fifo()
    assert names(tmp_path) == ["pipe"]


def test_a_pipe_whose_reader_went_away_ends_as_a_broken_pipe(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    # More than a pipe holds, so the writer waits for a reader who then leaves.
    threading.Timer(0.5, os.close, [reader]).start()
    with pytest.raises(BrokenPipeError):
        write_whole(NEW * 500_000, pipe, PRIVATE)


def test_a_terminal_is_written_through(tmp_path: Path):
    ours, theirs = pty.openpty()
    try:
        write_whole(b"to a terminal\n", Path(os.ttyname(theirs)), PRIVATE)
        assert os.read(ours, 100) == b"to a terminal\r\n"
    finally:
        os.close(ours)
        os.close(theirs)


def test_folders_sockets_and_links_that_lead_nowhere_are_refused_in_one_line(tmp_path: Path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "to_folder").symlink_to(tmp_path / "folder")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "to_nothing").symlink_to(tmp_path / "nowhere" / "out")
    (tmp_path / "file").write_text("old")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    before = names(tmp_path)
    for name, words in {
        "folder": "is a folder",
        "to_folder": "is a folder",
        "socket": "is a socket",
        "loop": "cannot be written .Too many levels",
        "to_nothing": "the folder .*nowhere does not exist: create it, or choose another --out",
        "nowhere/out": "the folder .*nowhere does not exist",
        "file/out": "cannot be written .Not a directory",
        "x" * 300: "cannot be written .File name too long",
    }.items():
        with pytest.raises(FixConfiguration, match=words) as refused:
            write_whole(NEW, tmp_path / name, PRIVATE)
        assert "\n" not in str(refused.value)
    listener.close()
    assert names(tmp_path) == before


def test_a_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A device cannot be made without rights, so the answer of the file system is."""
    out = tmp_path / "disk"
    out.write_text("a disk's first bytes")
    monkeypatch.setattr("meterhouse.export.output.stat.S_ISBLK", stat.S_ISREG)
    with pytest.raises(FixConfiguration, match="is a disk and not a file"):
        write_whole(NEW, out, PRIVATE)
    assert out.read_text() == "a disk's first bytes"


@pytest.mark.parametrize("name", ["x" * 255, "東" * 85, "odd[1]*?.csv", ".hidden", "with space"])
def test_any_name_that_a_file_may_have_will_do_and_what_a_killed_command_left_goes(tmp_path: Path, name: str):
    out = tmp_path / name
    (tmp_path / f".{name[:40]}.draft-killed").mkdir()
    write_whole(NEW, out, PRIVATE)
    assert names(tmp_path) == [name]


WRITES = """
import sys
from pathlib import Path
from meterhouse.export.output import PRIVATE, is_standard_output, write_whole
assert is_standard_output(Path(sys.argv[1]))
write_whole(b"through\\n", Path(sys.argv[1]), PRIVATE)
"""


@pytest.mark.parametrize("out", ["-", "/dev/stdout", "/dev/fd/1"])
def test_every_name_of_standard_output_is_written_through(tmp_path: Path, out: str):
    command = [sys.executable, "-c", WRITES, out]
    assert subprocess.run(command, capture_output=True, check=True, cwd=tmp_path).stdout == b"through\n"
    with (tmp_path / "kept").open("ab") as kept:
        kept.write(b"before\n")
        kept.flush()
        subprocess.run(command, stdout=kept, check=True, cwd=tmp_path)
        assert names(tmp_path) == ["kept"]
    assert (tmp_path / "kept").read_bytes() == b"before\nthrough\n"


def test_another_file_is_not_standard_output(tmp_path: Path):
    (tmp_path / "out").write_text("")
    assert not is_standard_output(tmp_path / "out")
    assert not is_standard_output(tmp_path / "nothing")
