"""Codes of quantities and units (IEEE 11073-10101, "MDC"), and the kinds of measurement made of them.

A code is partition * 65536 + term. Partition 2 (SCADA) names quantities, partition 4 (DIM) units. Terms are
those of IEEE 11073-10101 and of the device specialisations 10404 (oximeter), 10407 (blood pressure), 10408
(thermometer), 10415 (scale), 10417 (glucose) and 10420 (body composition); they were compared with the term
tables of four independent public implementations of those standards (metabolism, muscle and impedance with
one), and the 32-bit sums with the HL7 Personal Health Device guide's examples. Here stand those that several
files need; a driver holds what is its own.

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
_BODY_FAT = const(188748)  # MDC_BODY_FAT, 2::57676
_FAT_FREE_MASS = const(188756)  # MDC_MASS_BODY_FAT_FREE, 2::57684
_SOFT_LEAN_MASS = const(188760)  # MDC_MASS_BODY_SOFT_LEAN, 2::57688
_BODY_WATER = const(188764)  # MDC_BODY_WATER, 2::57692
_BASAL_METABOLISM = const(188768)  # MDC_BASAL_METABOLISM, 2::57696
_MUSCLE = const(188772)  # MDC_BODY_MUSCLE, 2::57700
_MUSCLE_MASS = const(188776)  # MDC_MASS_BODY_MUSCLE, 2::57704
_IMPEDANCE = const(188780)  # MDC_BODY_ELECTRICAL_IMPEDANCE, 2::57708
_HEART_RATE = const(147842)  # MDC_ECG_HEART_RATE, 2::16770
_ENERGY = const(8454263)  # MDC_HF_ENERGY, 129::119

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
_KJ = const(266115)  # MDC_DIM_KILO_JOULES, 4::3971
_OHM = const(266432)  # MDC_DIM_OHM, 4::4288
MG_PER_DL = const(264274)  # MDC_DIM_MILLI_G_PER_DL, 4::2130
MMOL_PER_L = const(266866)  # MDC_DIM_MILLI_MOLE_PER_L, 4::4722
CODED = const(0)  # no unit at all: the number is itself a code of this nomenclature
DIM = const(262144)  # partition 4: a unit's 16 bits on the air are a term of it

_OXIMETRY = ((SPO2, PERCENT), (PULSE_OXIMETER, BPM), (PULSE_AMPLITUDE, PERCENT))

# kind -> (its number, its quantities in this order with the usual unit of each). A measurement may lack some
# of its kind's quantities and never has others; what is left keeps the order. None: an open kind, whose
# measurements say the code and the unit of each quantity themselves.
KINDS: dict = {
    "blood_pressure": (1, ((PRESS_SYS, MMHG), (PRESS_DIA, MMHG), (PRESS_MEAN, MMHG), (PULSE_CUFF, BPM))),
    "body_weight": (2, ((BODY_MASS, KG), (BMI, KG_PER_M2), (BODY_HEIGHT, METRE))),
    "pulse_oximetry": (3, _OXIMETRY),  # a spot check: MDC_MODALITY_SPOT, 2::19516
    "pulse_oximetry_continuous": (4, _OXIMETRY),
    "pulse_oximetry_fast": (5, _OXIMETRY),  # averaged over a shorter time: MDC_MODALITY_FAST, 2::19508
    "pulse_oximetry_slow": (6, _OXIMETRY),  # averaged over a longer time: MDC_MODALITY_SLOW, 2::19512
    "body_composition": (
        7,
        (
            (_BODY_FAT, PERCENT),
            (_BASAL_METABOLISM, _KJ),
            (_MUSCLE, PERCENT),
            (_MUSCLE_MASS, KG),
            (_FAT_FREE_MASS, KG),
            (_SOFT_LEAN_MASS, KG),
            (_BODY_WATER, KG),
            (_IMPEDANCE, _OHM),
            (BODY_MASS, KG),
            (BODY_HEIGHT, METRE),
        ),
    ),
    "heart_rate": (8, ((_HEART_RATE, BPM), (_ENERGY, _KJ))),
    "body_temperature": (9, None),
    "blood_glucose": (10, None),
    "glucose_context": (11, None),  # what a meter knows beside a glucose of the same sequence number
    "glucose_continuous": (12, None),
    "spirometry": (13, None),
    "observation": (14, None),  # any other of a generic health sensor
}

# Why a quantity has no number. The number of a reason is its index. The first five are IEEE 11073-20601's
# specials, the rest say what a format's own no-value code means; "no_number": it was told in words or waves.
REASONS = ("NaN", "NRes", "+INF", "-INF", "RFU", "unsuccessful", "no_reading", "no_number", "overrun")

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
    "incomplete",  # the device announced more of it, which did not come
)

# A measurement that carries one of these is never this patient's value.
NOT_A_VALUE = ("test", "demo", "calibration", "control_solution", "invalid", "unavailable", "unsuccessful")


def kind_of(number: int) -> "str | None":
    """Return the kind with this number, or None when this version knows none."""
    for kind in KINDS:
        if KINDS[kind][0] == number:
            return kind
    return None
