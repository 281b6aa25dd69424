"""Draws each page of TensorBoard, of a run that was killed once and resumed.

    python docs/draw_tensorboard_pictures.py

Trains on digits with a plateau schedule, kills the process (SIGKILL), runs the same
command again, starts `tensorboard` on the loopback interface, and lets headless
Chromium draw each plugin into --folder. Takes a minute or two on one core. With --docs,
the two pictures of docs/how-to/tensorboard.md are replaced.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

from PIL import Image

_DOCS = pathlib.Path(__file__).resolve().parent
_WHYFLAT = "from framework.commands import main; main()"
_COMMAND = (
    "train",
    "--dataset=digits",
    "--train_for=12ep",
    "--learning_rate=.003",
    "--augment=rotate(10) + shift(.1)",
    "--schedule=(warmup(5%) + constant) * plateau(patience=2, factor=.3, abs=.02)",
    "--evaluate_every=20",
    "--log_every=5",
    "--checkpoint_every=50",
)
# The run is killed after this many evaluations.
_KILLED_AFTER = 6
# By the height in pixels that shows all of it, or its beginning.
_PAGES = {
    "timeseries": 1600,
    "scalars": 3000,
    "custom_scalars": 1600,
    "images": 2200,
    "distributions": 1600,
    "histograms": 1600,
    "text": 3600,
    "pr_curves": 2400,
    "hparams": 1600,
}
# Those of the documentation, and the part of the page that it shows, in pixels.
_SHOWN = {"custom_scalars": (0, 0, 1100, 1150), "images": (0, 0, 1100, 1290)}
_WIDTH = 1400
_SECONDS = 120.0


def main() -> None:
    """Trains, and draws all pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--workdir", type=pathlib.Path, default=pathlib.Path("runs/tensorboard/digits")
    )
    parser.add_argument(
        "--folder", type=pathlib.Path, default=pathlib.Path("build/tensorboard")
    )
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    parser.add_argument("--docs", action="store_true")
    options = parser.parse_args()
    if options.chromium is None:
        raise SystemExit("chromium is not installed; name it by --chromium=PATH")
    if not options.workdir.exists():
        _train(options.workdir)
    options.folder.mkdir(parents=True, exist_ok=True)
    with _server(options.workdir) as address:
        for page, height in _PAGES.items():
            png = options.folder / f"{page}.png"
            _draw(options.chromium, f"{address}/#{page}", png, height)
            print(png)
    if options.docs:
        for page, box in _SHOWN.items():
            _crop(options.folder / f"{page}.png", box)


def _train(workdir: pathlib.Path) -> None:
    """Trains; the first process is killed, the second resumes the run."""
    command = [sys.executable, "-c", _WHYFLAT, *_COMMAND, f"--workdir={workdir}"]
    environment = {**os.environ, "PYTHONPATH": str(_DOCS.parent)}
    first = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    metrics = workdir / "metrics.jsonl"
    while first.poll() is None:
        if metrics.exists() and len(metrics.read_text().splitlines()) >= _KILLED_AFTER:
            first.kill()
            break
        time.sleep(0.05)
    first.wait()
    subprocess.run(command, env=environment, check=True)


@contextlib.contextmanager
def _server(workdir: pathlib.Path) -> Iterator[str]:
    """Runs TensorBoard; yields its address once it has read the run."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tensorboard.main",
            f"--logdir={workdir}",
            "--host=127.0.0.1",
            f"--port={port}",
            "--load_fast=false",
        ],
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(f"{address}/data/runs")
        yield address
    finally:
        server.terminate()
        server.wait()


def _wait(url: str) -> None:
    """Waits until a server answers with a list that is not empty."""
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(OSError), urllib.request.urlopen(url) as answer:
            if b"validation" in answer.read():
                # The other runs follow.
                time.sleep(3)
                return
        time.sleep(0.5)
    raise SystemExit(f"{url} has not answered in {_SECONDS:.0f} s")


def _draw(chromium: str, url: str, png: pathlib.Path, height: int) -> None:
    """Draws a page, after as much of its own time as its charts take."""
    flags = (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--hide-scrollbars",
        "--virtual-time-budget=25000",
        "--run-all-compositor-stages-before-draw",
        f"--window-size={_WIDTH},{height}",
    )
    command = [chromium, *flags, f"--screenshot={png}", url]
    subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS)


def _crop(png: pathlib.Path, box: tuple[int, int, int, int]) -> None:
    """Writes a part of a picture for the documentation, with few colours."""
    picture = Image.open(png).convert("RGB").crop(box)
    small = picture.resize((800, 800 * picture.height // picture.width))
    small.quantize(160, kmeans=2).save(
        _DOCS / "images" / f"tensorboard_{png.stem}.png", optimize=True
    )


if __name__ == "__main__":
    main()
