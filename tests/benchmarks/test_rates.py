"""The scripts in benchmarks/rd and the tables made of their rows: BD-rates by image, previews."""

import importlib
import json
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gsic.bench import machine
from gsic.bench.codecs.registry import BASELINES
from gsic.bench.rows import Row, read, to_csv

ROOT = Path(__file__).parents[2]
Script = Callable[[str], ModuleType]

RATES = [(0.1, 24.0), (0.2, 26.0), (0.3, 27.5), (0.5, 29.0)]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    monkeypatch.syspath_prepend(str(ROOT))
    return lambda name: importlib.import_module(f"benchmarks.{name}")


def make_rows(factors: dict[str, float], offset: float = 0.0) -> list[dict[str, Any]]:
    """Rows of images that need `factor` times the bits of the curve in RATES."""
    return [
        {
            **{"image": image, "target": rate, "bpp": rate * factor, "psnr": psnr + offset},
            **{"seconds": 1.0, "decode_ms": 1.0, "gaussians": 1, "bits": {"all": 8.0}},
        }
        for image, factor in factors.items()
        for rate, psnr in RATES
    ]


def write_results(folder: Path) -> None:
    """Our rows of four images; JPEG needs twice the bits on `a`, half on `b`, is apart on `c`."""
    stamp = machine.stamp("python -m benchmarks.rd.encode")
    rows = make_rows(dict.fromkeys("abcd", 1.0))
    (folder / "rd-kodak-effort5.json").write_text(json.dumps({**stamp, "rows": rows}))
    others = [*make_rows({"a": 2.0, "b": 0.5}), *make_rows({"c": 1.0}, offset=10.0)]
    rungs = [
        Row(
            *(f"{row['image']}.png", None, None, "jpeg", f"quality={row['psnr']}"),
            bpp=row["bpp"],
            psnr=row["psnr"],
        )
        for row in others
    ]
    columns = ("image", "codec", "setting", "bpp", "psnr")
    (folder / "rd-kodak-curves.csv").write_text(to_csv(rungs, columns))


def test_bd_rates_by_image_name_the_worst_and_what_is_left_out(
    script: Script, tmp_path: Path
) -> None:
    rows, by_image = script("report.rows"), script("report.by_image")
    write_results(tmp_path)
    ours, ladders = rows.load_rows(tmp_path, "kodak-effort5"), rows.load_ladders(tmp_path, "kodak")
    found = by_image.compare_with(ours, [0.1, 0.2, 0.3, 0.5], ladders, "jpeg", "psnr")
    assert found.percents == pytest.approx({"b": 100.0, "a": -50.0})
    assert list(found.percents) == ["b", "a"]
    assert (found.apart, found.absent, found.covered) == (["c"], ["d"], 1.0)
    assert found.mean == pytest.approx(25.0)
    assert by_image.format_spread(found) == "+25.0 ± 106.1 % (2 of 4 images)"
    assert by_image.format_worst(found) == "b +100, a -50"
    title, table, apart, absent = by_image.tabulate_against("Kodak", ours, ladders, 0.1, 0.5)
    assert title == "**Kodak, 0.1, 0.2, 0.3, 0.5 bpp, 4 images.**"
    assert "| JPEG 4:2:0 | +25.0 ± 106.1 % (2 of 4 images) | b +100, a -50 |" in table
    assert apart == "No common range of quality, and so in no mean: JPEG 4:2:0 by PSNR: c."
    assert absent == "Measured on some of the images only: JPEG 4:2:0 by PSNR."
    assert by_image.tabulate_against("Kodak", ours, ladders, 0.03, 0.1) == []
    assert by_image.tabulate_against("Kodak", ours, {}, 0.1, 0.5) == []


def test_what_a_curve_covers_is_a_share_of_our_range(script: Script) -> None:
    compare = script("report.by_image").compare_curves
    found = compare({"a": RATES[1:]}, {"a": [(0.2, 24.0), (0.4, 26.0), (1.0, 29.0)]})
    assert found.covered == pytest.approx(3.0 / 5.0)
    assert found.spread == 0.0
    assert "covers 60 %" in script("report.by_image").format_spread(found)
    assert compare({"a": RATES}, {"b": RATES}) is None
    apart = compare({"a": RATES}, {"a": [(0.1, 30.0), (0.2, 31.0)]})
    assert (apart.mean, apart.apart) == (None, ["a"])
    assert script("report.by_image").format_spread(apart) == "–"


