"""A range decoder that is written from FORMAT.md section 9.2 alone reads what gsic writes."""

import format_two_dgs as independent
import numpy as np
import pytest

from gsic.coding.range_coder import RangeWriter, build_model_from_counts


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10, 400])
def test_payloads(count: int) -> None:
    rng = np.random.default_rng(count)
    for _ in range(10):
        counts = rng.geometric(0.02, 2 + rng.integers(40))
        index = rng.integers(0, len(counts), count)
        fields = rng.integers(0, 1 << 13, count)
        writer = RangeWriter()
        writer.write_symbols(index, build_model_from_counts(counts))
        writer.write_raw(fields, 13)
        writer.write_exp_golomb(fields)
        payload = independent.Payload(writer.finish())
        starts = np.concatenate(
            ([0], np.cumsum(build_model_from_counts(counts).frequencies))
        ).tolist()
        assert [payload.read_symbol(starts) for _ in range(count)] == index.tolist()
        assert payload.read_raw(13, count) == fields.tolist()
        assert [payload.read_exp_golomb() for _ in range(count)] == fields.tolist()
        if count:
            payload.finish()
