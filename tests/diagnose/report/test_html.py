"""Tests of framework/diagnose/report/html.py and its templates, without training."""

import dataclasses
import html as html_lib
import itertools
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from framework.config import Config
from framework.diagnose.core.causes import CAUSES
from framework.diagnose.core.finding import Evidence, Finding, Remedy
from framework.diagnose.core.ledger import TrialRecord
from framework.diagnose.core.measurement import Measurements, Unavailable
from framework.diagnose.core.settings import TrainingSettings
from framework.diagnose.measure.accuracy import Accuracy, SplitAccuracy
from framework.diagnose.measure.most_shifted import MostShifted
from framework.diagnose.measure.plateau import Plateau
from framework.diagnose.report import data_problems, galleries, html
from framework.diagnose.report.data_problems import DataProblem, Place
from framework.diagnose.report.diagnosis import Diagnosis
from framework.numerics.intervals import Estimate, difference, proportion

_TRAIN = SplitAccuracy(100, proportion(99, 100), 0.1, 0.3, 0.25)
_VALIDATION = SplitAccuracy(100, proportion(70, 100), 0.9, 0.3, 0.25)
_ACCURACY = Accuracy(
    classes=4,
    train_clean=_TRAIN,
    train_dev=_VALIDATION,
    validation=_VALIDATION,
    training_mode=_TRAIN.accuracy,
    gap=difference(_TRAIN.accuracy, _VALIDATION.accuracy),
    gap_to_dev=None,
    gap_from_dev=None,
)
_PLATEAU = Plateau(
    verdict="static",
    reason="70.0% of 100 images, with no trend over the last 5 evaluations (p = 0.5)",
    accuracy=_VALIDATION.accuracy,
    evaluations=20,
    window=5,
    change=0.0,
    p=0.5,
    churn=0.1,
    p_pair=0.5,
    detectable=0.09,
    gap=None,
)
_CONFIRMED = Finding(
    cause=CAUSES["learning_rate_too_high"],
    status="confirmed",
    message="steps are ten times too long",
    evidence=(Evidence("ratio", Estimate(0.1, 0.05, 0.15), "above .05", "steps"),),
    remedy=Remedy("lower it", ("--learning_rate=0.001", "'--augment=flip + erase'")),
    refute="a range test",
    cost=Estimate(0.12, 0.05, 0.2),
)
_SUSPECTED = dataclasses.replace(
    _CONFIRMED,
    cause=CAUSES["overfitting"],
    status="suspected",
    remedy=Remedy("stop earlier", (), ("model.fit(", "    epochs=3)")),
    cost=None,
)
_FALSIFIED = dataclasses.replace(
    _CONFIRMED,
    cause=CAUSES["dead_units"],
    status="falsified",
    message="no unit is dead",
    remedy=Remedy("never do this", ("--model=never",), ("never = 1",)),
    refute="never refuted",
    cost=None,
)
_ROWS = tuple(
    {
        "step": 10 * epoch,
        "epoch": float(epoch),
        "validation/accuracy": min(0.1 * epoch, 0.7),
        "train/accuracy": min(0.08 * epoch, 0.99),
    }
    for epoch in range(1, 21)
)
_TRIALS = (
    TrialRecord("learning_rate_too_high", 3.3, 12.2, Estimate(0.12, 0.05, 0.2)),
    TrialRecord("learning_rate_too_high again", 3.3, 12.2, Estimate(0.1, 0.03, 0.18)),
    TrialRecord("overfitting", 0.0, 1.0, None, "out of memory"),
)
_HOSTILE = (
    "<script>alert(1)</script>",
    "\" onload='alert(1)' x=\"",
    "{{ 7 * 7 }}{% raw %}",
    "<!-- end of proof -->",
    "\u202eevil\u202c \u05d0\u05d1\u05d2",
    "\x1b[31m\x00\ud800",
    "\U0001f33b" * 20,
    "long" * 2_500,
)


def make(known=(), **changes):
    settings = TrainingSettings(
        batch_size=32,
        train_images=100,
        steps_per_epoch=4,
        epochs=20,
        learning_rate=0.1,
        highest_rate=0.1,
        config=Config(learning_rate=0.1),
    )
    fields = {
        "plateau": _PLATEAU,
        "findings": (_CONFIRMED, _SUSPECTED, _FALSIFIED),
        "measured": Measurements(None, settings, (_ACCURACY, *known)),
        "trials": _TRIALS,
        "not_judged": {"vanishing_gradients": Unavailable("Gradients", "none", True)},
        "context": None,
        "rows": _ROWS,
    }
    return Diagnosis(**{**fields, **changes})


