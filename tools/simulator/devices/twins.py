"""The virtual twin of each row of drivers/: what it is, how it is set up, and what its display may show.

A new model of a known family is a class of a few attributes in its family's file, and a line here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.simulator.devices import blood_pressure as cuffs
from tools.simulator.devices import body_scales, glucose_meters, oximeters, readings, scales, thermometers
from tools.simulator.devices.base import MedicalDevice
from tools.simulator.devices.cgm import Cgm, sensor_glucose
from tools.simulator.devices.enhanced_cuff import EnhancedCuff
from tools.simulator.devices.health_sensors import HealthSensor, Spirometer, single, spirometry
from tools.simulator.devices.heart_rate import HeartRateStrap, heart_rate
from tools.simulator.devices.nonin3230 import Nonin3230
from tools.simulator.devices.oximeter import Oximeter
from tools.simulator.devices.readings import Reading

_PRESSURES = (
    readings.blood_pressure(128, 82, 97, 71, status=("irregular_pulse",)),
    readings.blood_pressure(131, 79, "NaN", 68),
)
_WEIGHTS = (readings.weight("79.9"), readings.weight("80.0"))
_SPOTS = (readings.oximetry("94.0", "71.0", "1.25"), readings.oximetry("95", "70"))
_TEMPERATURES = (thermometers.temperature("36.8"), thermometers.temperature("38.25", thermometers.EAR))
_GLUCOSES = (
    glucose_meters.glucose("104", breakfast_kg="0.055"),
    glucose_meters.glucose("5.3", mmol=True, kind=glucose_meters.CAPILLARY_BLOOD),
    glucose_meters.glucose("112", kind=glucose_meters.CONTROL),
)
_BODIES = (readings.weight("79.9"), body_scales.composition("23.4", "7120", "41.8", "44.500", "502.5"))
_AGREED = {"users": [[1, 1234]]}  # what the settings tell the hub of this device


@dataclass(frozen=True)
class Twin:
    """`shows`: what its user measures in a test, one after the other. `settings`: what the hub is told of it."""

    make: type[MedicalDevice]
    shows: tuple[Reading, ...]
    user: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)


TWINS = {
    "blood_pressure": Twin(cuffs.Cuff, _PRESSURES),
    "ad_ua651ble": Twin(cuffs.Ua651ble, _PRESSURES),
    "ad_ua656ble": Twin(cuffs.Ua656ble, _PRESSURES),
    "ad_ua1200ble": Twin(cuffs.Ua1200ble, _PRESSURES),
    "omron_blood_pressure": Twin(cuffs.OmronCuff, _PRESSURES, user=1),
    "beurer_bm57": Twin(cuffs.Bm57, _PRESSURES, user=1),
    "beurer_bm85": Twin(cuffs.Bm85, (readings.blood_pressure(132, 84, 0, 69, status=("irregular_pulse",)),)),
    "medisana_bu5": Twin(cuffs.MedisanaBu5, _PRESSURES),
    "sanitas_sbm": Twin(cuffs.SanitasSbm, _PRESSURES),
    "blood_pressure_enhanced": Twin(EnhancedCuff, _PRESSURES),
    "weight_scale": Twin(scales.Scale, _WEIGHTS),
    "weight_scale_live": Twin(scales.LiveScale, _WEIGHTS),
    "ad_uc352ble": Twin(scales.Uc352ble, _WEIGHTS),
    "ad_uc421ble": Twin(scales.Uc421ble, _WEIGHTS, user=3),
    "body_composition": Twin(body_scales.BodyScale, _BODIES),
    "beurer_bf720": Twin(body_scales.BeurerBf720, _BODIES, user=1, settings=_AGREED),
    "beurer_bf105": Twin(body_scales.BeurerBf105, _BODIES, user=1, settings=_AGREED),
    "beurer_bf500": Twin(body_scales.BeurerBf500, _BODIES, user=1, settings=_AGREED),
    "beurer_bf788": Twin(body_scales.BeurerBf788, _BODIES, user=1, settings=_AGREED),
    "beurer_bf950": Twin(body_scales.BeurerBf950, _BODIES, user=1, settings=_AGREED),
    "pulse_oximeter": Twin(oximeters.BondingOximeter, _SPOTS),
    "pulse_oximeter_unbonded": Twin(Oximeter, _SPOTS),
    "pulse_oximeter_continuous": Twin(oximeters.ContinuousOximeter, (oximeters.continuous("93.5", "74", "2.10"),)),
    "nonin_3230": Twin(Nonin3230, _SPOTS),
    "nonin_3230_continuous": Twin(Nonin3230, (readings.oximetry("96", "64"),)),
    "berrymed_bm1000": Twin(oximeters.BerryMed, (oximeters.continuous("97", "130"),)),
    "jumper_oximeter": Twin(oximeters.Jumper, (oximeters.continuous("96", "72", "3.4"),)),
    "beurer_po60": Twin(oximeters.Po60, _SPOTS[1:]),
    "thermometer": Twin(thermometers.Thermometer, _TEMPERATURES),
    "ad_ut201ble": Twin(thermometers.Ut201ble, _TEMPERATURES),
    "taidoc_thermometer": Twin(thermometers.TaiDoc, _TEMPERATURES[:1]),
    "glucose_meter": Twin(glucose_meters.GlucoseMeter, _GLUCOSES),
    "contour_next": Twin(glucose_meters.ContourNext, _GLUCOSES),
    "accu_chek_guide": Twin(
        glucose_meters.AccuChekGuide, _GLUCOSES, settings={"passkey": glucose_meters.LABEL}
    ),
    "cgm": Twin(Cgm, (sensor_glucose("104", "-1.5"),)),
    "health_sensor": Twin(HealthSensor, (single(150456, "97", readings.PERCENT),)),
    "spirometer": Twin(Spirometer, (spirometry("2.41", "3.20", "388"),)),
    "heart_rate_strap": Twin(HeartRateStrap, (heart_rate("72", "125"),)),
}
