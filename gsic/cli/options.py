"""The options that several commands share, and the parsing of their values."""

from collections.abc import Callable
from functools import partial
from typing import Any

import click

from gsic.errors import OptionError
from gsic.options import (
    DEFAULT_EFFORT,
    DEVICES,
    PROFILES,
    TUNES,
    EncodeOptions,
    Region,
    check_region,
)

# Kinds of metadata that a file can hold.
METADATA = ("icc",)

Command = Callable[..., None]


def _parse_pairs(_context: Any, _parameter: Any, texts: tuple[str, ...]) -> dict[str, str]:
    """Parse `--set KEY=VALUE` options to a dictionary."""
    settings = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise click.BadParameter(f"{text!r} is not of the form KEY=VALUE")
        settings[key] = value
    return settings


def parse_region(_context: Any, _parameter: Any, text: str | None) -> Region | None:
    """Parse `X,Y,W,H` to four numbers."""
    if text is None:
        return None
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"{text!r} is not of the form X,Y,W,H") from None
    return check_region(numbers)


def parse_kept(_context: Any, _parameter: Any, text: str) -> frozenset[str]:
    """Parse the kinds of metadata that `--keep` names; `none` is no kind."""
    kinds = frozenset(part.strip() for part in text.split(","))
    if kinds - {"none", *METADATA} or (len(kinds) > 1 and "none" in kinds):
        raise OptionError(f"keep must be none or some of {', '.join(METADATA)}, got {text!r}")
    return kinds - {"none"}


def parse_list(
    kind: Callable[[str], Any],
) -> Callable[[Any, Any, str | None], tuple[Any, ...] | None]:
    """Return a parser of a comma-separated list of numbers or names."""

    def parse(_context: Any, _parameter: Any, text: str | None) -> tuple[Any, ...] | None:
        if text is None:
            return None
        try:
            return tuple(kind(part.strip()) for part in text.split(",") if part.strip())
        except ValueError:
            raise click.BadParameter(f"{text!r} is not a list of numbers") from None

    return parse


def common_options(command: Command) -> Command:
    """Add the options that every command takes."""
    for option in (
        click.version_option(package_name="gsic", prog_name="gsic"),
        click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors."),
        click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
        click.option("--threads", type=int, metavar="N", help="CPU threads. [default: all cores]"),
        click.option(
            "--device",
            type=click.Choice(DEVICES),
            default="auto",
            show_default=True,
            help="Device that computes; auto takes a GPU that works.",
        ),
    ):
        command = option(command)
    return command


seed_option = click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Seed of all random choices; the same seed gives the same bytes.",
)
set_option = click.option(
    "--set",
    "settings",
    multiple=True,
    callback=_parse_pairs,
    metavar="KEY=VALUE",
    help="Change a constant of the recipe; may be repeated. An unknown KEY lists all.",
)
force_option = click.option(
    "-f",
    "--force",
    is_flag=True,
    help="Write the output even if it has the suffix of an image. An input is never replaced.",
)
profile_option = click.option(
    "--profile",
    default=EncodeOptions.profile,
    show_default=True,
    metavar="|".join(PROFILES),
    help="Profile: gsic, or the codec of one of the papers.",
)
_effort_option = partial(click.option, "--effort", type=int, metavar="1..9")
_EFFORT_HELP = "Encoding effort; higher is slower and better."
effort_option = _effort_option(default=DEFAULT_EFFORT, show_default=True, help=_EFFORT_HELP)
# Without a default, so that it shows whether an effort was given beside a time.
effort_or_time_option = _effort_option(help=f"{_EFFORT_HELP} [default: {DEFAULT_EFFORT}]")
time_option = click.option(
    "--time",
    type=float,
    metavar="SECONDS",
    help="Seconds that the encoding takes, about, in place of an effort.",
)
keep_option = click.option(
    "--keep",
    default="icc",
    show_default=True,
    metavar="icc|none",
    callback=parse_kept,
    help="Metadata to keep: an ICC profile that is not sRGB, or none.",
)
truncated_option = click.option(
    "--accept-truncated", is_flag=True, help="Read what there is of a picture that is cut off."
)
tune_option = click.option(
    "--tune",
    default=EncodeOptions.tune,
    show_default=True,
    metavar="|".join(TUNES),
    help="Measure of quality that the encoder raises.",
)
