"""The scripts in benchmarks/: committed rows, and the figures that they put into the pages."""

import importlib
import json
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from gsic.bench import machine
from gsic.bench.bdrate import bd_rates
from gsic.bench.codecs.registry import BASELINES
from gsic.bench.rows import Row, to_csv

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "benchmarks"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    monkeypatch.syspath_prepend(str(ROOT))
    return lambda name: importlib.import_module(f"benchmarks.{name}")


IMAGES = ("kodim01", "kodim02")
RATES = [(0.1, 24.0), (0.2, 26.0), (0.3, 27.5), (0.5, 29.0)]


def write_rows(
    folder: Path,
    name: str = "kodak",
    ours: str = "kodak-effort5",
    *,
    other: float = -1.0,
    images: tuple[str, ...] = IMAGES,
) -> None:
    """Our rows of some images, and a JPEG curve that is `other` dB above.

    WebP is like JPEG, but cannot be smaller than 0.25 bpp on the first image.
    """
    rows = [
        {
            **{"image": image, "target": rate, "bytes": 1, "bpp": rate, "psnr": psnr},
            **{"ms_ssim": 0.9, "ssimulacra2": psnr + 20},
        }
        for image in images
        for rate, psnr in RATES
    ]
    result = {**machine.stamp("python -m benchmarks.rd.encode"), "rows": rows}
    (folder / f"rd-{ours}.json").write_text(json.dumps(result))
    rungs = [
        Row(
            *(f"{image}.png", 768, 512, codec, f"quality={rate}"),
            bytes=1,
            bpp=rate,
            psnr=psnr + other,
            ms_ssim=rate,
            ssimulacra2=psnr + 10,
        )
        for image in images
        for codec in ("jpeg", "webp")
        for rate, psnr in [(0.05, 23.0), *RATES[:2], (0.25, 26.8), *RATES[2:], (0.9, 31.0)]
        if codec == "jpeg" or image != images[0] or rate >= 0.25
    ]
    columns = ("image", "codec", "setting", "bytes", "bpp", "psnr", "ms_ssim", "ssimulacra2")
    (folder / f"rd-{name}-curves.csv").write_text(to_csv(rungs, columns))


