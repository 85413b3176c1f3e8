"""Certificates for an engine's TLS port: right ones, and wrong ones on purpose.

An :class:`Authority` lives as long as the program that made it: its key is never written anywhere.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from labkit.endpoint import Certificates
from labkit.engine.certificates import Server
from labkit.errors import LabError
from labkit.table import Table

__all__ = ["Authority", "Leaf", "read"]

Usage = Literal["server", "client"]
_USAGES = {
    "server": ExtendedKeyUsageOID.SERVER_AUTH,
    "client": ExtendedKeyUsageOID.CLIENT_AUTH,
}
_GRACE = dt.timedelta(minutes=5)  # clocks differ


@dataclass(frozen=True, repr=False)
class Leaf(Server):
    """A certificate, its private key and who signed it, as PEM bytes.

    One for a server can be given to an engine: ``Engine.start(server=leaf)``.
    """

    def write(self, folder: Path | str) -> Certificates:
        """Write ``ca.pem``, ``cert.pem`` and ``key.pem`` as ``DOCKER_CERT_PATH`` wants them.

        Only this user may read them: the folder has mode 0700, each file 0600.
        """
        made = Certificates(Path(folder))
        made.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, content in ((made.ca, self.ca), (made.cert, self.cert), (made.key, self.key)):
            path.touch(mode=0o600)
            path.chmod(0o600)
            path.write_bytes(content)
        return made

    def facts(self) -> Table:
        """What the certificate says, see :func:`read`."""
        return read(self.cert)

    def __repr__(self) -> str:
        return f"<Leaf {_load(self.cert).subject.rfc4514_string() or 'without a subject'}>"


class Authority:
    """A certificate authority of your own, for a day."""

    def __init__(self, name: str = "Docker API Lab", *, days: float = 1) -> None:
        self.name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = _name(name)
        lifetime = _lifetime(dt.timedelta(), days)
        ca_usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False,
            encipher_only=False, decipher_only=False,
        )  # fmt: skip
        self._certificate = (
            _builder(self._subject, self._subject, self._key, lifetime)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(ca_usage, critical=True)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        """The authority's own certificate: what ``ca.pem`` holds."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def server(
        self,
        *hosts: str,
        san: bool = True,
        usage: Usage = "server",
        days: float = 1,
        starts_in: dt.timedelta | None = None,
    ) -> Leaf:
        """Issue a certificate for a server that is reached by these names and addresses.

        :param san: whether they stand where clients look, in the subject alternative names.
        :param usage: what it may be used for.
        :param days: how long it lives; negative has it expired that long ago.
        :param starts_in: from when on it is valid.
        """
        names = [_general(host) for host in hosts] if san else []
        return self._issue(hosts[0] if hosts else "", names, usage, days, starts_in)

    def client(
        self,
        name: str,
        *,
        usage: Usage = "client",
        days: float = 1,
        starts_in: dt.timedelta | None = None,
    ) -> Leaf:
        """Issue a certificate for a user; its common name is who an authorization plugin sees.

        :param usage: what it may be used for.
        :param days: how long it lives; negative has it expired that long ago.
        :param starts_in: from when on it is valid.
        """
        return self._issue(name, [], usage, days, starts_in)

    def _issue(
        self,
        name: str,
        sans: Iterable[x509.GeneralName],
        usage: Usage,
        days: float,
        starts_in: dt.timedelta | None,
    ) -> Leaf:
        key = ec.generate_private_key(ec.SECP256R1())
        lifetime = _lifetime(starts_in or dt.timedelta(), days)
        leaf_usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=False, crl_sign=False, content_commitment=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False,
            encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = (
            _builder(_name(name), self._subject, key, lifetime)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(leaf_usage, critical=True)
            .add_extension(x509.ExtendedKeyUsage([_USAGES[usage]]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        if names := list(sans):
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return Leaf(self.pem, certificate.public_bytes(serialization.Encoding.PEM), secret)

    def __repr__(self) -> str:
        return f"<Authority {self.name}>"


def read(pem: bytes) -> Table:
    """What a certificate says: one row for each fact, with the column ``value``.

    :raises LabError: that is no certificate in PEM form.
    """
    certificate = _load(pem)
    facts = {
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "names": ", ".join(_sans(certificate)) or "none",
        "may be used by": ", ".join(_usages(certificate)) or "an authority",
        "valid from": f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M:%S} UTC",
        "valid until": f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M:%S} UTC",
    }
    return Table(pd.DataFrame({"value": facts}))


def _load(pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as cause:
        raise LabError(
            "That is no certificate in PEM form.",
            hint="It begins with -----BEGIN CERTIFICATE-----; give the bytes of cert.pem.",
        ) from cause


def _sans(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return [str(one.value) for one in found.value]


def _usages(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return []
    return [f"a {name}" for name, oid in _USAGES.items() if oid in found.value]


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    lifetime: tuple[dt.datetime, dt.datetime],
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(lifetime[0])
        .not_valid_after(lifetime[1])
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _lifetime(starts_in: dt.timedelta, days: float) -> tuple[dt.datetime, dt.datetime]:
    """From when and until when; an expired one was valid for a day."""
    start = dt.datetime.now(dt.UTC) + starts_in - _GRACE
    end = start + _GRACE + dt.timedelta(days=days)
    return (end - dt.timedelta(days=1), end) if end < start else (start, end)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else [])


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
