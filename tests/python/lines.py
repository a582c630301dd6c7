"""Records as JSON lines, as docs/journal-format.md has them."""

import json
import re
import sys
from uuid import UUID

# Payloads may be nested as deep as a frame is long.
sys.setrecursionlimit(20_000)

EXACT_MAX = 1 << 53
U32_MAX = (1 << 32) - 1
NO_RUN = bytes(16)

# Milliseconds of the first and the last point in time that is shown as itself.
AT_MIN = -8_334_601_228_800_000
AT_MAX = 8_210_266_876_799_999

GROUPS = {
    "network": "network", "throttled": "network", "server": "network",
    "timeout": "timeout",
    "resource": "resource", "conflict": "resource", "interrupted": "resource",
    "unknown": "resource",
    "permission": "permission", "security": "permission",
    "validation": "validation", "not_found": "validation", "integrity": "validation",
    "cancelled": "validation", "internal": "validation",
}


class Raw(str):
    """JSON text that stands for itself."""


def line(frame, event):
    """A record as one line, without the line break."""
    name, values = event
    fields = {
        "v": 1,
        "seq": frame.seq,
        "at": time(frame.at),
        "run": None if frame.run == NO_RUN else str(UUID(bytes=frame.run)),
        "event": name,
    }
    fields |= SHOWN.get(name, lambda values: values)(values)
    payloads = [field for field, value in fields.items() if isinstance(value, Raw)]
    texts = {field: fields.pop(field) for field in payloads}
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    more = "".join(f",{json.dumps(field)}:{raw}" for field, raw in texts.items())
    return f"{text[:-1]}{more}}}"


def time(millis):
    """A point in time as RFC 3339, in UTC with milliseconds."""
    days, rest = divmod(min(max(millis, AT_MIN), AT_MAX), 86_400_000)
    # The calendar begins on March 1st of a year that 400 divides: then leap days end its years.
    era, day = divmod(days + 719_468, 146_097)
    year = (day - day // 1_460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5
    month = month + 3 if month < 10 else month - 9
    year += 400 * era + (1 if month <= 2 else 0)
    years = f"{year:04}" if 0 <= year <= 9999 else f"{year:+05}"
    seconds, millis = divmod(rest, 1000)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{millis:03}"
    return f"{years}-{month:02}-{day + 1:02}T{clock}Z"


def maybe_time(millis):
    """A point in time or null."""
    return None if millis is None else time(millis)


def number(epoch):
    """A number that stands as text where other tools would round it."""
    return str(epoch) if epoch > EXACT_MAX else epoch


HOST_END = re.compile(r'[/?#"\\ ]')


def payload(text):
    """A payload as a JSON value, without passwords."""
    first, *pieces = text.replace("\n", " ").replace("\r", " ").split("://")
    for at, piece in enumerate(pieces):
        end = HOST_END.search(piece)
        cut = end.start() if end else len(piece)
        before, found, host = piece[:cut].rpartition("@")
        pieces[at] = ("***@" if found else "") + host + piece[cut:]
    shown = "://".join([first, *pieces])
    return Raw(shown if is_json(shown) else json.dumps(shown, ensure_ascii=False))


def is_json(text):
    """Whether a text is one JSON value."""
    def refuse(word):
        raise ValueError(f"{word} is not JSON")
    try:
        json.loads(text, parse_int=str, parse_float=str, parse_constant=refuse)
    except ValueError:
        return False
    return True


def run_started(event):
    manifest = event["manifest"]
    return {
        "workflow": manifest["workflow"],
        "version": manifest["version"],
        "key": event["key"],
        "input": payload(event["input"]),
        "deadline_at": maybe_time(event["deadline_at"]),
        "steps": [outline(manifest["steps"], step) for step in manifest["steps"]],
    }


def outline(steps, step):
    """A step of the graph, as far as it helps to follow a run."""
    sources = [source for source in step["input"]["sources"] if source is not None]
    needs = [steps[need]["key"] for need in sources + step["after"] if need < len(steps)]
    return {
        "key": step["key"],
        "kind": step["kind"],
        "needs": list(dict.fromkeys(needs)),
        "max_attempts": min(step["retry"]["max_retries"] + 1, U32_MAX),
        "timeout_ms": step["timeout_ms"],
    }


def server_delay(failure):
    """How long the server asked us to wait."""
    advice = failure["advice"]
    return advice["number"] if advice["kind"] == "after" else None


def attempt_failed(event):
    failure, verdict = event["failure"], event["verdict"]
    evidence = failure["evidence"]
    facts = [fact if ":" in fact else fact + ":" for fact in evidence["facts"]]
    shown = {
        "step": event["step"],
        "attempt": event["attempt"],
        "class": failure["class"],
        "group": GROUPS[failure["class"]],
        "advice": failure["advice"]["kind"],
        "retry_after_ms": server_delay(failure),
        "evidence": {"facts": facts, "texts": evidence["texts"]},
        "refunded": event["is_refunded"],
        "verdict": verdict["kind"],
    }
    shown |= {name: failure[name] for name in (
        "kind", "message", "hint", "limit", "scope", "applied", "resource", "rule")}
    shown |= {name: event[name] for name in (
        "charged", "max_attempts", "gained", "reached", "streak", "server_waited_ms", "health",
        "exhausted_by")}
    if verdict["kind"] == "retry":
        shown |= {"delay_ms": verdict["delay_ms"], "due_at": time(verdict["due_at"])}
    if verdict["kind"] == "park":
        shown["force_at"] = maybe_time(verdict["due_at"])
    if event["parts"] is not None:
        parts = dict(event["parts"])
        parts["draw"] = parts.pop("draw_millionths") / 1e6
        shown["parts"] = parts
    if event["budget"] is not None:
        shown["budget_paid_at"] = time(event["budget"]["paid_at"])
    if event["ease"] is not None:
        shown["eased_until"] = time(event["ease"]["until"])
        shown["eased_to"] = event["ease"]["in_flight_max"]
    return shown


def step_released(event):
    wave = event["wave"] or {"key": None, "number": None, "next_at": None}
    return {
        "step": event["step"],
        "cause": event["cause"],
        "key": wave["key"],
        "wave": wave["number"],
        "next_wave_at": maybe_time(wave["next_at"]),
    }


def step_refused(event):
    failure = event["failure"]
    return {
        "step": event["step"],
        "class": failure["class"],
        "group": GROUPS[failure["class"]],
        "kind": failure["kind"],
        "message": failure["message"],
        "hint": failure["hint"],
        "resource": failure["resource"],
        "remaining_ms": server_delay(failure),
    }


def changed(**how):
    """Shows the fields of a body as they are, but for those that are named."""
    return lambda event: event | {name: show(event[name]) for name, show in how.items()}


# How the fields of an event become those of its line, where they are not simply the same.
SHOWN = {
    "journal_created": changed(journal=str),
    "engine_opened": changed(epoch=number),
    "engine_closed": changed(epoch=number),
    "journal_trimmed": changed(before=time),
    "run_started": run_started,
    "attempt_succeeded": changed(output=payload),
    "attempt_failed": attempt_failed,
    "checkpoint_saved": changed(checkpoint=payload),
    "breaker_opened": changed(epoch=number, until=time),
    "breaker_half_opened": changed(epoch=number),
    "breaker_closed": changed(epoch=number),
    "breaker_mode_set": changed(epoch=number, until=maybe_time),
    "step_parked": changed(force_at=maybe_time),
    "step_released": step_released,
    "step_refused": step_refused,
    "step_skipped": changed(output=payload),
    "settings_changed": changed(old=payload, new=payload),
}
