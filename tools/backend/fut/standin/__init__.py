"""A FUT of our own: takes what FUT takes and refuses as FUT refuses, with its error codes.

known     what FUT's other services know: patients, episodes, service requests, devices
shape     the profile: cardinalities, value sets, references
rules     the operation: one patient, one episode, active requests, statuses, timing
kept      what was submitted, on disk before it is answered
search    $search-measurements, $get-patient-procedures
desk      one request in, one answer out
faults    slow, failing, answering twice, losing the answer; from a seed
serve     HTTP; `python -m tools.backend.fut.standin`

Shares nothing with the mapper but the release's tables. Sources: the guide's error-messages.md, profiles and
OperationDefinitions. Where the guide gives no error code, the refusal has none and is HTTP 422.
"""
