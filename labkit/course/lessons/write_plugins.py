"""Two more exercises of 11-plugins: write a driver, let a plugin in. ``lesson`` is complete here."""

from __future__ import annotations

import contextlib
import secrets
from typing import Any

from docker.errors import APIError, NotFound
from docker.models.containers import Container

from labkit import archives, wait
from labkit.course.exercise import Tutor
from labkit.course.lessons.use_plugins import VOLUMES, lesson
from labkit.course.plugging import Plugins, bench
from labkit.errors import WaitTimeout
from labkit.hub.hub import NAME

__all__ = ["lesson"]

JSON = dict[str, Any]
IN_MEMORY = {"/data": ""}
SOCKET = "/run/docker/plugins/driver.sock"


@lesson.exercise(
    "copies",
    points=3,
    hints=(
        "Take the driver of this lesson, all of it, and look at its create. Where do the options arrive there, and which of them is no file?",
        "options.pop('from', None) takes the option out, so that no file of that name is written. shutil.copytree copies a folder with all that is in it; dirs_exist_ok=True lets it copy into one that is there.",
        "Look for the other volume before the new folder is made: other = options.pop('from', None); source = folder({'Name': other}) if other else None, which raises when there is none. Then new.mkdir(), then shutil.copytree(source, new, dirs_exist_ok=True), then the files.",
    ),
)
def copies(tutor: Tutor) -> None:
    """The function writes a volume driver whose volumes may begin as copies of others."""
    driver = tutor.ask()
    tutor.expect(
        isinstance(driver, str),
        saw=f"The answer is {driver!r:.200}.",
        question="Do you return the text of a driver.py?",
    )
    with bench(tutor) as plugins:
        name = _installed(tutor, plugins, driver)
        text = f"{secrets.token_hex(8)}\n"
        first = _volume(tutor, name, {"a.txt": text})
        _expect_files(tutor, first, {"a.txt": text}, "its option a.txt")
        deep, later = f"{secrets.token_hex(8)}\n", f"{secrets.token_hex(8)}\n"
        _write(tutor, first, f"mkdir -p /data/deep; printf '{deep.strip()}\\n' > /data/deep/b.txt")
        second = _volume(tutor, name, {"from": first, "c.txt": later})
        copied = {"a.txt": text, "deep/b.txt": deep, "c.txt": later}
        _expect_files(tutor, second, copied, f"the option from={first}, and c.txt")
        _write(tutor, first, "echo changed > /data/a.txt; rm -r /data/deep")
        _expect_files(tutor, second, copied, f"{first} was changed later")
        _expect_refused(tutor, name)


def _installed(tutor: Tutor, plugins: Plugins, driver: str) -> str:
    """The learner's program as a plugin, once it has shown in a container that it lives."""
    image = plugins.image(driver)
    container = tutor.stock.run(image=image, command=("python3", "/driver.py"), tmpfs=IN_MEMORY)
    with contextlib.suppress(WaitTimeout):
        wait.until(lambda: _ended(container) or _listens(container), what="it to listen", timeout=5)
    said = container.logs().decode(errors="replace").strip().splitlines()[-1:]
    tutor.expect(
        not _ended(container),
        saw=f"Your program has ended at once: {' '.join(said) or 'it printed nothing'}",
        question="Does it import all that it uses, and does it end with serve(…), as that of this lesson does?",
    )
    tutor.expect(
        _listens(container),
        saw=f"Your program does not listen at {SOCKET}.",
        question="Does it end with serve(…), as that of this lesson does?",
    )
    container.remove(v=True, force=True)
    places = {"name": "PLACES", "value": "9", "settable": ["value"]}
    name = plugins.create(VOLUMES | {"env": [places]}, image=image)
    plugins.enable(name)
    return name


def _ended(container: Container) -> bool:
    container.reload()
    return bool(container.status == "exited")


def _listens(container: Container) -> bool:
    with contextlib.suppress(APIError):  # it may end just now
        return bool(container.exec_run(["test", "-S", SOCKET]).exit_code == 0)
    return False


def _volume(tutor: Tutor, driver: str, options: dict[str, str]) -> str:
    try:
        return str(tutor.stock.volume(driver=driver, driver_opts=options).name)
    except APIError as error:
        tutor.refuse(
            f"A volume with {options} can't be created: {error.explanation:.300}",
            "What does your create do with these options, and does it copy into a folder that is there already?",
        )


def _expect_files(tutor: Tutor, volume: str, files: dict[str, str], after: str) -> None:
    found = _files(tutor, volume)
    tutor.expect(
        found == files,
        saw=f"After {after} the volume has the files {found}, and was to have {files}.",
        question="Is everything copied, also folders; is what is copied the volume's own from then on; and is from an option that makes a file?",
    )


