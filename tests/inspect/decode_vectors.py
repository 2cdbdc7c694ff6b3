"""Requests to telehub decode with their answers, worked by hand from the GATT Specification Supplement's field tables,
the Pulse Oximeter Service 1.0.1 and IEEE 11073-20601's numbers; or with the source that stands beside them.

(characteristic, hex, driver, context, answer): an answer's numbers are text, so that 2.00 is not 2.0.
"""

_TIME = "ea070105080009"  # 2026-01-05 08:00:09
_SHOWN = "2026-01-05T08:00:09"


def _bits(key, raw, *names):
    return {key + "_raw": str(raw), key: list(names)}


VECTORS = [
    # -- numbers: specials, only with exponent 0; both signs; positive exponents
    ("SFLOAT", "7800", None, {}, {"value": "120"}),
    ("SFLOAT", "6cf1", None, {}, {"value": "36.4"}),
    ("SFLOAT", "c8e0", None, {}, {"value": "2.00"}),
    ("SFLOAT", "fff7", None, {}, {"value": "204.7"}),
    ("SFLOAT", "ff07", None, {}, {"value": "NaN"}),
    ("SFLOAT", "0008", None, {}, {"value": "NRes"}),
    ("SFLOAT", "fe07", None, {}, {"value": "+INF"}),
    ("SFLOAT", "0208", None, {}, {"value": "-INF"}),
    ("SFLOAT", "0108", None, {}, {"value": "RFU"}),
    ("SFLOAT", "0c10", None, {}, {"value": "12e1"}),
    ("SFLOAT", "0010", None, {}, {"value": "0"}),
    ("SFLOAT", "ffff", None, {}, {"value": "-0.1"}),
    ("FLOAT", "6c0100ff", None, {}, {"value": "36.4"}),
    ("FLOAT", "380e00fe", None, {}, {"value": "36.40"}),
    ("FLOAT", "ffff7f00", None, {}, {"value": "NaN"}),
    ("FLOAT", "01000005", None, {}, {"value": "1e5"}),
    ("CRC16", "313233343536373839", None, {}, {"crc": str(0x6F91)}),  # the check value of CRC-16/MCRF4XX
    ("CRC16", "", None, {}, {"crc": str(0xFFFF)}),
    # -- blood pressure
    (
        "2A35", "1e800050006000" + _TIME + "4800010500", None, {},
        {"unit": "mmHg", "systolic": "128", "diastolic": "80", "map": "96", "timestamp": _SHOWN, "pulse_rate": "72",
         "user_id": "1", **_bits("status", 5, "body_movement", "irregular_pulse")},
    ),
    (
        "2a35", "15A0F06BF07DF0D2F21800", None, {},
        {"unit": "kPa", "systolic": "16.0", "diastolic": "10.7", "map": "12.5", "pulse_rate": "72.2",
         **_bits("status", 24, "pulse_range_rfu")},
    ),
    (
        "00002a35-0000-1000-8000-00805f9b34fb", "0a78005000ff0700000000000000ff", None, {},
        {"unit": "mmHg", "systolic": "120", "diastolic": "80", "map": "NaN", "timestamp": None,
         "timestamp_state": "unknown", "user_id": "unknown"},
    ),
    (
        "2A35", "02780050005d00ea07021e000000", None, {},  # 30 February
        {"unit": "mmHg", "systolic": "120", "diastolic": "80", "map": "93", "timestamp": None,
         "timestamp_state": "invalid"},
    ),
    (
        "2A35", "e0780050005d00aabb", None, {},
        {"unit": "mmHg", "systolic": "120", "diastolic": "80", "map": "93", "extra_octets": "2"},
    ),
    # recorded from a BM85 (derdilla/blood-pressure-monitor-fl, pull request 737)
    (
        "2A35", "56760050000000ea07080b141b00003c000004", "beurer_bm85", {},
        {"unit": "mmHg", "systolic": "118", "diastolic": "80", "map": "0", "timestamp": "2026-08-11T20:27:00",
         "pulse_rate": "60", "user_id": "0", **_bits("status", 4, "irregular_pulse")},
    ),
    ("2A36", "009600ff07ff07", None, {}, {"unit": "mmHg", "cuff_pressure": "150"}),
    (
        "2B34", "7e780050005d0040420f0048000104 0050500f00".replace(" ", ""), None, {},
        {"unit": "mmHg", "systolic": "120", "diastolic": "80", "map": "93", "timestamp": "2000-01-12T13:46:40",
         "pulse_rate": "72", "user_id": "1", **_bits("status", 4, "irregular_pulse"),
         "user_facing_time": "2000-01-12T14:46:40"},
    ),
    ("2B35", "029600 80510100".replace(" ", ""), None, {},
     {"unit": "mmHg", "cuff_pressure": "150", "timestamp": "1900-01-02T00:00:00"}),
    (
        "2B36", "0d0700352a0078", None, {},
        {"first": True, "last": False, "segment_counter": "3", "sequence_number": "7", "record_char": "2A35",
         "data_hex": "0078"},
    ),
    ("2A49", "a401", None, {},
     _bits("features", 0x1A4, "irregular_pulse", "multiple_bonds", "user_data_service", "user_facing_time")),
    # -- weight and body composition
    (
        "2A9D", "0e783e" + _TIME + "02f7000807", None, {},
        {"unit": "kg", "weight": "79.960", "timestamp": _SHOWN, "user_id": "2", "bmi": "24.7", "height": "1.800",
         "height_unit": "m"},
    ),
    ("2A9D", "09e544f700c402", None, {},
     {"unit": "lb", "weight": "176.37", "bmi": "24.7", "height": "70.8", "height_unit": "in"}),
    ("2A9D", "00ffff", None, {}, {"unit": "kg", "weight": None, "unsuccessful": True}),
    ("2A9E", "bd000000", None, {},
     {**_bits("features", 0xBD, "timestamp", "bmi"), "weight_resolution": "7", "height_resolution": "1"}),
    (
        "2A9C", "fe0fea00" + _TIME + "0272069f016419e02eec2c60220314803e0807", None, {},
        {"unit": "kg", "body_fat_pct": "23.4", "timestamp": _SHOWN, "user_id": "2", "basal_metabolism_kj": "1650",
         "muscle_pct": "41.5", "muscle_mass": "32.500", "fat_free_mass": "60.000", "soft_lean_mass": "57.500",
         "body_water_mass": "44.000", "impedance_ohm": "512.3", "weight": "80.000", "height": "1.800",
         "height_unit": "m", "multiple_packet": False},
    ),
    ("2A9C", "0010ffff", None, {},
     {"unit": "kg", "body_fat_pct": None, "unsuccessful": True, "multiple_packet": True}),
    ("2A9B", "04380200", None, {},
     {**_bits("features", 0x23804, "basal_metabolism"), "mass_resolution": "7", "height_resolution": "4"}),
    # -- oximeter
    (
        "2A5E", "1fd4f3d0f2" + _TIME + "80022080007de0", None, {},
        {"spo2": "98.0", "pulse_rate": "72.0", "timestamp": _SHOWN,
         **_bits("measurement_status", 0x280, "validated", "from_storage"),
         **_bits("sensor_status", 0x8020, "low_perfusion", "sensor_disconnected"),
         "pulse_amplitude_index": "1.25", "clock_not_set": True},
    ),
    (
        "2A5F", "1f6100480062004900600047002000010000 1400".replace(" ", ""), None, {},
        {"spo2": "97", "pulse_rate": "72", "spo2_fast": "98", "pulse_rate_fast": "73", "spo2_slow": "96",
         "pulse_rate_slow": "71", **_bits("measurement_status", 32, "measurement_ongoing"),
         **_bits("sensor_status", 1, "extended_display_update"), "pulse_amplitude_index": "20"},
    ),
    (
        "2A60", "8700a0030100 80".replace(" ", ""), None, {},
        {**_bits("features", 0x87, "measurement_status", "sensor_status", "storage", "multiple_bonds"),
         **_bits("measurement_status_support", 0x3A0, "measurement_ongoing", "validated", "fully_qualified",
                 "from_storage"),
         **_bits("sensor_status_support", 0x800001, "extended_display_update")},
    ),
    # -- glucose
    (
        "2A18", "072a00" + _TIME + "0a0038c012", None, {},
        {"sequence_number": "42", "base_time": _SHOWN, "time_offset_min": "10", "timestamp": "2026-01-05T08:10:09",
         "glucose": "5.6", "unit": "mmol/L", "type": "capillary_plasma", "location": "finger",
         "context_follows": False},
    ),
    (
        "2A18", "1b2b00" + _TIME + "5ffa65b0210900", None, {},
        {"sequence_number": "43", "base_time": _SHOWN, "time_offset_min": "-1441", "timestamp": "2026-01-04T07:59:09",
         "glucose": "101", "unit": "mg/dL", "type": "capillary_whole_blood", "location": "alternate_site",
         **_bits("status", 9, "battery_low", "strip_insertion_error"), "context_follows": True},
    ),
    (
        "2A18", "022b00000000000000000cc0fb", None, {},  # mantissa 12, exponent -4: 12e1 mg/dL; both nibbles unassigned
        {"sequence_number": "43", "base_time": None, "timestamp_state": "unknown", "timestamp": None,
         "glucose": "12e1", "unit": "mg/dL", "type": "rfu", "location": "not_available", "context_follows": False},
    ),
    (
        "2A34", "ff2a0000023cd00141080746 0106a041f0".replace(" ", ""), None, {},
        {"sequence_number": "42", "extended_flags": "0", "carbohydrate_id": "lunch", "carbohydrate_kg": "0.060",
         "meal": "preprandial", "tester": "self", "health": "under_stress", "exercise_duration_s": "1800",
         "exercise_intensity_pct": "70", "medication_id": "rapid_insulin", "medication": "0.000006",
         "medication_unit": "L", "hba1c_pct": "6.5"},
    ),
    ("2A34", "0c2a00ffffff64", None, {},
     {"sequence_number": "42", "tester": "not_available", "health": "not_available",
      "exercise_duration_s": "overrun", "exercise_intensity_pct": "100"}),
    ("2A51", "4304", None, {},
     _bits("features", 0x443, "low_battery", "sensor_malfunction", "temp_high_low", "multiple_bonds")),
    ("2A52", "0101", None, {}, {"opcode": "report_records", "operator": "all"}),
    ("2A52", "0103012a00", None, {},
     {"opcode": "report_records", "operator": "greater_or_equal", "operand_hex": "012a00"}),
    ("2A52", "05000201", None, {}, {"opcode": "number_response", "operator": "null", "number_of_records": "258"}),
    ("2A52", "050004030201", None, {"count_size": 4},
     {"opcode": "number_response", "operator": "null", "number_of_records": "16909060"}),
    ("2A52", "06000106", None, {},
     {"opcode": "response", "operator": "null", "request_opcode": "report_records", "response": "no_records"}),
    # -- continuous glucose
    (
        "2AA7", "09e0650005000208800801660 00a000af0".replace(" ", ""), None, {},
        {"records": [
            {"glucose": "101", "unit": "mg/dL", "time_offset_min": "5",
             **_bits("status", 0x800802, "battery_low", "calibration_required", "result_too_high")},
            {"glucose": "102", "unit": "mg/dL", "time_offset_min": "10", "trend": "1.0"},
        ]},
    ),
    ("2AA8", "00800159ffff", None, {},
     {**_bits("features", 0x18000, "trend", "quality"), "type": "isf", "location": "subcutaneous"}),
    ("2AA9", "0500010000", None, {}, {"time_offset_min": "5", **_bits("status", 1, "session_stopped")}),
    ("2AAA", _TIME + "0404", None, {}, {"session_start": _SHOWN, "tz_offset_min": "60", "dst_offset_min": "60"}),
    ("2AAB", "a800", None, {}, {"run_time_h": "168"}),
    # -- temperature, heart rate
    ("2A1C", "066c0100ff" + _TIME + "03", None, {},
     {"unit": "C", "temperature": "36.4", "timestamp": _SHOWN, "type": "ear"}),
    ("2A1E", "05da0300ff63", None, {}, {"unit": "F", "temperature": "98.6", "type": "rfu"}),
    ("2A1D", "02", None, {}, {"type": "body"}),
    ("2A21", "3c00", None, {}, {"interval_s": "60"}),
    ("2A37", "1f2c010a000004f803", None, {},
     {"heart_rate": "300", "contact": "detected", "energy_kj": "10", "rr_1024": ["1024", "1016"]}),
    ("2A37", "0400", None, {}, {"heart_rate": "0", "contact": "not_detected"}),
    ("2A37", "0248", None, {}, {"heart_rate": "72", "contact": "not_supported"}),
    ("2A38", "05", None, {}, {"location": "ear_lobe"}),
    # -- time, user, device
    ("2A08", _TIME, None, {}, {"timestamp": _SHOWN}),
    ("2A2B", _TIME + "018006", None, {},
     {"timestamp": _SHOWN, "day_of_week": "1", "fractions256": "128",
      **_bits("adjust_reason", 6, "external_reference", "time_zone")}),
    ("2A0F", "8000", None, {}, {"tz_offset_min": None, "dst_offset_min": "0"}),
    ("2A0F", "fcff", None, {}, {"tz_offset_min": "-60", "dst_offset_min": None}),
    ("2BF2", "32100e0000000006 040103".replace(" ", ""), None, {},
     {"time": "2000-01-01T01:00:00Z", "time_tz_min": "60", "time_source": "cellular", "time_current_timeline": True,
      "needs_set": True, "auto_dst": True, "auto_tz": True}),
    ("2BF2", "2839300000000000 00".replace(" ", ""), None, {"op": "write"},
     {"time": "2000-01-01T00:00:12.345", "time_source": "unknown", "time_current_timeline": True}),
    ("2BF2", "010a000000000000000000", None, {},
     {"time_ticks_us": "10000000", "time_source": "unknown", "time_current_timeline": False, "needs_set": False,
      "auto_dst": False, "auto_tz": False}),
    ("2A9F", "0201d204", None, {}, {"opcode": "consent", "user_index": "1", "consent_code": "1234"}),
    ("2A9F", "20010102", None, {},
     {"opcode": "response", "request_opcode": "register_new_user", "response": "success", "user_index": "2"}),
    ("2A9A", "ff", None, {}, {"user_index": "unknown"}),
    ("2A99", "01000000", None, {}, {"change_increment": "1"}),
    ("2A19", "64", None, {}, {"battery_pct": "100"}),
    ("2A50", "0134127856bc9a", None, {},
     {"vendor_id_source": "bluetooth_sig", "vendor_id": "4660", "product_id": "22136", "product_version": "39612"}),
    ("2A23", "5544 33feff221100".replace(" ", ""), None, {}, {"eui64": "001122fffe334455"}),
    ("2A29", "4126442020" + "00", None, {}, {"text": "A&D"}),
    ("2BFF", "054100" + "4200", None, {}, {"label": "A", "issuer": "B"}),
    # -- generic health sensor: STMicroelectronics' GHS server's examples
    (
        "2B8B", "03011b006300b84b020022729d2b290000060001013c4c0200200262000000", None, {},
        {"observation": {"class": "numeric", "type": "150456", "timestamp": "2021-11-20T11:50:10Z",
                         "timestamp_source": "cellular", "timestamp_current_timeline": True, "patient": "1",
                         "supplemental": ["150588"], "unit_code": "544", "value": "98"}},
    ),
    (
        "2BDD", "0105000000073500|"
        "041300044a020022729d2b290000060040e2010003054a020001200f64000000064a020001200f3c000000|"
        "0a074a020001200f50000000", None, {},
        {"record_number": "5",
         "observation": {"class": "compound", "type": "150020", "timestamp": "2021-11-20T11:50:10Z",
                         "timestamp_source": "cellular", "timestamp_current_timeline": True, "object_id": "123456",
                         "components": [
                             {"type": "150021", "class": "numeric", "unit_code": "3872", "value": "100"},
                             {"type": "150022", "class": "numeric", "unit_code": "3872", "value": "60"},
                             {"type": "150023", "class": "numeric", "unit_code": "3872", "value": "80"}]}},
    ),
    ("2B8B", "03030700000003004d616e", None, {}, {"observation": {"class": "string", "value": "Man"}}),
    (
        "2B8B", "0305140081 00f0558000 0140e20100 02 f0000300 ae010300".replace(" ", ""), None, {},
        {"observation": {"class": "compound_discrete_event", "type": "8410608", "derived_from": ["123456"],
                         "value": ["196848", "197038"]}},
    ),
    ("2B8B", "03010e0009000a54020011004006f10000fe", None, {},
     {"observation": {"class": "numeric", "type": "152586", "unit_code": "1600", "value": "2.41",
                      **_bits("measurement_status", 17, "invalid", "test_data")}}),
    ("2BF3", "0101b84b0200010710 01".replace(" ", ""), None, {},
     {"observation_types": ["150456"], "device_specializations": [{"code": "4103", "version": "1"}]}),
    # a vendor's own (Nonin's specification as public decoders read it)
    ("0AAD7EA0-0D60-11E2-8E3C-0002A5D5C51B", "0a141e0145010261 0048".replace(" ", ""), "nonin_3230", {},
     {"spo2": "97", "pulse_rate": "72", "pulse_amplitude_index": "3.25",
      **_bits("status", 20, "smart_point", "finger_in_place")}),
]  # fmt: skip

