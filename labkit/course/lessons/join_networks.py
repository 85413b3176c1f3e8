"""The exercises of 12-networks about networks: who is on one, two tiers, who reaches whom.

Those about volumes are in :mod:`labkit.course.lessons.share_volumes`.
"""

from __future__ import annotations

import contextlib
import random
from typing import Any

from docker.errors import APIError
from docker.models.networks import Network

from labkit.course.exercise import Lesson, Tutor
from labkit.errors import NotFound

__all__ = ["lesson"]

lesson = Lesson("12-networks", by_hand={"findings": 1})

JSON = dict[str, Any]
TIERS = {"web": {"front"}, "app": {"front", "back"}, "db": {"back"}}


@lesson.exercise(
    "addresses",
    points=1,
    hints=(
        "One request is enough: the inspect of a network lists its containers.",
        "lab.raw.get(f'/networks/{network}').json()['Containers'] is a dict; its values have Name and IPv4Address.",
        "'10.42.0.2/24'.split('/')[0] is the address alone. {one['Name']: one['IPv4Address'].split('/')[0] for one in found.values()}",
    ),
)
def addresses(tutor: Tutor) -> None:
    """The function tells who is on a network, and at which address."""
    before, here, after = (tutor.stock.network() for _ in range(3))
    some = [tutor.stock.run(network=here.name) for _ in range(2)]
    guest = tutor.stock.run(network=before.name)
    here.connect(guest)
    after.connect(guest)
    tutor.stock.create(network=here.name)
    _expect_addresses(tutor, here)
    here.disconnect(some[0])
    _expect_addresses(tutor, here)
    _expect_addresses(tutor, tutor.stock.network())


def _expect_addresses(tutor: Tutor, network: Network) -> None:
    found = tutor.raw.get(f"/networks/{network.id}").json()["Containers"]
    wanted = {one["Name"]: one["IPv4Address"].partition("/")[0] for one in found.values()}
    answer = tutor.ask(network.name)
    tutor.expect(
        isinstance(answer, dict),
        saw=f"The answer is {answer!r:.200}.",
        question="Do you return a dict: the container's name to its address?",
    )
    tutor.expect(
        sorted(answer) == sorted(wanted),
        saw=f"On {network.name} there are {sorted(wanted)}; your function says {sorted(answer)}.",
        question="Are the names those of containers, are all of them there, also one that is in two networks, and is the network asked anew each time?",
    )
    for name, address in wanted.items():
        tutor.expect(
            answer[name] == address,
            saw=f"{name} is at {address} on {network.name}; your function says {answer[name]!r:.100}.",
            question="Which of the container's addresses is the one on this network, and is the length of the subnet's prefix a part of an address?",
        )


@lesson.exercise(
    "two-tiers",
    points=3,
    hints=(
        "First the two networks, one with internal=True. Then three containers, each created in one network. app is then connected to the other one.",
        "client.networks.create(name, internal=True); client.containers.run('busybox', ['sleep', '600'], name=…, network=…, detach=True); back.connect(app). Without network= a container also joins the default bridge.",
        "The SDK's run has no argument for an alias: run f'{name}-db' in the network back, then back.disconnect(db), and back.connect(db, aliases=['database']).",
    ),
)
def two_tiers(tutor: Tutor) -> None:
    """The function builds two tiers: a web that never reaches the database behind it."""
    name = tutor.stock.name()
    try:
        tutor.ask(name)
        _expect_plan(tutor, name)
        _expect_traffic(tutor, name)
    finally:
        _demolish(tutor, name)


def _expect_plan(tutor: Tutor, name: str) -> None:
    """Every network and container is there, and each of them where it belongs."""
    for tier, internal in (("front", False), ("back", True)):
        network = _inspect(tutor, f"/networks/{name}-{tier}")
        tutor.expect(
            network["Internal"] == internal,
            saw=f"{name}-{tier} is {'' if network['Internal'] else 'not '}internal.",
            question="Which of the two networks has no way out, and which argument says so?",
        )
    for role, tiers in TIERS.items():
        container = _inspect(tutor, f"/containers/{name}-{role}/json")
        tutor.expect(
            container["State"]["Running"],
            saw=f"{name}-{role} does not run.",
            question="Was it started, and does its command go on?",
        )
        joined, wanted = _networks(container), {f"{name}-{tier}" for tier in tiers}
        tutor.expect(
            joined == wanted,
            saw=f"{name}-{role} is in {sorted(joined)}; it should be in {sorted(wanted)}.",
            question="In which network is a container that was created without one, and does connecting it to another take it out of the first?",
        )


