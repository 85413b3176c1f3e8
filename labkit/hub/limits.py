"""What a registry says about its limit, asked as Docker documents it: a token, then HEAD.

HEAD of a manifest is free: it can be asked as often as one likes.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.request import parse_http_list, parse_keqv_list

import requests

from labkit import ratelimit
from labkit.errors import EngineError
from labkit.ratelimit import Limit

__all__ = ["DOCKER_HUB", "Registry"]

_TIMEOUT = 20.0
_ACCEPT = "application/vnd.docker.distribution.manifest.v2+json"


@dataclass(frozen=True)
class Registry:
    """A registry whose limit is to be read.

    :param url: ``https://registry-1.docker.io``, or a lab hub's.
    :param account: user name and password, for an account's budget instead of the address's.
    :param repository: an image that is asked about and never pulled.
    """

    url: str
    account: tuple[str, str] | None = None
    repository: str = "ratelimitpreview/test"

    def limit(self) -> Limit | None:
        """Ask for the limit; None when the registry tells of none.

        :raises EngineError: it can't be reached, or does not answer as a registry does.
        :raises LimitUnreadable: it tells of a limit, and not as it should.
        """
        try:
            with requests.Session() as session:
                session.trust_env = not self.url.startswith("http://127.0.0.1")
                return ratelimit.read(self._headers(session))
        except (requests.RequestException, ValueError, KeyError) as cause:
            raise EngineError(
                f"{self.url} did not tell its limit: {cause}",
                hint="Is the address right, and is there a network? labkit hub limits --help",
            ) from cause

    def _headers(self, session: requests.Session) -> requests.structures.CaseInsensitiveDict[str]:
        url = f"{self.url}/v2/{self.repository}/manifests/latest"
        headers = {"Accept": _ACCEPT}
        answer = session.head(url, headers=headers, timeout=_TIMEOUT)
        if answer.status_code == requests.codes.unauthorized:
            token = self._token(session, answer.headers.get("WWW-Authenticate", ""))
            headers["Authorization"] = f"Bearer {token}"
            answer = session.head(url, headers=headers, timeout=_TIMEOUT)
        if answer.status_code != requests.codes.too_many_requests:
            answer.raise_for_status()
        return answer.headers

    def _token(self, session: requests.Session, challenge: str) -> str:
        """Get a token where the registry says that there is one."""
        kind, _, rest = challenge.partition(" ")
        if kind.lower() != "bearer":
            raise ValueError(f"it asks for {kind or 'nothing'} where a Bearer token was expected")
        told = parse_keqv_list(parse_http_list(rest))
        params = {name: told[name] for name in ("service", "scope") if name in told}
        answer = session.get(told["realm"], params=params, auth=self.account, timeout=_TIMEOUT)
        answer.raise_for_status()
        found = answer.json()
        return str(found.get("token") or found["access_token"])


DOCKER_HUB = "https://registry-1.docker.io"
