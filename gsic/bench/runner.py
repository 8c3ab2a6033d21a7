"""`gsic bench`: code every image of a folder at every setting, compare, and report.

Every coded file is real: written to the output folder, its size taken from the file system, decoded
in a process of its own. Every row is on the disk before the next is measured.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsic import images
from gsic.bench import folders, machine, outputs, resume, roundtrip
from gsic.bench.codecs.base import Baseline, Unsupported, count_channels
from gsic.bench.codecs.registry import BASELINES
from gsic.bench.options import DEFAULT_OUTPUT, BenchOptions
from gsic.bench.progress import Meter, Progress
from gsic.bench.rows import Row, Table, read
from gsic.bench.summary import GSIC
from gsic.bench.sweep import Sample, Sweep
from gsic.errors import BackendError, InputError, OptionError
from gsic.files import write_bytes_atomically
from gsic.names import make_key, make_line
from gsic.options import count_threads
from gsic.streams import silence_stderr

__all__ = ["BenchOptions", "BenchResult", "run"]

# Shares of the progress bar: encoding one file of ours, and one other codec on one image.
ENCODE_UNITS, COMPARE_UNITS = 100, 20

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class BenchResult:
    """Rows of what was asked for, their summary, and 1 where any row has an error, else 0."""

    rows: list[Row]
    report: dict[str, Any]
    exit_code: int


def run(options: BenchOptions, progress: Progress | None = None) -> BenchResult:
    """Measure, and write results.csv, results.json, report.md and rd.png.

    Args:
        options: what to measure.
        progress: called with (done, total, text) in units of work that is not kept from an earlier
            run.

    Raises:
        InputError: no image in the folder, or the output cannot be written.
        OptionError: a setting that the profile does not know.
        BackendError: the device is not available.
    """
    folder, output = Path(options.folder), Path(options.output or DEFAULT_OUTPUT)
    paths = folders.list_images(folder, output=output)
    folders.make_output(output, folder)
    try:
        return _Run(options, paths, output, progress).run()
    except OSError as error:
        raise InputError(f"{output}: cannot be written: {error.strerror or error}") from error


class _Run:
    """State of one run: the table that grows, and the measure of what is done."""

    def __init__(
        self,
        options: BenchOptions,
        paths: list[Path],
        output: Path,
        progress: Progress | None,
    ) -> None:
        self.options = options
        self.images = {make_key(path.name): path for path in paths[: options.limit]}
        self.output = output
        self.files = output / folders.FILES
        self.encodings = options.encodings()
        missing = {name: BASELINES[name].missing() for name in dict.fromkeys(options.compare)}
        self.notes = [f"{name} is left out: {why}" for name, why in missing.items() if why]
        self.codecs = [BASELINES[name] for name, why in missing.items() if not why]
        self.version = machine.gsic_version()
        self.digest = options.digest()
        self.threads = count_threads(options.threads)
        self.digests = {make_key(path.name): resume.hash_file(path) for path in paths}
        conditions = resume.Conditions(self.version, self.digest, self.digests, self.files)
        kept = conditions.keep(read(output / folders.TABLE))
        self.done = {row.key: row for row in kept}
        self.table = Table(output / folders.TABLE, kept)
        self.meter = Meter(progress, sum(map(self._count_units, self.images)))

    def run(self) -> BenchResult:
        try:
            for name, path in self.images.items():
                self._run_image(name, path)
            rows = outputs.sort_rows(self.table.rows())
            self.table.close(rows)
        finally:
            self.table.close()
        asked = [row for row in rows if self._is_asked(row)]
        names = [baseline.name for baseline in self.codecs]
        report = outputs.write_results(self.output, self.options, asked, names, self.notes)
        return BenchResult(asked, report, 1 if report["errors"] else 0)

    def _count_units(self, name: str) -> int:
        """Count the units of work that an image still needs."""
        encodings = sum((name, GSIC, setting, None) not in self.done for setting in self.encodings)
        codecs = sum(not self._is_compared(name, baseline) for baseline in self.codecs)
        return ENCODE_UNITS * encodings + COMPARE_UNITS * codecs

    def _is_compared(self, name: str, baseline: Baseline) -> bool:
        return all((name, baseline.name, "", setting) in self.done for setting in self.encodings)

    def _run_image(self, name: str, path: Path) -> None:
        units = self._count_units(name)
        if units == 0:
            return
        end = self.meter.done + units
        row = Row(image=name, digest=self.digests[name])
        try:
            with silence_stderr():
                loaded = images.load(path)
        except (InputError, MemoryError) as error:
            self._store(replace(row, error=_describe_error(error)))
            self.meter.to(end, name)
            return
        height, width = loaded.image.shape[:2]
        row = replace(row, width=width, height=height, note="; ".join(loaded.notes) or None)
        for setting in self.encodings:
            if (name, GSIC, setting, None) not in self.done:
                self._store(self._encode(replace(row, setting=setting), loaded.image))
        row = replace(row, note=None)
        for baseline in self.codecs:
            if not self._is_compared(name, baseline):
                self.meter.step(0, f"{name} {baseline.name}")
                self._compare(baseline, row, loaded.image)
                self.meter.step(COMPARE_UNITS, f"{name} {baseline.name}")
        self.meter.to(end, name)

    def _store(self, row: Row) -> None:
        """Store a row, its texts without the folders of this machine."""
        for name in ("error", "note"):
            text = getattr(row, name)
            if text:
                for folder in (str(self.options.folder), str(self.output)):
                    text = text.replace(folder.rstrip("/") + "/", "")
                change: dict[str, Any] = {name: make_line(text)}
                row = replace(row, **change)
        self.table.add(row)
        self.done[row.key] = row

    def _encode(self, row: Row, image: Image) -> Row:
        """Write one file of ours, decode it elsewhere, compare and time it."""
        text = f"{row.image} {row.setting}"
        device, threads = self.options.device, self.options.threads
        path = resume.coded_file(self.files, row.image, GSIC, row.setting)
        encoding = self.encodings[row.setting]
        row = replace(
            row,
            profile=encoding.profile,
            effort=encoding.effort,
            seed=encoding.seed,
            threads=self.threads,
            version=self.version,
            options=self.digest,
        )
        start = self.meter.done
        try:
            said, seconds = roundtrip.encode_to(
                path, image, encoding, device, threads, self.meter.part(ENCODE_UNITS, text)
            )
            size = path.stat().st_size
            row = replace(
                row,
                bytes=size,
                bpp=8 * size / (image.shape[0] * image.shape[1]),
                psnr_float=said["psnr_float"],
                encode_s=seconds,
                gaussians=said["gaussians"],
                iterations=said["iterations"],
                device=said["device"],
            )
            decoded = roundtrip.decode_fresh(path, device, threads)
            measured = roundtrip.measure_quality(image, decoded)
            row = replace(
                row,
                psnr=_finite_or_none(measured.psnr),
                ms_ssim=measured.ms_ssim,
                ssimulacra2=measured.ssimulacra2,
                error=roundtrip.check_claim(said["psnr"], measured.psnr),
            )
            times = roundtrip.time_decodes(path.read_bytes(), device)
            row = replace(
                row,
                decode_ms=times["total_ms"],
                entropy_ms=times["entropy_ms"],
                dequantise_ms=times["dequantise_ms"],
                render_ms=times["render_ms"],
            )
        except (OptionError, BackendError, OSError):
            raise  # of this run, not of this image
        except Exception as error:
            # Whatever one image provokes, the others go on, and the run ends with exit code 1.
            row = replace(row, error=_describe_error(error))
        self.meter.to(start + ENCODE_UNITS, text)
        return row

    def _compare(self, baseline: Baseline, row: Row, image: Image) -> None:
        """Measure another codec on one image: its curve, and its file nearest to each of ours."""
        row = replace(row, codec=baseline.name, version=baseline.version, options=baseline.digest)
        sweep = Sweep(baseline, image, self._list_known(baseline, row.image))
        pixels = image.shape[0] * image.shape[1]
        try:
            for sample in sweep.ladder():
                rung = replace(row, setting=baseline.label(sample.setting))
                if rung.key not in self.done:
                    self._store(_fill(rung, sample, pixels))
        except Unsupported as error:
            for setting in self.encodings:
                self._store(replace(row, matched=setting, note=str(error)))
            return
        for setting in self.encodings:
            ours = self.done[row.image, GSIC, setting, None]
            if ours.bytes is not None and not ours.error:
                matched = replace(row, matched=setting)
                self._store(self._match(matched, sweep, ours.bytes, pixels))

    def _match(self, row: Row, sweep: Sweep, size: int, pixels: int) -> Row:
        """Search the file of another codec that is nearest in size to one of ours."""
        assert row.matched is not None
        baseline = sweep.baseline
        sample = sweep.match(size)
        if sample is None:
            return replace(row, note=f"no file of {size} bytes, larger or smaller")
        data = baseline.encode(sweep.image, sample.setting)
        path = resume.coded_file(self.files, row.image, baseline.name, row.matched)
        write_bytes_atomically(path, data)
        channels = count_channels(sweep.image)
        decoded = baseline.decode(path.read_bytes(), channels)
        measured = roundtrip.measure_quality(sweep.image, decoded)
        row = replace(row, setting=baseline.label(sample.setting))
        return replace(
            _fill(row, sample, pixels),
            bytes=path.stat().st_size,
            psnr_at_rate=sweep.psnr_at(size),
            ms_ssim=measured.ms_ssim,
            ssimulacra2=measured.ssimulacra2,
            decode_ms=baseline.decode_ms(data, channels),
        )

    def _list_known(self, baseline: Baseline, image: str) -> Iterable[Sample]:
        """List the rungs of the ladder that are rows already."""
        for setting in baseline.ladder:
            row = self.done.get((image, baseline.name, baseline.label(setting), None))
            if row is not None and row.bytes is not None:
                psnr = math.inf if row.psnr is None else row.psnr
                yield Sample(setting, row.bytes, psnr, row.encode_s or 0.0)

    def _is_asked(self, row: Row) -> bool:
        """Tell whether a row belongs to this run's request; the table may hold more."""
        if row.image not in self.images:
            return False
        if row.codec == GSIC:
            return row.setting in self.encodings or row.setting == "-"
        compared = row.codec in {baseline.name for baseline in self.codecs}
        return compared and (row.matched is None or row.matched in self.encodings)


def _fill(row: Row, sample: Sample, pixels: int) -> Row:
    return replace(
        row,
        bytes=sample.bytes,
        bpp=8 * sample.bytes / pixels,
        psnr=_finite_or_none(sample.psnr),
        encode_s=sample.encode_s,
    )


def _finite_or_none(psnr: float) -> float | None:
    return psnr if math.isfinite(psnr) else None


def _describe_error(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return text if isinstance(error, InputError) else f"{type(error).__name__}: {text}"
