"""Two more exercises of 12-networks: read a volume, and tidy up. ``lesson`` is complete here."""

from __future__ import annotations

import secrets
from typing import Any

from docker.models.volumes import Volume

from labkit.archives import File, Folder, pack
from labkit.course.exercise import Tutor
from labkit.course.lessons.join_networks import lesson

__all__ = ["lesson"]


@lesson.exercise(
    "read-volume",
    points=1,
    hints=(
        "The API has no request for a volume's files. It has one for a container's, and a container can have the volume.",
        "client.containers.create('busybox', volumes=[f'{volume}:/data']) is enough: it need not run. container.get_archive('/data/.') gives pieces of a tar, and some numbers about it.",
        "archives.unpack(b''.join(pieces)) gives name to bytes; name.removeprefix('./') and .decode() make of it what is asked for. Remove the container in a finally branch.",
    ),
)
def read_volume(tutor: Tutor) -> None:
    """The function reads all the files in a volume, and leaves nothing behind."""
    for files in ({}, _papers(1), _papers(4)):
        volume = _filled(tutor, files)
        before = _ids(tutor)
        answer = tutor.ask(volume.name)
        tutor.expect(
            isinstance(answer, dict) and sorted(answer) == sorted(files),
            saw=f"In the volume there are {sorted(files)}; your function says {_names(answer)}.",
            question="Are the files in folders there too, do the names begin where the volume begins, and are folders left out?",
        )
        for name, text in files.items():
            tutor.expect(
                answer[name] == text,
                saw=f"{name} has {text!r}; your function says {answer[name]!r:.100}.",
                question="Is it the text of that file, all of it?",
            )
        left = _ids(tutor) - before
        tutor.expect(
            not left,
            saw=f"{len(left)} container(s) left behind.",
            question="Is the container that you made removed again?",
        )
        names = {one["Name"] for one in tutor.docker.api.volumes()["Volumes"] or []}
        tutor.expect(
            volume.name in names,
            saw="The volume is gone.",
            question="The files belong to somebody. What did you remove besides your container?",
        )


def _papers(number: int) -> dict[str, str]:
    folders = ("", "letters/", "letters/old/")
    return {
        f"{folders[count % 3]}{secrets.token_hex(3)}.txt": f"{secrets.token_hex(8)}\n"
        for count in range(number)
    }


def _filled(tutor: Tutor, files: dict[str, str]) -> Volume:
    """A volume that has these files, and an empty folder."""
    volume = tutor.stock.volume()
    holder = tutor.stock.create(volumes=[f"{volume.name}:/data"])
    entries = [File(name, text.encode()) for name, text in files.items()]
    holder.put_archive("/data", pack([Folder("letters"), Folder("letters/old"), *entries]))
    return volume


def _ids(tutor: Tutor) -> set[str]:
    return {row["Id"] for row in tutor.docker.api.containers(all=True)}


def _names(answer: Any) -> str:
    return str(sorted(answer) if isinstance(answer, dict) else answer)[:300]


@lesson.exercise(
    "tidy",
    points=2,
    hints=(
        "List, look, then remove one by one: two filters find volumes that nobody uses and that have the label. For networks there is a catch: a container that has ended counts for nothing there.",
        "GET /volumes with filters {'dangling': ['true'], 'label': [label]}. GET /networks with the label alone; and which networks containers need, also ended ones, is in GET /containers/json?all=true under NetworkSettings.Networks.",
        "used = {name for one in client.api.containers(all=True) for name in one['NetworkSettings']['Networks']}; then for network in client.networks.list(filters={'label': label}): if network.name not in used: network.remove()",
    ),
)
def tidy(tutor: Tutor) -> None:
    """The function removes labelled networks and volumes that nobody needs, and only those."""
    key, value = f"job-{secrets.token_hex(2)}", secrets.token_hex(2)
    doomed, spared = _litter(tutor, key, value)
    answer = tutor.ask(f"{key}={value}")
    left = _there(tutor)
    for name, why in spared.items():
        tutor.expect(
            name in left,
            saw=f"A {why} was removed.",
            question="Who decides what nobody needs: did you look at the label and its value, at what the filter dangling counts, and at containers that have ended, which may be started again?",
        )
    kept = sorted(what for name, what in doomed.items() if name in left)
    tutor.expect(
        not kept,
        saw=f"Still there: {', '.join(kept)}, with the label and used by no container.",
        question="Did you remove networks as well as volumes, and what does the prune of volumes leave out since API 1.42?",
    )
    tutor.expect(
        isinstance(answer, list) and sorted(map(str, answer)) == sorted(doomed),
        saw=f"Removed were {sorted(doomed)}. Your function returned {answer!r:.300}.",
        question="Do you return a list of the names of what was removed, networks and volumes?",
    )


def _litter(tutor: Tutor, key: str, value: str) -> tuple[dict[str, str], dict[str, str]]:
    """What nobody needs, and what is to be left alone: name to what it is."""
    stock, mine, other = tutor.stock, {key: value}, {key: f"{value}0"}
    labelled: tuple[dict[str, str], ...] = (mine, mine, mine, mine, other, {})
    volumes = [str(stock.volume(labels=labels).name) for labels in labelled]
    networks = [str(stock.network(labels=labels).name) for labels in labelled]
    stock.run(volumes=[f"{volumes[2]}:/data"], network=networks[2])
    stock.ended(volumes=[f"{volumes[3]}:/data"], network=networks[3])
    doomed = dict.fromkeys(volumes[:2], "a volume") | dict.fromkeys(networks[:2], "a network")
    spared: dict[str, str] = {}
    for kind, names in (("volume", volumes), ("network", networks)):
        spared |= {
            names[2]: f"{kind} that a running container uses",
            names[3]: f"{kind} that a container uses which has ended",
            names[4]: f"{kind} whose label has another value",
            names[5]: f"{kind} without the label",
        }
    return doomed, spared


def _there(tutor: Tutor) -> set[str]:
    networks = {one["Name"] for one in tutor.docker.api.networks()}
    return networks | {one["Name"] for one in tutor.docker.api.volumes()["Volumes"] or []}
