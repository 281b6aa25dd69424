"""Tests of the documentation: code blocks, commands, specs and links are right."""

import ast
import dataclasses
import pathlib
import re
import shlex
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
GENERATED = ROOT / "docs" / "reference" / "generated"
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(
            path
            for path in (ROOT / "docs").rglob("*.md")
            if "_build" not in path.parts and GENERATED not in path.parents
        ),
    ]
)
_BLOCK = re.compile(r"(?m)^( *)```(\w+)\n(.*?)^\1```$", re.S)
# Commands of the program that have flags of their own besides those of `train`.
_OTHER_FLAGS = {"help", "flagfile", "experiment", "traceback"}


def blocks(language):
    """Returns the code blocks of a language, with the place of each."""
    return [
        pytest.param(match[3], id=f"{page.relative_to(ROOT)}:{match.start()}")
        for page in PAGES
        for match in _BLOCK.finditer(page.read_text())
        if match[2] == language
    ]


def commands():
    """Returns the lines of shell blocks and inline code that call `whyflat`."""
    lines = []
    for page in PAGES:
        text = page.read_text()
        for block in _BLOCK.finditer(text):
            if block[2] == "sh":
                lines += block[3].replace("\\\n", " ").splitlines()
        lines += re.findall(r"`(whyflat [^`]*)`", text)
    matches = [re.match(r"\s*(?:.*/|until )?(whyflat [\w-].*)", line) for line in lines]
    calls = {
        re.split(r"\s#|;|&&", match[1])[0].strip(" )&") for match in matches if match
    }
    return sorted(calls)


@pytest.mark.parametrize("text", blocks("python"))
def test_python_blocks_compile(text):
    ast.parse(text)


def test_named_test_files_exist():
    named = {
        name
        for page in PAGES
        for name in re.findall(r"`(tests/[\w/]+\.py)", page.read_text())
    }
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("text", blocks("sh"))
def test_shell_blocks_are_valid(text):
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)


def test_imports_of_python_blocks_exist():
    import importlib

    for param in blocks("python"):
        for node in ast.walk(ast.parse(param.values[0])):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("framework"):
                module = importlib.import_module(node.module)
                for alias in node.names:
                    assert hasattr(module, alias.name), (node.module, alias.name)


@pytest.mark.parametrize("command", commands())
def test_verbs_exist(command):
    from framework.commands import VERBS

    verb = command.split()[1]
    assert verb in {*VERBS, "help", "VERB"}


@pytest.fixture
def flags_of(command, tmp_path):
    """Returns the flags of a verb, from its `--help`."""
    (tmp_path / "script.py").write_text("from framework.commands import main\nmain()")

    def flags(verb):
        process = command("script", verb, "--help", folder=tmp_path)
        assert process.returncode == 0, process.stderr
        return _flags_in(process.stdout)

    return flags


def _flags_in(text):
    return set(re.findall(r"--(?:\[no\])?(\w+)", text)) | _OTHER_FLAGS


def test_flags_of_commands_exist(flags_of):
    known = {}
    for line in commands():
        verb = line.split()[1]
        if verb in ("help", "VERB"):
            continue
        if verb not in known:
            known[verb] = flags_of(verb)
        for word in shlex.split(line):
            flag = re.match(r"--(\w+)", word)
            assert not flag or flag[1] in known[verb], line


def defined_flags():
    """Returns the names of the flags that this project's programs define."""
    sources = "".join(
        path.read_text()
        for folder in ("framework", "experiments", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
    )
    return {
        name
        for pattern in (r'DEFINE_\w+\(\s*"(\w+)"', r'add_argument\(\s*"--(\w+)"')
        for name in re.findall(pattern, sources)
    }


def test_flags_in_text_exist():
    from framework.config import Config

    known = {field.name for field in dataclasses.fields(Config)} | _OTHER_FLAGS
    # Of Slurm, of Docker, and one that is not known and gets an answer.
    known |= defined_flags() | {"requeue", "network", "lr"}
    for page in PAGES:
        for flag in re.findall(r"`--(?:\[no\])?([a-z_]+)", page.read_text()):
            assert flag in known, f"{page.name}: --{flag}"


@pytest.mark.parametrize(
    ("flag", "spec"),
    sorted(
        {
            (flag, spec)
            for page in PAGES
            for flag, spec in re.findall(
                r"--(schedule|augment|normalize|optimizer|dataset|model)='([^']+)'",
                page.read_text(),
            )
        }
    ),
)
def test_specs_parse(flag, spec):
    from framework import augment, schedules
    from framework.augment import normalize
    from framework.config import spec as spec_lib

    if spec.startswith("help(") or "..." in spec:
        return
    build = {
        "schedule": schedules.build,
        "augment": augment.build,
        "normalize": normalize.parse,
    }.get(flag, spec_lib.parse)
    assert build(spec)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_resolve(page):
    text = re.sub(r"(?ms)^ *```.*?^ *```", "", page.read_text())
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        target, _, anchor = link.partition("#")
        if re.match(r"\w+:", link):
            continue
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"{page.name}: {link}"
        if anchor and path.suffix == ".md":
            headings = re.findall(r"(?m)^#+ (.*)$", path.read_text())
            slugs = {
                re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
                for heading in headings
            }
            assert anchor in slugs, f"{page.name}: {link}"


def test_each_page_is_in_the_index():
    index = (ROOT / "docs" / "index.md").read_text()
    listed = set(re.findall(r"(?m)^([\w/-]+)$", index))
    for page in PAGES:
        if (ROOT / "docs") in page.parents and page.name != "index.md":
            name = page.relative_to(ROOT / "docs").with_suffix("").as_posix()
            assert name in listed, f"{name} is in no table of contents"


def test_all_causes_are_generated():
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        from generate import causes
    finally:
        sys.path.pop(0)
    from framework.diagnose.core.causes import CAUSES

    page = causes.page()
    assert all(f"### `{name}`" in page for name in CAUSES)


def test_no_page_names_a_path_of_a_machine():
    for page in PAGES:
        assert not re.search(r"/work/|/root/|/tmp/house", page.read_text()), page.name


def test_the_changelog_has_no_relative_links():
    # It is a page of the documentation as well, from where the path is another one.
    text = (ROOT / "CHANGELOG.md").read_text()
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert [link for link in links if not link.startswith("https://")] == []
