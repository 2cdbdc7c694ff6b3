"""The platform's end: an envelope becomes verified readings, and a receipt goes back.

keys        the platform's receipt key and the hubs' registered public keys
letters     what an envelope says, found out before the database is asked
store       the database, SQLite or PostgreSQL; what holds the promises is a constraint in schema; migrations/
batch       what the store knows of the letters at hand, and what they add, in a handful of statements
readings    decodes source octets again and compares (nothing invented)
receiver    checks, stores, answers; knows no transport
receipt     receipts and time answers
health      signed health reports
completeness is anything missing?
exports     readings.jsonl
service     MQTT; command: `telehub backend`; web: the live page

Reads envelopes with tools/inspect (foreign libraries); never imports firmware/seal, so that the writer's
mistakes are not the reader's.
"""
