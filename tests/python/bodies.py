"""Bodies of records: bincode 2 in its standard configuration, and the fields of every event.

The tables are those of docs/journal-format.md. A type is a text such as `option Timestamp`.
"""

import re
import struct
from uuid import UUID

ENUMS = {
    "AdviceKind": "never now backoff after when_ready",
    "Applied": "not_sent maybe",
    "BreakerMode": "enforced isolated disabled shadow",
    "Class": "network timeout throttled server resource permission validation not_found conflict"
             " integrity security cancelled interrupted internal unknown",
    "CloseCause": "probes_passed operator",
    "Curve": "fixed linear exponential custom fibonacci decorrelated list",
    "ExhaustReason": "retries deadline class_limit elapsed server_delay",
    "HalfOpenCause": "elapsed operator alive",
    "InputShape": "nothing single list",
    "InterruptCause": "crash shutdown pause caller_gone run_ended",
    "Jitter": "none full equal tenth percent decorrelated",
    "OnOpen": "park fail_fast",
    "OpenCause": "consecutive rate slow probe_failed probe_expired probe_lost server_directed"
                 " local_outage wave_failed",
    "RecoveryMethod": "index prefix",
    "ReleaseCause": "wave ready",
    "Scope": "item host volume account process",
    "Sign": "alive failing unreachable",
    "TrimReason": "age count bytes",
    "VerdictKind": "retry exhausted not_retryable park",
}

STRUCTS = {
    "Admission": "key ResourceKey, epoch BreakerEpoch, probe bool",
    "Advice": "kind AdviceKind, number u64, shared bool, path option text",
    "BreakerSpec": "threshold u32, rate_percent u8, rate_samples_min u32, rate_window_ms u64,"
                   " slow_after_ms option u64, slow_percent u8, break_initial_ms u64,"
                   " break_factor u32, break_max_ms u64, spreads bool, probes_needed u32,"
                   " lease_ms u64, memory_ms u64, on_open OnOpen",
    "Budget": "key ResourceKey, paid_at Timestamp",
    "ClassRule": "class Class, retries option bool, max_retries option u32, stretch option u32",
    "DelayParts": "curve_ms u64, stretch u32, cap_ms u64, draw_millionths u32, spread_ms u64,"
                  " server_ms option u64, server_max_ms u64, budget_ms u64, at_once bool",
    "Ease": "until Timestamp, in_flight_max u32",
    "Evidence": "facts list text, texts list text",
    "Failure": "class Class, kind text, message text, hint option text, advice Advice,"
               " limit option u32, scope Scope, applied Applied, resource option ResourceKey,"
               " rule text, evidence Evidence",
    "Health": "key ResourceKey, sign Sign",
    "InputSpec": "shape InputShape, sources list option StepIndex",
    "Manifest": "workflow WorkflowName, version u32, steps list StepSpec, result StepIndex",
    "RetrySpec": "curve Curve, initial_delay_ms u64, factor f64, max_delay_ms u64,"
                 " max_retries u32, jitter Jitter, jitter_percent u8, custom option text,"
                 " delays_ms list u64, max_elapsed_ms option u64, classes list ClassRule",
    "StepSpec": "key StepKey, kind text, input InputSpec, after list StepIndex, retry RetrySpec,"
                " timeout_ms option u64, idle_timeout_ms option u64, is_idempotent bool,"
                " breaker option BreakerSpec",
    "Verdict": "kind VerdictKind, delay_ms option u64, due_at option Timestamp",
    "WaveMark": "key ResourceKey, number u32, next_at Timestamp",
}

PLAIN = {
    "AttemptNo": "u32", "BreakerEpoch": "u64", "Epoch": "u64", "Json": "text", "Seq": "u64",
    "StepIndex": "u16", "Timestamp": "i64",
}

SLUG = re.compile(r"[a-z0-9-]{1,48}")
NO_CONTROLS = re.compile(r"[^\x00-\x1f\x7f-\x9f]*")
NAMES = {
    "StepKey": lambda text: SLUG.fullmatch(text),
    "WorkflowName": lambda text: SLUG.fullmatch(text),
    "RunKey": lambda text: 1 <= len(text.encode()) <= 200 and NO_CONTROLS.fullmatch(text),
    "ResourceKey": lambda text: 3 <= len(text.encode()) <= 200 and NO_CONTROLS.fullmatch(text)
                   and re.fullmatch(r"[^:]+:.+", text, re.DOTALL),
}

