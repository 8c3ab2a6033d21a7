"""Estimates of how many bits symbols take, in profile `gsic`."""

import time

import numpy as np
import pytest
from gsic_scenes import random_scene

from gsic.profiles.gsic import bitstream, code_lengths
from gsic.profiles.gsic.symbols import QuantisedImage


@pytest.mark.parametrize("count", [30, 400, 4000])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_estimate_is_within_a_percent(count: int, channels: int) -> None:
    header, symbols = random_scene(768, 512, channels, count, seed=6)
    header, symbols = bitstream.canonicalise(QuantisedImage(header, symbols))
    payload = bitstream.write(QuantisedImage(header, symbols))[1]
    estimate = code_lengths.estimate_bits(header, symbols)
    assert estimate == pytest.approx(8 * len(payload), rel=0.01, abs=40)
    shuffled = symbols.select(np.random.default_rng(0).permutation(len(symbols)))
    assert code_lengths.estimate_bits(header, shuffled) == pytest.approx(estimate)


def test_the_estimate_of_nothing() -> None:
    assert code_lengths.estimate_bits(*random_scene(9, 9, 3, 0, seed=0)) == 0.0


def test_estimates_are_fast_enough_for_rate_control() -> None:
    header, symbols = random_scene(768, 512, 3, 4000, seed=8)
    code_lengths.estimate_bits(header, symbols)
    started = time.process_time()
    for _ in range(3):
        code_lengths.estimate_bits(header, symbols)
    assert time.process_time() - started < 3 * 0.1
