"""Profile `gsic`: the parameter bytes of a file. FORMAT.md section 7.1 is normative."""

from __future__ import annotations

from typing import NamedTuple

from gsic.container import ByteReader, Container, encode_varint
from gsic.errors import CorruptFile
from gsic.profiles.gsic.symbols import MAX_STEP_INDEX, POSITION_CLASSES, Header
from gsic_kernels.constants import MAX_SIDE_PX
from gsic_kernels.cpu.ans.layout import MAX_GAUSSIANS

# Each Gaussian has at least a gap, an amplitude class, a log-scale, two numbers of log-anisotropy
# and a colour. No table lets a symbol cost less than 1/200 bit, and the state of the coder holds 64
# bits more than the bytes of the payload.
_SYMBOLS = 5
_SYMBOLS_PER_BIT = 200
_STATE_BITS = 64

_MASK_BYTES = len(POSITION_CLASSES) // 8


class Parameters(NamedTuple):
    """The profile's own header.

    Attributes:
        header: what all Gaussians share.
        groups: the position classes that occur, ascending.
        counts: how many Gaussians each of them has.
    """

    header: Header
    groups: list[int]
    counts: list[int]


def write_parameters(parameters: Parameters) -> bytes:
    """Return the parameter bytes of an image."""
    header, groups, counts = parameters
    data = encode_varint(header.step_index) + bytes(header.background) + encode_varint(sum(counts))
    if groups:
        mask = sum(1 << group - POSITION_CLASSES[0] for group in groups)
        data += mask.to_bytes(_MASK_BYTES, "little")
    # The last count follows from the sum.
    return data + b"".join(encode_varint(count) for count in counts[:-1])


def read_parameters(file: Container) -> Parameters:
    """Return what the parameter bytes of a file say, checked against the length of its payload.

    Raises:
        CorruptFile: no encoder can have made these bytes.
    """
    width, height, channels = file.width, file.height, file.mode.channels
    payload_bytes = len(file.payload)
    if max(width, height) > MAX_SIDE_PX:
        raise CorruptFile(f"header: a side of {max(width, height)} pixels, above {MAX_SIDE_PX}")
    fields = ByteReader(file.parameters, "parameters")
    step_index = fields.varint("global step")
    if step_index > MAX_STEP_INDEX:
        raise CorruptFile(f"parameters: step index {step_index} above {MAX_STEP_INDEX}")
    background = tuple(fields.take(channels, "background"))
    header = Header(width, height, channels, step_index, background)
    count = fields.varint("Gaussian count")
    if count == 0:
        fields.finish()
        if payload_bytes:
            raise CorruptFile(f"payload: {payload_bytes} bytes for an image without Gaussians")
        return Parameters(header, [], [])
    if count > MAX_GAUSSIANS:
        raise CorruptFile(f"parameters: {count} Gaussians, above {MAX_GAUSSIANS}")
    # Checked before anything is allocated in proportion to the count.
    bits = 8 * payload_bytes + _STATE_BITS
    if count * (_SYMBOLS + channels) > _SYMBOLS_PER_BIT * bits:
        raise CorruptFile(f"parameters: {count} Gaussians in a payload of {payload_bytes} bytes")
    mask = int.from_bytes(fields.take(_MASK_BYTES, "position classes"), "little")
    groups = [c for i, c in enumerate(POSITION_CLASSES) if mask >> i & 1]
    if not groups:
        raise CorruptFile(f"parameters: {count} Gaussians in no position class")
    counts = [fields.varint(f"count of position class {c}") for c in groups[:-1]]
    counts.append(count - sum(counts))
    if min(counts) < 1:
        raise CorruptFile(f"parameters: position classes of {counts} Gaussians")
    fields.finish()
    return Parameters(header, groups, counts)
