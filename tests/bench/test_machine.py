"""What reports say of the machine and of the code that ran."""

import json
from pathlib import Path

import numpy as np

from gsic.bench import machine


def test_machine_description_names_no_path_or_host() -> None:
    text = json.dumps(machine.describe())
    assert "/" not in text.replace("GNU/Linux", "")
    assert json.loads(text)["libraries"]["numpy"] == np.__version__


def test_the_code_digest_covers_the_codec(tmp_path: Path) -> None:
    assert machine.hash_code() == machine.hash_code()
    assert len(machine.hash_code()) == 12
