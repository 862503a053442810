"""Tells by a stream's first bytes whether it holds raw samples, or a recording that was piped to kwsd as it is."""

from __future__ import annotations

from kwsd.audio.decoding.wav_header import Header, is_wav, next_header, wav_header
from kwsd.errors import InputError

ENOUGH = 44
"""Bytes that are usually enough to tell; a WAV file with more chunks before its samples, and MPEG frames, take more."""
_W64 = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0"
_KBIT_S = (
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),  # MPEG-2 and 2.5, layer III
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),  # MPEG-1, layer III
)
_MPEG_HZ = (44_100, 48_000, 32_000)  # half of them in MPEG-2, a quarter in 2.5


def read_header(head: bytes, name: str, *, ended: bool = False) -> Header | None:
    """The header in `head`: that of a WAV file, or an empty one before raw samples; None if more bytes are needed.

    `ended` says that no more bytes will come. Raises InputError for a recording that kwsd does not take from a pipe.
    """
    if len(head) < ENOUGH and not ended:
        return None
    kind = _container(head)
    if kind == "WAV":
        try:
            return wav_header(head, ended=ended)
        except ValueError as error:
            raise _no_samples(name, kind) from error
    if not kind and (length := _mpeg_frame(head)):  # one frame may be chance, a second one right after it is not
        if len(head) < length + 4 and not ended:
            return None
        same = _mpeg_frame(head[length:]) and head[length + 1] == head[1] and not (head[length + 2] ^ head[2]) & 0x0C
        kind = "MP3" if same else ""
    if not kind:
        return Header(0)
    raise _no_samples(name, kind)


def read_next(head: bytes, name: str, *, ended: bool = False) -> Header | None:
    """The header in `head`, which follows a WAV file's samples: chunks of notes, or another such file's header.

    `ended`, None and InputError are as in `read_header`.
    """
    try:
        return next_header(head, ended=ended)
    except ValueError as error:
        raise _no_samples(name, "WAV") from error


def _no_samples(name: str, kind: str) -> InputError:
    what = "a WAV recording other than plain 16 kHz, mono, 16 bits" if kind == "WAV" else f"a recording ({kind})"
    remedy = "name the file (kwsd listen FILE), or convert it in the pipe: ffmpeg -i - -f s16le -ar 16000 -ac 1 -"
    return InputError(f"{name}: this is {what}, not raw samples;", remedy)


def _container(head: bytes) -> str:
    """The format's name; empty for what may be samples: each signature is too long to match samples by chance."""
    if is_wav(head):
        return "WAV"
    if head[:4] == b"fLaC" and head[5:8] == b"\0\0\x22":  # a STREAMINFO comes first, and has 34 bytes
        return "FLAC"
    if head[:5] == b"OggS\0":
        return "Ogg"
    if head[:3] == b"ID3" and head[3:4] in (b"\2", b"\3", b"\4") and len(head) >= 10 and max(head[6:10]) < 128:
        return "MP3"
    if head[:4] == b"RIFX" and head[8:12] == b"WAVE":
        return "a big-endian WAV"
    if head[:16] == _W64:
        return "Wave64"
    if head[:8] == b"caff\0\1\0\0":
        return "CAF"
    if head[:4] == b".snd" and head[4:6] == b"\0\0" and head[12:15] == b"\0\0\0":
        return "AU"
    if head[:4] == b"dns." and head[6:8] == b"\0\0" and head[13:16] == b"\0\0\0":  # in little-endian order
        return "AU"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "AIFF"
    if head[:2] == b"\0\0" and head[4:8] == b"ftyp":
        return "MP4"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "WebM or Matroska"
    return ""


def _mpeg_frame(head: bytes) -> int:
    """The size in bytes of the MPEG layer III frame that `head` begins with; 0 where it begins with none."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return 0
    version, rate, hz = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or rate in (0, 15) or hz == 3:  # reserved, or a free bit rate: the frame's size is unknown
        return 0
    first = version == 3
    halved = 1 if first else 2 if version == 2 else 4
    return (144 if first else 72) * 1000 * _KBIT_S[first][rate] // (_MPEG_HZ[hz] // halved) + (head[2] >> 1 & 1)