def noise(count, side=400):
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)


def problems_with(name):
    """Returns 40 problems of each kind that a gallery shows."""
    return [
        DataProblem(
            kind,
            Place("train", f"{name}/{row}.png", name),
            Place("validation", f"{name}/{row}.jpg", name) if is_pair else None,
            0.99,
            f"similar images are {name}",
        )
        for kind, is_pair in (
            (data_problems.LABEL, False),
            (data_problems.EXACT, True),
            (data_problems.NEAR, True),
            (data_problems.ODD, False),
        )
        for row in range(40)
    ]


def images_of(problems):
    """Returns the galleries of problems, with images of noise."""
    pictures = noise(40, galleries.SIDE)
    places = [place for each in problems for place in (each.place, each.other) if place]
    return galleries.of_problems(
        problems, {place: pictures[row % 40] for row, place in enumerate(places)}
    )


class Reader(HTMLParser):
    """Checks that elements are closed in order; keeps tags, attributes and text."""

    VOID = frozenset({"meta", "img", "br"})

    def __init__(self, document):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.text = [], [], []
        self.feed(document)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        names = [name for name, _ in attributes]
        assert len(names) == len(set(names)), (tag, names)
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.text.append(data)

    def of(self, *tags):
        return [attributes for tag, attributes in self.tags if tag in tags]


def words(document):
    return " ".join(" ".join(Reader(document).text).split())


def test_the_order_of_the_page():
    page = html.page(make(), images_of(problems_with("a"))[:1], Path("runs/flat"))
    headings = re.findall("<h[12][^>]*>(.*?)</h[12]>", page)
    assert headings == [
        "The learning rate is too high: this costs 12.0 points of accuracy (5.0 "
        "to 20.0).",
        "The curve",
        "What was tried",
        "What was found",
        "What is not certain",
        "Images to look at",
        "What was ruled out",
        "What could not be measured, and why",
    ]
    assert "Verdict: static: 70.0% of 100 images" in words(page)
    body = page[page.index("<body>") :]
    assert body.index("<h1>") < body.index("<p")


@pytest.mark.parametrize("run", [None, Path("runs/flat")])
def test_it_is_well_formed_and_has_landmarks_and_names(run):
    page = html.page(make(), images_of(problems_with("a")), run)
    assert page.startswith("<!DOCTYPE html>\n<html lang=")
    reader = Reader(page)
    tags = [tag for tag, _ in reader.tags]
    for tag in ("title", "header", "main", "nav", "h1"):
        assert tags.count(tag) == 1 + (tag == "title") * 2, tag
    named = [each["id"] for _, each in reader.tags if "id" in each]
    assert len(named) == len(set(named))
    for _, each in reader.tags:
        for name in each.get("aria-labelledby", "").split():
            assert name in named
        if each.get("href", "").startswith("#"):
            assert each["href"][1:] in named
    for each in reader.of("section"):
        assert each["aria-labelledby"]
    for each in reader.of("svg"):
        is_named = {"aria-label", "aria-labelledby"} & set(each)
        assert each.get("aria-hidden") or (each["role"] == "img" and is_named)
    assert all(each["alt"] for each in reader.of("img"))
    assert all(each["scope"] for each in reader.of("th"))
    assert tags.count("table") == tags.count("caption")
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    steps = itertools.pairwise(levels)
    assert all(later <= sooner + 1 for sooner, later in steps)


def test_it_refers_to_nothing_outside():
    page = html.page(make(), images_of(problems_with("a")), Path("runs/flat"))
    assert "default-src 'none'" in page
    for tag, attributes in Reader(page).tags:
        assert tag not in ("script", "link", "iframe", "object", "base", "form")
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href"):
                assert value.startswith(("#", "data:image/png;base64,"))
    assert "url(" not in page
    assert "@import" not in page


def test_the_same_diagnosis_is_the_same_bytes():
    pages = {
        html.page(make(), images_of(problems_with("a")), Path("runs/flat"))
        for _ in range(2)
    }
    assert len(pages) == 1