EVENTS = """
0x0101 1 journal_created: journal uuid
0x0102 1 engine_opened: epoch Epoch, boot option text, pid u32, engine text
0x0103 1 engine_closed: epoch Epoch
0x0104 1 tail_cut: to Seq, problem text
0x0105 1 journal_recovered: lost_from option Seq, lost_to option Seq, method RecoveryMethod,\
 problem text
0x0106 1 journal_trimmed: first Seq, before Timestamp, runs u64, records u64, kept u64,\
 reason TrimReason
0x0201 2 run_started: key option RunKey, manifest Manifest, input Json, deadline_at option Timestamp
0x0202 1 run_succeeded:
0x0203 1 run_failed: step StepKey
0x0204 1 run_exhausted: reason ExhaustReason, step option StepKey
0x0205 1 run_cancelled: actor text, reason text
0x0206 1 run_parked: reason text
0x0207 1 run_unparked:
0x0301 2 attempt_started: step StepKey, attempt AttemptNo, charged u32, max_attempts u32,\
 timeout_ms option u64, admission list Admission, forced bool
0x0302 2 attempt_succeeded: step StepKey, attempt AttemptNo, output Json, health list Health
0x0303 2 attempt_failed: step StepKey, attempt AttemptNo, failure Failure, verdict Verdict,\
 charged u32, max_attempts u32, gained u64, reached u64, streak u32, is_refunded bool,\
 exhausted_by option ExhaustReason, parts option DelayParts, server_waited_ms u64,\
 health list Health, budget option Budget, ease option Ease
0x0304 1 attempt_interrupted: step StepKey, attempt AttemptNo, cause InterruptCause
0x0305 1 checkpoint_saved: step StepKey, attempt AttemptNo, checkpoint Json
0x0306 1 outputs_invalidated: step StepKey, attempt AttemptNo, lost list StepKey, reason text
0x0307 1 late_result_ignored: step StepKey, attempt AttemptNo, result text
0x0401 1 breaker_opened: key ResourceKey, epoch BreakerEpoch, cause OpenCause, trip u32,\
 planned_ms u64, until Timestamp, failures u32, total u32, sample list Seq
0x0402 1 breaker_half_opened: key ResourceKey, epoch BreakerEpoch, cause HalfOpenCause,\
 needed u32, lease_ms u64
0x0403 1 breaker_closed: key ResourceKey, epoch BreakerEpoch, cause CloseCause, open_ms u64,\
 trips u32, actor option text, reason option text
0x0404 1 breaker_mode_set: key ResourceKey, epoch BreakerEpoch, mode BreakerMode,\
 until option Timestamp, actor text, reason text
0x0405 1 breaker_would_open: key ResourceKey, cause OpenCause, trip u32, failures u32, total u32
0x0406 1 probe_passed: step StepKey, attempt AttemptNo, key ResourceKey
0x0407 1 step_parked: step StepKey, keys list ResourceKey, force_at option Timestamp
0x0408 1 step_released: step StepKey, cause ReleaseCause, wave option WaveMark
0x0409 1 step_refused: step StepKey, failure Failure
0x0501 1 run_paused: actor text, reason text, freezes_timers bool
0x0502 1 run_resumed: actor text, reason text
0x0503 1 retry_now: actor text, reason text, steps list StepKey
0x0504 1 force_retry: actor text, reason text, steps list StepKey
0x0505 1 recovery_cancelled: actor text, reason text, steps list StepKey
0x0506 1 step_skipped: step StepKey, output Json, actor text, reason text
0x0507 1 settings_changed: name text, old Json, new Json, actor text, reason text
0x0508 1 lint_found: workflow WorkflowName, version u32, step StepKey, code text, message text
"""


class Broken(Exception):
    """A body that is not what its tag and version say."""


class Newer(Exception):
    """An event that is not known here."""


