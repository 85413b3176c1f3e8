"""Every way to be refused, by real engines, as curl, the raw client and the SDK tell of it."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from docker import DockerClient
from docker.tls import TLSConfig

from labkit import raw
from labkit.endpoint import Certificates, Endpoint
from labkit.engine.engine import Engine
from labkit.errors import EngineError
from labkit.security import refusals
from labkit.security.certificates import Authority

pytestmark = pytest.mark.engine

CLIENT_MISTAKES = {
    "no certificate": "no client certificate",
    "another authority's": "unknown authority",
    "expired": "client certificate out of date",
    "not valid yet": "client certificate out of date",
    "a server's": "bad client certificate",
    "another's key": "wrong key",
    "trusts another authority": "unknown engine",
    "no TLS": "http to a TLS port",
}
# Docker before 23 says the same of whatever it does not like about a client's certificate.
OLD_ENGINE = dict.fromkeys(
    ("no certificate", "another authority's", "expired", "not valid yet"), "bad client certificate"
)
SERVER_MISTAKES = {
    "another name": ("engine.example", {}, "wrong name"),
    "expired": ("127.0.0.1", {"days": -1}, "engine certificate out of date"),
    "not valid yet": (
        "127.0.0.1",
        {"starts_in": dt.timedelta(days=1)},
        "engine certificate out of date",
    ),
    "a client's": ("127.0.0.1", {"usage": "client"}, "engine certificate for other use"),
}
VERSIONS = ["26.1", *(pytest.param(one, marks=pytest.mark.slow) for one in ("20.10", "28.5"))]
BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(frozen=True)
class Secured:
    """An engine with TLS, who signs for it, and its clients, by what is wrong with them."""

    engine: Engine
    authority: Authority
    clients: dict[str, Endpoint]

    @property
    def mistakes(self) -> dict[str, str]:
        """What this engine's version makes of each client's mistake."""
        return CLIENT_MISTAKES | (OLD_ENGINE if self.engine.version == "20.10" else {})

    @property
    def right(self) -> Certificates:
        """A client's certificates that nothing is wrong with."""
        certificates = self.clients["all is right"].certificates
        assert certificates
        return certificates


@pytest.fixture(scope="module", params=VERSIONS)
def secured(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Secured]:
    """A secured engine that the tests of this module share."""
    authority = Authority()
    server = authority.server("localhost", "127.0.0.1")
    with Engine.start(version=request.param, server=server) as engine:
        clients = refusals.clients(engine, authority, tmp_path_factory.mktemp("clients"))
        yield Secured(engine, authority, clients)


def _names(endpoint: Endpoint) -> dict[str, str | None]:
    """What each client's words are taken for."""
    found = {by: refusals.explain(refusals.ask(endpoint, by)) for by in refusals.CLIENTS}
    return {by: refusal.name if refusal else None for by, refusal in found.items()}


def _all(name: str) -> dict[str, str | None]:
    return dict.fromkeys(refusals.CLIENTS, name)


def test_right_client_is_answered(secured: Secured) -> None:
    """With nothing wrong, each client has its answer, and there is nothing to explain."""
    said = {by: refusals.ask(secured.clients["all is right"], by) for by in refusals.CLIENTS}
    assert said == dict.fromkeys(refusals.CLIENTS, "200")
    assert refusals.explain("200") is None


@pytest.mark.parametrize("mistake", CLIENT_MISTAKES)
def test_each_mistake_of_a_client_is_known_by_its_words(secured: Secured, mistake: str) -> None:
    """Curl, raw and SDK each say words by which this mistake is known."""
    assert _names(secured.clients[mistake]) == _all(secured.mistakes[mistake])


def test_no_mistake_of_a_client_is_left_out(secured: Secured) -> None:
    """What the kit can get wrong is what these tests try."""
    assert set(secured.clients) == {"all is right", *CLIENT_MISTAKES}


def test_sdks_own_error_is_known_too(secured: Secured) -> None:
    """What a learner's own program with the SDK prints, wrapped three times, is recognised."""
    expired = secured.clients["expired"].certificates
    assert expired
    tls = TLSConfig(client_cert=expired.own, ca_cert=str(expired.ca), verify=True)
    docker = DockerClient(secured.engine.tls.url, version="1.41", tls=tls)
    docker.api.trust_env = False
    with closing(docker), pytest.raises(requests.ConnectionError) as error:
        docker.ping()
    found = refusals.explain(str(error.value))
    assert found
    assert found.name == secured.mistakes["expired"]


def test_half_a_pair_is_not_no_certificate(secured: Secured, tmp_path: Path) -> None:
    """A certificate without its key is a file that is missing, not a client without a name."""
    half = secured.authority.client("rita").write(tmp_path)
    half.key.unlink()
    for by in ("raw", "sdk"):
        said = refusals.ask(secured.engine.reached_with(half), by)
        assert said.startswith("There is no certificate file")
        assert refusals.explain(said) is None


