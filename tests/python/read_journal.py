#!/usr/bin/env python3
"""Reads a journal without any of our code, from docs/journal-format.md alone.

    python3 read_journal.py JOURNAL

Prints the lines of `journal-dump log --format jsonl JOURNAL` and ends as it does: 0 whole, 1 damaged,
2 wrong arguments, 3 not a journal, 5 torn, 6 newer. Needs Python 3.11 and nothing else.
"""

import fcntl
import hashlib
import itertools
import json
import struct
import sys
from pathlib import Path
from uuid import UUID

from bodies import BODIES, Broken, Newer, body
from lines import line

FORMAT = 2
FRAME_BYTES_MAX = 8192
HEADER = struct.Struct(">2sBBHHQQq16sII")
SEGMENT_HEADER = struct.Struct(">4sHHQ16s28sI")
SLOT = struct.Struct(">4sQII492x")
BASE_HEADER = struct.Struct(">4sHH16sQQI4sQQQ4sI")
LAST_OF_BATCH = 0x01
BODY_ASIDE = 0x02
REFERENCE = struct.Struct(">32sQ")
BODY_BYTES_MAX = 4 * 1024 * 1024

OK, DAMAGED, USAGE, NOT_A_JOURNAL, TORN, NEWER = 0, 1, 2, 3, 5, 6


def _crc_tables():
    """Eight tables of CRC32C, so that eight bytes are taken at a time."""
    first = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        first.append(byte)
    tables = [first]
    for _ in range(7):
        tables.append([crc >> 8 ^ first[crc & 0xFF] for crc in tables[-1]])
    return tables


_T0, _T1, _T2, _T3, _T4, _T5, _T6, _T7 = _crc_tables()


