"""Commands killed without warning at random moments: outputs are the old or the new ones, whole.

`GSIC_KILLS=200 python -m pytest -s tests/cli/test_kills.py` kills that often, and prints counts.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gsic import files
from gsic.bench.rows import Row, read

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL"),
]

KILLS = int(os.environ.get("GSIC_KILLS", "12"))
QUICK = ("--effort", "1", "--set", "steps=20", "--threads", "1", "--device", "cpu")
COMMANDS: dict[str, tuple[str, ...]] = {
    "encode": ("encode", "photo.png", "out.gsi", "--gaussians", "40", *QUICK),
    "decode": ("decode", "in.gsi", "out.png", "--device", "cpu"),
    "bench": ("bench", "photos", "--output", "out", "--bpp", "1.5", "--compare", "jpeg", *QUICK),
}
OLD = b"what was there before"


class Victim:
    """A folder with inputs, what each command makes of them unharmed, and how long that takes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seconds: dict[str, float] = {}
        self.expected: dict[str, bytes] = {}
        self.counts: Counter[str] = Counter()

    def run(self, command: str, seconds: float | None = None) -> bool:
        """Run a command; kill it after so many seconds. Returns whether it came to its end."""
        process = subprocess.Popen(
            [sys.executable, "-m", "gsic", *COMMANDS[command], "-q"],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            process.wait(seconds if seconds is not None else 300)
        except subprocess.TimeoutExpired:
            assert seconds is not None, "hangs"
            # Not its children: a process that decodes for `bench` ends by itself.
            process.kill()
        _, said = process.communicate(timeout=60)
        assert process.returncode in (0, -signal.SIGKILL), said
        self.counts["killed"] += process.returncode != 0
        return process.returncode == 0

    def collect_leftovers(self, folder: Path) -> None:
        """Count and delete temporary files, which hold whole files or none."""
        for path in folder.rglob(f"{files.TEMPORARY_PREFIX}*"):
            assert path.suffix == files.TEMPORARY_SUFFIX
            self.counts["leftover"] += 1
            path.unlink()


@pytest.fixture
def victim(tmp_path: Path, scene: Callable[..., NDArray[np.uint8]]) -> Victim:
    victim = Victim(tmp_path)
    (tmp_path / "photos").mkdir()
    for index in range(2):
        Image.fromarray(scene(40, 48, seed=index)).save(tmp_path / "photos" / f"{index}.png")
    shutil.copy(tmp_path / "photos" / "0.png", tmp_path / "photo.png")
    assert victim.run("encode")  # compiles what is not compiled yet
    shutil.copy(tmp_path / "out.gsi", tmp_path / "in.gsi")
    for command, output in (("encode", "out.gsi"), ("decode", "out.png")):
        began = time.perf_counter()
        assert victim.run(command)
        victim.seconds[command] = time.perf_counter() - began
        victim.expected[command] = (tmp_path / output).read_bytes()
        (tmp_path / output).unlink()
    return victim


def choose_moment(rng: random.Random, seconds: float) -> float:
    """Any moment of a command, half of the times one near its end, when it writes."""
    return rng.uniform(0.7 if rng.random() < 0.5 else 0.0, 1.0) * seconds


def check_file(victim: Victim, command: str, rng: random.Random) -> None:
    target = victim.folder / COMMANDS[command][2]
    before = OLD if rng.random() < 0.5 else None
    if before is not None:
        target.write_bytes(before)
    finished = victim.run(command, choose_moment(rng, victim.seconds[command]))
    victim.collect_leftovers(victim.folder)
    after = target.read_bytes() if target.exists() else None
    assert after in (
        (victim.expected[command],) if finished else (before, victim.expected[command])
    )
    outcome = "finished" if finished else "new" if after != before else "old"
    victim.counts[f"{command}: {outcome}"] += 1
    assert {path.name for path in victim.folder.iterdir()} <= {
        *("photos", "photo.png", "in.gsi", target.name)
    }
    target.unlink(missing_ok=True)


def measured(rows: list[Row]) -> dict[Any, Row]:
    """Rows by their keys, without what another run measures anew: times."""
    times: dict[str, Any] = dict.fromkeys(
        ("encode_s", "decode_ms", "entropy_ms", "dequantise_ms", "render_ms")
    )
    return {row.key: replace(row, **times) for row in rows}


def test_killed_commands_leave_whole_files(victim: Victim) -> None:
    kills, rng = KILLS * 4 // 5, random.Random(4)
    while victim.counts["killed"] < kills:
        check_file(victim, rng.choice(("encode", "decode")), rng)
    print("\n", dict(sorted(victim.counts.items())))


def test_killed_benchmarks_go_on_where_they_were(victim: Victim) -> None:
    out = victim.folder / "out"
    began = time.perf_counter()
    assert victim.run("bench")
    seconds = time.perf_counter() - began
    reference = measured(read(out / "results.csv"))
    assert len(reference) > 4
    rng = random.Random(5)
    shutil.rmtree(out)
    before: list[Row] = []
    while victim.counts["killed"] < KILLS - KILLS * 4 // 5:
        left = max(0.3, 1 - len(before) / len(reference))
        finished = victim.run("bench", choose_moment(rng, seconds * left))
        victim.collect_leftovers(out)
        rows = read(out / "results.csv")
        # No row is lost or measured again, times included, and none is another one.
        assert [row for row in before if row not in rows] == []
        assert measured(rows).items() <= reference.items()
        victim.counts["finished" if finished else f"of these with {len(rows)} rows"] += 1
        before = rows
        if finished:
            assert measured(rows) == reference
            assert (out / "report.md").exists()
            shutil.rmtree(out)
            before = []
    assert victim.run("bench")
    assert measured(read(out / "results.csv")) == reference
    assert [row for row in before if row not in read(out / "results.csv")] == []
    print("\n", dict(sorted(victim.counts.items())))
