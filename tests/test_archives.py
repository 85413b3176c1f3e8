"""Tar archives: what is packed comes out again, under each of its names."""

from __future__ import annotations

import io
import tarfile

from labkit.archives import File, Folder, Link, pack, unpack


def test_a_hard_link_is_a_second_name() -> None:
    """It shares the content; a symbolic one is no file."""
    archive = pack([Folder("d"), File("d/one", b"1"), Link("two", "d/one", hard=True),
                    Link("three", "two")])  # fmt: skip
    found = unpack(archive)
    assert found == {"d/one": b"1", "two": b"1"}
    assert found["two"] is found["d/one"]


def test_a_link_to_what_is_no_file_is_passed_over() -> None:
    """To nothing, or to a symbolic link that leads to itself: others' archives have both."""
    links = [Link("loop", "loop"), Link("to-loop", "loop", hard=True), Link("no", "no", hard=True)]
    assert unpack(pack([*links, File("one", b"1")])) == {"one": b"1"}


def test_the_same_content_gives_the_same_bytes() -> None:
    """All is root's, and of 1970."""
    entries = [Folder("d"), File("d/run", b"#!", 0o755), Link("d/too", "d/run", hard=True)]
    assert pack(entries) == pack(entries)
    with tarfile.open(fileobj=io.BytesIO(pack(entries))) as tar:
        assert {(one.uid, one.mtime) for one in tar} == {(0, 0)}
        assert [oct(one.mode) for one in tar] == ["0o755", "0o755", "0o755"]