@pytest.mark.parametrize("mistake", SERVER_MISTAKES)
def test_each_mistake_of_a_server_is_known_by_its_words(secured: Secured, mistake: str) -> None:
    """An engine whose own certificate is wrong is refused by each client, in words of their own."""
    host, flaw, name = SERVER_MISTAKES[mistake]
    server = secured.authority.server(host, **flaw)
    with Engine.start(version=secured.engine.version, server=server) as wrong:
        assert _names(wrong.reached_with(secured.right)) == _all(name)


def test_without_san_python_refuses_and_curl_need_not(secured: Secured) -> None:
    """A name that only stands in the subject is none to Python; curl may still go by it."""
    server = secured.authority.server("127.0.0.1", san=False)
    with Engine.start(version=secured.engine.version, server=server) as wrong:
        names = _names(wrong.reached_with(secured.right))
    assert (names["raw"], names["sdk"]) == ("wrong name", "wrong name")
    assert names["curl"] in {None, "wrong name"}


def test_tls_to_a_plain_port_is_known_by_its_words(secured: Secured) -> None:
    """Who speaks TLS to a port without it reads of a wrong version."""
    with refusals.plain_port(secured.engine, secured.right) as endpoint:
        assert _names(endpoint) == _all("TLS to a plain port")


def test_plain_port_lets_no_request_through(secured: Secured) -> None:
    """The port that answers a TLS hello is no open door to the engine."""
    with refusals.plain_port(secured.engine, secured.right) as endpoint:
        plain = Endpoint(host=endpoint.host, port=endpoint.port)
        assert raw.exchange(plain, raw.request_bytes("GET", "/_ping"), timeout=5) == b""


def test_foreign_engine_is_never_shown_a_request(secured: Secured) -> None:
    """A client that does not trust the engine breaks off before it has asked for anything."""
    before = len(secured.engine.raw.get("/containers/json?all=1").json())
    with (
        raw.Client(secured.clients["trusts another authority"]) as client,
        pytest.raises(EngineError),
    ):
        client.post("/containers/create", json={"Image": "busybox"})
    assert len(secured.engine.raw.get("/containers/json?all=1").json()) == before


@pytest.mark.parametrize("by", refusals.CLIENTS)
@pytest.mark.parametrize("kind", ["a wrong authority", "no file"])
def test_environment_has_no_say(
    secured: Secured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str, kind: str
) -> None:
    """Whatever authorities the environment names, the right one is trusted, and only that."""
    other = tmp_path / "other.pem"
    if kind == "a wrong authority":
        other.write_bytes(Authority("another").pem)
    for name in BUNDLES:
        monkeypatch.setenv(name, str(other))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert refusals.ask(secured.clients["all is right"], by) == "200"


@pytest.mark.parametrize("by", refusals.CLIENTS)
def test_environment_makes_nobody_trusted(
    secured: Secured, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """That the environment trusts the engine does not help a client whose ca.pem does not."""
    for name in BUNDLES[:3]:
        monkeypatch.setenv(name, str(secured.right.ca))
    said = refusals.explain(refusals.ask(secured.clients["trusts another authority"], by))
    assert said
    assert said.name == "unknown engine"


def test_environment_does_mislead_who_heeds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trap is real: Python's own default trust does follow SSL_CERT_FILE."""
    other = tmp_path / "other.pem"
    other.write_bytes(Authority("another").pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    trusted = ssl.create_default_context().get_ca_certs()
    assert [one["subject"] for one in trusted] == [((("commonName", "another"),),)]


def test_words_have_nothing_that_varies(secured: Secured) -> None:
    """A notebook's output is the same on the next machine: no address, no path, no version."""
    port = str(secured.engine.tls.port)
    for endpoint in secured.clients.values():
        for by in refusals.CLIENTS:
            said = refusals.ask(endpoint, by)
            assert said == refusals.ask(endpoint, by)
            assert "\n" not in said
            assert not [part for part in (port, "/tmp", "_ssl.c", "OpenSSL/") if part in said]  # noqa: S108


def test_table_has_a_row_for_each_case(secured: Secured) -> None:
    """The table says what each client said, and what it means."""
    table = refusals.table(secured.clients)
    assert list(table.columns) == ["curl", "raw", "sdk", "means"]
    assert table["means"].to_dict() == {"all is right": "", **secured.mistakes}
    assert table.loc["all is right", "sdk"] == "200"


def test_each_refusal_is_known_by_words_of_its_own() -> None:
    """No refusal's words are found in those of another one."""
    for refusal in refusals.REFUSALS:
        for words in refusal.words:
            assert refusals.explain(f"SSL: {words.upper()} (1)") is refusal


@pytest.mark.parametrize(
    "text",
    [
        "",
        "200 OK",
        "No such container: web",
        "permission denied while trying to connect to the Docker daemon socket",
        "Connection refused",
        "authorization denied by plugin labkit: not in the policy",
    ],
)
def test_other_errors_are_not_explained(text: str) -> None:
    """What is no refusal of TLS is not taken for one."""
    assert refusals.explain(text) is None


def test_each_refusal_is_met_by_a_test() -> None:
    """Whatever the kit explains was seen on a real engine by the tests above."""
    met = {*CLIENT_MISTAKES.values(), *(one[2] for one in SERVER_MISTAKES.values())}
    assert {one.name for one in refusals.REFUSALS} == met | {"TLS to a plain port"}
