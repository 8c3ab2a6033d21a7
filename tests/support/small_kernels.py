"""Functions that compile in a moment, to test how kernels are compiled and kept."""

SIGNATURE = "int64(int64, int64)"


def add(a: int, b: int) -> int:
    return a + b


def multiply(a: int, b: int) -> int:
    return a * b
