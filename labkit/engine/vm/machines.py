"""The VM driver: engines live in virtual machines of this user, with no rights and no Docker."""

from __future__ import annotations

import contextlib
import random
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from labkit.engine import fleet, image, places
from labkit.engine.certificates import Server
from labkit.engine.driver import Say
from labkit.engine.found import Companion, Found
from labkit.engine.spec import Spec
from labkit.engine.vm import state
from labkit.engine.vm.body import CONTROL, HTTP, TLS, VirtualMachine
from labkit.engine.vm.record import Record, records
from labkit.errors import EngineError, EngineNameTaken, LabError

__all__ = ["MachineNetwork", "Machines"]

_FIRST, _LAST = 100, 250  # what serves others is called 10.0.2.100 and so on, inside
_PORTS = range(20000, 60000)  # a network's number


@dataclass(frozen=True)
class MachineNetwork:
    """A network of machines; it is there as long as a machine is on it."""

    id: str
    subnet: str = "10.215.0"

    def remove(self) -> None:
        """Nothing is left of it when its machines are gone."""


@dataclass(frozen=True)
class Machines:
    """Engines in virtual machines."""

    name: str = "vm"
    words: str = "in virtual machines"
    pace: float = 5.0  # a processor is emulated, where it can't be lent

    def body(self, id: str) -> VirtualMachine:  # noqa: A002 - that is what it is
        """The machine of that id."""
        return VirtualMachine(id)

    def prepare(self, version: str, *, say: Say) -> None:
        """Make the machine image and the saved state, or check that they are as they were made."""
        state.ensure(image.offered(version), say=say, thorough=True)

    def fitted(self, spec: Spec, *, server: Server | None) -> Spec:
        """The spec; the socket on this machine is a bridge to the machine's control port."""
        return replace(spec, tcp=spec.tcp or bool(server), bridged=True)

    def start(
        self, name: str, spec: Spec, *, owner: str, server: Server | None, say: Say
    ) -> VirtualMachine:
        """Start an engine and wait until it answers; one that fails leaves nothing behind."""
        self.sweep()
        with places.lock("names"):
            if any(one.name == name for one in records("engine")):
                raise EngineNameTaken(
                    f"An engine {name!r} is there already, or is just being started.",
                    hint=f"Engine.attach({name!r}) uses it; labkit down {name} ends it.",
                )
            fleet.make_folder(name)
            record = _engine(name, spec, owner)
            record.write()
        with _cleaning_up(record):
            if server:
                server.keep(fleet.folder(name))
            return _begun(record, say=say)

    def reset(self, found: Found) -> VirtualMachine:
        """Put a pristine engine in the place of one that is there, or was."""
        with places.lock("names"):
            VirtualMachine(found.id).remove()
            for one in fleet.folder(found.name).glob("*.sock"):  # also a proxy's
                one.unlink(missing_ok=True)
            record = _engine(found.name, found.spec, found.owner)
            record.write()
        with _cleaning_up(record):
            return _begun(record, say=_nothing)

    def wait(self, found: Found) -> VirtualMachine:
        """Wait until an engine that runs already answers, and return its body."""
        body = VirtualMachine(found.id)
        body.wait()
        return body

    def end(self, found: Found) -> None:
        """Remove an engine with all that it has on this machine."""
        with places.lock("names"):
            VirtualMachine(found.id).remove()
            fleet.remove_folder(fleet.folder(found.name))

    def engines(self) -> list[Found]:
        """This user's engines, oldest first."""
        return [_found(one) for one in records("engine")]

    def companions(self) -> list[Companion]:
        """This user's hubs and mirrors, oldest first."""
        return [_companion(one) for one in records("hub", "mirror")]

    @contextlib.contextmanager
    def serve(
        self, kind: str, command: str, names: Mapping[str, str], *, keep: bool, say: Say
    ) -> Iterator[VirtualMachine]:
        """Make a machine that serves HTTP at port 80; its command is not started yet."""
        self.sweep()
        name = f"{kind}-{secrets.token_hex(3)}"
        with places.lock("names"):
            taken = {one.address for one in records("hub", "mirror")}
            free = (f"10.0.2.{number}" for number in range(_FIRST, _LAST))
            record = Record(
                id=_new_id(), kind=kind, name=name,
                spec=Spec(image.DEFAULT, keep=keep, hosts=dict(names)),
                forwarded=(HTTP,), given=_given(names), command=command,
                address=next(one for one in free if one not in taken),
            )  # fmt: skip
            record.write()
        with _cleaning_up(record):
            yield _begun(record, say=say)

    def network(self, name: str, *, keep: bool, internal: bool = False) -> MachineNetwork:
        """Make a network of machines; it leads nowhere else."""
        del name, keep, internal
        taken = {one.network for one in records()}
        return MachineNetwork(
            next(str(one) for one in random.sample(_PORTS, len(taken) + 1) if str(one) not in taken)
        )

    def sweep(self) -> list[str]:
        """Remove what nobody needs any more; the names."""
        gone = []
        for one in filter(_is_orphan, records()):
            with places.lock("names"):  # somebody else may have removed it, and taken its name
                still = Record.read(one.id)
                if still and _is_orphan(still):
                    _remove(still)
                    gone.append(one.name)
        return gone

    def down(self, *, images: bool) -> list[str]:
        """Remove all of this user's; the names."""
        every = records()
        for one in every:
            _remove(one)
        shutil.rmtree(places.run() / "vm", ignore_errors=True)
        shutil.rmtree(places.home() / "vm" / ("" if images else "machines"), ignore_errors=True)
        return [one.name for one in every]


def _new_id() -> str:
    return secrets.token_hex(6)


def _engine(name: str, spec: Spec, owner: str) -> Record:
    return Record(
        id=_new_id(), kind="engine", name=name, spec=spec, owner=owner,
        forwarded=(CONTROL, TLS) if spec.tcp else (CONTROL,), given=_given(spec.hosts),
    )  # fmt: skip


def _given(names: Mapping[str, str]) -> dict[str, str]:
    """The machines that serve others, of those that are called so, by address."""
    serving = {one.address: one.id for one in records("hub", "mirror")}
    return {address: serving[address] for address in names.values() if address in serving}


def _port(record: Record) -> int:
    with contextlib.suppress(EngineError):
        return VirtualMachine(record.id).port(HTTP)
    return 0


def _begun(record: Record, *, say: Say) -> VirtualMachine:
    made, saved = state.ensure(image.offered(record.spec.version), say=say)
    body = VirtualMachine(record.id)
    body.begin(made, saved)
    return body


def _found(record: Record) -> Found:
    """As an engine; one that is just being started counts as running."""
    running = bool(record.process or not record.pid)
    return Found(record.name, record.spec, record.id, record.owner, running, int(record.created))


def _companion(record: Record) -> Companion:
    return Companion(
        record.name, record.kind, record.id, record.owner, record.spec.keep, int(record.created),
        record.address, _port(record),
    )  # fmt: skip


def _is_orphan(record: Record) -> bool:
    return (_found(record) if record.kind == "engine" else _companion(record)).orphan


def _remove(record: Record) -> None:
    VirtualMachine(record.id).remove()
    if record.kind == "engine":
        fleet.remove_folder(fleet.folder(record.name))


@contextlib.contextmanager
def _cleaning_up(record: Record) -> Iterator[None]:
    """A start that fails leaves nothing behind."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(LabError, OSError):
            _remove(record)
        raise


def _nothing(_: str) -> None:
    """Say nothing."""
