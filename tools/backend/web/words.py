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
    "health": ("Health", "Tilstand"),
    "reported": ("reported", "meldt"),
    "clock": ("clock", "ur"),
    "clock_none": ("does not know the time", "kender ikke tiden"),
    "clock_ntp": ("set by the network", "stillet over netværket"),
    "clock_platform": ("set by the platform", "stillet af platformen"),
    "firmware": ("firmware", "firmware"),
    "times": ("Times", "Gange"),
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
    # Around every page
    "skip": ("To the content", "Til indholdet"),
    "pages": ("Pages", "Sider"),
    "other_language": ("Dansk", "English"),  # in the language that one would go to
    "absent": ("There is nothing here for you.", "Her er intet til dig."),
    "patients": ("Patients", "Patienter"),
    "people": ("People", "Personer"),
    "audit": ("Log", "Log"),
    "log_in": ("Log in", "Log ind"),
    "log_out": ("Log out", "Log ud"),
    "sign_on": ("Log in with the organisation's login", "Log ind med organisationens login"),
    "name": ("Name", "Navn"),
    "password": ("Password", "Adgangskode"),
    "new_password": ("Password, 12 characters or more", "Adgangskode, mindst 12 tegn"),
    "first_start": ("First start", "Første start"),
    "first_why": (
        "Name the first administrator. This page is open once.",
        "Nævn den første administrator. Denne side er åben én gang.",
    ),
    "begin": ("Begin", "Begynd"),
    "role": ("Role", "Rolle"),
    "role_reader": ("may look", "må se"),
    "role_operator": ("may decide", "må tage stilling"),
    "role_admin": ("administrator", "administrator"),
    "role_none": ("shut out", "lukket ude"),
    "change": ("Change", "Ændring"),
    "set_role": ("Set the role", "Sæt rollen"),
    "shut_out": ("Shut out", "Luk ude"),
    "add_person": ("Add a person", "Tilføj en person"),
    "number": ("Number", "Nummer"),
    "when": ("When", "Hvornår"),
    "what": ("What", "Hvad"),
    "why": ("Why", "Hvorfor"),
    "detail": ("About", "Om"),
    "to_do": ("What you can do", "Hvad du kan gøre"),
    "do_again": ("Try once more", "Prøv igen"),
    "do_release": (
        "It is the patient's device: let its readings count",
        "Det er patientens apparat: lad målingerne tælle",
    ),
    "do_seen": ("Seen, nothing to do", "Set, intet at gøre"),
    "held_what": (
        "What waits for a person, the oldest first. Each thing has one answer; whoever gives it is noted in the log.",
        "Hvad der venter på et menneske, det ældste først. Hver ting har ét svar; hvem der giver det, står i loggen.",
    ),
    "patients_what": (
        "By the references of their plans; no name and no civil registration number is kept here.",
        "Efter deres planers referencer; her er hverken navne eller CPR-numre.",
    ),
    "no_patients": ("No reading was assigned to a patient yet.", "Ingen måling er tildelt en patient endnu."),
    "reference": ("Reference", "Reference"),
    "last_taken": ("Last reading", "Seneste måling"),
    "values": ("Values", "Værdier"),
    "last_digit": ("last digit", "sidste ciffer"),
    "bars_mean": (
        "A bar is as high as the device's last digit. Filled: timed by the device's clock, which was read; hollow:"
        " otherwise.",
        "En bjælke er så høj som apparatets sidste ciffer. Fyldt: tid fra apparatets ur, som blev læst; hul: ellers.",
    ),
    "time_from": ("Time from", "Tid fra"),
    "time_of_device": ("the device's clock, which was read", "apparatets ur, som blev læst"),
    "time_of_device_unread": ("the device's clock, not read", "apparatets ur, ikke læst"),
    "time_of_hub": ("the hub's clock", "hubbens ur"),
    "time_unsure": ("a clock that did not know the time", "et ur, der ikke kendte tiden"),
    "audit_whole": ("As it was written", "Som den blev skrevet"),
    # What does not work
    "wrong_login": ("This name and password do not fit.", "Navn og adgangskode passer ikke."),
    "wait": ("Too many tries. Wait a quarter of an hour.", "For mange forsøg. Vent et kvarter."),
    "wrong_link": ("This link is not the one that was told.", "Dette link er ikke det, der blev givet."),
    "bad_name": ("This is no name that can be used.", "Dette er intet brugbart navn."),
    "bad_password": ("A password has 12 to 200 characters.", "En adgangskode har 12 til 200 tegn."),
    "bad_role": ("There is no such role.", "Den rolle findes ikke."),
    "name_taken": ("This name is taken.", "Navnet er taget."),
    "last_admin": ("Somebody must be administrator.", "Nogen skal være administrator."),
    "no_role": ("You have no role here.", "Du har ingen rolle her."),
    "provider_away": ("The organisation's login does not answer.", "Organisationens login svarer ikke."),
    "bad_form": ("This form is not from here, or too old.", "Formularen er ikke herfra, eller for gammel."),
    "not_held": ("Somebody else has decided on this meanwhile.", "En anden har taget stilling imens."),
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
