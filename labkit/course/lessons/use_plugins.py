"""The exercises of 11-plugins about plugins that others wrote: what they ask for, settings, an end.

Those about one's own, and about trust, are in :mod:`labkit.course.lessons.write_plugins`.
"""

from __future__ import annotations

import secrets
from typing import Any

from labkit.course.exercise import Lesson, Tutor
from labkit.course.plugging import Plugins, bench
from labkit.hub.hub import NAME

__all__ = ["VOLUMES", "lesson"]

lesson = Lesson(
    "11-plugins",
    by_hand={"findings": 1},
    hub={"limit": None, "prefix": 16, "python": True},
)

JSON = dict[str, Any]
VOLUMES: JSON = {
    "description": "A plugin of the judge",
    "entrypoint": ["python3", "/driver.py"],
    "interface": {"types": ["docker.volumedriver/1.0"], "socket": "driver.sock"},
    "propagatedMount": "/data",
}


@lesson.exercise(
    "asks-for",
    points=1,
    hints=(
        "One request tells it: GET /plugins/privileges?remote=…, or client.api.plugin_privileges(remote). What does it answer when the plugin wants nothing, and what when nobody could read it?",
        "Each entry has a Name, and in Value a list. There may be two entries of the same name, as for two folders: put their values together.",
        "null, which Python calls None, says that it wants nothing; an empty list, that it could not be read. What is no plugin is an APIError. asked = {}; for one in found: asked.setdefault(one['Name'], []).extend(one['Value'])",
    ),
)
def asks_for(tutor: Tutor) -> None:
    """The function tells what a plugin in the hub asks for, and when nobody can tell."""
    word = secrets.token_hex(3)
    folders = [f"/srv/{word}", "/etc"]
    mounts = [_mount(number, folder) for number, folder in enumerate(folders)]
    cases: list[tuple[JSON, JSON]] = [
        ({"network": {"type": "host"}}, {"network": ["host"]}),
        ({}, {}),
        (
            {"mounts": mounts, "linux": {"capabilities": ["CAP_SYS_ADMIN", "CAP_CHOWN"]}},
            {"mount": folders, "capabilities": ["CAP_SYS_ADMIN", "CAP_CHOWN"]},
        ),
    ]
    with bench(tutor) as plugins:
        for config, wanted in cases:
            _expect_asked(tutor, plugins.publish(VOLUMES | config), wanted)
    for remote in (f"{NAME}/library/{tutor.stock.name()}:1", f"{NAME}/library/busybox:latest"):
        answer = tutor.ask(remote)
        tutor.expect(
            answer is None,
            saw=f"There is no plugin {remote}. Your function returned {answer!r:.200}.",
            question="What does the engine answer when it can't read a plugin, and how is that different from one that asks for nothing?",
        )


def _mount(number: int, source: str) -> JSON:
    described = {"name": f"place-{number}", "source": source, "destination": f"/mnt/{number}"}
    return described | {"type": "bind", "options": ["rbind"]}


def _expect_asked(tutor: Tutor, remote: str, wanted: JSON) -> None:
    answer = tutor.ask(remote)
    saw = f"{remote} asks for {wanted}. Your function returned {answer!r:.300}."
    tutor.expect(
        isinstance(answer, dict),
        saw=saw,
        question="Do you return a dict, also for a plugin that asks for nothing?",
    )
    found = {name: sorted(map(str, _many(value))) for name, value in answer.items()}
    tutor.expect(
        found == {name: sorted(value) for name, value in wanted.items()},
        saw=saw,
        question="Is it what the hub has now, is each name there with the list of all its values, and can a name come twice?",
    )


