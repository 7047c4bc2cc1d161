"""Frames that a real IB Gateway sent, from `tests/captures`: payloads without the length prefix."""

import ast
import base64
import re
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "captures"


def text_payloads() -> list[bytes]:
    """Server version 200: every frame of the file, in its order."""
    lines = (FOLDER / "ibkr_go_sv200_text_frames.txt").read_text().splitlines()
    return [ast.literal_eval(line) for line in lines if line.startswith("b'")]


def text_payload(message_id: int) -> bytes:
    """The first server frame of version 200 with that message id."""
    return next(one for one in text_payloads() if one.startswith(f"{message_id}\0".encode()))


def exchange(name: str, side: str) -> list[bytes]:
    """The `raw client` or `raw server` payloads of a transcript, in order."""
    lines = (FOLDER / name).read_text().splitlines()
    frames = [base64.b64decode(line.split()[2]) for line in lines if line.startswith(f"raw {side} ")]
    assert all(int.from_bytes(frame[:4], "big") == len(frame) - 4 for frame in frames)
    return [frame[4:] for frame in frames]


def named(name: str, side: str) -> dict[str, bytes]:
    """Hexadecimal vectors `side Name(id) payload`, by name."""
    lines = (FOLDER / name).read_text().splitlines()
    words = [line.split() for line in lines if line.startswith(f"{side} ")]
    return {one[1].split("(")[0]: bytes.fromhex(one[2]) for one in words}


def rust_fixture(message_id: int) -> bytes:
    """An older text fixture, `|` for NUL."""
    found = re.search(rf"(?<=\s){message_id}\|([^|\n]*\|)+", (FOLDER / "rust_ibapi_text_fixtures.txt").read_text())
    assert found is not None
    return found[0].replace("|", "\0").encode()
