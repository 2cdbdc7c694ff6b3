CREATE TABLE schema_version (version INTEGER NOT NULL);
CREATE TABLE hub (
  hub TEXT PRIMARY KEY, first_seen_s INTEGER NOT NULL, last_seen_s INTEGER NOT NULL,
  gone_s INTEGER, repeats INTEGER NOT NULL DEFAULT 0, refused INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE envelope (
  id INTEGER PRIMARY KEY, hub TEXT NOT NULL, hash TEXT NOT NULL, authentic INTEGER NOT NULL, octets BLOB NOT NULL,
  chain TEXT, sequence INTEGER, previous TEXT, replaces INTEGER, captures TEXT NOT NULL,
  status TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, arrived_s INTEGER NOT NULL,
  UNIQUE (hub, hash, authentic)
);
CREATE INDEX envelope_by_number ON envelope (hub, chain, sequence);
CREATE INDEX envelope_by_status ON envelope (status, hub);
CREATE TABLE chain (
  hub TEXT NOT NULL, chain TEXT NOT NULL, first_seen_s INTEGER NOT NULL,
  reported_sequence INTEGER NOT NULL DEFAULT 0, reported_capture INTEGER NOT NULL DEFAULT 0,
  followed_by TEXT,
  PRIMARY KEY (hub, chain)
);
CREATE TABLE reading (
  hub TEXT NOT NULL, chain TEXT NOT NULL, sequence INTEGER NOT NULL, position INTEGER NOT NULL,
  capture INTEGER NOT NULL, identity TEXT NOT NULL UNIQUE, device TEXT NOT NULL,
  kind TEXT NOT NULL, time_s INTEGER NOT NULL, measured_s INTEGER NOT NULL,
  possible_repeat INTEGER NOT NULL, held TEXT NOT NULL, description INTEGER NOT NULL, envelope TEXT NOT NULL,
  content TEXT NOT NULL, arrived_s INTEGER NOT NULL,
  PRIMARY KEY (hub, chain, sequence, position)
);
CREATE INDEX reading_by_hub ON reading (hub, time_s);
CREATE TABLE capture (
  hub TEXT NOT NULL, chain TEXT NOT NULL, number INTEGER NOT NULL, envelope TEXT NOT NULL, digest TEXT NOT NULL,
  PRIMARY KEY (hub, chain, number)
);
CREATE TABLE undecoded (
  hub TEXT NOT NULL, chain TEXT NOT NULL, capture INTEGER NOT NULL, device TEXT NOT NULL, time_s INTEGER NOT NULL,
  reason TEXT NOT NULL, envelope TEXT NOT NULL, content TEXT NOT NULL, arrived_s INTEGER NOT NULL,
  PRIMARY KEY (hub, chain, capture)
);
CREATE TABLE description (
  hub TEXT NOT NULL, chain TEXT NOT NULL, number INTEGER NOT NULL, octets BLOB NOT NULL,
  PRIMARY KEY (hub, chain, number)
);
CREATE TABLE repeated (
  hub TEXT NOT NULL, chain TEXT NOT NULL, sequence INTEGER NOT NULL, position INTEGER NOT NULL,
  of_reading TEXT NOT NULL, PRIMARY KEY (hub, chain, sequence, position)
);
CREATE TABLE health (
  id INTEGER PRIMARY KEY, hub TEXT NOT NULL, arrived_s INTEGER NOT NULL, octets BLOB NOT NULL, content TEXT NOT NULL
);
CREATE INDEX health_by_hub ON health (hub, id);