@pytest.mark.parametrize("name", _HOSTILE, ids=range(len(_HOSTILE)))
def test_what_names_and_messages_hold_is_text(name):
    finding = dataclasses.replace(
        _CONFIRMED,
        message=name,
        evidence=(Evidence(name, name, name, name),),
        remedy=Remedy(name, (), (name,)),
        refute=name,
    )
    hostile = make(
        plateau=dataclasses.replace(_PLATEAU, reason=name),
        findings=(finding, dataclasses.replace(finding, status="falsified")),
        trials=(dataclasses.replace(_TRIALS[0], name=name),),
        not_judged={name: Unavailable(name, name, True)},
    )
    images = images_of(problems_with(name))
    page = html.page(hostile, images, Path("runs", name.replace("/", "")))
    page.encode()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202a-\u202e\u2066-\u2069]", page)
    # The same elements as with a harmless name, and so no others.
    plain = html.page(
        dataclasses.replace(
            hostile,
            plateau=_PLATEAU,
            findings=tuple(
                dataclasses.replace(
                    each,
                    message="a",
                    evidence=(Evidence("a", "a", "a", "a"),),
                    remedy=Remedy("a", (), ("a",)),
                )
                for each in hostile.findings
            ),
            trials=(dataclasses.replace(_TRIALS[0], name="a"),),
            not_judged={"a": Unavailable("a", "a", True)},
        ),
        images_of(problems_with("a")),
        Path("runs/a"),
    )
    tags = [[tag for tag, _ in Reader(each).tags] for each in (page, plain)]
    assert tags[0] == tags[1]
    assert page.count("<!-- end of proof -->") == 1


@pytest.mark.extended
def test_the_largest_page_is_below_three_megabytes():
    problems = problems_with("tulip")
    shifted = MostShifted(
        name="brightness",
        places=tuple(map(str, range(24))),
        labels=("tulip",) * 24,
        images=noise(24),
        distances=np.linspace(9, 3, 24),
        range=(0.0, 255.0),
        total=100,
    )
    finding = dataclasses.replace(_CONFIRMED, cause=CAUSES["distribution_shift"])
    worst = make((shifted,), findings=(finding,) * 40, rows=_ROWS * 50)
    page = html.page(worst, images_of(problems), Path("runs/flat"))
    assert len(Reader(page).of("img")) == 24 * 5
    assert len(page.encode()) <= 3_000_000


def test_images_that_differ_most_are_shown_where_a_shift_is_found():
    shifted = MostShifted(
        name="brightness",
        places=("roses/dark.png",),
        labels=("rose",),
        images=noise(1, 8),
        distances=np.array([-4.2]),
        range=(0.0, 255.0),
        total=100,
    )
    finding = dataclasses.replace(_CONFIRMED, cause=CAUSES["distribution_shift"])
    text = words(html.page(make((shifted,), findings=(finding,))))
    assert "By brightness: how far they are from the median training image" in text
    assert "labelled rose validation roses/dark.png -4.2 deviations" in text
    ruled_out = dataclasses.replace(finding, status="falsified")
    text = words(html.page(make((shifted,), findings=(ruled_out,))))
    assert "By brightness" not in text


def test_what_is_ruled_out_has_evidence_and_no_advice():
    page = html.page(make(), (), Path("runs/flat"))
    text = words(page)
    assert "never" not in text
    section = text[text.index("What was ruled out") :]
    assert "no unit is dead ratio = 0.1 (0.05 to 0.15); above .05 [steps]" in section
    assert "What to do" not in section
    assert text.count("What to do") == 2


def test_a_remedy_is_a_diff_and_a_command_that_can_be_pasted():
    page = html.page(make(), (), Path("runs/my run"))
    code = re.findall("<pre[^>]*><code>(.*?)</code></pre>", page, re.DOTALL)
    diff, command, lines = (
        html_lib.unescape(re.sub("<[^>]*>", "", each)).strip() for each in code
    )
    assert diff == (
        "- --learning_rate=0.1\n+ --learning_rate=0.001\n"
        "- --augment=\n+ '--augment=flip + erase'"
    )
    assert command == (
        "whyflat train '--flagfile=runs/my run/flags.txt' \\\n"
        "  --learning_rate=0.001 \\\n  '--augment=flip + erase' \\\n"
        "  '--workdir=runs/my run-learning_rate_too_high'"
    )
    assert lines == "model.fit(\n    epochs=3)"
    assert "whyflat train" not in html.page(make())


def test_trials_are_listed_with_seed_gain_cost_and_verdict():
    text = words(html.page(make()))
    assert (
        "The learning rate is too high 1 +12.0 points (+5.0 to +20.0) "
        "3.3 epochs, 12.2 s confirmed"
    ) in text
    assert "The learning rate is too high another +10.0 points" in text
    assert "trial of overfitting out of memory" in text
    text = words(html.page(make(trials=())))
    assert "The diagnosis has trained nothing" in text


