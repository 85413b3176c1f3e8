"""Wrong answers to the exercises of 11-plugins, as honest beginners give them."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from docker.errors import APIError

Lab = Any
JSON = dict[str, Any]
Learners = Callable[..., Any]


def empty_is_nothing(lab: Lab) -> Learners:
    """Take the answer that nobody could read for that of a modest plugin."""

    def asks_for(remote: str) -> JSON | None:
        try:
            found = lab.docker.api.plugin_privileges(remote) or []
        except APIError:
            return None
        asked: JSON = {}
        for one in found:
            asked.setdefault(one["Name"], []).extend(one["Value"])
        return asked

    return asks_for


def the_last_folder(lab: Lab) -> Learners:
    """Make a dict of the entries: of two folders, one is left."""

    def asks_for(remote: str) -> JSON | None:
        found = lab.docker.api.plugin_privileges(remote)
        return None if found == [] else {one["Name"]: one["Value"] for one in found or []}

    return asks_for


def as_it_comes(lab: Lab) -> Learners:
    ask: Learners = lab.docker.api.plugin_privileges
    return ask


def only_names(lab: Lab) -> Learners:
    return lambda remote: [one["Name"] for one in lab.docker.api.plugin_privileges(remote) or []]


def those_installed(lab: Lab) -> Learners:
    """Ask the engine's own list, where the plugin is not yet."""

    def asks_for(remote: str) -> JSON | None:
        for plugin in lab.docker.plugins.list():
            if plugin.name == remote:
                return {"network": [plugin.attrs["Config"]["Network"]["Type"]]}
        return None

    return asks_for


def while_it_runs(lab: Lab) -> Learners:
    """Set without looking; what the engine refuses is taken for an answer."""

    def configure(plugin: str, settings: dict[str, str]) -> bool:
        try:
            lab.docker.plugins.get(plugin).configure(settings)
        except APIError:
            return False
        return True

    return configure


def and_left_off(lab: Lab) -> Learners:
    def configure(plugin: str, settings: dict[str, str]) -> bool:
        found = lab.docker.plugins.get(plugin)
        try:
            if found.enabled:
                found.disable()
            found.configure(settings)
        except APIError:
            return False
        return True

    return configure


def always_on(lab: Lab) -> Learners:
    """Enable it in the end, whatever it was before."""

    def configure(plugin: str, settings: dict[str, str]) -> bool:
        found = lab.docker.plugins.get(plugin)
        if found.enabled:
            found.disable()
        found.configure(settings)
        found.enable(timeout=20)
        return True

    return configure


def by_halves(lab: Lab) -> Learners:
    """Leave what was set before the engine refused."""

    def configure(plugin: str, settings: dict[str, str]) -> bool:
        found = lab.docker.plugins.get(plugin)
        enabled = found.enabled
        try:
            if enabled:
                found.disable()
            found.configure(settings)
        except APIError:
            return False
        finally:
            if enabled and not lab.docker.plugins.get(plugin).enabled:
                found.enable(timeout=20)
        return True

    return configure


def by_force(lab: Lab, right: ModuleType) -> Learners:
    """End it also under those who use it."""
    careful = right.configure_after_a_look(lab)

    def configure(plugin: str, settings: dict[str, str]) -> bool:
        found = lab.docker.plugins.get(plugin)
        enabled = found.enabled
        if enabled:
            found.disable(force=True)
        done = bool(careful(plugin, settings))
        if enabled:
            found.enable(timeout=20)
        return done

    return configure


def remove_by_force(lab: Lab) -> Learners:
    def retire(plugin: str) -> list[str]:
        lab.docker.plugins.get(plugin).remove(force=True)
        return []

    return retire


def only_those_that_run(lab: Lab) -> Learners:
    """Forget containers that have ended, and remove whatever volume lets itself be removed."""

    def retire(plugin: str) -> list[str]:
        users = [
            container.name
            for container in lab.docker.containers.list()
            if any(mount.get("Driver") == plugin for mount in container.attrs["Mounts"])
        ]
        if not users:
            lab.docker.plugins.get(plugin).remove(force=True)
        return users

    return retire


def everybody_with_a_volume(lab: Lab) -> Learners:
    def retire(plugin: str) -> list[str]:
        del plugin
        return [row["Names"][0][1:] for row in lab.docker.api.containers(all=True) if row["Mounts"]]

    return retire


def all_volumes(lab: Lab, right: ModuleType) -> Learners:
    """Remove every volume that nobody uses, of any driver."""
    careful = right.retire_by_mounts(lab)

    def retire(plugin: str) -> Any:
        users = careful(plugin)
        if not users:
            for container in lab.docker.containers.list():
                container.remove(force=True)
            for volume in lab.docker.volumes.list():
                volume.remove()
        return users

    return retire


def volumes_by_and_by(lab: Lab) -> Learners:
    """Remove volumes until one is in use."""

    def retire(plugin: str) -> list[str]:
        try:
            for volume in lab.docker.volumes.list():
                if volume.attrs["Driver"] == plugin:
                    volume.remove()
        except APIError:
            return ["somebody"]
        found = lab.docker.plugins.get(plugin)
        found.disable()
        found.remove()
        return []

    return retire


def as_it_was(_: Lab, right: ModuleType) -> Learners:
    """The lesson's own driver makes a file of the option."""
    return lambda: right.DRIVER


def linked(_: Lab, right: ModuleType) -> Learners:
    """A link is no copy."""
    lines = (
        "    other = options.pop('from', None)",
        "    folder.symlink_to(find({'Name': other})['Mountpoint']) if other else folder.mkdir()",
        "",
    )
    return lambda: right.changed("    folder.mkdir()\n", "\n".join(lines))


