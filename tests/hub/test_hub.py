"""The lab hub against real clients: requests, the Engine, the docker command and docker-py."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, Self

import pytest
import requests
from docker.errors import APIError, ImageNotFound

from labkit import wait
from labkit.engine import fleet, host, image
from labkit.errors import EngineError
from labkit.hub.hub import NAME, Hub, Mirror
from labkit.hub.settings import seconds

pytestmark = pytest.mark.engine

PREVIEW = "/v2/ratelimitpreview/test/manifests/latest"
BUSYBOX = "/v2/library/busybox/manifests/latest"
LISTS = {"Accept": "application/vnd.docker.distribution.manifest.list.v2+json"}


class Asker:
    """Somebody who asks a hub's registry API, as ``curl`` would."""

    def __init__(self, hub: Hub, account: str = "") -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self._hub = hub
        login = (account, hub.accounts[account].password) if account else None
        answer = self._session.get(f"{hub.url}/token", auth=login).json()
        self._session.headers["Authorization"] = f"Bearer {answer['token']}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send one request."""
        return self._session.request(method, self._hub.url + path, timeout=20, **options)

    def left(self) -> str | None:
        """What the hub says remains, asked for free."""
        return self.ask("HEAD", PREVIEW).headers.get("ratelimit-remaining")


@pytest.fixture(scope="module")
def hub_of() -> Iterator[Callable[..., Hub]]:
    """Start hubs with budgets of a test's own, kept to the end of the module."""
    with ExitStack() as hubs:
        yield lambda **settings: hubs.enter_context(Hub.start(**settings))


@pytest.fixture(scope="module")
def roomy(hub_of: Callable[..., Hub]) -> Hub:
    """A hub without a limit."""
    return hub_of(limit=None, accounts={"student": 7})


def test_head_tells_and_does_not_count(hub_of: Callable[..., Hub]) -> None:
    """Limit, remaining and source are in the headers; HEAD is free, GET counts, then comes 429."""
    with Asker(hub_of(limit=2, window="6h")) as asker:
        for _ in range(5):
            headers = asker.ask("HEAD", PREVIEW).headers
            assert headers["RateLimit-Limit"] == "2;w=21600"
            assert headers["ratelimit-remaining"] == "2;w=21600"
            assert headers["docker-ratelimit-source"].count(".") == 3
        answers = [asker.ask("GET", BUSYBOX, headers=LISTS) for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert [one.headers["ratelimit-remaining"][0] for one in answers] == ["1", "0", "0"]
    assert answers[2].json()["errors"][0]["code"] == "TOOMANYREQUESTS"
    assert "retry-after" not in answers[2].headers


def test_exactly_the_budget_is_served(hub_of: Callable[..., Hub]) -> None:
    """Of twenty who pull at once, again and again, exactly the budget gets through."""
    with Asker(hub_of(limit=37, window="6h")) as asker, ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: asker.ask("GET", BUSYBOX).status_code, range(100)))
    assert Counter(answers) == {200: 37, 429: 63}


def test_a_window_ends(hub_of: Callable[..., Hub]) -> None:
    """When the window is over, the whole budget is there again; a 429 said when that will be."""
    with Asker(hub_of(limit=1, window="3s", retry_after=True)) as asker:
        assert asker.ask("GET", BUSYBOX).status_code == 200
        refused = asker.ask("GET", BUSYBOX)
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 3
        wait.until(lambda: asker.left() == "1;w=3", what="the next window")
        assert asker.ask("GET", BUSYBOX).status_code == 200


def test_refusals_are_counted(hub_of: Callable[..., Hub]) -> None:
    """The hub tells how many requests it has refused, also before it was changed."""
    hub = hub_of(limit=1, window="6h")
    with Asker(hub) as asker:
        answers = [asker.ask("GET", BUSYBOX).status_code for _ in range(4)]
        assert answers == [200, 429, 429, 429]
        wait.until(lambda: hub.refusals == 3, what="the hub's log")
        hub.change(limit=5)
        assert asker.ask("GET", BUSYBOX).status_code == 200
        assert hub.refusals == 3


def test_an_account_has_a_budget_of_its_own(roomy: Hub) -> None:
    """Who signs in has the account's limit; without one no header comes at all."""
    with Asker(roomy) as anybody, Asker(roomy, "student") as student:
        answer = anybody.ask("GET", BUSYBOX)
        assert answer.status_code == 200
        assert not [name for name in answer.headers if "ratelimit" in name.lower()]
        student.ask("GET", BUSYBOX)
        told = student.ask("HEAD", PREVIEW).headers
        assert (told["ratelimit-remaining"], told["docker-ratelimit-source"]) == (
            "6;w=21600",
            "student",
        )


