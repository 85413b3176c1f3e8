"""What the body of a request may ask for, where its sender is not trusted with everything.

Each endpoint that takes a body has a list of the fields that are harmless; every other field is
refused unless it says nothing. The Engine reads field names in any letter case and takes the last
of two that are the same: here a name must be plain ASCII and may stand once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

__all__ = ["query_refusal", "refusal"]

Check = Callable[[Any, str], None]


class _Refused(Exception):
    """Why a body may not pass."""


def refusal(method: str, path: str, uri: str, body: bytes) -> str:
    """Why the body may not pass; empty where it may.

    :param path: without version and query; ``uri`` has both.
    :param body: as the engine gave it to its plugin, which may be nothing at all.
    """
    try:
        _check_query(path, uri)
        if method in {"GET", "HEAD", "DELETE"}:
            return ""
        for pattern, check in _BODIES.items():
            if re.fullmatch(pattern, path):
                check(_json(body), "")
                return ""
        if not re.fullmatch(_BODILESS, path):
            return f"{method} {path} has a body that this policy can't judge"
        if body.strip() not in {b"", b"{}", b"null"}:
            return f"{method} {path} takes no body"
    except _Refused as why:
        return str(why)
    return ""


def query_refusal(path: str, uri: str) -> str:
    """Why the query may not pass, whatever the body is; empty where it may."""
    try:
        _check_query(path, uri)
    except _Refused as why:
        return str(why)
    return ""


def _check_query(path: str, uri: str) -> None:
    for pattern, known in _QUERIES.items():
        if re.fullmatch(pattern, path):
            _query(uri, known)


def _json(body: bytes) -> Any:
    if not body:
        raise _Refused("the engine did not show the body, and an unread body can't be judged")
    try:
        return json.loads(body.decode(), object_pairs_hook=_once)
    except RecursionError:
        raise _Refused("the body is nested too deep to be judged") from None
    except ValueError as error:
        raise _Refused(f"the body is no JSON that can be judged: {error}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Refused("the body names a field twice")
    return found


def _query(uri: str, known: set[str]) -> None:
    for name, _ in parse_qsl(uri.partition("?")[2].replace(";", "&"), keep_blank_values=True):
        if name.casefold() not in known:
            raise _Refused(f"the query has {name!r}")


def _anything(value: Any, place: str) -> None:
    """No value of this field does harm."""


def _one_of(*words: str) -> Check:
    def check(value: Any, place: str) -> None:
        if not (isinstance(value, str) and value in words):
            raise _Refused(f"{place} may not be {value!r}")

    return check


def _fields(known: Mapping[str, Check]) -> Check:
    """An object that has no other fields than these, each as its check wants it."""
    folded = {name.lower(): (name, check) for name, check in known.items()}

    def check(value: Any, place: str) -> None:
        if not isinstance(value, dict):
            raise _Refused(f"{place or 'the body'} is no object")
        seen = set()
        for written, content in value.items():
            name = written.lower()
            if not written.isascii() or name in seen:
                raise _Refused(f"the body names {written!r} twice, or in odd letters")
            seen.add(name)
            if name in folded:
                proper, inner = folded[name]
                if content is not None:
                    inner(content, proper)
            elif not _says_nothing(name, content):
                raise _Refused(f"{place}{'.' if place else ''}{written} is not allowed")

    return check


def _says_nothing(name: str, value: Any) -> bool:
    if name in {"maskedpaths", "readonlypaths"}:  # an empty list unmasks everything
        return value is None
    return value is None or value is False or value in (0, "", [], {})


def _each(inner: Check) -> Check:
    def check(value: Any, place: str) -> None:
        members: Iterable[Any] = value.values() if isinstance(value, dict) else value
        if not isinstance(value, list | dict):
            raise _Refused(f"{place} is no list")
        for member in members:
            if member is not None:
                inner(member, place)

    return check


def _bind(value: Any, place: str) -> None:
    if not (isinstance(value, str) and re.match(r"[A-Za-z0-9][A-Za-z0-9_.-]*:/", value)):
        raise _Refused(f"a host mount: {place} {value!r}")


def _network(value: Any, place: str) -> None:
    """A network by its name: host, another container's, or any by its id is refused."""
    named = isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", value)
    if value and (not named or value == "host" or re.fullmatch("[0-9a-f]+", value)):
        raise _Refused(f"{place} may not be {value!r}; name a network that is not the host's")


