"""Reads an archive of a journal by docs/journal-format.md alone; prints position and run of each record."""

import hashlib
import struct
import sys
import uuid


def table():
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        yield byte


TABLE = list(table())


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def check(holds, problem):
    if not holds:
        sys.exit(problem)


def number(data):
    return int.from_bytes(data, "big")


def base_of(data):
    """What stands for dropped records: its length, its first record and the checksum before that."""
    length = number(data[40:48])
    if length == 0:
        return 0, 1, 0
    base = data[64 : 64 + length]
    check(base[:4] == b"RJBS" and crc32c(base[:76]) == number(base[76:80]), "the base is spoiled")
    check(crc32c(base[80:-4]) == number(base[-4:]), "the base is spoiled")
    return length, number(base[24:32]), number(base[40:44])


def frame_at(data, at):
    end = at + 56 + number(data[at + 52 : at + 56]) + 4
    frame = data[at:end]
    check(frame[:2] == b"RJ" and end <= len(data), "there is no frame at %d" % at)
    covered = frame[8:16] + frame[:-4]
    check(crc32c(covered) == number(frame[-4:]), "the checksum does not fit at %d" % at)
    return frame, end


def behind_body(data, frame, at):
    """Checks the body that a frame refers to, which stands at some place; gives the place behind it."""
    if not frame[3] & 0x02:
        return at
    end = at + number(frame[88:96])
    check(hashlib.sha256(data[at:end]).digest() == frame[56:88], "the payload at %d is spoiled" % at)
    return end


def behind_base(data, length):
    """The place behind the bodies of the records that were kept."""
    at = 64 + length
    if length == 0:
        return at
    kept = 64 + 80 + number(data[64 + 48 : 64 + 56])
    while kept < 64 + length - 4:
        frame, kept = frame_at(data, kept)
        at = behind_body(data, frame, at)
    return at


def frames(data, at):
    while data[at : at + 4] != b"ENDJ":
        frame, end = frame_at(data, at)
        yield frame
        at = behind_body(data, frame, end)


def main(path):
    with open(path, "rb") as file:
        data = file.read()
    check(data[:4] == b"RJAR" and crc32c(data[:60]) == number(data[60:64]), "the header is spoiled")
    check(number(data[4:6]) in (1, 2), "it needs a newer reader")
    length, first, chain = base_of(data)
    check(number(data[4:6]) == (2 if length else 1), "the header is spoiled")
    is_one_run = data[24:40] != bytes(16)
    lines, position = [], first - 1
    for frame in frames(data, behind_base(data, length)):
        seq = number(frame[8:16])
        check(seq == position + 1 or (is_one_run and seq > position), "a record is missing")
        if seq == position + 1:
            check(number(frame[48:52]) == chain, "record %d does not continue" % seq)
        position, chain = seq, number(frame[-4:])
        run = uuid.UUID(bytes=frame[32:48])
        lines.append("%d %s" % (seq, run if run.int else "-"))
    count, last = struct.unpack(">QQ", data[-24:-8])
    check(data[-32:-28] == b"ENDJ" and crc32c(data[:-4]) == number(data[-4:]), "the end is spoiled")
    check(count == len(lines) and position <= last, "the end speaks of other records")
    print("\n".join(lines))


main(sys.argv[1])
