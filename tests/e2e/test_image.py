"""The image that compose runs: pinned, made of locks that agree, and of all that the package is made of."""

from __future__ import annotations

import re
import tomllib

import pytest

from meterhouse import __version__

from .compose_file import AIRFLOW, DOCKERFILE, ROOT, SERVICES

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name: str) -> None:
    _, _, tag = SERVICES[name]["image"].partition(":")
    assert re.match(r"v?\d+\.\d+", tag)
    assert "x" not in tag.split("-")[0].split(".")


def test_our_image_has_the_projects_version() -> None:
    assert {SERVICES[name]["image"] for name in AIRFLOW} == {f"meterhouse:{__version__}"}


def test_the_dockerfile_pins_its_base_drops_root_and_checks_hashes() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", bases[0])
    assert PROJECT["requires-python"].startswith(">=3.11,")
    assert "--require-hashes" in DOCKERFILE
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)[-1] == "airflow"
    uv = re.search(r"^UV_VERSION := (\S+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert uv is not None
    assert f"uv=={uv[1]}" in DOCKERFILE


def copied() -> list[tuple[str, str]]:
    """What the Dockerfile takes from the checkout, and where it puts it."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
    return [(source, line.split()[-1]) for line in lines for source in line.split()[:-1]]


def test_the_dockerfile_installs_every_lock_and_copies_all_that_the_package_is_made_of() -> None:
    sources = {source for source, _ in copied()}
    assert all((ROOT / source).exists() for source in sources)
    assert {"requirements.txt", "requirements-cluster.txt", "deploy/kubernetes/requirements.txt"} <= sources
    installed = re.findall(r"-r (\S+)", DOCKERFILE)
    assert installed == ["requirements.txt", "requirements-cluster.txt", "requirements-kubernetes.txt"]
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    wanted = {*(path.split("/")[0] for path in build["packages"]), *build["force-include"], PROJECT["readme"], PROJECT["license"]["file"]}
    assert wanted | {"pyproject.toml"} <= sources


def test_what_is_copied_is_all_that_docker_sees_of_the_checkout() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == {source for source, _ in copied()}


def test_the_locks_agree_with_each_other() -> None:
    pins: dict[str, set[str]] = {}
    for path in ("requirements.txt", "requirements-cluster.txt", "deploy/kubernetes/requirements.txt"):
        for name, version in re.findall(r"^([a-z0-9.-]+)==(\S+)", (ROOT / path).read_text(), re.MULTILINE):
            pins.setdefault(name, set()).add(version)
    # numpy and its like have one version for old and one for new Pythons.
    split = set(re.findall(r"^([a-z0-9.-]+)==\S+ ; ", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    assert {name for name, versions in pins.items() if len(versions) > 1} <= split
    assert len(pins) > 150
