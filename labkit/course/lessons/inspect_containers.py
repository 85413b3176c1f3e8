"""The exercises of 03-inspect: find, search, compare."""

from __future__ import annotations

import secrets
from typing import Any

from labkit import tables
from labkit.course.exercise import Lesson, Tutor
from labkit.course.stock import FOREVER, LABEL

lesson = Lesson("03-inspect", by_hand={"findings": 2})

MIB = 2**20


def _inspect(tutor: Tutor, name: str | None) -> dict[str, Any]:
    attrs: dict[str, Any] = tutor.raw.get(f"/containers/{name}/json").json()
    return attrs


@lesson.exercise(
    "facts",
    points=3,
    hints=(
        "Inspect a container, flatten it with tables.inspect, and search for a value that you know: "
        "that shows the key it stands under.",
        "State.Status, NetworkSettings.Networks.bridge.IPAddress, HostConfig.Memory; ports and mounts "
        "are under NetworkSettings.Ports and Mounts.",
        "{m['Destination']: m['Source'] for m in attrs['Mounts']}, and for the ports: "
        "{port: int(bound[0]['HostPort']) for port, bound in attrs['NetworkSettings']['Ports'].items() "
        "if bound}",
    ),
)
def facts(tutor: Tutor) -> None:
    """The function finds state, address, ports, mounts and memory limit in an inspect."""
    for name in (_full(tutor), tutor.stock.ended().name):
        attrs = _inspect(tutor, name)
        answer = tutor.ask(name)
        wanted = _facts(attrs)
        tutor.expect(
            isinstance(answer, dict) and set(answer) == set(wanted),
            saw=f"The answer is {answer!r:.200}.",
            question=f"Is it a dict with the keys {', '.join(wanted)}?",
        )
        for key, value in wanted.items():
            tutor.expect(
                answer[key] == value,
                saw=f"{key} of a container that is {attrs['State']['Status']}: {answer[key]!r:.200}, "
                f"where it should be {value!r}.",
                question="Under which key does the engine say it, and what stands there when a "
                "container does not run, or when a port is not published?",
            )


def _full(tutor: Tutor) -> str:
    """The name of a running container with a limit, a volume and three ports, two of them published."""
    name = tutor.stock.name()
    options = {
        "Image": "busybox",
        "Cmd": FOREVER,
        "Labels": {LABEL: "1"},
        "ExposedPorts": {"80/tcp": {}, "53/udp": {}, "8080/tcp": {}},
        "HostConfig": {
            "PortBindings": {"80/tcp": [{}], "53/udp": [{}]},
            "Memory": (16 + secrets.randbelow(48)) * MIB,
            "Mounts": [{"Type": "volume", "Target": f"/{secrets.token_hex(3)}"}],
        },
    }
    # By hand, for the SDK knows no port that is exposed and not published.
    tutor.raw.post("/containers/create", params={"name": name}, json=options)
    tutor.raw.post(f"/containers/{name}/start")
    return name


def _facts(attrs: dict[str, Any]) -> dict[str, Any]:
    ports = attrs["NetworkSettings"]["Ports"] or {}
    return {
        "state": attrs["State"]["Status"],
        "address": attrs["NetworkSettings"]["Networks"]["bridge"]["IPAddress"],
        "ports": {port: int(bound[0]["HostPort"]) for port, bound in ports.items() if bound},
        "mounts": {mount["Destination"]: mount["Source"] for mount in attrs["Mounts"]},
        "memory": attrs["HostConfig"]["Memory"],
    }


@lesson.exercise(
    "where-is",
    points=2,
    hints=(
        "tables.inspect(attrs) has two columns, key and value; .search(text) looks into both.",
        "You want the rows whose value contains the text, and of those the keys.",
        "table = tables.inspect(attrs); then table[table['value'].astype(str).str.contains(text, "
        "regex=False)]['key'].tolist()",
    ),
)
def where_is(tutor: Tutor) -> None:
    """The function finds the keys of an inspect under which a value stands."""
    marker = f"MARK+{secrets.token_hex(3)}"  # which as a regular expression is not found
    container = tutor.stock.create(
        environment={"COLOUR": marker},
        labels={"shop": f"north-{marker}", marker: "a label's name is a key, no value"},
        working_dir=f"/{marker}",
    )
    table = tables.inspect(_inspect(tutor, container.name))
    hits = table[table["value"].astype(str).str.contains(marker, regex=False)]
    wanted, answer = sorted(hits["key"]), tutor.ask(container.name, marker)
    tutor.expect(
        isinstance(answer, list) and sorted(map(str, answer)) == wanted,
        saw=f"It stands under {', '.join(wanted)}. The answer is {answer!r:.200}.",
        question="Do you look for a part of the value, and only of the value, taken literally? "
        "And are the keys as tables.inspect writes them?",
    )


@lesson.exercise(
    "what-differs",
    points=3,
    hints=(
        "tables.diff(a, b) has a row for each key that differs, with the columns key, left and right.",
        "Id, Created, Name, State, paths: they always differ. How a container was asked to be stands "
        "under Config and HostConfig.",
        "Keep keys that start with 'Config.' or 'HostConfig.', but not Config.Hostname: unless you set "
        "it, the engine takes it from the id.",
    ),
)
def what_differs(tutor: Tutor) -> None:
    """The function tells how two containers were configured differently."""
    changes: list[dict[str, Any]] = [
        {"mem_limit": 32 * MIB, "memswap_limit": 64 * MIB},
        {"working_dir": "/srv"},
        {"restart_policy": {"Name": "on-failure", "MaximumRetryCount": 3}},
        {"environment": {"MODE": secrets.token_hex(2)}, "user": "nobody"},
        {},
    ]
    first = tutor.stock.create(environment={"MODE": "plain"})
    for change in changes:
        second = tutor.stock.create(**{"environment": {"MODE": "plain"}, **change})
        differing = tables.diff(_inspect(tutor, first.name), _inspect(tutor, second.name))
        keys = {str(key) for key in differing["key"]}
        wanted = sorted(key for key in keys if _configured(key))
        answer = tutor.ask(first.name, second.name)
        tutor.expect(
            isinstance(answer, list) and sorted(map(str, answer)) == wanted,
            saw=f"Two containers, made alike but for {', '.join(change) or 'nothing'}. They differ "
            f"in {', '.join(wanted) or 'nothing'}. The answer is {answer!r:.200}.",
            question="Which keys say how a container was asked to be, and which ones only that it "
            "is another container?",
        )


def _configured(key: str) -> bool:
    return key.startswith(("Config.", "HostConfig.")) and key != "Config.Hostname"
