"""Codes of quantities and units (IEEE 11073-10101, "MDC"), and the kinds of measurement made of them.

A code is partition * 65536 + term. Partition 2 (SCADA) names quantities, partition 4 (DIM) units. Terms are
those of IEEE 11073-10101 and of the device specialisations 10404 (oximeter), 10407 (blood pressure) and 10415
(scale); they were compared with the term tables of four independent public implementations of those
standards, and the 32-bit sums with the HL7 Personal Health Device guide's examples.

Their words for people and reference ids stand in names.py, which a hub does not load.

The numbers of kinds, reasons and flags travel in sealed batches: append, never renumber.
"""

from micropython import const

PRESS_SYS = const(150021)  # MDC_PRESS_BLD_NONINV_SYS, 2::18949
PRESS_DIA = const(150022)  # MDC_PRESS_BLD_NONINV_DIA, 2::18950
PRESS_MEAN = const(150023)  # MDC_PRESS_BLD_NONINV_MEAN, 2::18951
PULSE_CUFF = const(149546)  # MDC_PULS_RATE_NON_INV, 2::18474
SPO2 = const(150456)  # MDC_PULS_OXIM_SAT_O2, 2::19384
PULSE_OXIMETER = const(149530)  # MDC_PULS_OXIM_PULS_RATE, 2::18458
PULSE_AMPLITUDE = const(150448)  # MDC_PULS_OXIM_PERF_REL, 2::19376
BODY_MASS = const(188736)  # MDC_MASS_BODY_ACTUAL, 2::57664
BODY_HEIGHT = const(188740)  # MDC_LEN_BODY_ACTUAL, 2::57668
BMI = const(188752)  # MDC_RATIO_MASS_BODY_LEN_SQ, 2::57680

MMHG = const(266016)  # MDC_DIM_MMHG, 4::3872
KPA = const(265987)  # MDC_DIM_KILO_PASCAL, 4::3843
BPM = const(264864)  # MDC_DIM_BEAT_PER_MIN, 4::2720
PERCENT = const(262688)  # MDC_DIM_PERCENT, 4::544
KG = const(263875)  # MDC_DIM_KILO_G, 4::1731
LB = const(263904)  # MDC_DIM_LB, 4::1760
METRE = const(263424)  # MDC_DIM_X_M, 4::1280
INCH = const(263520)  # MDC_DIM_INCH, 4::1376
KG_PER_M2 = const(264096)  # MDC_DIM_KG_PER_M_SQ, 4::1952
DEGC = const(268192)  # MDC_DIM_DEGC, 4::6048
FAHR = const(266560)  # MDC_DIM_FAHR, 4::4416

_OXIMETRY = ((SPO2, PERCENT), (PULSE_OXIMETER, BPM), (PULSE_AMPLITUDE, PERCENT))

# kind -> (its number, its quantities in this order with the usual unit of each). A measurement may lack some
# of its kind's quantities and never has others; what is left keeps the order.
KINDS = {
    "blood_pressure": (1, ((PRESS_SYS, MMHG), (PRESS_DIA, MMHG), (PRESS_MEAN, MMHG), (PULSE_CUFF, BPM))),
    "body_weight": (2, ((BODY_MASS, KG), (BMI, KG_PER_M2), (BODY_HEIGHT, METRE))),
    "pulse_oximetry": (3, _OXIMETRY),  # a spot check: MDC_MODALITY_SPOT, 2::19516
    "pulse_oximetry_continuous": (4, _OXIMETRY),
    "pulse_oximetry_fast": (5, _OXIMETRY),  # averaged over a shorter time: MDC_MODALITY_FAST, 2::19508
    "pulse_oximetry_slow": (6, _OXIMETRY),  # averaged over a longer time: MDC_MODALITY_SLOW, 2::19512
}

# Why a quantity has no number. The number of a reason is its index. The first five are IEEE 11073-20601's
# specials, the rest say what a format's own no-value code means.
REASONS = ("NaN", "NRes", "+INF", "-INF", "RFU", "unsuccessful", "no_reading")

# What a measurement says of itself. The number of a flag is its index.
FLAGS = (
    "test",
    "demo",
    "calibration",
    "control_solution",
    "invalid",
    "unavailable",
    "unsuccessful",
    "clock_not_set",
    "from_storage",
    "reserved_bits",
)

# A measurement that carries one of these is never this patient's value.
NOT_A_VALUE = ("test", "demo", "calibration", "control_solution", "invalid", "unavailable", "unsuccessful")


def kind_of(number: int) -> "str | None":
    """Return the kind with this number, or None when this version knows none."""
    for kind in KINDS:
        if KINDS[kind][0] == number:
            return kind
    return None
