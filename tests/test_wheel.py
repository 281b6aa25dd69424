"""Tests of the wheel: it holds the whole tree, and works outside of it."""

import configparser
import json
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PACKAGES = ("framework", "experiments")
BUILD = "from setuptools import build_meta; print(build_meta.build_wheel('dist'))"


def tracked():
    """Returns the files of the packages, those that Git tracks where there is Git."""
    command = ["git", "ls-files", "-z", "--", *PACKAGES]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        names = [name for name in done.stdout.split("\0") if (ROOT / name).is_file()]
    except FileNotFoundError:
        names = []
    if names:
        return sorted(names)
    return sorted(
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Builds the wheel of the packages' files alone, without the network."""
    source = tmp_path_factory.mktemp("source")
    for name in (*tracked(), "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-c", BUILD]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return source / "dist" / done.stdout.splitlines()[-1]


def test_it_equals_the_tree(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
        assert sorted(names) == tracked()
        for name in names:
            assert archive.read(name) == (ROOT / name).read_bytes()
        (metadata,) = [each for each in archive.namelist() if each.endswith("METADATA")]
        text = archive.read(metadata).decode()
        assert any(name.endswith("LICENSE") for name in archive.namelist())
    assert "\nName: whyflat\n" in text
    assert "Requires-Dist: cleanlab>=2.9" in text


@pytest.mark.extended
def test_it_trains_and_diagnoses_from_an_empty_folder(wheel, tmp_path):
    site, folder, script = (tmp_path / name for name in ("site", "empty", "whyflat"))
    folder.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (entries,) = site.glob("*.dist-info/entry_points.txt")
    scripts = configparser.ConfigParser()
    scripts.read(entries)
    module, _, function = scripts["console_scripts"]["whyflat"].partition(":")
    script.write_text(f"from {module} import {function}\n{function}()\n")

    def whyflat(*arguments):
        return subprocess.run(
            [sys.executable, script, *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(site)},
        )

    done = whyflat("train", "--train_for=2ep", "--model=mlp", "--batch_size=128")
    assert done.returncode == 0, done.stderr
    lines = (folder / "runs/digits-mlp-1/metrics.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["epoch"] == 2
    done = whyflat("diagnose", "--workdir=runs/digits-mlp-1", "--budget=0")
    assert done.returncode in (0, 3), done.stderr
    assert "\nverdict: " in done.stdout
