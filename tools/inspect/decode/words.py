"""Names of what telehub decode shows beside statuses (those stand in firmware/measurement/names.py): all of it data.

A name stands at its code or bit; None is one that is not assigned.
"""

PRESSURE_FEATURES = (
    "body_movement",
    "cuff_fit",
    "irregular_pulse",
    "pulse_rate_range",
    "measurement_position",
    "multiple_bonds",
    "e2e_crc",
    "user_data_service",
    "user_facing_time",
)
WEIGHT_FEATURES = ("timestamp", "multiple_users", "bmi")
COMPOSITION_FEATURES = (
    "timestamp",
    "multiple_users",
    "basal_metabolism",
    "muscle_pct",
    "muscle_mass",
    "fat_free_mass",
    "soft_lean_mass",
    "body_water_mass",
    "impedance",
    "weight",
    "height",
)
OXIMETER_FEATURES = (
    "measurement_status",
    "sensor_status",
    "storage",
    "timestamp",
    "spo2_pr_fast",
    "spo2_pr_slow",
    "pulse_amplitude_index",
    "multiple_bonds",
)
GLUCOSE_FEATURES = (
    "low_battery",
    "sensor_malfunction",
    "sample_size",
    "strip_insertion",
    "strip_type",
    "result_high_low",
    "temp_high_low",
    "read_interrupt",
    "general_fault",
    "time_fault",
    "multiple_bonds",
)
CGM_FEATURES = (
    "calibration",
    "patient_high_low_alerts",
    "hypo_alerts",
    "hyper_alerts",
    "rate_alerts",
    "device_specific_alert",
    "sensor_malfunction",
    "temp_high_low",
    "result_high_low",
    "low_battery",
    "sensor_type_error",
    "general_fault",
    "e2e_crc",
    "multiple_bonds",
    "multiple_sessions",
    "trend",
    "quality",
)

GLUCOSE_TYPES = (
    None,
    "capillary_whole_blood",
    "capillary_plasma",
    "venous_whole_blood",
    "venous_plasma",
    "arterial_whole_blood",
    "arterial_plasma",
    "undetermined_whole_blood",
    "undetermined_plasma",
    "isf",
    "control_solution",
)
_NO = (None,)
GLUCOSE_LOCATIONS = _NO + ("finger", "alternate_site", "earlobe", "control_solution") + _NO * 10 + ("not_available",)
CGM_LOCATIONS = GLUCOSE_LOCATIONS[:5] + ("subcutaneous",) + GLUCOSE_LOCATIONS[6:]
CARBOHYDRATES = _NO + ("breakfast", "lunch", "dinner", "snack", "drink", "supper", "brunch")
MEALS = _NO + ("preprandial", "postprandial", "fasting", "casual", "bedtime")
TESTERS = _NO + ("self", "hcp", "lab_test") + _NO * 11 + ("not_available",)
HEALTHS = (
    _NO + ("minor_issues", "major_issues", "during_menses", "under_stress", "no_issues") + _NO * 9 + ("not_available",)
)
MEDICATIONS = _NO + ("rapid_insulin", "short_insulin", "intermediate_insulin", "long_insulin", "premixed_insulin")

RACP_OPCODES = (
    None,
    "report_records",
    "delete_records",
    "abort",
    "report_number",
    "number_response",
    "response",
    "combined_report",
    "combined_response",
)
RACP_OPERATORS = ("null", "all", "less_or_equal", "greater_or_equal", "range", "first", "last")
RACP_RESPONSES = (
    None,
    "success",
    "opcode_not_supported",
    "invalid_operator",
    "operator_not_supported",
    "invalid_operand",
    "no_records",
    "abort_unsuccessful",
    "not_completed",
    "operand_not_supported",
    "server_busy",
)
USER_OPCODES = {
    1: "register_new_user",
    2: "consent",
    3: "delete_user_data",
    4: "list_all_users",
    5: "delete_users",
    0x20: "response",
}
USER_RESPONSES = (
    None,
    "success",
    "opcode_not_supported",
    "invalid_parameter",
    "operation_failed",
    "user_not_authorized",
)

TEMPERATURE_TYPES = (
    None,
    "armpit",
    "body",
    "ear",
    "finger",
    "gi_tract",
    "mouth",
    "rectum",
    "toe",
    "tympanum",
)
HEART_LOCATIONS = ("other", "chest", "wrist", "finger", "hand", "ear_lobe", "foot")
CONTACTS = ("not_supported", "not_supported", "not_detected", "detected")
ADJUST_REASONS = ("manual", "external_reference", "time_zone", "dst")
DAYLIGHT_MINUTES = {0: 0, 2: 30, 4: 60, 8: 120, 255: None}
TIME_SOURCES = ("unknown", "ntp", "gps", "radio", "manual", "atomic", "cellular", "not_synchronised")
VENDOR_SOURCES = (None, "bluetooth_sig", "usb_if")
OBSERVATIONS = {
    1: "numeric",
    2: "simple_discrete",
    3: "string",
    4: "sample_array",
    5: "compound_discrete_event",
    6: "compound_discrete_state",
    7: "compound",
    8: "tlv",
    255: "bundle",
}

# What the quantities of a measurement are called
QUANTITIES = {
    150021: "systolic",
    150022: "diastolic",
    150023: "map",
    149546: "pulse_rate",
    150456: "spo2",
    149530: "pulse_rate",
    150448: "pulse_amplitude_index",
    188736: "weight",
    188740: "height",
    188752: "bmi",
    188748: "body_fat_pct",
    188756: "fat_free_mass",
    188760: "soft_lean_mass",
    188764: "body_water_mass",
    188768: "basal_metabolism_kj",
    188772: "muscle_pct",
    188776: "muscle_mass",
    188780: "impedance_ohm",
}


def word(table, code: int) -> str:
    """Return the name of a code; "rfu" when it is not assigned."""
    if isinstance(table, dict):
        return table.get(code, "rfu")
    return (table[code] if code < len(table) else None) or "rfu"


def words(table, raw: int) -> list:
    """Return the names of the bits that are set, in bit order."""
    return [name for bit, name in enumerate(table) if name is not None and raw >> bit & 1]
