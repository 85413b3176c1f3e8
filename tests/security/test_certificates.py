"""Certificates are what they say: right ones verify, and each wrong one fails for its own flaw."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from labkit.engine.certificates import Server
from labkit.errors import LabError
from labkit.security.certificates import Authority, Leaf, read

TOMORROW = dt.timedelta(days=1)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def _loaded(leaf: Leaf) -> x509.Certificate:
    return x509.load_pem_x509_certificate(leaf.cert)


def _policies(trusted: bytes) -> PolicyBuilder:
    return PolicyBuilder().store(Store([x509.load_pem_x509_certificate(trusted)]))


def _verify_server(leaf: Leaf, host: str, *, trusted: bytes | None = None) -> None:
    """Verify as a client does; cryptography's verifier has nothing of ours."""
    try:
        subject: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        subject = x509.DNSName(host)
    assert isinstance(subject, x509.DNSName | x509.IPAddress)
    verifier = _policies(trusted or leaf.ca).build_server_verifier(subject)
    verifier.verify(_loaded(leaf), [])


def _verify_client(leaf: Leaf, *, trusted: bytes | None = None) -> None:
    """Verify as an engine does, which asks a client for no subject alternative name."""
    lenient = ExtensionPolicy.webpki_defaults_ee().may_be_present(
        x509.SubjectAlternativeName, Criticality.AGNOSTIC, None
    )
    policies = _policies(trusted or leaf.ca).extension_policies(
        ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=lenient
    )
    policies.build_client_verifier().verify(_loaded(leaf), [])


def _usages(certificate: x509.Certificate) -> list[x509.ObjectIdentifier]:
    return list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "engine.example"])
def test_right_server_is_verified_by_each_of_its_names(authority: Authority, host: str) -> None:
    """A server's certificate is good for each name and address that it was issued for."""
    leaf = authority.server("localhost", "127.0.0.1", "::1", "engine.example")
    _verify_server(leaf, host)


@pytest.mark.parametrize(
    ("issue", "why"),
    [
        (lambda ca: ca.server("127.0.0.1", san=False), "subjectAltName|SAN|extension"),
        (lambda ca: ca.server("engine.example"), "subject|name"),
        (lambda ca: ca.server("127.0.0.1", days=-1), "not valid at|validity|time"),
        (lambda ca: ca.server("127.0.0.1", starts_in=TOMORROW), "not valid at|validity|time"),
        (lambda ca: ca.server("127.0.0.1", usage="client"), "EKU|KeyUsage"),
    ],
    ids=["no-san", "other-name", "expired", "not-yet", "usage"],
)
def test_each_flaw_of_a_server_fails(
    authority: Authority, issue: Callable[[Authority], Leaf], why: str
) -> None:
    """What is issued wrong on purpose does not verify, for that reason."""
    with pytest.raises(VerificationError, match=why):
        _verify_server(issue(authority), "127.0.0.1")


def test_another_authority_verifies_nothing_of_this_one(authority: Authority) -> None:
    """Two authorities of the same name are two: the key counts."""
    leaf = authority.server("127.0.0.1")
    with pytest.raises(VerificationError):
        _verify_server(leaf, "127.0.0.1", trusted=Authority(authority.name).pem)


def test_right_client_is_verified(authority: Authority) -> None:
    """A client with nothing but a common name is signed, valid now, and for clients."""
    leaf = authority.client("rita")
    _verify_client(leaf)
    certificate = _loaded(leaf)
    assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "rita"
    with pytest.raises(x509.ExtensionNotFound):
        certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)


@pytest.mark.parametrize(
    ("issue", "why"),
    [
        (lambda ca: ca.client("rita", days=-1), "not valid at"),
        (lambda ca: ca.client("rita", starts_in=TOMORROW), "not valid at"),
        (lambda ca: ca.client("rita", usage="server"), "EKU"),
    ],
    ids=["expired", "not-yet", "usage"],
)
def test_each_flaw_of_a_client_fails(
    authority: Authority, issue: Callable[[Authority], Leaf], why: str
) -> None:
    """What is issued wrong on purpose does not verify, for that reason."""
    with pytest.raises(VerificationError, match=why):
        _verify_client(issue(authority))


def test_another_authoritys_client_fails(authority: Authority) -> None:
    """A client of an authority that is not trusted does not verify."""
    with pytest.raises(VerificationError):
        _verify_client(Authority("another").client("rita"), trusted=authority.pem)


def test_a_flaw_is_the_only_one(authority: Authority) -> None:
    """An expired certificate is right in all but its time: its lesson is about that alone."""
    right, expired = (authority.server("127.0.0.1", days=days) for days in (1, -1))
    varying = (x509.SubjectKeyIdentifier,)
    extensions = [
        [one for one in _loaded(leaf).extensions if not isinstance(one.value, varying)]
        for leaf in (right, expired)
    ]
    assert extensions[0] == extensions[1]
    assert _loaded(right).subject == _loaded(expired).subject
    _loaded(expired).verify_directly_issued_by(x509.load_pem_x509_certificate(authority.pem))