def _inspect(tutor: Tutor, path: str) -> JSON:
    try:
        found: JSON = tutor.raw.get(path).json()
    except NotFound:
        tutor.refuse(f"{path} is not there.", "Is everything made, and named as the task says?")
    return found


def _networks(container: JSON) -> set[str]:
    return set(container["NetworkSettings"]["Networks"])


def _expect_traffic(tutor: Tutor, name: str) -> None:
    """What may be reached answers a ping, and nothing else does."""
    for role, target in (("web", f"{name}-app"), ("app", f"{name}-db"), ("app", "database")):
        tutor.expect(
            _pings(tutor, f"{name}-{role}", target),
            saw=f"{name}-{role} does not reach {target}.",
            question="Are both in one network, and by which names are they known there? An alias belongs to a container in one network.",
        )
    for role, other, tier in (("web", "db", "back"), ("db", "web", "front")):
        found = _inspect(tutor, f"/containers/{name}-{other}/json")["NetworkSettings"]["Networks"]
        tutor.expect(
            not _pings(tutor, f"{name}-{role}", found[f"{name}-{tier}"]["IPAddress"]),
            saw=f"{name}-{role} reaches {name}-{other}.",
            question="Which network do they share?",
        )


def _pings(tutor: Tutor, who: str, target: str) -> bool:
    code, _ = tutor.docker.containers.get(who).exec_run(["ping", "-c1", "-W1", target])
    return bool(code == 0)


def _demolish(tutor: Tutor, name: str) -> None:
    """Take away what the learner's function built."""
    for role in TIERS:
        with contextlib.suppress(APIError):
            tutor.docker.api.remove_container(f"{name}-{role}", v=True, force=True)
    for tier in ("front", "back"):
        with contextlib.suppress(APIError):
            tutor.docker.api.remove_network(f"{name}-{tier}")


@lesson.exercise(
    "who-reaches",
    points=2,
    hints=(
        "There are two ways. Try it: a ping from each container to each other name. Or work it out: who shares a network with whom?",
        "Try it: client.containers.get(one).exec_run(['ping', '-c1', '-W1', other]).exit_code is 0 for success. Who does not run can't execute anything, and is reached by nobody.",
        "Work it out: set(client.containers.get(name).attrs['NetworkSettings']['Networks']) - {'bridge', 'none', 'host'} for those whose status is running; two reach each other when these sets have something in common (one & other).",
    ),
)
def who_reaches(tutor: Tutor) -> None:
    """The function finds who reaches whom by name, whatever networks there are."""
    stock, left, right = tutor.stock, tutor.stock.network(), tutor.stock.network(internal=True)
    first, between = (str(stock.run(network=left.name).name) for _ in range(2))
    last = str(stock.run(network=right.name).name)
    right.connect(between, aliases=[stock.name()])
    alone = [stock.run(), stock.run(), stock.run(network_mode="none")]
    alone.append(stock.ended(network=left.name))
    wanted: dict[str, list[str]] = {str(one.name): [] for one in alone}
    wanted |= {first: [between], last: [between]}
    _expect_reach(tutor, wanted | {between: [first, last]})
    left.disconnect(between)
    _expect_reach(tutor, wanted | {between: [last], first: []})


def _expect_reach(tutor: Tutor, wanted: dict[str, list[str]]) -> None:
    names = list(wanted)
    random.shuffle(names)
    answer = tutor.ask(names)
    tutor.expect(
        isinstance(answer, dict)
        and answer.keys() == wanted.keys()
        and all(isinstance(one, list) for one in answer.values()),
        saw=f"The answer is {answer!r:.300}.",
        question="Do you return a dict that has every name as a key, and a list of names for each, empty perhaps?",
    )
    for one in names:
        for other in names:
            says, true = other in answer[one], other in wanted[one]
            tutor.expect(
                says == true,
                saw=f"{one} {'reaches' if true else 'does not reach'} {other}; your function says that it does{' not' if true else ''}.",
                question="Do they both run, and share a network that is not the default bridge, on which there are no names? Is a name in its own list?",
            )