def files_alone(_: Lab, right: ModuleType) -> Learners:
    """Copy the files, and leave folders out."""
    lines = (
        "    folder.mkdir()",
        "    if other := options.pop('from', None):",
        "        for one in Path(find({'Name': other})['Mountpoint']).iterdir():",
        "            one.is_file() and shutil.copy(one, folder)",
        "",
    )
    return lambda: right.changed("    folder.mkdir()\n", "\n".join(lines))


def made_too_early(_: Lab, right: ModuleType) -> Learners:
    """Make the folder first, and leave it when there is nothing to copy."""
    lines = (
        "    folder.mkdir()",
        "    if other := options.pop('from', None):",
        "        shutil.copytree(find({'Name': other})['Mountpoint'], folder, dirs_exist_ok=True)",
        "",
    )
    return lambda: right.changed("    folder.mkdir()\n", "\n".join(lines))


def nothing_is_fine(_: Lab, right: ModuleType) -> Learners:
    """Say nothing when there is nothing to copy."""
    lines = (
        "    folder.mkdir()",
        "    other = DATA / options.pop('from', '')",
        "    if other != DATA and other.is_dir():",
        "        shutil.copytree(other, folder, dirs_exist_ok=True)",
        "",
    )
    return lambda: right.changed("    folder.mkdir()\n", "\n".join(lines))


def into_what_is_there(_: Lab, right: ModuleType) -> Learners:
    """Copy into a folder that exists, which copytree refuses."""
    lines = (
        "    folder.mkdir()",
        "    if 'from' in options:",
        "        shutil.copytree(DATA / options.pop('from'), folder)",
        "",
    )
    return lambda: right.changed("    folder.mkdir()\n", "\n".join(lines))


def without_an_import(_: Lab, right: ModuleType) -> Learners:
    return lambda: right.changed("import os, shutil\n", "")


def served_to_nobody(_: Lab, right: ModuleType) -> Learners:
    """Wait, and never listen."""
    return lambda: right.changed("serve({", "__import__('time').sleep(600)\nserve({")


def no_program(_: Lab) -> Learners:
    return lambda: {"driver.py": "copied"}


def grant_all(lab: Lab) -> Learners:
    """Let the SDK install: it grants whatever is asked for."""

    def trust(remote: str, allowed: JSON) -> bool:
        del allowed
        lab.docker.plugins.install(remote)
        return True

    return trust


def allow_and_pull(lab: Lab, fine: Callable[[JSON, JSON], bool]) -> Learners:
    """Pull if each entry is fine."""

    def trust(remote: str, allowed: JSON) -> bool:
        asked = lab.docker.api.plugin_privileges(remote)
        if asked == [] or not all(fine(one, allowed) for one in asked or []):
            return False
        list(lab.docker.api.pull_plugin(remote, asked or []))
        return True

    return trust


def by_its_beginning(lab: Lab) -> Learners:
    """Take /srv-old for a folder in /srv."""
    return allow_and_pull(
        lab,
        lambda one, allowed: all(
            value.startswith(tuple(allowed.get(one["Name"], []))) for value in one["Value"]
        ),
    )


def to_the_letter(lab: Lab) -> Learners:
    """Allow the folder itself, and none in it."""
    return allow_and_pull(
        lab,
        lambda one, allowed: set(one["Value"]) <= set(allowed.get(one["Name"], [])),
    )


def by_name(lab: Lab) -> Learners:
    """Look at the names of the entries, and not at their values."""
    return allow_and_pull(lab, lambda one, allowed: one["Name"] in allowed)


def one_is_enough(lab: Lab) -> Learners:
    return allow_and_pull(
        lab,
        lambda one, allowed: any(
            value.startswith(place)
            for value in one["Value"]
            for place in allowed.get(one["Name"], [])
        ),
    )


def said_to_be_done(lab: Lab, right: ModuleType) -> Learners:
    """Pull with care, and say that it is done whatever came of it."""
    careful = right.trust_raw(lab)

    def trust(remote: str, allowed: JSON) -> bool:
        careful(remote, allowed)
        return True

    return trust


def nobody(_: Lab) -> Learners:
    return lambda *_: False


def wrong(right: ModuleType) -> dict[str, dict[str, Callable[[Lab], Learners]]]:
    """Return the wrong answers by exercise."""
    return {
        "asks-for": {
            "empty is nothing": empty_is_nothing,
            "the last folder": the_last_folder,
            "as it comes": as_it_comes,
            "only names": only_names,
            "those installed": those_installed,
        },
        "configure": {
            "while it runs": while_it_runs,
            "and left off": and_left_off,
            "always on": always_on,
            "by halves": by_halves,
            "by force": lambda lab: by_force(lab, right),
        },
        "retire": {
            "by force": remove_by_force,
            "only those that run": only_those_that_run,
            "everybody": everybody_with_a_volume,
            "all volumes": lambda lab: all_volumes(lab, right),
            "volumes by and by": volumes_by_and_by,
        },
        "copies": {
            "as it was": lambda lab: as_it_was(lab, right),
            "linked": lambda lab: linked(lab, right),
            "files alone": lambda lab: files_alone(lab, right),
            "made too early": lambda lab: made_too_early(lab, right),
            "nothing is fine": lambda lab: nothing_is_fine(lab, right),
            "into what is there": lambda lab: into_what_is_there(lab, right),
            "without an import": lambda lab: without_an_import(lab, right),
            "served to nobody": lambda lab: served_to_nobody(lab, right),
            "no program": no_program,
        },
        "trust": {
            "grant all": grant_all,
            "by its beginning": by_its_beginning,
            "to the letter": to_the_letter,
            "by name": by_name,
            "one is enough": one_is_enough,
            "said to be done": lambda lab: said_to_be_done(lab, right),
            "nobody": nobody,
        },
    }
