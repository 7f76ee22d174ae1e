"""When a submission was handed in: a time that is written without doubt, or none. Nothing is guessed."""

import functools
import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, available_timezones

EXPECTED = "2030-01-31 12:00:00 UTC or 2030-01-31T21:00:00+09:00"

# ISO 8601, with the zone behind it; nbgrader itself writes the two with a space between them.
FORM = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d|\d{8})[T ](?P<time>\d\d(:?\d\d(:?\d\d([.,]\d+)?)?)?) *(?P<zone>[^\s\d.,:]\S*)", re.ASCII
)
OFFSET = re.compile(r"(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>[0-5]\d)?", re.ASCII)
# Names that IANA has for old programs' sake. People mean several things by them, in summer above all; and two that
# stand for the zone of whatever machine reads them, or for none.
NO_ZONES = {"CET", "EET", "EST", "HST", "MET", "MST", "WET", "localtime", "Factory"}


class TimeError(ValueError):
    """A time that says too little; the message is the end of a sentence that begins with the file's name."""


def read_time(text: str) -> datetime:
    """The moment that `text` names, in UTC and without a timezone, as nbgrader keeps it.

    It is a date and a time of ISO 8601 and their zone: an offset such as ``+09:00``, ``UTC``, or a name of the IANA's
    list such as ``Asia/Seoul``. Raises `TimeError` for everything else, and for the hour that a change of the clocks
    repeats or leaves out.
    """
    said = FORM.fullmatch(text.strip())
    zone = said and _zone(said["zone"])
    try:
        if zone is None:
            raise ValueError("no zone")
        local = datetime.fromisoformat(f"{said['date']}T{said['time']}").replace(tzinfo=zone)
        moment = local.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        raise TimeError(f"says {_show(text)}, which names no moment for certain; write it like {EXPECTED}.") from error
    if local.utcoffset() != local.replace(fold=1).utcoffset():
        raise TimeError(f"says {_show(text)}, an hour that comes twice or never; write it like {EXPECTED}.")
    return moment


def _zone(name: str) -> tzinfo | None:
    if name.upper() in ("UTC", "GMT", "Z"):
        return UTC
    if offset := OFFSET.fullmatch(name):
        size = timedelta(hours=int(offset["hours"]), minutes=int(offset["minutes"] or 0))
        return timezone(-size if offset["sign"] == "-" else size) if size < timedelta(days=1) else None
    return ZoneInfo(name) if name in _names() else None


@functools.cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones() - NO_ZONES)


def _show(text: str) -> str:
    """What was written, on one line."""
    shown = repr(text.strip())
    return shown if len(shown) <= 60 else shown[:59] + "…"