# (characteristic, hex, driver, context, how the error begins)
REFUSED = [
    ("2A35", "", None, {}, "short"),
    ("2A35", "1e80005000600", None, {}, "input: "),
    ("2A35", "1e8000500060", None, {}, "short"),
    ("2A35", "02780050005d00ea0701050800", None, {}, "short"),
    ("2A35", "zz", None, {}, "input: "),
    ("2A35", "00|00", None, {}, "input: "),
    ("2A35", "00780050005d00", "no_such_driver", {}, "unsupported: "),
    ("2A18", "00780050005d00", "beurer_bm85", {}, "unsupported: "),
    ("2A99", "010000", None, {}, "short"),
    ("2A19", "65", None, {}, "reserved"),
    ("2A19", "6400", None, {}, "length"),
    ("2A2B", _TIME + "0180", None, {}, "short"),
    ("2A08", _TIME + "00", None, {}, "length"),
    ("2A0F", "7f00", None, {}, "reserved"),
    ("2A37", "1000040005", None, {}, "length"),
    ("2A52", "01", None, {}, "short"),
    ("2A52", "05000201", None, {"count_size": 4}, "short"),
    ("2A60", "0300a003", None, {}, "short"),
    ("2AA7", "08006500050 00000".replace(" ", ""), None, {}, "crc"),
    ("2AA7", "060065000500", None, {"e2e_crc": True}, "crc"),
    ("2AA7", "060065000500" + "05", None, {}, "short"),
    ("2AA8", "001000590000", None, {}, "crc"),
    ("2AAB", "a8000000", None, {}, "crc"),
    ("2AAB", "a800", None, {"e2e_crc": True}, "short"),
    ("2B36", "030700352a00780050005d000000", None, {"e2e_crc": True}, "crc"),
    ("2BF2", "32100e000000000604", None, {}, "length"),
    ("2BF2", "32100e00000000060401 03".replace(" ", ""), None, {"op": "write"}, "length"),
    ("2BFF", "0141", None, {}, "short"),
    ("2B8B", "01011b00", None, {}, "incomplete"),
    ("2B8B", "01011b00|0a6300", None, {}, "segments"),
    ("2B8B", "03011b006300", None, {}, "short"),
    ("SFLOAT", "78", None, {}, "short"),
    ("FLOAT", "7800000000", None, {}, "length"),
    ("FFF0", "00", None, {}, "unsupported: "),
    ("0AAD7EA0-0D60-11E2-8E3C-0002A5D5C51B", "0a", None, {}, "unsupported: "),
    ("pulse", "00", None, {}, "unsupported: "),
]
