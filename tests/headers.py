"""Attributes as headers have them in binary mode (CloudEvents HTTP binding §3.1.3.2)."""


def canonical(value: object) -> str:
    """An attribute as a string (CloudEvents §2.2)."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def encoded(value: str | bytes, needless: str = "") -> str:
    """The value percent-encoded, `needless` characters too."""
    plain = {*range(0x21, 0x7F)} - {*('"%' + needless).encode()}
    octets = value if isinstance(value, bytes) else value.encode()
    return "".join(chr(octet) if octet in plain else f"%{octet:02X}" for octet in octets)