def crc32c(data):
    """CRC32C of some bytes."""
    crc = 0xFFFFFFFF
    whole = len(data) & ~7
    for low, high in struct.iter_unpack("<II", memoryview(data)[:whole]):
        low ^= crc
        crc = (
            _T7[low & 0xFF] ^ _T6[low >> 8 & 0xFF] ^ _T5[low >> 16 & 0xFF] ^ _T4[low >> 24]
            ^ _T3[high & 0xFF] ^ _T2[high >> 8 & 0xFF] ^ _T1[high >> 16 & 0xFF] ^ _T0[high >> 24]
        )
    for byte in data[whole:]:
        crc = crc >> 8 ^ _T0[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


class NotAJournal(Exception):
    """A path that leads to something else."""


class Frame:
    """An intact frame, its body still closed."""

    def __init__(self, data, at):
        (_, self.format, self.flags, self.tag, self.version, self.seq, self.durable, self.at,
         self.run, self.chain, length) = HEADER.unpack_from(data, at)
        begin = at + HEADER.size
        self.body = data[begin:begin + length]
        (self.crc,) = struct.unpack_from(">I", data, begin + length)

    def is_newer(self):
        """Whether it is of a later format, or an event that is not known here."""
        return self.is_of_later_format() or (self.tag, self.version) not in BODIES

    def is_of_later_format(self):
        """Whether nothing but its length is known."""
        return self.format > FORMAT or self.flags & ~(LAST_OF_BATCH | BODY_ASIDE) != 0

    def is_whole(self):
        """Whether what stands in the place of the body can be that."""
        if self.format < FORMAT:
            return False
        if self.is_of_later_format() or not self.flags & BODY_ASIDE:
            return True
        return len(self.body) == REFERENCE.size and REFERENCE.unpack(self.body)[1] <= BODY_BYTES_MAX

    def whole_body(self, folder):
        """The body, from the file that it is in if it is not in the frame."""
        if not self.flags & BODY_ASIDE:
            return self.body
        digest, length = REFERENCE.unpack(self.body)
        try:
            found = (folder / "payloads" / digest.hex()).read_bytes()
        except OSError as error:
            raise Broken(f"its payload {digest.hex()} cannot be read: {error}") from error
        if len(found) != length or hashlib.sha256(found).digest() != digest:
            raise Broken(f"its payload {digest.hex()} is not what was written")
        return found


def claim(data, at):
    """The length of what claims to be a frame; none if nothing does."""
    if len(data) - at < HEADER.size or data[at:at + 2] != b"RJ":
        return None
    bytes_all = HEADER.size + int.from_bytes(data[at + 52:at + 56], "big") + 4
    return bytes_all if bytes_all <= FRAME_BYTES_MAX and at + bytes_all <= len(data) else None


def intact(data, at, bytes_all):
    """The frame, if its checksum fits and its format is not one that was given up."""
    end = at + bytes_all
    (crc,) = struct.unpack_from(">I", data, end - 4)
    if crc32c(data[at + 8:at + 16] + data[at:end - 4]) != crc:
        return None
    frame = Frame(data, at)
    return frame if frame.is_whole() else None


def resync(data, at):
    """The next place with a frame that is intact and known; the end of the data if there is none."""
    while True:
        at = data.find(b"RJ" + bytes([FORMAT]), at)
        if at < 0:
            return len(data)
        bytes_all = claim(data, at)
        frame = intact(data, at, bytes_all) if bytes_all else None
        if frame and not frame.is_newer():
            return at
        at += 1


def frames(data):
    """The frames of a segment, and none where one should be and is not."""
    at = SEGMENT_HEADER.size
    while True:
        bytes_all = claim(data, at)
        if bytes_all is None and not data[at:].lstrip(b"\0"):
            return
        frame = intact(data, at, bytes_all) if bytes_all else None
        yield frame
        at = at + bytes_all if frame else resync(data, at + 1)


class Base:
    """What a journal begins with; by itself that of one that was never trimmed."""

    def __init__(self, first=1, ordinal=0, chain=0, kept=()):
        self.first, self.ordinal, self.chain, self.kept = first, ordinal, chain, kept


def base_of(data, journal):
    """A file that should be a base: the base, or NEWER, or none if it is damaged."""
    if len(data) < BASE_HEADER.size:
        return None
    (magic, found, flags, whose, first, ordinal, chain, zero, residue, length, count, more,
     crc) = BASE_HEADER.unpack_from(data)
    if magic != b"RJBS" or crc != crc32c(data[:BASE_HEADER.size - 4]):
        return None
    if found > FORMAT:
        return NEWER
    is_plain = found == FORMAT and flags <= 3 and flags != 2 and not any(zero + more)
    begin = BASE_HEADER.size + residue
    end = begin + length
    if not is_plain or whose != journal.bytes or first < 2 or len(data) != end + 4:
        return None
    kept, at, before = [], begin, 0
    while at < end:
        bytes_all = claim(data[:end], at)
        frame = intact(data, at, bytes_all) if bytes_all else None
        if frame is None:
            return None
        if frame.is_newer():
            return NEWER
        if not before < frame.seq < first:
            return None
        kept.append(frame)
        at, before = at + bytes_all, frame.seq
    if len(kept) != count or crc32c(data[BASE_HEADER.size:end]) != int.from_bytes(data[end:]):
        return None
    return Base(first, ordinal, chain, kept)


def read_base(folder, journal):
    """What the journal begins with, and whether that is newer."""
    found = []
    for name in ("BASE.copy", "BASE"):
        try:
            found.append(base_of((folder / name).read_bytes(), journal))
        except FileNotFoundError:
            pass
    bases = [base for base in found if isinstance(base, Base)]
    return max(bases, key=lambda base: base.first, default=Base()), NEWER in found


class NewerSegment:
    """What stands in the place of the frames of a segment of a later format."""

    def is_newer(self):
        """It is."""
        return True


def segment_frames(data, ordinal, journal):
    """The frames of a file that should be this segment of this journal."""
    if len(data) >= SEGMENT_HEADER.size:
        fields = SEGMENT_HEADER.unpack_from(data)
        crc = crc32c(data[:SEGMENT_HEADER.size - 4])
        if fields == (b"RJSG", FORMAT, 0, ordinal, journal.bytes, bytes(28), crc):
            return frames(data)
        magic, found, *_, said = fields
        if magic == b"RJSG" and said == crc:
            return [NewerSegment()] if found > FORMAT else [None]
        # Every frame proves itself: a spoiled header takes none of them away.
        return itertools.chain([None], frames(data))
    return [None]


def read_segments(folder, journal, begin):
    """All frames of a journal in their order, from a segment on."""
    paths = (folder / "segments").glob("*.seg")
    named = (path for path in paths if path.stem.isascii() and path.stem.isdigit())
    segments = sorted((int(path.stem), path) for path in named)
    for ordinal, path in segments:
        if ordinal < begin or path.name != f"{ordinal:08}.seg":
            continue
        yield from segment_frames(path.read_bytes(), ordinal, journal)


def read_marker(folder):
    """The UUID of the journal; none if it is of a later format."""
    try:
        marker = json.loads((folder / "FORMAT").read_bytes())
        found = marker["format"]
        if type(found) is not int or not 0 <= found < 1 << 32:
            raise ValueError("its format is no number")
        if found > FORMAT:
            return None
        if found == FORMAT:
            return UUID(marker["journal"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise NotAJournal(f"{folder} is not a journal: {error}") from error
    raise NotAJournal(f"{folder} has format {found}, which no release ever wrote")


def read_head(folder):
    """Position and checksum of the last record that was acknowledged; zeroes if nothing says so."""
    try:
        data = (folder / "head").read_bytes()
    except FileNotFoundError:
        return 0, 0
    slots = [(0, 0)]
    for at in (0, SLOT.size):
        slot = data[at:at + SLOT.size]
        if len(slot) == SLOT.size:
            magic, seq, chain, crc = SLOT.unpack(slot)
            if magic == b"RJHD" and crc == crc32c(slot[:16]) and not any(slot[20:]):
                slots.append((seq, chain))
    return max(slots)


def is_in_use(folder):
    """Whether a process has the journal open for writing."""
    try:
        with open(folder / "lock", "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


class Worth:
    """What a journal is worth, found out frame by frame."""

    def __init__(self, head, base, has_newer):
        self.head = head
        self.durable = max(head[0], base.first)
        self.whole = (base.first - 1, base.chain)
        self.batch = base.first - 1
        self.bad = None
        self.has_newer = has_newer

    def take(self, frame):
        """Weighs what stands where a frame should be."""
        if frame is None:
            return self.break_off()
        if frame.is_newer():
            self.has_newer = True
            return self.break_off()
        self.durable = max(self.durable, frame.durable)
        if self.bad is not None:
            return None
        found = (frame.seq, frame.crc)
        follows = frame.seq == self.whole[0] + 1 and frame.chain == self.whole[1]
        if not follows or (frame.seq == self.head[0] and found != self.head):
            return self.break_off()
        self.whole = found
        if frame.flags & LAST_OF_BATCH:
            self.batch = frame.seq
        return None

    def break_off(self):
        """What comes next is not what it should be."""
        if self.bad is None:
            self.bad = self.whole[0] + 1

    def exit_code(self):
        """How the reader ends."""
        if self.batch < self.whole[0]:
            self.break_off()
        if self.has_newer:
            return NEWER
        if self.bad is not None:
            return DAMAGED if self.bad <= self.durable else TORN
        return DAMAGED if self.whole[0] < self.durable else OK


def look(folder, journal):
    """How the reader ends, and what it shows."""
    while True:
        base, has_newer = read_base(folder, journal)
        # In this order: what is written meanwhile stands behind the head that was read.
        in_use = is_in_use(folder)
        head = read_head(folder)
        worth = Worth(head, base, has_newer)
        found = []
        try:
            for frame in read_segments(folder, journal, base.ordinal):
                if in_use and head[0] > 0 and worth.whole == head:
                    break
                worth.take(frame)
                if frame is not None and not frame.is_newer():
                    found.append(frame)
        except FileNotFoundError:
            continue
        if read_base(folder, journal)[0].first == base.first:
            break
    code = worth.exit_code()
    if code in (OK, TORN):
        found = found[:worth.batch - base.first + 1]
    return code, [*base.kept, *found]


def read(folder, out):
    """Prints what can be shown of a journal; returns how the reader ends."""
    journal = read_marker(folder)
    if journal is None:
        return NEWER
    code, found = look(folder, journal)
    shown = 0
    for frame in found:
        if frame.seq <= shown:
            continue
        try:
            values = body(frame.tag, frame.version, frame.whole_body(folder))
        except Broken as problem:
            print(f"record {frame.seq} is not readable: {problem}", file=sys.stderr)
            code = code or DAMAGED
            continue
        except Newer:
            continue
        shown = frame.seq
        out.write(line(frame, values) + "\n")
    return code


def main(arguments):
    """Reads the journal that is named."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return USAGE
    out = open(1, "w", encoding="utf-8", newline="\n", closefd=False)
    try:
        return read(Path(arguments[0]), out)
    except NotAJournal as problem:
        print(problem, file=sys.stderr)
        return NOT_A_JOURNAL
    finally:
        out.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