def test_where_the_curve_became_static_is_marked():
    assert "static from here on" in words(html.page(make()))
    rising = dataclasses.replace(_PLATEAU, verdict="improving")
    assert "static from here on" not in words(html.page(make(plateau=rising)))


def test_without_evaluations_nor_findings_there_is_a_page():
    page = html.page(make(rows=(), findings=(), trials=(), not_judged={}))
    assert "There is no evaluation to draw." in words(page)
    assert "No cause is confirmed." in words(page)
    assert not Reader(page).of("svg")


def test_diagnoses_save_their_page(tmp_path):
    path = tmp_path / "report.html"
    images = images_of(problems_with("a"))
    made = make(galleries=lambda: images)
    made.save_html(str(path))
    assert path.read_text() == html.page(made, images)


def test_slots_are_filled_and_filled_anew(tmp_path):
    path = tmp_path / "report.html"
    path.write_text(html.page(make()))
    for text in ("<p>first</p>", "<p>second</p>"):
        assert html.fill(path, dict.fromkeys(html.SLOTS, text))
        assert path.read_text().count(text) == 2
    assert "<p>first</p>" not in path.read_text()
    Reader(path.read_text())


@pytest.mark.parametrize("content", [None, b"a page", b"\xff", "link"])
def test_what_is_no_page_is_left_alone(tmp_path, content):
    path, other = tmp_path / "report.html", tmp_path / "other.html"
    if content == "link":
        other.write_text(html.page(make()))
        path.symlink_to(other)
    elif content is not None:
        path.write_bytes(content)
    before = path.read_bytes() if path.exists() else None
    assert not html.fill(path, dict.fromkeys(html.SLOTS, "text"))
    assert (path.read_bytes() if path.exists() else None) == before


_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# A frame is as wide as it is told to be; a window of the browser is not.
_OUTER = """<body><script>
addEventListener("message", event => {
  const element = document.createElement("pre");
  element.className = "result";
  element.textContent = event.data;
  document.body.append(element);
});
</script>
<iframe src="copy.html" width="390" height="800"></iframe>
<iframe src="copy.html" width="1280" height="800"></iframe>"""
_PROBE = """<script>
addEventListener("load", async () => {
  document.querySelectorAll("details").forEach(each => each.open = true);
  const page = document.documentElement;
  const result = {width: innerWidth, overflow: page.scrollWidth - page.clientWidth};
  if (window.axe) result.violations = (await axe.run()).violations.map(each => each.id);
  parent.postMessage(JSON.stringify(result), "*");
});
</script></body>"""


def axe(folder):
    """Returns the source of axe-core from npm; "" if it cannot be had."""
    if shutil.which("npm") is None:
        return ""
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "axe-core@4"]
    try:
        subprocess.run(command, cwd=folder, capture_output=True, timeout=60, check=True)
    except (subprocess.SubprocessError, OSError):
        return ""
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text()


@pytest.mark.extended
@pytest.mark.skipif(_CHROMIUM is None, reason="there is no Chromium")
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_in_a_browser_nothing_overflows_and_all_is_accessible(tmp_path, scheme):
    page = html.page(
        make(not_judged={"dead_units": Unavailable("n" * 500, "long" * 2_500, True)}),
        images_of(problems_with("tulip" * 100)),
        Path("runs", "a" * 200),
    )
    policy = re.search(r'<meta http-equiv="Content-Security-Policy"[^>]*>\n', page)
    script = f"<script>{axe(tmp_path)}</script>"
    copy = page.replace("</body>", _PROBE).replace(policy[0], script)
    (tmp_path / "copy.html").write_text(copy)
    (tmp_path / "outer.html").write_text(_OUTER)
    done = subprocess.run(
        [
            _CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--blink-settings=preferredColorScheme={int(scheme == 'light')}",
            "--virtual-time-budget=30000",
            "--dump-dom",
            f"file://{tmp_path / 'outer.html'}",
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = re.findall('<pre class="result">(.*?)</pre>', done.stdout, re.DOTALL)
    results = [json.loads(html_lib.unescape(each)) for each in found]
    assert {each["width"] for each in results} == {390, 1280}
    for each in results:
        assert each["overflow"] == 0
        assert not each.get("violations")
