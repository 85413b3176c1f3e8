"""The engine image and the versions on offer."""

from __future__ import annotations

from pathlib import Path

import pytest

from labkit import archives, images
from labkit.engine import host, image
from labkit.engine.rights import CAPABILITIES, all_but, missing_capabilities
from labkit.errors import EngineError, VersionNotOffered


def test_the_default_version_is_offered() -> None:
    """What the lessons run on can be built from Debian's packages."""
    assert image.offered(image.DEFAULT).suite == "trixie"


def test_an_unknown_version_names_the_known_ones() -> None:
    """The error lists every version on offer."""
    with pytest.raises(VersionNotOffered) as refused:
        image.offered("1.0")
    assert all(number in refused.value.hint for number in image.OFFERED)


@pytest.mark.engine
def test_without_registry_the_official_image_is_refused_with_the_others_named() -> None:
    """Docker 29 comes from a registry alone; where none answers, the built versions are named."""
    version = image.Version("29", api="1.52+", official="127.0.0.1:1/docker:29-dind")
    with (
        host.find().client() as client,
        pytest.raises(EngineError, match="could not be pulled") as e,
    ):
        image.ensure(client, version, say=lambda _: None)
    assert "20.10, 26.1, 28.5" in e.value.hint


@pytest.mark.engine
def test_an_image_of_another_recipe_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """When what an engine image is made of has changed, the one that is there does not count."""
    version = image.offered(image.DEFAULT)
    with host.find().client() as client:
        made = image.ensure(client, version, say=lambda _: None)
        assert image.current(client, version) == made
        monkeypatch.setattr(image, "PACKAGES", f"{image.PACKAGES} another-one")
        assert image.current(client, version) == ""


def test_the_course_images_are_the_same_bytes_every_time() -> None:
    """Archives of the same busybox are identical, whatever the order of its commands."""
    one = images.archive(b"program", ["sh", "ls", "nslookup"])
    assert one == images.archive(b"program", ["ls", "nslookup", "sh"])
    assert "manifest.json" in archives.unpack(one)


def test_a_machine_without_a_capability_is_noticed() -> None:
    """The capability that the bounding set lacks is named, and engines then get all the others."""
    everything = (1 << len(CAPABILITIES)) - 1
    without = everything & ~(1 << CAPABILITIES.index("SYS_RESOURCE"))
    assert missing_capabilities(f"CapBnd:\t{without:016x}\n") == ["SYS_RESOURCE"]
    assert missing_capabilities(f"CapBnd:\t{everything:016x}\n") == []
    assert missing_capabilities("") == []
    assert all_but([], "1.45") == {"Privileged": True}
    assert all_but(["SYS_RESOURCE", "BPF"], "1.45")["CapDrop"] == ["SYS_RESOURCE", "BPF"]


def test_an_old_host_engine_is_not_told_of_capabilities_that_it_does_not_know() -> None:
    """Docker 20.10 refuses to drop a capability that is newer than itself, and gives none such."""
    assert all_but(["SYS_RESOURCE", "BPF"], "1.41")["CapDrop"] == ["SYS_RESOURCE"]
    assert all_but(["BPF"], "1.41") == {"Privileged": True}


def test_the_kernel_agrees_on_the_number_of_capabilities() -> None:
    """A newer kernel with a further capability would want it in our list."""
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    assert last == len(CAPABILITIES) - 1
