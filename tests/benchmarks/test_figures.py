"""The scripts in benchmarks/: committed rows, and the figures that they put into the README."""

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from gsic.bench import machine
from gsic.bench.bdrate import bd_rate
from gsic.bench.rows import Row, to_csv

SCRIPTS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module


IMAGES = ("kodim01", "kodim02")


def write_rows(folder: Path, *, other: float = -1.0) -> None:
    """Two images, four rates of ours, and a JPEG curve that is `other` dB above."""
    rates = [(0.1, 24.0), (0.2, 26.0), (0.3, 27.5), (0.5, 29.0)]
    ours = [
        {"image": image, "target": rate, "bytes": 1, "bpp": rate, "psnr": psnr, "ms_ssim": 0.9}
        for image in IMAGES
        for rate, psnr in rates
    ]
    result = {**machine.stamp("python benchmarks/rd.py run"), "rows": ours}
    (folder / "rd-kodak-effort5.json").write_text(json.dumps(result))
    rungs = [
        Row(
            *(f"{image}.png", 768, 512, "jpeg", f"quality={rate}"),
            **{"bytes": 1, "bpp": rate, "psnr": psnr + other, "ms_ssim": rate},  # type: ignore[arg-type]
        )
        for image in IMAGES
        for rate, psnr in [(0.05, 23.0), *rates, (0.9, 31.0)]
    ]
    columns = ("image", "codec", "setting", "bytes", "bpp", "psnr", "ms_ssim")
    (folder / "rd-kodak-curves.csv").write_text(to_csv(rungs, columns))


def test_the_readme_gets_the_figures_that_exist(
    script: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    readme = script("readme")
    # Goals for a GPU stand there with or without figures.
    assert readme.figures(tmp_path).count("| not measured yet |") == 6
    write_rows(tmp_path)
    text = readme.figures(tmp_path)
    assert "| 0.200 | 26.00 | 25.00 (+1.00) |" in text
    assert "28.00 (+1.00)" in text
    assert "| 0.200 | 0.9000 | 0.2000 (+0.7000) |" in text
    stamp = machine.stamp("")
    assert stamp["date"] in text
    assert stamp["machine"]["cpu"] in text
    assert "Speed" not in text
    (tmp_path / "fit-kodak.json").write_text(
        json.dumps({**stamp, "images": 24, "iterations": 1500, "mean_psnr": {"3000": 29.6}})
    )
    assert "| 3000 | 29.60 |" in readme.figures(tmp_path)


def test_losses_stand_in_the_readme(script: Callable[[str], ModuleType], tmp_path: Path) -> None:
    write_rows(tmp_path, other=2.0)
    assert "31.00 (-2.00)" in script("readme").figures(tmp_path)


def test_savings_are_bd_rates_of_mean_curves(
    script: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    write_rows(tmp_path)
    savings = script("savings")
    (saving,) = savings.savings(tmp_path)
    assert (saving.effort, saving.images, saving.rates) == (5, "2 Kodak", (0.1, 0.2, 0.3, 0.5))
    rates = {0.1: 24.0, 0.2: 26.0, 0.3: 27.5, 0.5: 29.0}
    jpeg = [(0.05, 22.0), *((rate, psnr - 1.0) for rate, psnr in rates.items()), (0.9, 30.0)]
    expected = bd_rate(jpeg, list(rates.items()))
    assert expected is not None
    assert saving.percent["jpeg"] == pytest.approx(expected.percent)
    assert saving.percent["avif"] is None
    # All of Kodak are 24 images.
    assert "gaussianimage" not in saving.percent


def test_what_controlling_the_rate_costs(
    script: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    control, stamp = script("control"), machine.stamp("python benchmarks/control.py")
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
    text = script("readme").figures(tmp_path)
    assert (
        "| bits per pixel | 0.2 to 0.2 | -1.00 to -1.00 % of the rate | 1.00, at most 1.00 |"
        in text
    )
    assert "| PSNR | 21 to 21 | +0.050 to +0.050 dB | 3.00, at most 3.00 |" in text
    assert "`--quality` is monotone" in text


def test_every_kind_of_figure_has_a_table(
    script: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    stamp = machine.stamp("python benchmarks/x.py")
    spread = {"p10": 1.0, "median": 2.0, "p90": 3.0}
    stages = ("total_ms", "entropy_ms", "dequantise_ms", "render_ms", "jpeg", "jpeg2000")
    speed = {
        **{"image": "kodim03.png", "width": 768, "height": 512, "bpp": 0.3},
        "encode": {"threads": 2, "seconds": {**spread, "median": 11.25}},
        "decode": {"decodes": 200, "ms": dict.fromkeys(stages, spread)},
        "commands": {
            **{"help_seconds": spread, "decode_seconds": spread},
            "first_decode_seconds": {**spread, "median": 4.75},
        },
    }
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
    files = {"speed-cpu": speed, "memory": memory, "kernels-cpu": kernels, "gpu": gpu}
    for name, content in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps({**stamp, **content}))
    text = script("readme").figures(tmp_path)
    for cell in ("| 11.25 s |", "| 4.75 s |", "| 6000x4000 |", "| 1234 MiB |", "| 2.50 / 1.50 |"):
        assert cell in text
    for cell in ("| 123 µs |", "| 400 µs |", "| 1111 FPS |", "| 2222 FPS |", "| 77 MiB |"):
        assert cell in text
    assert "not measured" not in text
    assert text.count("`python benchmarks/x.py`") == 4


def test_figures_stand_between_the_markers_and_can_be_filled_again(
    script: Callable[[str], ModuleType],
) -> None:
    readme = script("readme")
    text = f"# gsic\n\n{readme.BEGIN}\nold\n{readme.END}\n\nrest\n"
    once = readme.filled(text, "new")
    assert once == f"# gsic\n\n{readme.BEGIN}\n\nnew\n\n{readme.END}\n\nrest\n"
    assert readme.filled(once, "new") == once
    assert readme.filled(once, "") == f"# gsic\n\n{readme.BEGIN}\n{readme.END}\n\nrest\n"
    with pytest.raises(SystemExit):
        readme.filled("no markers", "new")


def test_the_committed_readme_is_up_to_date(script: Callable[[str], ModuleType]) -> None:
    readme = script("readme")
    path = SCRIPTS.parent / "README.md"
    text = path.read_text(encoding="utf-8")
    assert readme.filled(text, readme.figures(SCRIPTS / "results")) == text


@pytest.mark.parametrize("name", ["rd", "control", "fit", "speed", "memory", "readme"])
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
    assert f"benchmarks/{name}.py" in listed


def test_tiling_fills_the_large_image(
    script: Callable[[str], ModuleType],
    tmp_path: Path,
    photo: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from gsic import images

    memory = script("memory")
    monkeypatch.setattr(memory, "LARGE", (130, 70))
    memory.tile(photo, tmp_path / "large.png")
    large = images.load(tmp_path / "large.png").image
    small = images.load(photo).image
    assert large.shape == (70, 130, 3)
    assert (large[:32, :48] == small).all()
    assert (large[:32, 48:96] == small[:, ::-1]).all()


def test_peak_memory_covers_what_a_command_allocated(script: Callable[[str], ModuleType]) -> None:
    memory = script("memory")
    code = "b = b'x' * (200 * 2**20); print('{}')"
    report, seconds, peak = memory.measured([sys.executable, "-c", code])
    assert report == {}
    assert seconds > 0
    assert 200 * 2**20 <= peak < 2**40
    with pytest.raises(SystemExit, match="exits 3"):
        memory.measured([sys.executable, "-c", "raise SystemExit(3)"])