@pytest.mark.parametrize(("usage", "oid"), [
    ("server", ExtendedKeyUsageOID.SERVER_AUTH), ("client", ExtendedKeyUsageOID.CLIENT_AUTH),
])  # fmt: skip
def test_a_certificate_has_one_use(
    authority: Authority, usage: str, oid: x509.ObjectIdentifier
) -> None:
    """A server's is for servers alone, a client's for clients; neither may sign others."""
    leaf = authority.server("localhost") if usage == "server" else authority.client("rita")
    certificate = _loaded(leaf)
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert _usages(certificate) == [oid]
    assert constraints.critical
    assert not constraints.value.ca
    assert not certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


@pytest.mark.parametrize("days", [0.5, 1, 30])
def test_a_certificate_lives_as_long_as_was_said(authority: Authority, days: float) -> None:
    """From a little before now, for clocks that differ, until so many days from now."""
    certificate = _loaded(authority.client("rita", days=days))
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert dt.timedelta(days=days) <= life <= dt.timedelta(days=days, minutes=10)
    assert certificate.not_valid_before_utc < dt.datetime.now(dt.UTC)


def test_an_expired_one_was_valid_once(authority: Authority) -> None:
    """An expired certificate ended when it was said, and began before that."""
    certificate = _loaded(authority.client("rita", days=-2))
    assert certificate.not_valid_before_utc < certificate.not_valid_after_utc
    age = dt.datetime.now(dt.UTC) - certificate.not_valid_after_utc
    assert dt.timedelta(days=2) <= age < dt.timedelta(days=2, hours=1)


def test_keys_and_serials_are_never_the_same(authority: Authority) -> None:
    """Each certificate has a key and a number of its own, for the same name too."""
    first, second = authority.client("rita"), authority.client("rita")
    assert first.key != second.key
    assert _loaded(first).serial_number != _loaded(second).serial_number
    secret = serialization.load_pem_private_key(first.key, None)
    assert secret.public_key() == _loaded(first).public_key()


def test_files_are_for_this_user_alone(authority: Authority, tmp_path: Path) -> None:
    """The folder is what DOCKER_CERT_PATH wants, and nobody else may read it."""
    leaf = authority.client("rita")
    made = leaf.write(tmp_path / "deep" / "rita")
    assert sorted(path.name for path in made.folder.iterdir()) == ["ca.pem", "cert.pem", "key.pem"]
    assert made.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in made.folder.iterdir()} == {0o600}
    found = (made.ca.read_bytes(), made.cert.read_bytes(), made.key.read_bytes())
    assert found == (leaf.ca, leaf.cert, leaf.key)


def test_files_that_were_open_to_all_are_closed(authority: Authority, tmp_path: Path) -> None:
    """Written over a key that others could read, the new one can't be read by them."""
    (tmp_path / "key.pem").touch()
    (tmp_path / "key.pem").chmod(0o644)
    made = authority.client("rita").write(tmp_path)
    assert made.key.stat().st_mode & 0o777 == 0o600


def test_no_repr_shows_a_key(authority: Authority) -> None:
    """A notebook that ends a cell with a leaf, a server or an authority shows no secret."""
    leaf = authority.client("rita")
    server = Server(leaf.ca, leaf.cert, leaf.key)
    for shown in (repr(leaf), repr(server), repr(authority), repr([leaf]), leaf.facts().to_words()):
        assert "PRIVATE" not in shown
        assert leaf.key.decode().splitlines()[1] not in shown
    assert repr(leaf) == "<Leaf CN=rita>"


def test_authoritys_key_is_not_in_what_it_gives_away(authority: Authority) -> None:
    """What is written for others holds the authority's certificate and not its key."""
    assert authority.pem.count(b"BEGIN") == 1
    assert b"PRIVATE" not in authority.pem
    assert authority.client("rita").ca == authority.pem


def test_read_says_what_is_in_a_certificate(authority: Authority) -> None:
    """Who it is for, who signed, which names, which use; in UTC from when and until when."""
    leaf = authority.server("localhost", "127.0.0.1")
    facts = read(leaf.cert)["value"].to_dict()
    assert facts["subject"] == "CN=localhost"
    assert facts["issuer"] == "CN=Docker API Lab"
    assert facts["names"] == "localhost, 127.0.0.1"
    assert facts["may be used by"] == "a server"
    until = f"{_loaded(leaf).not_valid_after_utc:%Y-%m-%d %H:%M:%S} UTC"
    assert facts["valid until"] == until


def test_read_tells_what_is_not_there(authority: Authority) -> None:
    """Without names it says so; an authority's own certificate is one."""
    assert read(authority.client("rita").cert).loc["names", "value"] == "none"
    assert read(authority.pem).loc["may be used by", "value"] == "an authority"


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n", b"\x30\x82\x01"])
def test_read_refuses_what_is_no_certificate(pem: bytes) -> None:
    """Anything else is named as what it is not, with what to give instead."""
    with pytest.raises(LabError, match="no certificate in PEM form") as error:
        read(pem)
    assert "cert.pem" in error.value.hint


def test_read_refuses_a_key_without_showing_it(authority: Authority) -> None:
    """Who gives the key by mistake does not find it in the message."""
    leaf = authority.client("rita")
    with pytest.raises(LabError) as error:
        read(leaf.key)
    assert leaf.key.decode().splitlines()[1] not in str(error.value)
