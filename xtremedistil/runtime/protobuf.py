"""Fields of protocol buffers, written without compiled messages."""


def varint(value: int) -> bytes:
    """A number of 0 or more, seven bits to a byte, the lowest first."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def sized(field: int, value: bytes) -> bytes:
    """A field that holds bytes: its number and wire type, its length, it."""
    return varint(field << 3 | 2) + varint(len(value)) + value