def _many(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


@lesson.exercise(
    "configure",
    points=2,
    hints=(
        "Settings can be changed while a plugin is off. So look whether it is on: found = client.plugins.get(plugin); found.enabled, found.attrs['Settings']['Env'].",
        "Of several settings, the good ones stay set when a later one is refused. Either look before, in found.attrs['Config']['Env'], which names can be set, or put the old values back.",
        "if any(name not in known for name in settings): return False. Then try: found.disable(), which raises an APIError when it is in use; found.configure(settings); and found.enable(timeout=20), if it was enabled before.",
    ),
)
def configure(tutor: Tutor) -> None:
    """The function changes settings, all or none, and leaves a plugin on or off as it was."""
    names = [f"{letter}_{secrets.token_hex(2).upper()}" for letter in "ABC"]
    variables = [{"name": name, "value": "old", "settable": ["value"]} for name in names]
    with bench(tutor) as plugins:
        config = VOLUMES | {"env": [*variables, {"name": "FIXED", "value": "old"}]}
        name = plugins.create(config, image=plugins.image())
        _expect_set(tutor, plugins, name, dict.fromkeys(names[:2], secrets.token_hex(3)))
        plugins.enable(name)
        _expect_set(tutor, plugins, name, dict.fromkeys(names[1:], secrets.token_hex(3)))
        for refused in ("FIXED", "UNHEARD_OF"):
            settings = {names[0]: secrets.token_hex(3), refused: "new"}
            _expect_kept(tutor, plugins, name, settings, f"{refused} can't be set")
        born = _born(tutor, plugins.volume(name))
        settings = {names[0]: secrets.token_hex(3)}
        _expect_kept(tutor, plugins, name, settings, "there is a volume of it")
        tutor.expect(
            _born(tutor, plugins.volume(name)) == born,
            saw=f"{name} was ended and started again, although there was a volume of it.",
            question="Who says whether a plugin may be ended now, and what would a container have seen that was at work with that volume?",
        )


def _state(plugins: Plugins, name: str) -> tuple[bool | None, dict[str, str]]:
    """Whether a plugin is enabled, and its settings; None where it is gone."""
    found = plugins.found(name)
    if found is None:
        return None, {}
    pairs = (one.partition("=") for one in found["Settings"]["Env"])
    return bool(found["Enabled"]), {name: value for name, _, value in pairs}


def _expect_set(tutor: Tutor, plugins: Plugins, name: str, settings: dict[str, str]) -> None:
    enabled, before = _state(plugins, name)
    answer = tutor.ask(name, settings)
    now, after = _state(plugins, name)
    tutor.expect(
        after == before | settings,
        saw=f"{settings} was to be set. The settings are {after}.",
        question="What does the engine say to a change while the plugin is on, and do the settings go where it reads them?",
    )
    tutor.expect(
        now == enabled,
        saw=f"The plugin was {_told(enabled)} before, and is {_told(now)} now.",
        question="Do you leave it as you found it?",
    )
    tutor.expect(
        answer is True,
        saw=f"All was set. Your function returned {answer!r:.200}.",
        question="Do you return True when it is done?",
    )


def _expect_kept(
    tutor: Tutor, plugins: Plugins, name: str, settings: dict[str, str], why: str
) -> None:
    _, before = _state(plugins, name)
    answer = tutor.ask(name, settings)
    now, after = _state(plugins, name)
    saw = f"{settings} can't be done: {why}."
    tutor.expect(
        now,
        saw=f"{saw} Afterwards the plugin, which was enabled, is {_told(now)}.",
        question="What is the last thing that your function does when something goes wrong on the way?",
    )
    tutor.expect(
        after == before,
        saw=f"{saw} Afterwards the settings are {after}, and were {before}.",
        question="When the engine refuses one of several settings, what has become of the others?",
    )
    tutor.expect(
        answer is False,
        saw=f"{saw} Your function returned {answer!r:.200}.",
        question="Do you return False, and no exception, when it can't be done?",
    )


def _told(enabled: bool | None) -> str:  # noqa: FBT001  # what is told of it
    return "gone" if enabled is None else "enabled" if enabled else "disabled"


def _born(tutor: Tutor, volume: str) -> object:
    return tutor.raw.get(f"/volumes/{volume}").json().get("Status", {}).get("born")


@lesson.exercise(
    "retire",
    points=1,
    hints=(
        "First the question who needs it: GET /containers/json?all=true tells of each container which volumes it has, with their drivers, in Mounts.",
        "If there is none: remove the volumes whose Driver is the plugin, then disable it, then remove it. In another order the engine says 409.",
        "users = [row['Names'][0][1:] for row in client.api.containers(all=True) if any(mount.get('Driver') == plugin for mount in row['Mounts'])]; return them if there are any. A plugin that is disabled already can't be disabled again: look at client.plugins.get(plugin).enabled.",
    ),
)
def retire(tutor: Tutor) -> None:
    """The function removes a plugin with its volumes, unless a container has one of them."""
    with bench(tutor) as plugins:
        name = plugins.create(VOLUMES, image=plugins.image())
        plugins.enable(name)
        volumes = [plugins.volume(name) for _ in range(3)]
        other = str(tutor.stock.volume().name)
        tutor.stock.run(volumes=[f"{other}:/data"])
        users = [
            tutor.stock.run(volumes=[f"{volumes[0]}:/data"]),
            tutor.stock.ended(volumes=[f"{volumes[1]}:/data"]),
        ]
        for user in users:
            _expect_spared(tutor, name, sorted(str(one.name) for one in users), volumes)
            user.remove(force=True)
            users = users[1:]
        _expect_retired(tutor, plugins, name)
        tutor.expect(
            other in _volumes(tutor, "local"),
            saw=f"The volume {other} was removed, which is of another driver.",
            question="How do you tell whose volumes they are?",
        )
        _expect_retired(tutor, plugins, plugins.create(VOLUMES))


def _expect_spared(tutor: Tutor, name: str, users: list[str], volumes: list[str]) -> None:
    answer = tutor.ask(name)
    left = _volumes(tutor, name)
    tutor.expect(
        left == set(volumes),
        saw=f"{', '.join(users)} had a volume of {name}. Of its volumes there are now {sorted(left)}.",
        question="Do you look for containers, also for those that have ended, before you end or remove anything?",
    )
    tutor.expect(
        isinstance(answer, list) and sorted(map(str, answer)) == users,
        saw=f"These containers have volumes of {name}: {users}. Your function returned {answer!r:.300}.",
        question="Do you return the names of all containers that have a volume of this plugin, and of no other one?",
    )


def _expect_retired(tutor: Tutor, plugins: Plugins, name: str) -> None:
    since, volumes = _now(tutor), _volumes(tutor, name)
    answer = tutor.ask(name)
    tutor.expect(
        plugins.found(name) is None,
        saw=f"No container has a volume of {name}. The plugin is still there.",
        question="In which order have volumes, plugin and its being enabled to go, and what if it is disabled already?",
    )
    left = volumes - _destroyed(tutor, since)
    tutor.expect(
        not left,
        saw=f"The plugin is gone, and its volumes {sorted(left)} were not removed before.",
        question="Who is asked to remove a volume, and can that be asked when the plugin is gone?",
    )
    tutor.expect(
        answer == [],
        saw=f"No container needed the plugin. Your function returned {answer!r:.200}.",
        question="Do you return an empty list then?",
    )


def _volumes(tutor: Tutor, driver: str) -> set[str]:
    found = tutor.docker.api.volumes()["Volumes"] or []
    return {one["Name"] for one in found if one["Driver"] == driver}


def _destroyed(tutor: Tutor, since: str) -> set[str]:
    wanted = {"type": ["volume"], "event": ["destroy"]}
    with tutor.raw.events(since=since, until=_now(tutor), filters=wanted) as events:
        return {event["Actor"]["ID"] for event in events}


def _now(tutor: Tutor) -> str:
    return str(tutor.raw.get("/info").json()["SystemTime"])
