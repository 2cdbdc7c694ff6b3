"""Why FUT does not get a reading, or a value of one: the one list. Order is nobody's; names are kept in the ledger."""

# reason → (English, Danish), for the person who must decide
READING = {
    "test_data": ("test or demonstration data", "test- eller demonstrationsdata"),
    "control_solution": ("measured on a control solution", "målt på kontrolvæske"),
    "calibration": ("made while the device was calibrating", "taget under apparatets kalibrering"),
    "device_says_invalid": ("the device itself calls it invalid", "apparatet kalder den selv ugyldig"),
    "not_final": ("the device calls it preliminary", "apparatet kalder den foreløbig"),
    "continuous": ("a sample of a stream, not a single measurement", "en prøve af en strøm, ikke en enkelt måling"),
    "incomplete": ("parts of it did not come", "dele af den kom ikke"),
    "undecoded": ("no driver understands it", "ingen driver forstår den"),
    "possible_repeat": ("possibly the same as one before", "muligvis den samme som en tidligere"),
    "repeated": ("it came before under the same name", "den kom før under samme navn"),
    "bond_changed": ("the device's bond had changed", "apparatets parring var ændret"),
    "link_not_secure": ("the plan asks for a safer link", "planen kræver en sikrere forbindelse"),
    "session_lost": ("the record of its visit is lost", "optegnelsen af dens besøg er tabt"),
    "time_unknown": ("the device did not know the time", "apparatet kendte ikke tiden"),
    "time_invalid": ("the device's time is none", "apparatets tid er ingen tid"),
    "time_in_future": ("it says that it was taken after it arrived", "den siger, at den er taget efter ankomsten"),
    "hub_clock_unknown": ("the hub did not know the time", "hubben kendte ikke tiden"),
    "time_unproved": (
        "nothing proves when it was taken, and so for whom",
        "intet beviser, hvornår den er taget, og derfor for hvem",
    ),
    "not_assigned": (
        "its device was assigned to nobody when it was taken",
        "apparatet var ikke tildelt nogen, da den blev taget",
    ),
    "two_assignments": (
        "its device was assigned twice when it was taken",
        "apparatet var tildelt to gange, da den blev taget",
    ),
    "other_user": ("it is in another user's memory", "den ligger i en anden brugers hukommelse"),
    "user_unknown": ("the device has users, and which one is not known", "apparatet har brugere, og hvilken er ukendt"),
    "no_request": ("the plan asks for none of its values", "planen beder ikke om nogen af dens værdier"),
    "two_requests": ("two requests of the plan fit it", "to af planens anmodninger passer"),
    "two_values": ("it has two values under one code", "den har to værdier under én kode"),
    "outside_plan": ("the plan has no time for it", "planen har intet tidspunkt til den"),
    "code_not_in_ig": ("this release of FUT does not know its code", "denne udgave af FUT kender ikke dens kode"),
    "unit_not_convertible": ("its unit has no listed conversion", "dens enhed har ingen kendt omregning"),
    "out_of_range": ("beyond what the device can measure", "uden for apparatets måleområde"),
    "no_number": ("it was not told as a number", "den blev ikke givet som et tal"),
    "refused": ("FUT refused it", "FUT afviste den"),
}

# Why a value stays behind while its reading goes.
VALUE = {
    "no_fut_code": ("FUT has no code for it", "FUT har ingen kode til den"),
    "code_not_in_ig": READING["code_not_in_ig"],
    "not_requested": ("the plan does not ask for it", "planen beder ikke om den"),
}


class Held(Exception):
    """args[0] is the reason; a person must decide. `detail` says more, and never what was measured."""

    def __init__(self, reason: str, detail: str = "") -> None:
        assert reason in READING, reason
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
