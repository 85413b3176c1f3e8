"""Handshakes in memory say what handshakes on the wire say."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from labkit.security import refusals
from labkit.security.certificates import Authority, Leaf
from labkit.security.handshake import handshake

HOST = "mail-gate"


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Whom the client trusts."""
    return Authority("ours")


def _said(authority: Authority, leaf: Leaf) -> str:
    return handshake(cert=leaf.cert, key=leaf.key, ca=authority.pem, host=HOST)


def test_a_right_certificate_is_accepted(authority: Authority) -> None:
    """By one of its names, whichever."""
    assert _said(authority, authority.server("other", HOST)) == "ok"


@pytest.mark.parametrize(
    ("flaw", "name"),
    [
        ({"days": -1}, "engine certificate out of date"),
        ({"san": False}, "wrong name"),
        ({"usage": "client"}, "engine certificate for other use"),
    ],
)
def test_a_wrong_certificate_is_refused_in_known_words(
    authority: Authority, flaw: dict[str, object], name: str
) -> None:
    """The words are those of lesson 06, and explained there."""
    said = _said(authority, authority.server(HOST, **flaw))  # type: ignore[arg-type]
    found = refusals.explain(said)
    assert found is not None
    assert found.name == name
    assert "_ssl.c" not in said


def test_another_authority_and_another_key_are_refused(authority: Authority) -> None:
    """Both are told apart."""
    stranger = Authority("theirs").server(HOST)
    assert "issuer" in _said(authority, stranger)
    mixed = Leaf(authority.pem, authority.server(HOST).cert, stranger.key)
    assert _said(authority, mixed) == "key values mismatch"


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"-----BEGIN CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_refused_too(authority: Authority, content: bytes) -> None:
    """Broken files raise nothing."""
    right = authority.server(HOST)
    for leaf in (Leaf(b"", content, right.key), Leaf(b"", right.cert, content)):
        assert _said(authority, leaf) != "ok"
    assert handshake(cert=right.cert, key=right.key, ca=content, host=HOST) != "ok"


def test_the_key_does_not_stay_on_the_disk(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL reads it from a file; that is gone afterwards."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert _said(authority, authority.server(HOST)) == "ok"
    assert list(tmp_path.iterdir()) == []
