"""The lab hub: a registry with Docker Hub's limits, disposable as an engine is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import EllipsisType
from typing import Any, Self

from labkit import archives
from labkit.engine import drivers, image
from labkit.engine.driver import Body
from labkit.engine.engine import Engine
from labkit.hub import python as python_image
from labkit.hub import stock
from labkit.hub.service import Service
from labkit.hub.settings import FOLDER, KEEPER, Account, Settings, mirror_files, seconds

__all__ = ["NAME", "Hub", "Mirror", "engine"]

NAME = "hub.lab"
"""What engines call the hub; an image of it is ``hub.lab/library/busybox``."""

# Each program in a loop: Hub.change and restart end it, and it comes back.
_RUN_MIRROR = f"while true; do docker-registry serve {FOLDER}/registry.yml; sleep 0.05; done"
_RUN_HUB = (
    f"{{ {_RUN_MIRROR}; }} & while true; do haproxy -db -f {FOLDER}/haproxy.cfg; sleep 0.05; done"
)
_MIRROR = "mirror.lab"  # what its engines call it
_WHOLE_LOG = 10**9  # lines


def engine(address: str, *, mirror: bool = False, called: str = NAME, **options: Any) -> Engine:
    """Start an engine that knows what is at that address by a name; see :meth:`Hub.engine`."""
    args = [f"--insecure-registry={called}", *options.pop("args", ())]
    if mirror:
        args.append(f"--registry-mirror=http://{called}")
    return Engine.start(args=args, hosts={called: address}, **options)


class Hub(Service):
    """A real registry behind HAProxy, which counts pulls as Docker Hub does.

    ``url`` is its address on this machine. Engines call it :data:`NAME`; :meth:`engine` starts one
    that knows it. ``accounts`` are those who can sign in, with their passwords; ``settings`` are
    the budgets that it has now.
    """

    kind = "hub"

    def __init__(self, body: Body, accounts: list[Account], settings: Settings) -> None:
        self.accounts = {one.name: one for one in accounts}
        self.settings = settings
        super().__init__(body)

    @classmethod
    def start(
        cls,
        *,
        limit: int | None = 100,
        window: float | str = "6h",
        accounts: Mapping[str, int | None] | None = None,
        prefix: int = 32,
        retry_after: bool = False,
        python: bool = False,
        keep: bool = False,
        say: image.Say = print,
    ) -> Self:
        """Start a hub with the course's images, and wait until it answers.

        :param limit: pulls in a window for each address; None for no limit.
        :param window: how long a window is, such as ``"60s"``; it begins with its first pull.
        :param accounts: who can sign in: pulls in a window by name, None for no limit.
        :param prefix: how many bits of an IPv4 address count as one: 16 has all engines of the lab
            share a budget, as a class behind one address does.
        :param retry_after: whether a 429 says when to come again.
        :param python: also have the image ``python``, for programs that a lesson puts into images.
        :param keep: outlive this process, until ``labkit down``.
        :param say: is told what takes long, and why.
        :raises HostError: there is no Docker to start it on.
        :raises EngineError: it did not come up; nothing is left behind.
        """
        settings = Settings(
            limit=limit, window=seconds(window), accounts=dict(accounts or {}),
            prefix=prefix, retry_after=retry_after,
        )  # fmt: skip
        everybody = settings.everybody()
        driver = drivers.choose(say=say)
        with driver.serve("hub", _RUN_HUB, {}, keep=keep, say=say) as body:
            body.put(archives.pack(settings.files(everybody)))
            body.start()
            hub = cls(body, everybody, settings)
            hub.wait()
            hub._fill(python=python)
        return hub

    @property
    def configuration(self) -> str:
        """HAProxy's configuration as it runs, without passwords and tokens."""
        text = archives.unpack(self.body.get(f"{FOLDER}/haproxy.cfg"))["haproxy.cfg"].decode()
        for account in self.accounts.values():
            for secret in filter(None, (account.password, account.token)):
                text = text.replace(secret, "…")
        return text

    def change(
        self,
        *,
        limit: int | EllipsisType | None = ...,
        window: float | str | EllipsisType = ...,
        accounts: Mapping[str, int | None] | EllipsisType = ...,
        retry_after: bool | EllipsisType = ...,
    ) -> None:
        """Give the running hub other budgets; what is not named stays, and nothing is spent yet.

        Images, address, passwords and tokens are kept. The arguments are those of :meth:`start`.

        :raises EngineError: it did not come back.
        """
        self.settings = self.settings.changed(
            limit=limit,
            window=window if window is ... else seconds(window),
            accounts=accounts,
            retry_after=retry_after,
        )
        everybody = self.settings.everybody(self.accounts)
        self.accounts = {one.name: one for one in everybody}
        self.body.put(archives.pack(self.settings.files(everybody)))
        self.body.run("pkill", "-KILL", "-x", "haproxy")
        self.wait()

    @property
    def refusals(self) -> int:
        """How many requests it has refused so far because a budget was spent."""
        log = self.body.log(lines=_WHOLE_LOG)
        return sum(line.endswith(" 429") for line in log.splitlines())

    @property
    def hosts(self) -> dict[str, str]:
        """What an engine needs in its /etc/hosts: the hub's name and address."""
        return {NAME: self.address}

    def engine(self, *, mirror: bool = False, **options: Any) -> Engine:
        """Start an engine that can pull from the hub by its name.

        :param mirror: also ask it first for every image of Docker Hub: ``docker pull busybox``.
        :param options: those of :meth:`Engine.start`.
        """
        return engine(self.address, mirror=mirror, **options)

    def push(self, archive: bytes, repository: str = "library") -> list[str]:
        """Put the images of a ``docker save`` archive into the hub; their names there."""
        with stock.Pusher(self.url, self.accounts[KEEPER].token) as pusher:
            names = []
            for one in stock.images_in(archive):
                short, _, tag = one.name.rpartition(":")
                pusher.push(one, f"{repository}/{short}", tag)
                names.append(f"{NAME}/{repository}/{short}:{tag}")
        return names

    def push_plugin(self, config: Mapping[str, Any], rootfs: bytes, name: str) -> str:
        """Put a plugin into the hub, past any engine; what engines call it.

        :param config: its ``config.json``.
        :param rootfs: a tar of its files.
        """
        with stock.Pusher(self.url, self.accounts[KEEPER].token) as pusher:
            pusher.push_plugin(config, rootfs, f"library/{name}", "1")
        return f"{NAME}/library/{name}:1"

    def publish(self, name: str, versions: int) -> list[str]:
        """Put a small program into the hub, in so many versions, each of them another image.

        An engine asks for an image that it has with HEAD alone, which costs nothing:
        who wants to spend a budget needs images that are new.

        :returns: what engines call them, such as ``hub.lab/library/app:1``.
        """
        tags = [str(number) for number in range(1, versions + 1)]
        with stock.Pusher(self.url, self.accounts[KEEPER].token) as pusher:
            base = next(one for one in self._shelf() if one.name.startswith("busybox:"))
            for tag in tags:
                pusher.push(stock.version(base, name, tag), f"library/{name}", tag)
        return [f"{NAME}/library/{name}:{tag}" for tag in tags]

    def _sign(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.accounts[KEEPER].token}"}

    def _fill(self, *, python: bool) -> None:
        with stock.Pusher(self.url, self.accounts[KEEPER].token) as pusher:
            for one in self._shelf():
                name, _, tag = one.name.rpartition(":")
                pusher.push(one, f"library/{name}", tag)
                if name == "hello-world":
                    pusher.push(one, "ratelimitpreview/test", "latest")
                if name == "busybox" and python:
                    pusher.push(python_image.image(self.body, one), "library/python", "latest")

    def _shelf(self) -> Iterator[stock.Image]:
        """The course's images, from the archive that each engine image carries."""
        packed = self.body.get(f"{image.SHELF}/images.tar")
        yield from stock.images_in(archives.unpack(packed)["images.tar"])


class Mirror(Service):
    """A pull-through cache: it asks a hub once for what many engines want, and keeps it."""

    kind = "mirror"

    @classmethod
    def start(cls, hub: Hub, *, keep: bool = False, say: image.Say = print) -> Self:
        """Start a mirror of a hub, and wait until it answers.

        :raises EngineError: it did not come up; nothing is left behind.
        """
        driver = drivers.choose(say=say)
        with driver.serve("mirror", _RUN_MIRROR, hub.hosts, keep=keep, say=say) as body:
            body.put(archives.pack(mirror_files(f"http://{NAME}")))
            body.start()
            mirror = cls(body)
            mirror.wait()
        return mirror

    def engine(self, **options: Any) -> Engine:
        """Start an engine that asks the mirror first for every image of Docker Hub.

        :param options: those of :meth:`Engine.start`.
        """
        return engine(self.address, mirror=True, called=_MIRROR, **options)