def test_the_way_to_a_token(roomy: Hub) -> None:
    """Without a token the hub says where one is; a wrong password gets none."""
    with requests.Session() as session:
        session.trust_env = False
        refused = session.get(roomy.url + BUSYBOX)
        assert refused.status_code == 401
        challenge = refused.headers["www-authenticate"]
        assert challenge.startswith(f'Bearer realm="{roomy.url}/token"')
        assert 'scope="repository:library/busybox:pull"' in challenge
        assert session.get(f"{roomy.url}/token", auth=("student", "wrong")).status_code == 401
        assert session.get(f"{roomy.url}/elsewhere").status_code == 404
        # By POST there is none: who is refused there, as containerd, goes on to ask by GET.
        assert session.post(f"{roomy.url}/token", data={"username": "student"}).status_code == 405


def test_nobody_pushes_but_the_kit(roomy: Hub) -> None:
    """A token for pulling changes nothing in the registry."""
    with Asker(roomy, "student") as student:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert student.ask(method, "/v2/library/busybox/blobs/uploads/").status_code == 403


def test_the_configuration_is_there_to_read(roomy: Hub) -> None:
    """HAProxy's configuration can be shown: it has the rules, and no secret."""
    text = roomy.configuration
    assert "stick-table" in text
    secrets = [one.password for one in roomy.accounts.values() if one.password]
    assert not any(secret in text for secret in secrets)


def test_an_engine_pulls_and_meets_the_limit(hub_of: Callable[..., Hub]) -> None:
    """An engine pulls by the hub's name until 429; docker-py shows what the engine says."""
    hub = hub_of(limit=2)
    with hub.engine() as engine:
        pulled = engine.docker.images.pull(f"{NAME}/library/busybox")
        assert set(pulled.tags) == {f"{NAME}/library/busybox:latest", "busybox:latest"}
        with pytest.raises(APIError, match="toomanyrequests"):
            engine.docker.images.pull(f"{NAME}/ratelimitpreview/test")


def test_a_refusal_in_the_middle_is_swallowed(hub_of: Callable[..., Hub]) -> None:
    """When the index is served and its child refused, docker-py reports ImageNotFound."""
    with hub_of(limit=1).engine() as engine:
        engine.docker.images.remove("hello-world")
        with pytest.raises((ImageNotFound, APIError)) as error:
            engine.docker.images.pull(f"{NAME}/library/hello-world")
        assert isinstance(error.value, ImageNotFound) or "toomanyrequests" in str(error.value)


def test_the_docker_command_pulls(roomy: Hub) -> None:
    """The docker command of an engine pulls from the hub by its name."""
    with roomy.engine() as engine, engine.host.client() as client:
        command = ["docker", "-H", "unix:///labkit/docker.sock", "pull"]
        done = client.containers.get(engine.container_id).exec_run(
            [*command, f"{NAME}/library/busybox"]
        )
    assert done.exit_code == 0, done.output
    assert b"Status: Image is up to date" in done.output or b"Downloaded newer" in done.output


def test_a_hub_as_mirror_gives_plain_names(roomy: Hub) -> None:
    """``docker pull busybox`` works without the real Docker Hub."""
    with roomy.engine(mirror=True) as engine:
        engine.docker.images.remove("busybox")
        assert engine.docker.images.pull("busybox").tags == ["busybox:latest"]


def test_a_mirror_asks_once_for_many(hub_of: Callable[..., Hub]) -> None:
    """Two engines behind a mirror cost the hub what one does, and count as one address."""
    hub = hub_of(limit=10)
    with Mirror.start(hub) as mirror, Asker(hub) as asker:
        for _ in range(2):
            with mirror.engine() as engine:
                engine.docker.images.remove("busybox")
                assert engine.docker.images.pull("busybox").tags == ["busybox:latest"]
        assert asker.left() == "10;w=21600"  # this machine's own address has pulled nothing


def test_a_restart_keeps_images_and_forgets_budgets(hub_of: Callable[..., Hub]) -> None:
    """A hub that was killed comes back with its images, its tokens and the whole budget."""
    hub = hub_of(limit=1)
    with Asker(hub) as asker:
        assert asker.ask("GET", BUSYBOX).status_code == 200
        assert asker.left() == "0;w=21600"
        hub.restart()
        assert asker.left() == "1;w=21600"
        assert asker.ask("GET", BUSYBOX).status_code == 200