def _endpoints(value: Any, place: str) -> None:
    if not isinstance(value, dict):
        raise _Refused(f"{place} is no object")
    for name, settings in value.items():
        _network(name or "host", place)  # an empty name fits every network
        if settings is not None:
            _ENDPOINT(settings, place)


def _all(*names: str) -> dict[str, Check]:
    return dict.fromkeys(names, _anything)


_ENDPOINT = _fields(_all("IPAMConfig", "Aliases", "MacAddress", "DNSNames"))
_TMPFS = re.compile(r"(size|mode|uid|gid|nr_inodes)=[0-9A-Za-z%]+")


def _volume_options(value: Any, place: str) -> None:
    """The options of a volume in memory; any other may mount what the host has."""
    _fields({"type": _one_of("tmpfs"), "device": _one_of("tmpfs"), "o": _anything})(value, place)
    words = str(value.get("o", "size=0")).split(",")
    if value and ("type" not in value or not all(map(_TMPFS.fullmatch, words))):
        raise _Refused(f"{place} may only be those of a tmpfs")


def _services_network(value: Any, place: str) -> None:
    if not isinstance(value, dict):
        raise _Refused(f"{place} is no object")
    _network(value.get("Target") or "host", place)


_LOG = _fields({"Type": _one_of("", "json-file", "local", "none"), "Config": _anything})
_VOLUME_OPTIONS = _fields(_all("NoCopy", "Labels", "Subpath"))
_MOUNT = _fields({
    "Type": _one_of("volume", "tmpfs"), "VolumeOptions": _VOLUME_OPTIONS,
    **_all("Source", "Target", "ReadOnly", "Consistency", "TmpfsOptions"),
})  # fmt: skip
_LIMITS = _all(
    "Memory", "MemoryReservation", "MemorySwap", "MemorySwappiness", "NanoCpus", "CpuShares",
    "CpuPeriod", "CpuQuota", "CpuRealtimePeriod", "CpuRealtimeRuntime", "CpusetCpus", "CpusetMems",
    "PidsLimit", "BlkioWeight", "RestartPolicy",
)  # fmt: skip
_HOST_CONFIG = _fields({
    **_LIMITS,
    **_all(
        "AutoRemove", "PublishAllPorts", "PortBindings", "Dns", "DnsOptions", "DnsSearch",
        "ExtraHosts", "ReadonlyRootfs", "Tmpfs", "ShmSize", "Init", "CapDrop", "ConsoleSize",
        "Ulimits",
    ),
    "Binds": _each(_bind),
    "Mounts": _each(_MOUNT),
    "NetworkMode": _network,
    "IpcMode": _one_of("", "private", "none", "shareable"),
    "CgroupnsMode": _one_of("", "private"),
    "Isolation": _one_of("", "default"),
    "SecurityOpt": _each(_one_of("no-new-privileges", "no-new-privileges:true")),
    "LogConfig": _LOG,
})  # fmt: skip
_CREATE = _fields({
    **_all(
        "Hostname", "Domainname", "User", "AttachStdin", "AttachStdout", "AttachStderr", "Tty",
        "OpenStdin", "StdinOnce", "Env", "Cmd", "Healthcheck", "ArgsEscaped", "Image", "Volumes",
        "WorkingDir", "Entrypoint", "NetworkDisabled", "MacAddress", "OnBuild", "Labels",
        "StopSignal", "StopTimeout", "Shell", "ExposedPorts",
    ),
    "HostConfig": _HOST_CONFIG,
    "NetworkingConfig": _fields({"EndpointsConfig": _endpoints}),
})  # fmt: skip
_TASK = _fields({
    **_all("ForceUpdate", "Resources", "RestartPolicy", "Placement"),
    "LogDriver": _fields({"Name": _one_of("", "json-file", "local", "none"), "Options": _anything}),
    "Networks": _each(_services_network),
    "Runtime": _one_of("", "container"),
    "ContainerSpec": _fields({
        **_all(
            "Image", "Labels", "Command", "Args", "Hostname", "Env", "Dir", "User", "Groups", "TTY",
            "OpenStdin", "ReadOnly", "StopSignal", "StopGracePeriod", "HealthCheck", "Hosts",
            "DNSConfig", "Secrets", "Configs", "Init", "CapabilityDrop", "Ulimits",
        ),
        "Isolation": _one_of("", "default"),
        "Mounts": _each(_MOUNT),
    }),
})  # fmt: skip
_SERVICE = _fields({
    **_all("Name", "Labels", "Mode", "UpdateConfig", "RollbackConfig", "EndpointSpec"),
    "TaskTemplate": _TASK,
    "Networks": _each(_services_network),
})  # fmt: skip
_EXEC = _all(
    "AttachStdin", "AttachStdout", "AttachStderr", "DetachKeys", "Tty", "Env", "Cmd", "User",
    "WorkingDir", "ConsoleSize", "Container", "Detach",
)  # fmt: skip

