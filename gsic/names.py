"""Names of files as printable text: they may hold line breaks, terminal codes, or no UTF-8."""

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
# Python stands a byte of a name that is not UTF-8 for by one of these code points.
_FIRST_BYTE, _LAST_BYTE = 0xDC80, 0xDCFF


def make_printable(text: str) -> str:
    """Return a text on one line, with escapes for all that cannot be printed."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def make_line(text: str) -> str:
    """Return a text of several lines, such as a message of a library, as one printable line."""
    return make_printable(" ".join(line.strip() for line in text.splitlines()))


def make_key(name: str) -> str:
    """Return the name of a file as a printable line that no other name has."""
    return make_printable(name.replace("\\", "\\\\"))


def _escape(char: str) -> str:
    """Write \\xE9 for a byte, \\x1B for a control character and \\u00A0 for any other."""
    code = ord(char)
    if char in _SHORT:
        return _SHORT[char]
    if _FIRST_BYTE <= code <= _LAST_BYTE:
        return f"\\x{code - 0xDC00:02x}"
    return (
        f"\\x{code:02x}"
        if code < 0x80
        else f"\\u{code:04x}"
        if code < 0x10000
        else f"\\U{code:08x}"
    )
