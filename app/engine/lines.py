"""What a run process prints, as lines: bounded, and text whatever the bytes are."""

LINE_BYTES = 8 * 1024


class Lines:
    """Cuts a stream of bytes into lines; one longer than 8 KB becomes several."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that are complete now."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        while len(self._rest) >= LINE_BYTES:
            lines.append(self._rest[:LINE_BYTES])
            self._rest = self._rest[LINE_BYTES:]
        return [_text(piece) for line in lines for piece in _pieces(line)]

    def finish(self) -> list[str]:
        """The last line, which nobody ended."""
        rest, self._rest = self._rest, b""
        return [_text(rest)] if rest else []


def _pieces(line: bytes) -> list[bytes]:
    return [line[start : start + LINE_BYTES] for start in range(0, len(line), LINE_BYTES)] or [b""]


def _text(line: bytes) -> str:
    return line.rstrip(b"\r").decode("utf-8", "replace").replace("\0", "\\x00")