_BODIES: dict[str, Check] = {
    r"/containers/create": _CREATE,
    r"/containers/[^/]+/update": _fields(_LIMITS),
    r"/containers/[^/]+/exec": _fields(_EXEC),
    r"/exec/[^/]+/start": _fields(_all("Detach", "Tty", "ConsoleSize")),
    r"/volumes/create": _fields({
        "Driver": _one_of("", "local"), "DriverOpts": _volume_options, **_all("Name", "Labels"),
    }),
    r"/networks/create": _fields({
        "Driver": _one_of("", "bridge", "overlay"),
        **_all("Name", "CheckDuplicate", "Internal", "Attachable", "Labels", "EnableIPv4",
               "EnableIPv6", "IPAM"),
        "Options": _fields(_all(
            "com.docker.network.bridge.enable_icc", "com.docker.network.driver.mtu",
            "com.docker.network.bridge.enable_ip_masquerade",
        )),
    }),
    r"/networks/[^/]+/connect": _fields({"Container": _anything, "EndpointConfig": _ENDPOINT}),
    r"/networks/[^/]+/disconnect": _fields(_all("Container", "Force")),
    r"/services/(create|[^/]+/update)": _SERVICE,
    r"/(swarm/(init|join|update|unlock)|nodes/[^/]+/update)": _anything,
    r"/(secrets|configs)/(create|[^/]+/update)": _fields(_all("Name", "Labels", "Data")),
    r"/plugins/(pull|[^/]+(/[^/]+)*/set)": _anything,
    r"/commit": _fields(_all("Cmd", "Entrypoint", "Env", "Labels", "User", "WorkingDir")),
}  # fmt: skip
_QUERIES: dict[str, set[str]] = {  # what else they take is power: any other word is refused
    r"/containers/[^/]+/top": set(),  # ps_args=e prints environments
    r"/containers/[^/]+/start": {"detachkeys"},  # checkpoint-dir is a folder of the host
    r"/images/create": {"fromimage", "tag", "platform"},  # fromSrc is an address to call
    r"/build": {  # neither networkmode, nor remote, an address to call
        "dockerfile", "t", "q", "nocache", "cachefrom", "pull", "rm", "forcerm", "memory",
        "memswap", "cpushares", "cpusetcpus", "cpuperiod", "cpuquota", "buildargs", "labels",
        "shmsize", "target", "platform", "version", "buildid",
    },
}  # fmt: skip
_BODILESS = (
    r"/containers/[^/]+/(start|stop|restart|kill|pause|unpause|rename|wait|resize|attach)"
    r"|/(containers|images|volumes|networks|build)/prune|/images/create|/images/.+/(tag|push)"
    r"|/swarm/leave|/plugins/.+/(enable|disable)"
    r"|/exec/[^/]+/resize"
)
