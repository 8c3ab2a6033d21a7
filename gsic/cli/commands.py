"""The commands: each parses its options, makes one call to the codec, and prints the report.

Commands import what they need inside their bodies, so that `gsic --help` stays fast.
"""

from typing import TYPE_CHECKING, Any

import click

from gsic.cli import console, paths, reports
from gsic.cli.advice import judge_size
from gsic.cli.console import Console
from gsic.cli.loading import load_fit, load_image
from gsic.cli.options import (
    common_options,
    effort_option,
    effort_or_time_option,
    force_option,
    keep_option,
    parse_list,
    parse_region,
    profile_option,
    seed_option,
    set_option,
    time_option,
    truncated_option,
    tune_option,
)
from gsic.options import (
    BLENDS,
    COVARIANCES,
    LOSSES,
    OPTIMIZERS,
    EncodeOptions,
    FitOptions,
    Region,
    check_positive,
    count_threads,
)

if TYPE_CHECKING:
    from gsic.fitting.result import Fit


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=console.EXIT_CODES,
)
@click.version_option(package_name="gsic", prog_name="gsic")
def gsic() -> None:
    """An image codec made of 2D Gaussians. A path of `-` is stdin or stdout."""


@gsic.command(epilog=console.EXIT_CODES)
@click.argument("image")
@click.argument("output", metavar="OUT.gsi")
@click.option(
    "--quality", type=int, metavar="1..100", help="Quality on a fixed scale of quantiser steps."
)
@click.option("--bpp", type=float, metavar="B", help="Bits of the file per pixel, never exceeded.")
@click.option(
    "--max-bytes", type=int, metavar="N", help="Size of the file in bytes, never exceeded."
)
@click.option("--psnr", type=float, metavar="DB", help="Least PSNR of the decoded image in dB.")
@click.option("--gaussians", type=int, metavar="N", help="Number of Gaussians that are fitted.")
@profile_option
@effort_or_time_option
@time_option
@tune_option
@seed_option
@click.option("--init", metavar="FIT.npz", help="Continue from a fit that `gsic fit` wrote.")
@keep_option
@truncated_option
@set_option
@force_option
@common_options
def encode(
    image: str,
    output: str,
    init: str | None,
    keep: frozenset[str],
    accept_truncated: bool,
    force: bool,
    device: str,
    threads: int | None,
    as_json: bool,
    quiet: bool,
    **rates_and_recipe: Any,
) -> None:
    """Fit Gaussians to IMAGE and write them to one file.

    At most one of --quality, --bpp, --max-bytes, --psnr and --gaussians chooses the rate; without
    any, a good default quality is used.
    """
    from gsic.files import check_target, write_bytes_atomically

    options = EncodeOptions(**rates_and_recipe)
    cores = count_threads(threads)
    paths.check(output, image, init)
    if not force:
        paths.refuse_image_name(output, "a .gsi file")
    say = Console(output, as_json, quiet)

    loaded = load_image(image, say, accept_truncated)
    icc = loaded.icc if "icc" in keep else None
    if loaded.icc and not icc:
        say.print_note(f"{image}: the ICC profile is left out; colours may look different")
    start = load_fit(init) if init else None

    from gsic import encoding

    with say.show_progress() as progress, console.name_source(image):
        encoded = encoding.encode_with_report(
            loaded.image,
            options,
            init=start,
            icc=icc,
            device=device,
            threads=cores,
            progress=progress,
        )
    check_target(output, image, init)
    write_bytes_atomically(output, encoded.data)
    if not quiet:
        for note in judge_size(loaded.image, encoded.data):
            say.print_note(f"{image}: {note}")
    report = encoded.report.to_json()
    say.print_result(report, reports.describe_encoding(report))


