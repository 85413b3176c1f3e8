"""How a TLS connection to an engine is refused: what is said, what it means, what mends it.

Who says no, says it in few words, and the words are OpenSSL's: curl, Python and so the SDK have
the same ones. An engine older than Docker 23 has one phrase, *bad certificate*, for whatever it
does not like about a client's certificate.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from labkit import raw, sdk
from labkit.endpoint import Certificates, Endpoint
from labkit.engine.engine import Engine
from labkit.errors import LabError
from labkit.security.certificates import Authority, Leaf
from labkit.table import Table

__all__ = ["CLIENTS", "REFUSALS", "Refusal", "ask", "clients", "explain", "plain_port", "table"]

_TLS_HANDSHAKE = b"\x16"  # the first byte of each TLS connection, and of no HTTP request
CLIENTS = ("curl", "raw", "sdk")
"""Who can be asked to try: the curl program, labkit.raw and the Docker SDK."""


@dataclass(frozen=True)
class Refusal:
    """A way to be refused: who says so, by which words it is known, what to do."""

    name: str
    refuses: str
    words: tuple[str, ...]
    means: str
    remedy: str


REFUSALS = (
    Refusal(
        "no client certificate", "the engine", ("certificate required",),
        "You showed no certificate.",
        "Give the client cert.pem and key.pem.",
    ),
    Refusal(
        "unknown authority", "the engine", ("alert unknown ca",),
        "Your certificate is signed by an authority that the engine does not trust.",
        "Have a certificate signed by the authority of the engine's --tlscacert.",
    ),
    Refusal(
        "client certificate out of date", "the engine", ("alert certificate expired",),
        "Your certificate has expired, or is not valid yet: the engine has one phrase for both.",
        "Look at its dates and at both clocks; have a new one issued.",
    ),
    Refusal(
        "bad client certificate", "the engine", ("alert bad certificate",),
        "Your certificate may not be used by a client; before Docker 23, anything wrong with it.",
        "Have one issued for clients: extended key usage clientAuth.",
    ),
    Refusal(
        "unknown engine", "the client", ("unable to get local issuer certificate", "self-signed"),
        "The engine's certificate is signed by nobody whom your ca.pem names.",
        "Get the right ca.pem, and make sure that it is used: REQUESTS_CA_BUNDLE may overrule it.",
    ),
    Refusal(
        "wrong name", "the client",
        ("mismatch, certificate is not valid for", "does not match target host name",
         "no alternative certificate subject name matches"),
        "The engine's certificate does not name the host that you connect to.",
        "Connect to a name that it has, or have it issued with that name among its SANs.",
    ),
    Refusal(
        "engine certificate out of date", "the client",
        ("certificate has expired", "certificate is not yet valid"),
        "The engine's certificate has expired, or is not valid yet.",
        "Issue a new one; until then nobody gets in.",
    ),
    Refusal(
        "engine certificate for other use", "the client", ("unsuitable certificate purpose",),
        "The engine shows a certificate that is not for servers.",
        "Issue it with extended key usage serverAuth.",
    ),
    Refusal(
        "wrong key", "the client", ("key values mismatch", "unable to set private key file"),
        "key.pem does not belong to cert.pem; nothing was sent.",
        "Use the two files that were made together.",
    ),
    Refusal(
        "http to a TLS port", "the engine", ("http request to an https server",),
        "The port speaks TLS, and you did not.",
        "Say https:// or set DOCKER_TLS_VERIFY=1.",
    ),
    Refusal(
        "TLS to a plain port", "the client", ("wrong version number",),
        "You speak TLS, and the port does not.",
        "Is it the right port? If so, it should not be open at all.",
    ),
)  # fmt: skip
"""Every instructive one."""


def explain(text: str) -> Refusal | None:
    """Which refusal an error's text tells of, whichever client said it; None for anything else."""
    said = text.casefold()
    return next((one for one in REFUSALS if any(word in said for word in one.words)), None)