def _files(tutor: Tutor, volume: str) -> dict[str, str]:
    """What is in a volume; nothing, where the driver names a folder that is none."""
    container = tutor.stock.create(volumes=[f"{volume}:/data"])
    try:
        chunks, _ = container.get_archive("/data/.")
        files = archives.unpack(b"".join(chunks))
    except NotFound:
        return {}
    finally:
        container.remove(force=True)
    return {name.removeprefix("./"): text.decode(errors="replace") for name, text in files.items()}


def _write(tutor: Tutor, volume: str, script: str) -> None:
    command = ["sh", "-c", script]
    tutor.docker.containers.run("busybox", command, volumes=[f"{volume}:/data"], remove=True)


def _expect_refused(tutor: Tutor, driver: str) -> None:
    name, missing = tutor.stock.name(), tutor.stock.name()
    with contextlib.suppress(APIError):
        tutor.docker.volumes.create(name, driver=driver, driver_opts={"from": missing})
        tutor.refuse(
            f"A volume with from={missing} was created, and there is no volume {missing}.",
            "How does a driver say that it can't do what it was asked?",
        )
    listed = {one["Name"] for one in tutor.docker.api.volumes()["Volumes"] or []}
    tutor.expect(
        name not in listed,
        saw=f"A volume with from={missing} was refused, and still it is listed.",
        question="What has your driver made already when it finds out that there is nothing to copy?",
    )


@lesson.exercise(
    "trust",
    points=2,
    hints=(
        "Three steps: read what it asks for, decide, pull with what you have read. What is it that you must not decide on: an answer that nobody could read.",
        "Decide by entry: for a mount, posixpath.normpath(folder) makes /srv/../etc what it is, and pathlib.PurePosixPath(it).is_relative_to('/srv') knows whole names, so that /srv-old is not in /srv. For the others, value in allowed.get(name, []).",
        "asked = client.api.plugin_privileges(remote). If it is [], return False. If each value is allowed: for message in client.api.pull_plugin(remote, asked or []): look for an error in it; then return True.",
    ),
)
def trust(tutor: Tutor) -> None:
    """The function installs a plugin if all that it asks for is allowed, and else nothing."""
    place, word = f"/srv/{secrets.token_hex(3)}", secrets.token_hex(2)
    allowed = {"mount": [place], "network": ["host"], "capabilities": ["CAP_CHOWN"]}
    host: JSON = {"network": {"type": "host"}}
    good: list[JSON] = [{}, host | _mounts(place), host | _mounts(f"{place}/{word}/deep")]
    bad: list[JSON] = [
        _mounts("/"),
        _mounts(f"{place}-{word}"),
        _mounts(place, f"{place}/../{word}"),
        host | {"linux": {"capabilities": ["CAP_CHOWN", "CAP_SYS_ADMIN"]}},
        host | {"pidhost": True},
    ]
    with bench(tutor) as plugins:
        for config in (good[2], bad[0], *bad[1:], *good[:2]):
            _expect_decided(tutor, plugins, config, allowed, good=config in good)
        _expect_nothing(tutor, f"{NAME}/library/{tutor.stock.name()}:1", allowed)


def _mounts(*sources: str) -> JSON:
    return {
        "mounts": [
            {"name": f"place-{number}", "source": source, "destination": f"/mnt/{number}",
             "type": "bind", "options": ["rbind"]}
            for number, source in enumerate(sources)
        ]
    }  # fmt: skip


def _expect_decided(
    tutor: Tutor, plugins: Plugins, config: JSON, allowed: JSON, *, good: bool
) -> None:
    remote = plugins.publish(VOLUMES | config)
    asked = tutor.raw.get("/plugins/privileges", params={"remote": remote}).json() or []
    told = {one["Name"]: one["Value"] for one in asked} or "nothing"
    saw = f"{told} is asked for, {allowed} allowed."
    answer = tutor.ask(remote, allowed)
    found = plugins.found(remote)
    tutor.expect(
        bool(found) == good,
        saw=f"{saw} The plugin was {'' if found else 'not '}installed.",
        question="Where does this folder really lead, is it in one that is allowed, and is every entry looked at?"
        if found
        else "Which folders are in a folder that is allowed, and what do you send to have the plugin pulled?",
    )
    tutor.expect(
        answer is good,
        saw=f"{saw} Your function returned {answer!r:.200}.",
        question="Do you return True for what was installed, and False for what was not?",
    )
    tutor.expect(
        not (found and found["Enabled"]),
        saw="The plugin runs already.",
        question="To install it was the task. Who enables it, and when?",
    )


def _expect_nothing(tutor: Tutor, remote: str, allowed: JSON) -> None:
    answer = tutor.ask(remote, allowed)
    tutor.expect(
        answer is False,
        saw=f"There is no plugin {remote}. Your function returned {answer!r:.200}.",
        question="What does the engine tell of a plugin that nobody could read, and is that the same as one that asks for nothing?",
    )
