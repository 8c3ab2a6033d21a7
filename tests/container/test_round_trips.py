"""Any header, varint and section survives the file."""

from hypothesis import given
from hypothesis import strategies as st

from gsic import container
from gsic.container import ByteReader, Container, Mode, Section, encode_varint
from gsic.options import Limits

sides = st.integers(1, 2**32 - 1)
known_sections = st.dictionaries(st.integers(1, 2), st.binary(max_size=300)).map(
    lambda data: tuple(Section(id, data[id]) for id in sorted(data))
)
unknown_sections = st.dictionaries(
    st.integers(3, 2**31 - 1), st.binary(max_size=20), max_size=3
).map(lambda data: tuple(Section(id, data[id]) for id in sorted(data)))
containers = st.builds(
    Container,
    st.integers(0, 2**32 - 1),
    sides,
    sides,
    st.sampled_from(Mode),
    st.binary(max_size=300),
    st.binary(max_size=300),
    known_sections,
)
NO_LIMIT = Limits(pixels=2**62)


@given(st.integers(0, 2**64 - 1))
def test_varints(value: int) -> None:
    data = encode_varint(value)
    reader = ByteReader(data, "test")
    assert reader.varint("field", bits=64) == value
    reader.finish()
    assert len(data) == max(1, -(-value.bit_length() // 7))


@given(containers.filter(lambda c: c.width * c.height <= 2**62), unknown_sections)
def test_containers(content: Container, unknown: tuple[Section, ...]) -> None:
    assert container.read(container.write(content), NO_LIMIT) == content
    from_later = Container(**{**vars(content), "sections": content.sections + unknown})
    assert container.read(container.write(from_later), NO_LIMIT) == content