def test_the_page_gets_the_figures_that_exist(
    script: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    page = script("report.figures")
    # Goals for a GPU stand there with or without figures.
    assert page.build_figures(tmp_path).count("| not measured yet |") == 6
    write_rows(tmp_path)
    text = page.build_figures(tmp_path)
    assert "| PSNR at | 0.1 bpp | 0.2 bpp | 0.3 bpp | 0.5 bpp |" in text
    assert "| gsic | 24.00 | 26.00 | 27.50 | 29.00 |" in text
    assert "| JPEG 4:2:0 | 23.00 (+1.00) | 25.00 (+1.00) |" in text
    assert "0.2000 (+0.7000)" in text
    assert "| gsic | 44.0 | 46.0 | 47.5 | 49.0 |" in text
    assert "| JPEG 4:2:0 | 34.0 (+10.0) | 36.0 (+10.0) |" in text
    stamp = machine.stamp("")
    assert stamp["date"] in text
    assert stamp["machine"]["cpu"] in text
    assert "Speed" not in text
    (tmp_path / "fit-kodak.json").write_text(
        json.dumps({**stamp, "images": 24, "iterations": 1500, "mean_psnr": {"3000": 29.6}})
    )
    assert "| 3000 | 29.60 |" in page.build_figures(tmp_path)


def test_losses_stand_in_the_page(script: Callable[[str], ModuleType], tmp_path: Path) -> None:
    write_rows(tmp_path, other=2.0)
    assert "31.00 (-2.00)" in script("report.figures").build_figures(tmp_path)


def test_both_means_of_a_cell_are_over_the_images_that_both_reach(
    script: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    write_rows(tmp_path)
    path = tmp_path / "rd-kodak-effort5.json"
    result = json.loads(path.read_text())
    for row in result["rows"]:
        if row["image"] == IMAGES[0]:  # where WebP cannot be small
            row["psnr"] += 8.0
    path.write_text(json.dumps(result))
    text = script("report.figures").build_figures(tmp_path)
    assert "| gsic | 28.00 | 30.00 | 31.50 | 33.00 |" in text
    assert "| WebP, method 6 | 23.00, ours 24.00 (+1.00, 1 of 2 images) |" in text


def test_measures_that_rows_lack_have_no_table(
    script: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    write_rows(tmp_path)
    path = tmp_path / "rd-kodak-effort5.json"
    result = json.loads(path.read_text())
    for row in result["rows"]:
        del row["ssimulacra2"]
    path.write_text(json.dumps(result))
    text = script("report.figures").build_figures(tmp_path)
    assert "MS-SSIM at" in text
    assert "SSIMULACRA2 at" not in text


def test_savings_are_bd_rates_of_images(
    script: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    write_rows(tmp_path)
    (saving,) = script("report.savings").compute_savings(tmp_path, "psnr")
    assert (saving.images, saving.rates) == (2, (0.1, 0.2, 0.3, 0.5))
    jpeg = [
        *((0.05, 22.0), *((rate, psnr - 1.0) for rate, psnr in RATES)),
        *((0.25, 25.8), (0.9, 30.0)),
    ]
    expected = bd_rates(dict.fromkeys(IMAGES, jpeg), dict.fromkeys(IMAGES, RATES))
    assert expected is not None
    assert saving.against["jpeg"] == pytest.approx(expected)
    assert saving.against["webp"].images == 2
    assert saving.against["webp"].least != saving.against["webp"].largest
    assert "avif" not in saving.against
    line = script("report.quality").format_savings([saving]).splitlines()[-1]
    percent, least = expected.percent, expected.least
    assert line.startswith(f"| JPEG 4:2:0 | {percent:+.1f} % [{least:+.0f}, {least:+.0f} kodim")


def test_kinds_of_pictures_and_the_first_page(
    script: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    page = script("report.figures")
    write_rows(tmp_path)
    assert "By kind" not in page.build_figures(tmp_path)
    flat = ("chart-a", "chart-b", "screen-a", "text-a")
    write_rows(tmp_path, "flat", "flat", images=flat, other=2.0)
    path = tmp_path / "rd-flat.json"
    path.write_text(path.read_text().replace('"target": 0.3', '"target": 0.4'))
    text = page.build_figures(tmp_path)
    assert "photographs: 2, flat charts: 2, screenshots: 1, pages of text: 1" in text
    assert "| pages of text | 0.2 | 26.00 |" in text
    first = page.build_equal_bytes(tmp_path)
    assert "| **gsic** | 24.0 | 44 | 27.5 | 48 |" in first
    assert "| WebP, method 6 | 23.0 (gsic 24.0, on 1 of 2) |" in first
    assert "Means over 2 photographs," in first


def test_points_of_the_plot_are_means_over_all_images(script: Callable[[str], ModuleType]) -> None:
    plot = script("report.plot")
    curves = {"a": [(0.1, 20.0), (0.4, 30.0)], "b": [(0.2, 30.0), (0.4, 40.0)]}
    points = plot.average_at(curves, (0.1, 0.2, 0.4))
    assert points == [(0.2, pytest.approx(27.5)), (0.4, pytest.approx(35.0))]


def test_the_plot_is_drawn_from_rows(script: Callable[[str], ModuleType], tmp_path: Path) -> None:
    write_rows(tmp_path)
    figure = script("report.plot").draw_figure(tmp_path)
    left, right = figure.axes
    assert [line.get_label() for line in left.lines] == ["gsic", "WebP, method 6", "JPEG 4:2:0"]
    assert right.get_title() == "SSIMULACRA2, means of 2 images"


def test_what_controlling_the_rate_costs(
    script: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    control, stamp = script("rd.control"), machine.stamp("python -m benchmarks.rd.control")
    fixed = {"image": "a", "asked": "quality", "seconds": 2.0}
    rows = [
        {**fixed, "value": 10, "bytes": 1000, "bpp": 0.1, "psnr": 20.0},
        {**fixed, "value": 30, "bytes": 4000, "bpp": 0.4, "psnr": 25.0},
        *(
            {"image": "a", "asked": name, "value": value, **reached, "seconds_over_quality": ratio}
            for ratio, (name, value, reached) in enumerate(
                [
                    ("bpp", 0.2, {"bytes": 1980, "bpp": 0.198, "psnr": 22.0}),
                    ("max_bytes", 3000, {"bytes": 2970, "bpp": 0.297, "psnr": 24.0}),
                    ("psnr", 21.0, {"bytes": 1500, "bpp": 0.15, "psnr": 21.05}),
                ],
                1,
            )
        ),
    ]
    assert control.quality_of(2000, rows[:2]) == 20
    summary = control.summary(rows)
    (tmp_path / "rate-control.json").write_text(
        json.dumps({**stamp, "summary": summary, "rows": rows})
    )
    text = script("report.figures").build_figures(tmp_path)
    assert (
        "| bits per pixel | 0.2 to 0.2 | -1.00 to -1.00 % of the rate | 1.00, at most 1.00 |"
        in text
    )
    assert "| PSNR | 21 to 21 | +0.050 to +0.050 dB | 3.00, at most 3.00 |" in text
    assert "`--quality` is monotone" in text


def test_every_kind_of_figure_has_a_table(
    script: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    stamp = machine.stamp("python -m benchmarks.x")
    sizes = {"width": 6000, "height": 4000, "gaussians": 190_000, "peak_mib": 1234.4}
    memory = {"bpp": 0.3, "rows": [{"task": "encode", **sizes}]}
    kernels = {
        "image": {"width": 768, "height": 512},
        "rows": [
            {"target": "avx2", "gaussians": 3000, "threads": n, "operation": name, "median_ms": ms}
            for name in ("render_sum", "render_sum_backward", "SumLoss.step")
            for n, ms in ((1, 2.5), (2, 1.5))
        ],
    }
    sums = [
        {"gaussians": n, "operation": "render_sum", "median_us": us}
        for n, us in ((10_000, 51.0), (70_000, 123.0))
    ]
    gpu = {
        "gpu": {"name": "a GPU"},
        "kernels": sums,
        "fit": {"steps_per_second": 2500.0, "peak_mib": 77.0},
        "decoding": {"fps_single": 1111.0, "fps_batch_of_32": 2222.0},
    }
    files = {"memory": memory, "kernels-cpu": kernels, "gpu": gpu}
    for name, content in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps({**stamp, **content}))
    text = script("report.figures").build_figures(tmp_path)
    for cell in ("| 6000x4000 |", "| 1234 MiB |", "| 2.50 / 1.50 |"):
        assert cell in text
    for cell in ("| 123 µs |", "| 400 µs |", "| 1111 FPS |", "| 2222 FPS |", "| 77 MiB |"):
        assert cell in text
    assert "not measured" not in text
    assert text.count("`python -m benchmarks.x`") == 3


def test_figures_stand_between_the_markers_and_can_be_filled_again(
    script: Callable[[str], ModuleType],
) -> None:
    fill = script("report.figures").fill
    first, last = "<!-- figures:begin -->", "<!-- figures:end -->"
    text = f"# gsic\n\n{first}\nold\n{last}\n\nrest\n"
    once = fill(text, "figures", "new")
    assert once == f"# gsic\n\n{first}\n\nnew\n\n{last}\n\nrest\n"
    assert fill(once, "figures", "new") == once
    assert fill(once, "figures", "") == f"# gsic\n\n{first}\n{last}\n\nrest\n"
    with pytest.raises(SystemExit):
        fill("no markers", "figures", "new")
    with pytest.raises(SystemExit):
        fill(text, "equal-bytes", "new")


@pytest.mark.parametrize(
    ("path", "marker", "content"),
    [
        ("docs/figures.md", "figures", "build_figures"),
        ("docs/benchmarks.md", "benchmarks", "build_benchmarks"),
        ("docs/benchmarks.md", "rate-distortion", "build_rate_distortion"),
        ("README.md", "equal-bytes", "build_equal_bytes"),
    ],
)
def test_the_committed_pages_are_up_to_date(
    script: Callable[[str], ModuleType], path: str, marker: str, content: str
) -> None:
    page = script("report.figures")
    text = (ROOT / path).read_text(encoding="utf-8")
    assert page.fill(text, marker, getattr(page, content)(SCRIPTS / "results")) == text


def test_the_committed_plot_is_there_and_small() -> None:
    plot = ROOT / "docs" / "images" / "rd.png"
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert plot.stat().st_size < 100_000


def test_drawn_pictures_are_the_same_every_time(script: Callable[[str], ModuleType]) -> None:
    pictures = script("rd.pictures")
    assert {name.partition("-")[0] for name in pictures.PICTURES} == {"chart", "screen", "text"}
    for draw in pictures.PICTURES.values():
        first = draw()
        assert (first.size, first.mode) == ((512, 512), "RGB")
        assert first.tobytes() == draw().tobytes()


def test_curves_are_measured_up_to_a_rate_and_known_rows_kept(
    script: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    curves = script("rd.curves")
    jpeg = BASELINES["jpeg"]
    noise = np.random.default_rng(0).normal(128, 40, (32, 32, 3)).clip(0, 255).astype(np.uint8)
    image = tmp_path / "image.png"
    Image.fromarray(noise).resize((256, 256), Image.Resampling.BICUBIC).save(image)
    rows = list(curves.measure(image, jpeg, 1, 1.1, {}))
    assert rows[-1].bpp > 1.1 >= rows[-2].bpp
    assert all(row.psnr and row.bytes for row in rows)
    known = {row.key: row for row in rows[1:]}
    assert list(curves.measure(image, jpeg, 1, 1.1, known)) == rows[:1]
    backwards = list(reversed(rows))
    assert sorted(backwards, key=curves.sort_key) == rows


@pytest.mark.parametrize(
    "name",
    [
        *("rd.encode", "rd.curves", "rd.compare", "rd.control", "rd.pictures"),
        *("rd.previews", "rd.tables"),
        *("speed.fit", "speed.memory", "report.figures", "report.plot"),
    ],
)
def test_scripts_explain_themselves(
    script: Callable[[str], ModuleType],
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    module = script(name)
    monkeypatch.setattr("sys.argv", [name, "--help"])
    with pytest.raises(SystemExit) as exit_:
        module.main()
    assert exit_.value.code == 0
    assert "usage" in capsys.readouterr().out
    listed = (SCRIPTS / "README.md").read_text(encoding="utf-8")
    assert f"python -m benchmarks.{name}" in listed


def test_kept_files_are_measured_and_not_encoded_again(
    script: Callable[[str], ModuleType],
    tmp_path: Path,
    photo: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encode = script("rd.encode")
    options = {"effort": 1, "tune": "psnr", "seed": 0, "settings": {}}
    first = encode.measure_file(photo, "bpp", 0.5, options, 1, tmp_path)
    assert {path.suffix for path in tmp_path.glob(f"{photo.stem}-bpp-0.5.*")} == {".gsi", ".json"}
    monkeypatch.setattr(encode.encoding, "encode_with_report", None)
    again = encode.measure_file(photo, "bpp", 0.5, options, 1, tmp_path)
    assert {**again, "decode_ms": 0} == {**first, "decode_ms": 0}
    arguments = Namespace(files=tmp_path, folder=photo.parent, max_bytes=None)
    bare = {name: value for name, value in first.items() if name != "ssimulacra2"}
    assert encode.add_score(bare, arguments) == {**bare, "ssimulacra2": first["ssimulacra2"]}
    assert encode.add_score(bare, Namespace(files=None)) == bare
    with pytest.raises(SystemExit, match="is not the file of its row"):
        encode.add_score({**bare, "bytes": 1}, arguments)
    report = tmp_path / f"{photo.stem}-bpp-0.5.json"
    report.write_text(json.dumps({**json.loads(report.read_text()), "psnr": 1.0}))
    with pytest.raises(SystemExit, match="encoder claims"):
        encode.measure_file(photo, "bpp", 0.5, options, 1, tmp_path)


def test_tiling_fills_the_large_image(
    script: Callable[[str], ModuleType],
    tmp_path: Path,
    photo: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from gsic import images

    memory = script("speed.memory")
    monkeypatch.setattr(script("speed.pictures"), "LARGE", (130, 70))
    memory.tile(photo, tmp_path / "large.png")
    large = images.load(tmp_path / "large.png").image
    small = images.load(photo).image
    assert large.shape == (70, 130, 3)
    assert (large[:32, :48] == small).all()
    assert (large[:32, 48:96] == small[:, ::-1]).all()


def test_peak_memory_covers_what_a_command_allocated(script: Callable[[str], ModuleType]) -> None:
    memory = script("speed.memory")
    code = "b = b'x' * (200 * 2**20); print('{}')"
    report, seconds, peak = memory.measured([sys.executable, "-c", code])
    assert report == {}
    assert seconds > 0
    assert 200 * 2**20 <= peak < 2**40
    with pytest.raises(SystemExit, match="exits 3"):
        memory.measured([sys.executable, "-c", "raise SystemExit(3)"])
