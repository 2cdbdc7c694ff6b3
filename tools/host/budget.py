"""What one hub has, in one place: every bound that is measured against says its number here."""

# An ESP32-S3 with PSRAM has megabytes; a hub must live in what boards without spare room could give, code included.
HUB_HEAP_OCTETS = 192 * 1024

# Objects and pointers are twice as wide in a 64-bit interpreter.
HEAP_FACTOR_64_BIT = 2

# What goes on the chip beside the interpreter; LittleFS and two application slots share what an 8 MB board leaves.
IMAGE_OCTETS_MAX = 120_000

# The story must pass with no more than this, the twin's own modules taken off.
HEAP_PEAK_OCTETS_MAX = 160 * 1024
HEAP_PEAK_OCTETS_STRETCH = 128 * 1024

# The NimBLE task's stack is small; the callback may not use more of it.
CALLBACK_STACK_OCTETS_MAX = 2048

# What the flash is programmed with for one reading (capture, session, plan, receipt), alone and when 16 come at once:
# a chip that is good for 100000 erases a sector then outlives every device (firmware/journal/FORMAT.md).
JOURNAL_LONE_OCTETS_MAX = 288
JOURNAL_OF_16_OCTETS_MAX = 84

# A blood pressure with its proof, alone and when 16 share one.
ENVELOPE_LONE_OCTETS_MAX = 190
ENVELOPE_OF_16_OCTETS_MAX = 42

# How many times more octets the same takes as signed JSON, and what checking a receipt may leave on the heap.
JWS_OF_FHIR_TIMES_MIN = 9
JWS_OF_JSON_TIMES_MIN = 2.2
RECEIPT_GARBAGE_OCTETS_MAX = 2000

# Seconds of wall time on two cores: a demo that a newcomer waits for, and a hub's day, of which tests live many.
DEMO_WALL_S_MAX = 60
DAY_WALL_S_MAX = 5

# From the first advertisement to the first octet kept, of the device's window; and visits that get everything while a
# hundred strangers advertise.
ADVERT_SHARE_PERCENT_MAX = 20
VISITS_COMPLETE_PERCENT_MIN = 99.5

# How much less may be free on the heap after thousands of visits.
SOAK_OCTETS_MAX = 1024


def heap_octets(bits: int, twin_octets: int = 0) -> int:
    """The heap to give an interpreter so that the hub has its own, the twin's share (as measured) on top."""
    return HUB_HEAP_OCTETS * (HEAP_FACTOR_64_BIT if bits == 64 else 1) + twin_octets
