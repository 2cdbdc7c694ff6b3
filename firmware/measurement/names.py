"""Names of codes, for pages, tools and FHIR: a hub travels without them."""

from firmware.measurement import codes

# code -> (reference id, words for people)
NAMES = {
    codes.PRESS_SYS: ("MDC_PRESS_BLD_NONINV_SYS", "systolic"),
    codes.PRESS_DIA: ("MDC_PRESS_BLD_NONINV_DIA", "diastolic"),
    codes.PRESS_MEAN: ("MDC_PRESS_BLD_NONINV_MEAN", "mean"),
    codes.PULSE_CUFF: ("MDC_PULS_RATE_NON_INV", "pulse"),
    codes.SPO2: ("MDC_PULS_OXIM_SAT_O2", "SpO2"),
    codes.PULSE_OXIMETER: ("MDC_PULS_OXIM_PULS_RATE", "pulse"),
    codes.PULSE_AMPLITUDE: ("MDC_PULS_OXIM_PERF_REL", "pulse amplitude"),
    codes.BODY_MASS: ("MDC_MASS_BODY_ACTUAL", "weight"),
    codes.BODY_HEIGHT: ("MDC_LEN_BODY_ACTUAL", "height"),
    codes.BMI: ("MDC_RATIO_MASS_BODY_LEN_SQ", "BMI"),
    codes.MMHG: ("MDC_DIM_MMHG", "mmHg"),
    codes.KPA: ("MDC_DIM_KILO_PASCAL", "kPa"),
    codes.BPM: ("MDC_DIM_BEAT_PER_MIN", "bpm"),
    codes.PERCENT: ("MDC_DIM_PERCENT", "%"),
    codes.KG: ("MDC_DIM_KILO_G", "kg"),
    codes.LB: ("MDC_DIM_LB", "lb"),
    codes.METRE: ("MDC_DIM_X_M", "m"),
    codes.INCH: ("MDC_DIM_INCH", "in"),
    codes.KG_PER_M2: ("MDC_DIM_KG_PER_M_SQ", "kg/m2"),
    codes.DEGC: ("MDC_DIM_DEGC", "°C"),
    codes.FAHR: ("MDC_DIM_FAHR", "°F"),
}