def test_a_running_hub_takes_other_budgets(hub_of: Callable[..., Hub]) -> None:
    """After a change the budget is new; address, images, tokens and passwords are the same."""
    hub = hub_of(limit=1, accounts={"student": 5})
    with Asker(hub) as asker, Asker(hub, "student") as student:
        url, accounts = hub.url, dict(hub.accounts)
        assert asker.ask("GET", BUSYBOX).status_code == 200
        assert asker.ask("GET", BUSYBOX).status_code == 429
        hub.change(limit=2, window="60s", accounts={"student": 9})
        assert (asker.left(), student.left()) == ("2;w=60", "9;w=60")
        hub.change(retry_after=True, limit=1)
        assert [asker.ask("GET", BUSYBOX).status_code for _ in range(2)] == [200, 429]
        assert "retry-after" in asker.ask("GET", BUSYBOX).headers
        assert hub.url == url
        assert hub.accounts["student"].password == accounts["student"].password
        hub.change(limit=None)
        assert asker.left() is None
        assert student.left() == "9;w=60"


def test_a_change_that_makes_no_sense_changes_nothing(hub_of: Callable[..., Hub]) -> None:
    """A window that is none is refused, and the hub goes on as it was."""
    hub = hub_of(limit=3)
    with Asker(hub) as asker:
        asker.ask("GET", BUSYBOX)
        with pytest.raises(EngineError, match="no length"):
            hub.change(window="soon")
        assert asker.left() == "2;w=21600"


@pytest.mark.slow
def test_published_versions_are_images_of_their_own(hub_of: Callable[..., Hub]) -> None:
    """An engine pays for each version once: for the index and for its child; then HEAD suffices."""
    hub = hub_of(limit=9, prefix=16)
    first, second = hub.publish("app", 2)
    assert first == f"{NAME}/library/app:1"
    with hub.engine() as engine, Asker(hub) as asker:
        costs = []
        for name in (first, second, first):
            engine.docker.images.pull(name)
            costs.append(asker.left())
        labels = engine.docker.images.get(second).labels
    assert costs == ["7;w=21600", "5;w=21600", "5;w=21600"]
    assert labels["org.opencontainers.image.version"] == "2"


@pytest.mark.slow
@pytest.mark.parametrize("version", [one.number for one in image.OFFERED.values() if one.suite])
def test_every_version_meets_the_limit(hub_of: Callable[..., Hub], version: str) -> None:
    """Each offered engine pulls from the hub, and says 429 in its own way, never less clearly."""
    with hub_of(limit=2).engine(version=version) as engine:
        engine.docker.images.pull(f"{NAME}/library/busybox")
        with pytest.raises(APIError) as error:
            engine.docker.images.pull(f"{NAME}/ratelimitpreview/test")
        assert error.value.status_code in (429, 500)
        assert "toomanyrequests" in str(error.value).lower().replace(" ", "")


@pytest.mark.parametrize(
    ("text", "length"), [("60s", 60), ("10m", 600), ("6h", 21600), (5, 5), ("7", 7)]
)
def test_windows_are_read(text: str | int, length: int) -> None:
    """A window is seconds, or a number with a unit."""
    assert seconds(text) == length


@pytest.mark.parametrize("text", ["", "0", "-1", "1d", "soon"])
def test_other_windows_are_refused(text: str) -> None:
    """What is no length of time is refused, with how to write one."""
    with pytest.raises(EngineError, match="no length"):
        seconds(text)


def containers(kind: str) -> Mapping[str, str]:
    """Return what the kit has of that kind on the host engine: state by id."""
    with host.find().client() as client:
        wanted = [f"{name}={value}" for name, value in fleet.mine(kind).items()]
        found = client.api.containers(all=True, filters={"label": wanted})
        return {one["Id"]: one["State"] for one in found}


def test_a_killed_owner_leaves_no_hub() -> None:
    """When whoever started a hub was killed, the next start of anything removes it."""
    program = "from labkit.hub.hub import Hub; print(Hub.start().container_id, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        orphan = process.stdout.readline().strip()
        assert orphan in containers("hub")
        process.kill()
    with host.find().client() as client:
        fleet.sweep(client)
    assert orphan not in containers("hub")