def clients(engine: Engine, authority: Authority, folder: Path) -> dict[str, Endpoint]:
    """A right client of a secured engine and seven wrong ones, by what is wrong with them.

    :param engine: started with a server's certificate of this authority.
    :param folder: where their files go.
    """
    right, other = authority.client("rita"), Authority("another authority")
    trusted, soon = authority.pem, dt.timedelta(days=1)
    leaves = {
        "all is right": right,
        "no certificate": right,
        "another authority's": _of(trusted, other.client("rita")),
        "expired": authority.client("rita", days=-1),
        "not valid yet": authority.client("rita", starts_in=soon),
        "a server's": authority.client("rita", usage="server"),
        "another's key": Leaf(trusted, right.cert, authority.client("rita").key),
        "trusts another authority": _of(other.pem, right),
    }
    found = {
        what: engine.reached_with(leaf.write(folder / what.replace(" ", "-")))
        for what, leaf in leaves.items()
    }
    bare = found["no certificate"].certificates
    if bare and bare.own:
        bare.cert.unlink()
        bare.key.unlink()
    return found | {"no TLS": replace(engine.tls, certificates=None)}


@contextlib.contextmanager
def plain_port(engine: Engine, certificates: Certificates) -> Iterator[Endpoint]:
    """Yield a port without TLS for a client that speaks TLS, and the engine's answer to its hello.

    Nothing but a hello gets through: nobody on this machine can use the engine by this port.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=_pass_hellos, args=(listener, engine.socket))
        serving.start()
        try:
            port = listener.getsockname()[1]
            yield Endpoint(host="127.0.0.1", port=port, certificates=certificates)
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            serving.join()


def ask(endpoint: Endpoint, by: str = "raw") -> str:
    """Try ``GET /version``: ``200``, or the words of the refusal, without what varies.

    :param by: one of :data:`CLIENTS`.
    :raises LabError: curl is to be used, and is not installed.
    """
    said = _by_curl(endpoint) if by == "curl" else _by_python(endpoint, by)
    for noise in (
        r"^curl: \(\d+\) ", r"^OpenSSL.*?routines::", r"^OpenSSL/\S+ error:\w+:SSL routines::",
        r", errno 0$", r"^TLS with \S+ failed: ", r"^\[\w+: \w+\] ", r" \(_ssl\.c:\d+\)$",
        r"^GET /version answered ", r": '/.*",
    ):  # fmt: skip
        said = re.sub(noise, "", said)
    return said


def table(cases: Mapping[str, Endpoint]) -> Table:
    """Try each case by each client: a row for each, with what was said, and what it means."""
    rows = [{by: ask(endpoint, by) for by in CLIENTS} for endpoint in cases.values()]
    for row in rows:
        found = explain(row["raw"])
        row["means"] = found.name if found else ""
    return Table(pd.DataFrame(rows, index=pd.Index(list(cases), name="case")))


def _of(trusted: bytes, leaf: Leaf) -> Leaf:
    return Leaf(trusted, leaf.cert, leaf.key)


def _pass_hellos(listener: socket.socket, behind: Path) -> None:
    while True:
        try:
            caller, _ = listener.accept()
        except OSError:  # it was shut
            return
        with caller, socket.socket(socket.AF_UNIX) as engine, contextlib.suppress(OSError):
            caller.settimeout(10)
            hello = caller.recv(65536)
            if hello.startswith(_TLS_HANDSHAKE):
                engine.connect(str(behind))
                engine.sendall(hello)
                caller.sendall(engine.recv(65536))


def _by_python(endpoint: Endpoint, by: str) -> str:
    try:
        if by == "sdk":
            sdk.client(endpoint, timeout=10).close()
        else:
            with raw.Client(endpoint, timeout=10) as client:
                client.get("/version")
    except LabError as refused:
        return refused.message
    return "200"


def _by_curl(endpoint: Endpoint) -> str:
    """The program's first line; nothing of the environment has a say."""
    if not shutil.which("curl"):
        raise LabError("There is no program curl here.", hint="Install curl, or use raw or sdk.")
    command = ["curl", "-q", "-sS", "--max-time", "10", "-w", "%{http_code}"]
    if certificates := endpoint.certificates:
        command += ["--cacert", str(certificates.ca)]
        if own := certificates.own:
            command += ["--cert", own[0], "--key", own[1]]
    command += [f"{endpoint.base_url}/version"]
    bare = {"PATH": os.environ.get("PATH", "")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=bare)
    if done.stderr:
        return done.stderr.splitlines()[0]
    status, body = done.stdout[-3:], done.stdout[:-3].strip()
    return status if status == "200" else f"{status}: {body}"
