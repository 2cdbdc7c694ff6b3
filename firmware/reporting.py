"""A health report's payload (seal/FORMAT.md, section 4), made in the hub's buffer. Loaded for each report."""

from micropython import const

from firmware import events
from firmware.seal import cose, report
from firmware.seal.cbor import Writer

_NOTES_MAX = const(8)
_REPORT_OCTETS_MAX = const(1920)  # 25 counters of at most 32 + 7 octets, notes, eight events of 45, 180 for the rest


def payload(hub) -> tuple:
    """(at, length, protected header) of a report that asks for the platform's time."""
    health = hub.health
    health.nonce = hub.random_octets(report.NONCE_OCTETS)
    health.reported_ms = health.asked_ms = hub.ticks.now_ms()
    health.answered.clear()
    start = cose.HEAD_OCTETS
    writer = Writer(hub.buffer, start, start + _REPORT_OCTETS_MAX)
    report.health_payload(writer, _facts(hub))
    return start, writer.at - start, cose.protected(cose.HEALTH, hub.keys.signing_kid)


def _facts(hub):
    health, journal, timekeeper = hub.health, hub.journal, hub.timekeeper
    facts = report.Facts(
        hub.keys.hub_id,
        journal.chain,
        journal.next_sequence - 1,
        journal.next_capture - 1,
        timekeeper.time_s(),
        timekeeper.quality,
        journal.fix_for(journal.boot) if timekeeper.quality else None,
        journal.waiting(),
    )
    facts.nonce = health.nonce
    facts.counters = dict(health.counters)
    if hub.radio.faults:
        facts.counters["radio faults"] = hub.radio.faults
    facts.notes = tuple(journal.notes)[:_NOTES_MAX]
    facts.jump_s = timekeeper.jump_s
    facts.order = hub.order
    facts.events = events.told(health.events, facts)
    if hub.key_change:
        from firmware import rotation

        facts.new_key = rotation.tend(hub)
    return facts
