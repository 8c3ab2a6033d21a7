"""`gsic bench` as a whole: rows, resuming, errors, reports; with a stand-in codec where only the
bookkeeping is tested, and once with the real one."""

import csv
import json
import math
import os
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gsic import files, images, metrics
from gsic.bench import machine, plot, roundtrip
from gsic.bench.bdrate import psnr_at_rate
from gsic.bench.options import DEFAULT_BPP, BenchOptions
from gsic.bench.rows import Row, read
from gsic.bench.runner import run
from gsic.bench.summary import summarise
from gsic.errors import BackendError, InputError, OptionError
from gsic.names import make_key
from gsic.options import EncodeOptions

Pixels = NDArray[np.uint8]
Scene = Callable[..., Pixels]


class StandIn:
    """Files of the size asked for, decoded to the image with its low bits cut off."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.encoded: list[str] = []
        self.originals: dict[Path, Pixels] = {}
        self.fail: Callable[[str], None] = lambda name: None
        self.claim = 0.0
        monkeypatch.setattr(roundtrip, "encode_to", self.encode_to)
        monkeypatch.setattr(roundtrip, "decode_fresh", self.decode_fresh)
        monkeypatch.setattr(roundtrip, "time_decodes", self.decode_times)

    def encode_to(
        self,
        path: Path,
        image: Pixels,
        options: EncodeOptions,
        device: str,
        threads: int | None,
        progress: Any = None,
    ) -> roundtrip.Encoded:
        self.fail(path.name)
        self.encoded.append(path.name)
        self.originals[path] = image
        if progress:
            progress(1, 2, "half")
        assert options.bpp is not None
        path.write_bytes(bytes(round(options.bpp * image.shape[0] * image.shape[1] / 8)))
        psnr = roundtrip.measure_quality(image, self.decode_fresh(path, device, threads)).psnr
        claimed = psnr + self.claim if math.isfinite(psnr) else None
        said = {"psnr": claimed, "psnr_float": claimed, "gaussians": 9, "iterations": 1}
        return roundtrip.Encoded({**said, "device": "cpu"}, 1.25)

    def decode_fresh(self, path: Path, device: str, threads: int | None) -> Pixels:
        return self.originals[path] & np.uint8(0xE0 if path.stat().st_size < 2000 else 0xF0)

    def decode_times(self, data: bytes, device: str, runs: int = 7) -> dict[str, float]:
        return dict(zip(roundtrip.STAGES, (0.25, 0.125, 2.0, 2.5), strict=True))


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    return StandIn(monkeypatch)


@pytest.fixture
def folder(tmp_path: Path, scene: Scene) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    rng = np.random.default_rng(1)
    for index, name in enumerate(["a10.png", "a2.png"]):
        image = scene(112, 128, seed=index).astype(np.int16) + rng.integers(-9, 10, (112, 128, 1))
        Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).save(folder / name)
    return folder


def options(folder: Path, **changes: Any) -> BenchOptions:
    defaults: dict[str, Any] = {"bpp": (0.8, 1.6), "compare": ("jpeg",), "threads": 1}
    return BenchOptions(folder, output=folder.parent / "out", **{**defaults, **changes})


def ours(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row.codec == "gsic"]


def test_rows_hold_what_was_measured(stand_in: StandIn, folder: Path) -> None:
    result = run(options(folder))
    assert result.exit_code == 0
    assert [(row.image, row.setting) for row in ours(result.rows)] == [
        *(("a2.png", "bpp=0.8"), ("a2.png", "bpp=1.6")),
        *(("a10.png", "bpp=0.8"), ("a10.png", "bpp=1.6")),
    ]
    row = ours(result.rows)[0]
    file = folder.parent / "out" / "files" / "a2.png.bpp-0.8.gsi"
    assert row.bytes == file.stat().st_size
    assert row.bpp == 8 * row.bytes / (112 * 128)
    assert (row.width, row.height, row.gaussians, row.device) == (128, 112, 9, "cpu")
    assert (row.encode_s, row.decode_ms, row.entropy_ms) == (1.25, 2.5, 0.25)
    assert row.version == machine.gsic_version()
    decoded = stand_in.decode_fresh(file, "cpu", None)
    assert row.psnr == metrics.psnr(stand_in.originals[file], decoded)


def test_other_codecs_stand_beside_every_file_at_its_size(stand_in: StandIn, folder: Path) -> None:
    result = run(options(folder))
    ladder = [r for r in result.rows if (r.image, r.codec, r.matched) == ("a2.png", "jpeg", None)]
    matched = next(row for row in result.rows if row.image == "a2.png" and row.matched == "bpp=1.6")
    size = ours(result.rows)[1].bytes
    assert size is not None
    file = folder.parent / "out" / "files" / "a2.png.bpp-1.6.jpg"
    assert matched.bytes == file.stat().st_size == pytest.approx(size, rel=0.1)
    with Image.open(file) as opened:
        original = stand_in.originals[file.with_suffix(".gsi")]
        assert matched.psnr == metrics.psnr(original, np.asarray(opened))
    assert matched.decode_ms is not None
    curve = [(row.bpp, row.psnr) for row in [*ladder, matched] if row.bpp and row.psnr]
    assert matched.psnr_at_rate == pytest.approx(psnr_at_rate(curve, 8 * size / 14336), abs=0.1)


def test_a_codec_out_of_reach_has_a_row_without_figures(stand_in: StandIn, folder: Path) -> None:
    result = run(options(folder, bpp=(0.05,)))
    matched = [row for row in result.rows if row.matched]
    assert len(matched) == 2
    for row in matched:
        assert (row.bytes, row.psnr, row.psnr_at_rate, row.setting) == (None, None, None, "-")
        assert row.note is not None
    assert result.report["rates"][0]["against"] == {"jpeg": None}
    assert result.exit_code == 0


def test_a_repeated_run_measures_nothing_again(stand_in: StandIn, folder: Path) -> None:
    first = run(options(folder))
    text = (folder.parent / "out" / "results.csv").read_text()
    stand_in.encoded.clear()
    calls: list[tuple[int, int, str]] = []
    second = run(options(folder), lambda *call: calls.append(call))
    assert stand_in.encoded == []
    assert calls == []
    assert (folder.parent / "out" / "results.csv").read_text() == text
    assert [row.key for row in second.rows] == [row.key for row in first.rows]


def test_an_interrupted_run_continues_where_it_stopped(stand_in: StandIn, folder: Path) -> None:
    def interrupt(name: str) -> None:
        if name == "a10.png.bpp-0.8.gsi":
            raise KeyboardInterrupt

    stand_in.fail = interrupt
    with pytest.raises(KeyboardInterrupt):
        run(options(folder))
    done = read(folder.parent / "out" / "results.csv")
    assert [row.setting for row in ours(done)] == ["bpp=0.8", "bpp=1.6"]
    stand_in.fail = lambda name: None
    stand_in.encoded.clear()
    result = run(options(folder))
    assert stand_in.encoded == ["a10.png.bpp-0.8.gsi", "a10.png.bpp-1.6.gsi"]
    assert len(ours(result.rows)) == 4


def test_a_new_setting_adds_rows_and_the_report_shows_what_was_asked(
    stand_in: StandIn, folder: Path
) -> None:
    run(options(folder))
    stand_in.encoded.clear()
    result = run(options(folder, bpp=(1.6, 2.4)))
    assert stand_in.encoded == ["a2.png.bpp-2.4.gsi", "a10.png.bpp-2.4.gsi"]
    assert [rate["setting"] for rate in result.report["rates"]] == ["bpp=1.6", "bpp=2.4"]
    assert len(ours(read(folder.parent / "out" / "results.csv"))) == 6


@pytest.mark.parametrize(
    "change", [{"effort": 3}, {"tune": "ms-ssim"}, {"seed": 1}, {"settings": {"a": 1}}]
)
def test_other_options_measure_again(
    stand_in: StandIn, folder: Path, change: dict[str, Any]
) -> None:
    run(options(folder, compare=()))
    stand_in.encoded.clear()
    run(options(folder, compare=(), **change))
    assert len(stand_in.encoded) == 4
    assert len(read(folder.parent / "out" / "results.csv")) == 4


def test_other_code_measures_again(
    stand_in: StandIn, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(options(folder, compare=()))
    stand_in.encoded.clear()
    monkeypatch.setattr(machine, "hash_code", lambda: "edited")
    run(options(folder, compare=()))
    assert len(stand_in.encoded) == 4


def test_an_unreadable_image_is_a_row_and_the_others_go_on(stand_in: StandIn, folder: Path) -> None:
    (folder / "a1.png").write_bytes((folder / "a2.png").read_bytes()[:500])
    (folder / "a3.jpg").write_bytes(b"not an image")
    result = run(options(folder))
    assert result.exit_code == 1
    failed = [row for row in result.rows if row.error]
    assert [(row.image, row.setting, row.bytes) for row in failed] == [
        *(("a1.png", "-", None), ("a3.jpg", "-", None)),
    ]
    for row in failed:
        assert row.error is not None
        assert row.error.startswith(row.image)
        assert str(folder) not in row.error
    assert len([row for row in ours(result.rows) if row.bytes]) == 4
    report = (folder.parent / "out" / "report.md").read_text()
    assert "## Errors" in report
    assert "a3.jpg" in report
    (folder / "a1.png").unlink()
    (folder / "a3.jpg").unlink()
    assert run(options(folder)).exit_code == 0
    assert not [row for row in read(folder.parent / "out" / "results.csv") if row.error]


def test_a_failed_encoding_is_a_row_and_is_tried_again(stand_in: StandIn, folder: Path) -> None:
    def fail(name: str) -> None:
        if name == "a2.png.bpp-0.8.gsi":
            raise InputError("0.8 bpp cannot be reached")

    stand_in.fail = fail
    result = run(options(folder))
    assert result.exit_code == 1
    failed = [row for row in result.rows if row.error]
    assert [(row.image, row.setting) for row in failed] == [("a2.png", "bpp=0.8")]
    assert failed[0].error == "0.8 bpp cannot be reached"
    assert not [row for row in result.rows if (row.image, row.matched) == ("a2.png", "bpp=0.8")]
    stand_in.fail = lambda name: None
    stand_in.encoded.clear()
    result = run(options(folder))
    assert stand_in.encoded == ["a2.png.bpp-0.8.gsi"]
    assert result.exit_code == 0
    assert [row for row in result.rows if (row.image, row.matched) == ("a2.png", "bpp=0.8")]


def test_a_claim_that_the_decoded_file_does_not_keep_is_an_error(
    stand_in: StandIn, folder: Path
) -> None:
    stand_in.claim = 0.01
    result = run(options(folder, compare=()))
    assert result.exit_code == 1
    for row in result.rows:
        assert row.error is not None
        assert "encoder claims" in row.error
        assert row.psnr is not None
    assert result.report["rates"] == []


@pytest.mark.parametrize("error", [OptionError("unknown setting"), BackendError("no GPU")])
def test_what_concerns_every_image_ends_the_run(
    stand_in: StandIn, folder: Path, error: Exception
) -> None:
    def fail(name: str) -> None:
        raise error

    stand_in.fail = fail
    with pytest.raises(type(error)):
        run(options(folder))


def test_progress_counts_up_to_its_total(stand_in: StandIn, folder: Path) -> None:
    calls: list[tuple[int, int, str]] = []
    (folder / "broken.png").write_bytes(b"")
    run(options(folder), lambda *call: calls.append(call))
    counts = [done for done, _, _ in calls]
    assert counts == sorted(counts)
    assert {total for _, total, _ in calls} == {3 * (2 * 100 + 20)}
    assert calls[-1][:2] == (660, 660)
    assert any("a10.png bpp=1.6" in text for _, _, text in calls)


def test_reports_are_derived_from_the_rows(stand_in: StandIn, folder: Path) -> None:
    result = run(options(folder))
    out = folder.parent / "out"
    stored = json.loads((out / "results.json").read_text())
    assert stored["options"]["effort"] == 5
    assert len(stored["rows"]) == len(result.rows)
    assert (out / "rd.png").read_bytes().startswith(b"\x89PNG")
    again = summarise(result.rows, ["jpeg"])
    assert again == {key: result.report[key] for key in again}
    rate = result.report["rates"][0]
    matched = [row for row in result.rows if row.matched == "bpp=0.8"]
    mean = np.mean([row.psnr_at_rate for row in matched if row.psnr_at_rate is not None])
    assert rate["against"]["jpeg"]["psnr"] == pytest.approx(mean)
    assert rate["against"]["jpeg"]["difference"] == pytest.approx(rate["psnr"] - mean)
    report = (out / "report.md").read_text()
    assert f"{mean:.2f} ({rate['psnr'] - mean:+.2f}" in report
    assert "a10.png" in report
    assert "![" in report
    for path in (out / "results.csv", out / "results.json", out / "report.md"):
        assert str(folder.parent) not in path.read_text()
    json.dumps(result.report, allow_nan=False)


def test_ssimulacra2_stands_in_rows_and_report(stand_in: StandIn, folder: Path) -> None:
    result = run(options(folder))
    scores = [row.ssimulacra2 for row in ours(result.rows) if row.setting == "bpp=1.6"]
    rate = result.report["rates"][1]
    if metrics.ssimulacra2(np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint8)) is None:
        assert scores == [None, None]
        assert rate["ssimulacra2"] is None
        pytest.skip("ssimulacra2 is not installed")
    assert rate["ssimulacra2"] == pytest.approx(np.mean([score for score in scores if score]))
    assert (rate["ssimulacra2_images"], rate["ms_ssim_images"]) == (2, 0)
    assert "SSIMULACRA2" in (folder.parent / "out" / "report.md").read_text()


def test_losses_are_shown(stand_in: StandIn, folder: Path) -> None:
    result = run(options(folder))
    rows = [replace(row, psnr=10.0) if row.codec == "gsic" else row for row in result.rows]
    against = summarise(rows, ["jpeg"])["rates"][0]["against"]["jpeg"]
    assert against["better_on"] == 0
    assert against["worst_difference"] < 0
    assert against["difference"] < 0


def test_without_matplotlib_one_line_says_how_to_get_it(
    stand_in: StandIn, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    result = run(options(folder, compare=()))
    assert result.report["notes"] == [plot.HOW_TO_GET]
    assert "gsic[bench]" in (folder.parent / "out" / "report.md").read_text()
    assert not (folder.parent / "out" / "rd.png").exists()


def test_a_codec_that_pillow_lacks_is_left_out_with_a_note(
    stand_in: StandIn, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gsic.bench.codecs.pillow.features.check", lambda name: name != "jpg")
    result = run(options(folder))
    assert "jpeg" in result.report["notes"][0]
    assert {row.codec for row in result.rows} == {"gsic"}


def test_alpha_is_compared_premultiplied_and_jpeg_says_that_it_cannot(
    stand_in: StandIn, folder: Path, scene: Scene
) -> None:
    image = scene(112, 128, 4)
    image[:50, :, 3] = 0
    for path in folder.iterdir():
        path.unlink()
    Image.fromarray(image).save(folder / "alpha.png")
    result = run(options(folder, bpp=(1.6,)))
    row = ours(result.rows)[0]
    decoded = image & np.uint8(0xF0)
    expected = metrics.psnr(metrics.premultiply(image), metrics.premultiply(decoded))
    assert row.psnr == pytest.approx(expected)
    jpeg = [row for row in result.rows if row.codec == "jpeg"]
    assert [(row.matched, row.bytes) for row in jpeg] == [("bpp=1.6", None)]
    assert "jpeg cannot code" in str(jpeg[0].note)
    assert result.exit_code == 0


def test_the_limit_takes_the_first_images(stand_in: StandIn, folder: Path) -> None:
    result = run(options(folder, limit=1, compare=()))
    assert {row.image for row in result.rows} == {"a2.png"}


def test_defaults_and_refused_options(tmp_path: Path) -> None:
    assert list(BenchOptions(tmp_path).encodings()) == [f"bpp={value}" for value in DEFAULT_BPP]
    assert list(BenchOptions(tmp_path, gaussians=(1000, 3000)).encodings()) == [
        *("gaussians=1000", "gaussians=3000"),
    ]
    refused: list[dict[str, Any]] = [
        *({"bpp": (0.1,), "quality": (50,)}, {"bpp": (0.0,)}, {"bpp": (math.nan,)}),
        *({"compare": ("png",)}, {"limit": 0}, {"quality": (101,)}, {"threads": 0}),
        *({"device": "tpu"}, {"effort": 10}, {"profile": "none"}),
    ]
    for change in refused:
        with pytest.raises(OptionError):
            BenchOptions(tmp_path, **change)


def test_an_output_folder_is_made_only_where_its_parent_exists(
    stand_in: StandIn, folder: Path
) -> None:
    with pytest.raises(InputError, match="does not exist"):
        run(replace(options(folder), output=folder / "no" / "out"))
    (folder.parent / "file").touch()
    with pytest.raises(InputError, match="cannot make"):
        run(replace(options(folder), output=folder.parent / "file"))
    assert stand_in.encoded == []


def test_broken_claims() -> None:
    assert roundtrip.check_claim(30.0, 30.0) is None
    assert roundtrip.check_claim(None, math.inf) is None
    assert "exact" in str(roundtrip.check_claim(None, 50.0))
    assert "30.00010" in str(roundtrip.check_claim(30.0001, 30.0))


def test_real_files_decoded_in_a_fresh_process(folder: Path) -> None:
    (folder / "a10.png").unlink()
    result = run(options(folder, bpp=(1.6,), effort=1, compare=("jpeg", "webp")))
    assert [row.error for row in result.rows if row.error] == []
    row = ours(result.rows)[0]
    file = folder.parent / "out" / "files" / "a2.png.bpp-1.6.gsi"
    assert row.bytes == file.stat().st_size
    assert row.bpp == pytest.approx(1.6, rel=0.05)
    assert row.psnr is not None
    assert row.psnr > 20
    assert row.psnr_float == pytest.approx(row.psnr, abs=0.3)
    parts = [row.entropy_ms, row.dequantise_ms, row.render_ms]
    assert row.decode_ms is not None
    assert sum(part for part in parts if part is not None) <= row.decode_ms * 1.2
    with (folder.parent / "out" / "results.csv").open() as stored:
        assert next(csv.DictReader(stored))["gaussians"] == str(row.gaussians)


def test_a_damaged_file_fails_in_its_process(tmp_path: Path) -> None:
    path = tmp_path / "bad.gsi"
    path.write_bytes(b"nothing of ours")
    with pytest.raises(roundtrip.DecodeFailed, match="exits 1"):
        roundtrip.decode_fresh(path, "cpu", 1)


ODD = [
    *(b"caf\xe9.png", b"two  spaces.png", b" lead.png", b"trail .png", b"a,b.png", b'"q".png'),
    *(b"a|b.png", b"a\nb.png", b"a\x1b[1m.png", b"`c`*d*<e>.png", b"=1.png", b"back\\slash.png"),
    *(b"back\\\\slash.png", "日本.png".encode(), b"caf\\xe9.png", b"x" * 240 + b".png"),
]


def test_any_name_is_measured_once_and_kept(stand_in: StandIn, folder: Path, scene: Scene) -> None:
    data = (folder / "a2.png").read_bytes()
    for path in list(folder.iterdir()):
        path.unlink()
    for name in ODD:
        (folder / os.fsdecode(name)).write_bytes(data)
    (folder / os.fsdecode(b"bad\xff.png")).write_bytes(b"not an image")
    result = run(options(folder, bpp=(1.6,)))
    good = [row for row in ours(result.rows) if row.bytes]
    assert {row.image for row in good} == {make_key(os.fsdecode(name)) for name in ODD}
    assert [(row.image, row.setting) for row in result.rows if row.error] == [("bad\\xff.png", "-")]
    assert result.exit_code == 1
    assert len(stand_in.encoded) == len(set(stand_in.encoded)) == len(ODD)
    assert all(row.psnr_at_rate for row in result.rows if row.matched)
    out = folder.parent / "out"
    for name in ("results.csv", "results.json", "report.md"):
        text = (out / name).read_bytes().decode()
        assert all(char.isprintable() or char == "\n" for char in text)
    assert {row["image"] for row in json.loads((out / "results.json").read_text())["rows"]} == {
        *(make_key(os.fsdecode(name)) for name in ODD),
        "bad\\xff.png",
    }
    # One line of the table of Markdown for each: no name ends a cell.
    table = (out / "report.md").read_text().split("## Images")[1].strip().splitlines()[2:]
    table = table[: table.index("")] if "" in table else table
    assert len(table) == len(ODD)
    assert {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in table} == {7}

    stand_in.encoded.clear()
    again = run(options(folder, bpp=(1.6,)))
    assert stand_in.encoded == []
    assert [row.key for row in again.rows] == [row.key for row in result.rows]


def test_a_folder_of_any_name_is_measured(stand_in: StandIn, folder: Path) -> None:
    odd = folder.rename(folder.parent / os.fsdecode(b"$a$ `b` \xe9 \xe6\x97\xa5  c"))
    result = run(options(odd, compare=()))
    assert result.exit_code == 0
    assert result.report["folder"] == "$a$ `b` \\xe9 日  c"
    assert shlex.split(result.report["command"])[2] == "$a$ `b` \\xe9 日  c"
    assert (folder.parent / "out" / "rd.png").exists()


@pytest.mark.parametrize("where", ["same", "inside", "link", "linked folder", "files"])
def test_own_results_are_never_measured(stand_in: StandIn, folder: Path, where: str) -> None:
    output = {"same": folder, "inside": folder / "out"}.get(where, folder.parent / "out")
    if where == "link":
        output.symlink_to(folder)
    given = folder
    if where == "linked folder":
        given = folder.parent / "other"
        given.symlink_to(folder)
        output = folder
    first = run(replace(options(given), output=output))
    if where == "files":
        (folder / "plot.png").symlink_to(output / "rd.png")
        (folder / "again.jpg").hardlink_to(output / "files" / "a2.png.bpp-1.6.jpg")
    stand_in.encoded.clear()
    again = run(replace(options(given), output=output))
    assert stand_in.encoded == []
    assert (output / "rd.png").exists()
    assert {row.image for row in again.rows} == {"a2.png", "a10.png"}
    assert [row.key for row in again.rows] == [row.key for row in first.rows]


def test_the_coded_files_of_a_run_are_no_images_for_it(stand_in: StandIn, folder: Path) -> None:
    run(options(folder))
    with pytest.raises(InputError, match="no image in this folder"):
        run(replace(options(folder), folder=folder.parent / "out" / "files"))


def test_files_of_somebody_else_are_not_replaced(stand_in: StandIn, folder: Path) -> None:
    (folder / "a2.png").rename(folder / "rd.png")
    before = (folder / "rd.png").read_bytes()
    with pytest.raises(InputError, match=r"rd\.png: would overwrite an image"):
        run(replace(options(folder), output=folder))
    assert (folder / "rd.png").read_bytes() == before
    assert {path.name for path in folder.iterdir()} == {"rd.png", "a10.png"}
    (folder.parent / "out").mkdir()
    (folder.parent / "out" / "results.csv").write_text("name,amount\nmine,5\n")
    with pytest.raises(InputError, match="is no table of gsic bench"):
        run(options(folder))
    assert stand_in.encoded == []
    assert (folder.parent / "out" / "results.csv").read_text() == "name,amount\nmine,5\n"


def test_an_image_too_large_for_the_memory_is_a_row(
    stand_in: StandIn, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = images.load

    def load_small(path: Path) -> images.Loaded:
        if path.name == "a2.png":
            raise MemoryError
        return load(path)

    monkeypatch.setattr(images, "load", load_small)
    result = run(options(folder, compare=()))
    assert [(row.image, row.error) for row in result.rows if row.error] == [
        ("a2.png", "MemoryError: MemoryError")
    ]
    assert {row.image for row in result.rows if row.bytes} == {"a10.png"}


def test_leftovers_of_a_killed_run_disturb_nothing(stand_in: StandIn, folder: Path) -> None:
    run(options(folder))
    out = folder.parent / "out"
    for place in (out, out / "files", folder):
        (place / f"{files.TEMPORARY_PREFIX}0123456789abcdef{files.TEMPORARY_SUFFIX}").touch()
    with (out / "results.csv").open("a") as table:
        table.write("a2.png,128,112,gsic,bpp=2.4,,17")
    stand_in.encoded.clear()
    assert run(options(folder)).exit_code == 0
    assert stand_in.encoded == []
    assert len(read(out / "results.csv")) == len((out / "results.csv").read_text().splitlines()) - 1
