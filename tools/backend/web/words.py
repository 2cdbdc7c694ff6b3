"""What people read on the pages: one table, English and Danish."""

LANGUAGES = ("en", "da")

_WORDS = {
    "title": ("Readings", "Målinger"),
    "hubs": ("Hubs", "Hubber"),
    "hub": ("Hub", "Hub"),
    "devices": ("Devices", "Apparater"),
    "charts": ("Over time", "Over tid"),
    "chain": ("Completeness", "Fuldstændighed"),
    "held": ("Held", "Tilbageholdt"),
    "held_why": (
        "Kept whole, not counted as readings: a person must decide.",
        "Gemt i sin helhed, tæller ikke som målinger: et menneske skal tage stilling.",
    ),
    "latest": ("Latest readings", "Seneste målinger"),
    "all_hubs": ("All hubs", "Alle hubber"),
    "no_hubs": ("No hub has spoken yet.", "Ingen hub har meldt sig endnu."),
    "no_readings": ("No readings yet.", "Ingen målinger endnu."),
    "nothing_held": ("Nothing is held.", "Intet er tilbageholdt."),
    "last_seen": ("last seen", "sidst set"),
    "readings": ("Readings", "Målinger"),
    "envelopes": ("envelopes kept", "konvolutter gemt"),
    "nothing_missing": ("Nothing is missing", "Intet mangler"),
    "missing": ("Missing", "Mangler"),
    "awaited": ("Still on the hub", "Endnu på hubben"),
    "missing_captures": ("Missing captures", "Manglende aflæsninger"),
    "forked": ("Two contents under one number", "To indhold under ét nummer"),
    "replaced": ("Replaced", "Erstattet"),
    "sequence": ("envelope", "konvolut"),
    "to": ("1 to", "1 til"),
    "device_time": ("device's clock", "apparatets ur"),
    "hub_time": ("received by the hub", "modtaget af hubben"),
    "no_value": ("no value", "ingen værdi"),
    "live": ("live", "live"),
    "not_live": ("not live", "ikke live"),
    "quarantined": ("From unregistered hubs", "Fra uregistrerede hubber"),
    "possible_repeat": ("possibly sent twice", "muligvis sendt to gange"),
    "not_for_emergencies": (
        "Not for emergencies. Shows what arrived; interprets nothing.",
        "Ikke til akutte situationer. Viser det modtagne; fortolker intet.",
    ),
    # On the way to FUT (tools/backend/fut); why a reading is held there says fut/reasons.py
    "fut": ("In FUT", "I FUT"),
    "fut_why": (
        "What was sent on as a measurement, and what was not, and why.",
        "Hvad der er sendt videre som måling, og hvad der ikke er, og hvorfor.",
    ),
    "state_mapped": ("to be sent", "skal sendes"),
    "state_submitted": ("sent, no answer yet", "sendt, endnu intet svar"),
    "state_confirmed": ("in FUT", "i FUT"),
    "state_held": ("held", "tilbageholdt"),
    "corrected": ("the device's clock put right by", "apparatets ur rettet med"),
    "stayed": ("not sent", "ikke sendt"),
    # Why something is held (tools.inspect.envelope.HELD_REASONS, and what cannot be answered)
    "reason_other": ("for another reason", "af en anden grund"),
    "reason_signature": ("its signature is wrong", "dens underskrift er forkert"),
    "reason_payload": ("it is of another format", "den har et andet format"),
    "reason_hub": ("it is another hub's", "den er en anden hubs"),
    "reason_fork": ("another content has this number", "et andet indhold har dette nummer"),
    "reason_previous": ("it does not join its neighbour", "den passer ikke til sin nabo"),
    "reason_captures": (
        "its captures came before with other octets",
        "dens aflæsninger er kommet før med andre oktetter",
    ),
    "reason_readings": ("its numbers are not what its octets say", "dens tal er ikke dem, oktetterne siger"),
    "reason_keys": (
        "signed with a key that is not this hub's",
        "underskrevet med en nøgle, der ikke er hubbens",
    ),
    "reason_bond": ("a device's bond had changed", "et apparats parring var ændret"),
    "reason_undecoded": ("octets that no driver understands", "oktetter, som ingen driver forstår"),
    "reason_unreadable": ("it is not an envelope", "det er ikke en konvolut"),
    # Kinds
    "blood_pressure": ("Blood pressure", "Blodtryk"),
    "body_weight": ("Weight", "Vægt"),
    "pulse_oximetry": ("Oxygen saturation", "Iltmætning"),
    "pulse_oximetry_continuous": ("Oxygen saturation, continuous", "Iltmætning, løbende"),
    "pulse_oximetry_fast": ("Oxygen saturation, fast", "Iltmætning, hurtig"),
    "pulse_oximetry_slow": ("Oxygen saturation, slow", "Iltmætning, langsom"),
    "undecoded": ("Not understood", "Ikke forstået"),
    # Quantities (firmware/measurement/codes.py)
    "systolic": ("systolic", "systolisk"),
    "diastolic": ("diastolic", "diastolisk"),
    "mean": ("mean", "middel"),
    "pulse": ("pulse", "puls"),
    "weight": ("weight", "vægt"),
    "height": ("height", "højde"),
    "pulse amplitude": ("pulse amplitude", "pulsamplitude"),
}


def choose(accepted: str | None, asked: str | None = None) -> str:
    """The language that was asked for, else the first of an Accept-Language header that we have."""
    if asked in LANGUAGES:
        return asked
    for part in (accepted or "").split(","):
        language = part.split(";")[0].strip().lower()[:2]
        if language in LANGUAGES:
            return language
    return LANGUAGES[0]


class Words:
    """The table in one language. What it lacks is shown as it is."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._column = LANGUAGES.index(language)

    def __call__(self, key: str) -> str:
        row = _WORDS.get(key)
        return row[self._column] if row else key
