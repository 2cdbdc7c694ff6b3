"""What can be wrong with a device, as data: each is off unless a scenario switches it on."""

from dataclasses import dataclass


@dataclass
class Faults:
    """Counts are of indications of readings since the device was made, from 1; None means never."""

    drop_at: int | None = None  # the link is lost while this indication is under way
    lose_confirmation_at: int | None = None  # this indication's confirmation does not reach the device
    answer_delay_ms: int = 0  # every ATT answer comes so much later
    endless: bool = False  # a value in segments has no last one
    silent: bool = False  # connects and answers, and sends no reading
    refuse_at: int | None = None  # this ATT request of a link is answered with an error, counted from 1
    cut_octets: int = 0  # octets missing at the end of each value
    extra_octets: int = 0  # octets too many at the end of each value
    repairs_always: bool = False  # pairs anew at any time, as one that lost its bond does, or an impostor