def test_the_command_prints_the_tables(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    tables = script("rd.tables")
    write_results(tmp_path)
    arguments = ["tables", "kodak-effort5", "kodak", "--results", str(tmp_path)]
    monkeypatch.setattr("sys.argv", [*arguments, "--range", "0.2-0.5"])
    assert tables.main() == 0
    assert "**kodak-effort5, 0.2, 0.3, 0.5 bpp, 4 images.**" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["tables", "nothing", "kodak", "--results", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"no rd-nothing\.json"):
        tables.main()


def test_configurations_are_compared_image_by_image(script: Script, capsys: Any) -> None:
    results = [
        {"name": name, "rows": make_rows(factors)}
        for name, factors in {"one": {"x": 1.0, "y": 1.0}, "two": {"x": 0.5, "y": 1.1}}.items()
    ]
    results[1]["rows"] += make_rows({"z": 1.0})[:1]
    script("rd.compare").show(results)
    printed = capsys.readouterr().out
    assert printed.startswith(
        "2 images at 0.1, 0.2, 0.3, 0.5\nleft out, as not all have them: 0.1 of z\n"
    )
    row = (
        "| two | | BD -20.0 ± 42.4 % by PSNR (2 images at 0.1, 0.2, 0.3, 0.5) | x 1.00 | x 1.00 | |"
    )
    assert row in printed
    assert "BD-rate by PSNR         -20.00 ± 42.43 %; worst: y +10.0, x -50.0" in printed
    assert "MS-SSIM" not in printed


def test_committed_rows_are_found_where_a_run_left_none(script: Script, tmp_path: Path) -> None:
    compare = script("rd.compare")
    name = "rd-kodak-effort5.json"
    assert compare.find_result(tmp_path, name) == compare.COMMITTED
    (tmp_path / name).write_text("{}")
    assert compare.find_result(tmp_path, name) == tmp_path


def test_the_goals_say_what_is_reached(script: Script, tmp_path: Path) -> None:
    goals = script("report.rate_goals")
    assert goals.build_rate_distortion(tmp_path) == ""
    write_results(tmp_path)
    text = goals.build_rate_distortion(tmp_path)
    cells = "| -51 % | -57 % | -62 % | +25.0 ± 106.1 % (2 of 4 images) | b +100, a -50 | no |"
    assert cells in text
    every = (*goals.GOALS, *goals.PREVIEW_GOALS, *goals.DECODE_GOALS)
    assert text.count("| not measured yet |") == len(every) - 1
    row = {"case": "0.3-bpp", "path": "native", "threads": 1, "decoder": "gsic"}
    decodes = {"rows": [{**row, "over": {"webp": 1.18}}]}
    (tmp_path / goals.DECODE).write_text(json.dumps(decodes))
    line = "| 0.91 | – | at most 1.18 | 1.18 | – | the goal |"
    assert line in goals.build_rate_distortion(tmp_path)
    assert "**Kodak, 0.1, 0.2, 0.3, 0.5 bpp, 4 images.**" in text


@pytest.mark.parametrize(
    ("value", "first", "last", "fewer", "said"),
    [
        (-18.0, -8.0, -17.0, True, "the goal"),
        (-9.0, -8.0, -17.0, True, "the first step"),
        (-7.0, -8.0, -17.0, True, "no"),
        (1.5, 1.0, 2.0, False, "the first step"),
        (2.0, 1.0, 2.0, False, "the goal"),
        (-0.1, None, 0.0, False, "no"),
        (0.1, 0.0, None, False, "the first step"),
        (None, 0.0, None, False, "not measured yet"),
    ],
)
def test_goals_are_judged(
    script: Script,
    value: float | None,
    first: float | None,
    last: float | None,
    fewer: bool,
    said: str,
) -> None:
    assert script("report.rate_goals")._judge(value, first, last, fewer=fewer) == said


def test_previews_are_compared_with_the_best_codec_and_factor(
    script: Script, tmp_path: Path
) -> None:
    previews = script("report.previews")
    ours = [
        {"image": "a", "target": 500, "psnr": 25.0},
        {"image": "b", "target": 500, "psnr": 20.0},
    ]
    stamp = machine.stamp("python -m benchmarks.rd.encode")
    result = json.dumps({**stamp, "rows": ours})
    (tmp_path / f"rd-{previews.OURS}.json").write_text(result)
    others = [
        Row(f"{image}.png", codec=codec, setting="quality=1", matched=matched, psnr=psnr)
        for image, codec, matched, psnr in (
            ("a", "webp", "bytes=500 factor=4", 23.0),
            ("a", "webp", "bytes=500 factor=16", 22.0),
            ("a", "avif", "bytes=500 factor=8", 24.0),
            ("a", "avif", "bytes=5000 factor=8", 30.0),
            ("b", "webp", "bytes=500 factor=12", 21.0),
        )
    ]
    path = tmp_path / f"rd-{previews.OTHERS}-previews.csv"
    path.write_text(to_csv(others, ("image", "codec", "matched", "setting", "psnr")))
    found = previews.compare_previews(*previews.load_previews(tmp_path), 500, "psnr")
    assert found["a"] == (25.0, 24.0, "avif", 8)
    assert found["b"] == (20.0, 21.0, "webp", 12)
    assert previews.format_lead(found, "psnr") == "+0.00 ± 1.41"
    assert previews.format_least(found, "psnr") == "b -1.00, a +1.00"
    table = previews.tabulate_previews(tmp_path)[-1]
    assert "| 500 | PSNR | 22.50 | 22.50 | +0.00 ± 1.41 | b -1.00, a +1.00 |" in table
    assert "WebP, method 6: 1; factors 8 to 12 |" in table


def test_the_highest_quality_that_fits_is_found(script: Script, tmp_path: Path) -> None:
    previews = script("rd.previews")
    noise = np.random.default_rng(0).normal(128, 40, (24, 32, 3)).clip(0, 255).astype(np.uint8)
    image = np.asarray(Image.fromarray(noise).resize((256, 192), Image.Resampling.BICUBIC))
    webp = BASELINES["webp"]
    setting = previews.find_setting(webp, image, 3000)
    assert len(webp.encode(image, setting)) <= 3000 < len(webp.encode(image, setting + 1))
    assert previews.find_setting(webp, image, 100) is None
    assert previews.find_setting(webp, image, 10**6) == webp.top
    path = tmp_path / "image.png"
    Image.fromarray(image).save(path)
    rows = list(previews.measure(path, webp, [1000]))
    factors = [script("report.previews").read_factor(row, 1000) for row in rows]
    assert factors == [factor for factor in previews.FACTORS if factor in factors]
    assert 16 in factors
    assert all(row.bytes <= 1000 and row.psnr for row in rows)
    table = tmp_path / "rows.csv"
    table.write_text(to_csv(rows, previews.COLUMNS))
    assert [row.key for row in read(table)] == [row.key for row in rows]


def test_codecs_of_an_earlier_run_stay_described(script: Script, tmp_path: Path) -> None:
    write_about = script("rd.curves").write_about
    path = tmp_path / "about.json"
    for command, name in (("one", "jpeg"), ("two", "webp"), ("one", "jpeg")):
        write_about(path, command, [BASELINES[name]])
    about = json.loads(path.read_text())
    assert about["command"] == "two; one"
    assert about["codecs"]["jpeg"]["version"] == BASELINES["jpeg"].version
    assert about["codecs"].keys() == {"jpeg", "webp"}


def test_files_are_asked_for_by_rate_or_by_size(script: Script) -> None:
    encode = script("rd.encode")
    rate = Namespace(bpp="0.1,0.2", max_bytes=None)
    assert (encode.name_goal(rate), encode.list_targets(rate)) == ("bpp", [0.1, 0.2])
    size = Namespace(bpp="0.1,0.2", max_bytes="500,1000")
    assert (encode.name_goal(size), encode.list_targets(size)) == ("max_bytes", [500, 1000])
    assert encode.kept_file(Path("x"), "a", "max_bytes", 500).name == "a-max_bytes-500.gsi"