class Cursor:
    """Takes values from the front of a body."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, count):
        """The next bytes."""
        end = self.at + count
        if end > len(self.data):
            raise Broken("it ends too early")
        taken = self.data[self.at:end]
        self.at = end
        return taken

    def u8(self):
        """One byte."""
        return self.take(1)[0]

    def unsigned(self, width):
        """An integer of variable length that is at most so many bytes wide."""
        first = self.u8()
        if first <= 250:
            return first
        more = {251: 2, 252: 4, 253: 8}.get(first)
        if more is None or more > width:
            raise Broken(f"an integer of {width} bytes begins with {first}")
        return int.from_bytes(self.take(more), "little")

    def signed(self):
        """An i64."""
        number = self.unsigned(8)
        return -(number + 1 >> 1) if number & 1 else number >> 1

    def flag(self):
        """A bool, or whether an option has a value."""
        byte = self.u8()
        if byte > 1:
            raise Broken(f"{byte} is neither 0 nor 1")
        return byte == 1

    def text(self):
        """A text."""
        try:
            return self.take(self.unsigned(8)).decode("utf-8")
        except UnicodeDecodeError as error:
            raise Broken(f"a text is not UTF-8: {error}") from error

    def uuid(self):
        """A UUID."""
        if self.u8() != 16:
            raise Broken("a UUID has 16 bytes")
        return UUID(bytes=self.take(16))


def _fields(text):
    """The fields of a struct, each with what reads it."""
    pairs = (field.strip().split(" ", 1) for field in text.split(",") if field.strip())
    return [(name, _reader(type_)) for name, type_ in pairs]


def _reader(type_):
    """What reads a type, made once."""
    if type_ not in _READERS:
        _READERS[type_] = _make_reader(type_)
    return _READERS[type_]


def _make_reader(type_):
    outer, _, inner = type_.partition(" ")
    if outer == "option":
        read = _reader(inner)
        return lambda cursor: read(cursor) if cursor.flag() else None
    if outer == "list":
        read = _reader(inner)
        return lambda cursor: [read(cursor) for _ in range(_count(cursor))]
    if type_ in ENUMS:
        return _enum_reader(type_, ENUMS[type_].split())
    if type_ in NAMES:
        return _name_reader(type_, NAMES[type_])
    if type_ in STRUCTS:
        return _struct_reader(type_, _fields(STRUCTS[type_]))
    return _reader(PLAIN[type_])


def _count(cursor):
    """The number of entries of a list; each takes a byte at least."""
    count = cursor.unsigned(8)
    if count > len(cursor.data) - cursor.at:
        raise Broken("a list is longer than the body")
    return count


def _enum_reader(type_, names):
    def read(cursor):
        number = cursor.u8()
        if not 1 <= number <= len(names):
            raise Broken(f"{number} is no {type_}")
        return names[number - 1]
    return read


def _name_reader(type_, is_valid):
    def read(cursor):
        text = cursor.text()
        if not is_valid(text):
            raise Broken(f"{text!r} is no {type_}")
        return text
    return read


def _struct_reader(type_, fields):
    check = {"Advice": _check_advice, "Verdict": _check_verdict}.get(type_)

    def read(cursor):
        values = {name: read_field(cursor) for name, read_field in fields}
        if check:
            check(values)
        return values
    return read


def _check_advice(advice):
    if (advice["kind"] == "when_ready") != (advice["path"] is not None):
        raise Broken("advice has a path if and only if it waits for space on a drive")
    if advice["kind"] == "backoff" and advice["number"] >= 1 << 32:
        raise Broken("a factor has 32 bits")


def _check_verdict(verdict):
    held = (verdict["delay_ms"] is not None, verdict["due_at"] is not None)
    legal = {"retry": [(True, True)], "park": [(False, False), (False, True)]}
    if held not in legal.get(verdict["kind"], [(False, False)]):
        raise Broken("a verdict has a delay if and only if it is retry, and a time if it waits")


_READERS = {
    "u8": Cursor.u8,
    "u16": lambda cursor: cursor.unsigned(2),
    "u32": lambda cursor: cursor.unsigned(4),
    "u64": lambda cursor: cursor.unsigned(8),
    "i64": Cursor.signed,
    "f64": lambda cursor: struct.unpack("<d", cursor.take(8))[0],
    "bool": Cursor.flag,
    "text": Cursor.text,
    "uuid": Cursor.uuid,
}

# Name and fields of every event, under its tag and version.
BODIES = {}
for _row in EVENTS.strip().splitlines():
    _head, _, _body = _row.partition(":")
    _tag, _version, _name = _head.split()
    BODIES[int(_tag, 16), int(_version)] = (_name, _fields(_body))


def body(tag, version, data):
    """The name of an event and the values of its body."""
    if (tag, version) not in BODIES:
        raise Newer(f"event {tag:#06x} version {version} is not known")
    name, fields = BODIES[tag, version]
    cursor = Cursor(data)
    values = {field: read(cursor) for field, read in fields}
    if cursor.at != len(data):
        raise Broken(f"{len(data) - cursor.at} bytes follow its end")
    return name, values