@gsic.command(epilog=console.EXIT_CODES)
@click.argument("source", metavar="IN.gsi")
@click.argument("image")
@click.option(
    "--scale",
    type=float,
    default=1.0,
    show_default=True,
    help="Size of the output over that of the image; Gaussians are scaled.",
)
@click.option(
    "--region",
    metavar="X,Y,W,H",
    callback=parse_region,
    help="Part of the output to decode, in pixels.",
)
@click.option(
    "--png-level",
    type=int,
    metavar="0..9",
    help="How hard a PNG file is compressed, without loss. [default: fast]",
)
@common_options
def decode(
    source: str,
    image: str,
    scale: float,
    region: Region | None,
    png_level: int | None,
    device: str,
    threads: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Decode IN.gsi to an image file.

    The suffix of IMAGE chooses its format; `-` writes PNG to stdout.
    """
    from gsic.files import check_target, read_bytes

    check_positive("scale", scale)
    cores = count_threads(threads)
    check_target(image, source)
    say = Console(image, as_json, quiet)

    from gsic import images

    writer = images.choose_writer(image, png_level)
    data = read_bytes(source)

    from gsic import decoding

    with console.name_source(source):
        decoded = decoding.decode_with_report(
            data, scale=scale, region=region, device=device, threads=cores, limits=None
        )
    check_target(image, source)
    for note in images.save(image, decoded.image, decoded.icc, writer):
        say.print_note(note)
    report = decoded.report.to_json() | {"seconds": console.seconds_since_start()}
    say.print_result(report, reports.describe_decoding(report))


@gsic.command(epilog=console.EXIT_CODES)
@click.argument("image")
@click.argument("output", metavar="OUT.npz")
@click.option(
    "--gaussians",
    type=int,
    default=FitOptions.gaussians,
    show_default=True,
    help="Number of Gaussians.",
)
@click.option(
    "--iterations",
    type=int,
    default=FitOptions.iterations,
    show_default=True,
    help="Number of optimiser steps.",
)
@click.option(
    "--loss",
    default=FitOptions.loss,
    show_default=True,
    metavar="|".join(LOSSES),
    help="Loss that is minimised.",
)
@click.option(
    "--covariance",
    default=FitOptions.covariance,
    show_default=True,
    metavar="|".join(COVARIANCES),
    help="Parameterisation of the covariance that is optimised.",
)
@click.option(
    "--blend",
    default="sum",
    show_default=True,
    metavar="|".join(BLENDS),
    help="How Gaussians are combined.",
)
@click.option(
    "--optimizer",
    default=FitOptions.optimizer,
    show_default=True,
    metavar="|".join(OPTIMIZERS),
    help="Optimiser.",
)
@seed_option
@truncated_option
@set_option
@force_option
@common_options
def fit(
    image: str,
    output: str,
    accept_truncated: bool,
    force: bool,
    device: str,
    threads: int | None,
    as_json: bool,
    quiet: bool,
    **recipe: Any,
) -> None:
    """Fit unquantised Gaussians to IMAGE.

    OUT.npz holds what `gsic encode --init` continues from.
    """
    import dataclasses

    from gsic.files import check_target

    options = FitOptions(**recipe)
    cores = count_threads(threads)
    paths.check(output, image)
    if not force:
        paths.refuse_image_name(output, "a fit")
    say = Console(output, as_json, quiet)

    loaded = load_image(image, say, accept_truncated)

    from gsic import api

    with say.show_progress() as progress, console.name_source(image):
        fitted = api.fit(
            loaded.image,
            **{field.name: getattr(options, field.name) for field in dataclasses.fields(options)},
            device=device,
            threads=cores,
            progress=progress,
        )
    check_target(output, image)
    _write_fit(output, fitted)
    report = fitted.report.to_json()
    say.print_result(report, reports.describe_fit(report))


@gsic.command(epilog=console.EXIT_CODES)
@click.argument("source", metavar="IN.gsi")
@common_options
def info(source: str, device: str, threads: int | None, as_json: bool, quiet: bool) -> None:
    """Print what a .gsi file says about itself, without decoding it."""
    from gsic.files import check_stdout, read_bytes

    count_threads(threads)
    check_stdout()
    say = Console(None, as_json, quiet)

    data = read_bytes(source)

    from gsic import api

    with console.name_source(source):
        report = api.info(data)
    say.print_result(report, reports.format_table(report))


@gsic.command(epilog=console.EXIT_CODES)
@click.argument("folder")
@click.option("--bpp", callback=parse_list(float), metavar="B,...", help="Rates in bits per pixel.")
@click.option(
    "--gaussians", callback=parse_list(int), metavar="N,...", help="Numbers of Gaussians."
)
@click.option("--quality", callback=parse_list(int), metavar="Q,...", help="Qualities.")
@profile_option
@effort_option
@tune_option
@click.option(
    "--compare",
    default="jpeg,jpeg2000,webp,avif",
    show_default=True,
    callback=parse_list(str),
    metavar="NAME,...",
    help="Codecs to compare with.",
)
@click.option("--output", metavar="DIR", help="Folder of the results. [default: gsic-bench]")
@click.option("--limit", type=int, metavar="N", help="Largest number of images.")
@seed_option
@set_option
@common_options
def bench(folder: str, as_json: bool, quiet: bool, **options: Any) -> None:
    """Measure gsic beside other codecs on the images of FOLDER.

    Without --bpp, --gaussians or --quality: 0.1, 0.2, 0.3 and 0.5 bpp. Finished rows of the same
    version and options are kept when a run is repeated.
    """
    from gsic.bench.options import BenchOptions

    asked = BenchOptions(folder=folder, **options)
    say = Console(None, as_json, quiet)

    from gsic.bench.runner import run

    with say.show_progress(unit="unit") as progress:
        result = run(asked, progress)
    say.print_result(result.report, reports.describe_bench(result.report))
    for image, setting, error in result.report["errors"]:
        say.print_warning(f"{image}, {setting}: {error}")
    if result.exit_code:
        raise click.exceptions.Exit(result.exit_code)


@gsic.command(epilog=console.EXIT_CODES)
@common_options
def doctor(device: str, threads: int | None, as_json: bool, quiet: bool) -> None:
    """Print what a bug report needs, and encode and decode an image as a test.

    The exit code is 1 if the test fails.
    """
    cores = count_threads(threads)
    say = Console(None, as_json, quiet)

    from gsic.doctor.examination import examine

    found = examine(device, cores)
    report = found.to_json()
    say.print_result(report, reports.format_table(report))
    if not found.passed:
        say.print_warning(
            f"the self-test failed: {report['self_test'].get('error', 'wrong image')}"
        )
        raise click.exceptions.Exit(console.BAD_INPUT)


def _write_fit(output: str, fitted: "Fit") -> None:
    import io

    from gsic.files import write_bytes_atomically

    buffer = io.BytesIO()
    fitted.save(buffer)
    write_bytes_atomically(output, buffer.getvalue())
