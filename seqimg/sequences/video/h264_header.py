"""Whether a picture of an H.264 stream may be stored as two fields, each in a packet of its own."""

import re

__all__ = ["may_have_fields"]

_WITH_CHROMA_FORMAT = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)
_PARAMETERS = 7  # the kind of unit that holds them


def may_have_fields(header: bytes | None) -> bool:
    """Tell whether some parameter set allows fields, or cannot be read.

    Args:
        header: The stream's extradata: an `avcC` record, or units between start codes.

    Example:
        >>> may_have_fields(None), may_have_fields(bytes.fromhex("0142c01effe100"))
        (True, True)
    """
    try:
        sets = _parameter_sets(header or b"")
        return not sets or not all(_frames_only(unit) for unit in sets)
    except IndexError:
        return True


def _parameter_sets(header: bytes) -> list[bytes]:
    """Return the sequence parameter sets, without the byte that says what they are."""
    if header[:1] != b"\x01":
        units = re.split(rb"\x00\x00\x01", header)
        return [unit[1:] for unit in units if unit and unit[0] & 31 == _PARAMETERS]
    found, at = [], 6
    for _ in range(header[5] & 31):
        size = int.from_bytes(header[at : at + 2])
        found.append(header[at + 3 : at + 2 + size])
        at += 2 + size
    return found


def _frames_only(unit: bytes) -> bool:
    """Read one parameter set up to the flag."""
    bits = _Bits(unit.replace(b"\x00\x00\x03", b"\x00\x00"))
    profile = bits.take(8)
    bits.take(16)
    bits.number()
    if profile in _WITH_CHROMA_FORMAT:
        if bits.number() == 3:
            bits.take(1)
        bits.number()
        bits.number()
        bits.take(1)
        if bits.take(1):
            return False  # tables of its own for quantisation: nobody needs to read those here
    bits.number()
    order = bits.number()
    if order == 0:
        bits.number()
    elif order == 1:
        bits.take(1)
        bits.number()
        bits.number()
        for _ in range(min(bits.number(), 255)):
            bits.number()
    bits.number()
    bits.take(1)
    bits.number()
    bits.number()
    return bool(bits.take(1))


class _Bits:
    """Bits of a byte string, the highest first."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> int:
        """Return the next bits as one number; IndexError behind the end."""
        value = 0
        for at in range(self._at, self._at + count):
            value = value << 1 | self._data[at >> 3] >> (7 - (at & 7)) & 1
        self._at += count
        return value

    def number(self) -> int:
        """Return the next number of variable length, of those that stand for 0, 1, 2 and so on."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)
