CREATE TABLE fut_version (version INTEGER NOT NULL);
CREATE TABLE fut_received (
  hub TEXT NOT NULL, chain TEXT NOT NULL, sequence INTEGER NOT NULL, position INTEGER NOT NULL,
  PRIMARY KEY (hub, chain, sequence, position)
);
CREATE TABLE fut (
  reading TEXT PRIMARY KEY, hub TEXT NOT NULL, capture INTEGER NOT NULL, state TEXT NOT NULL,
  reason TEXT NOT NULL, detail TEXT NOT NULL, body TEXT, patient TEXT, taken TEXT, correction_ms INTEGER,
  stayed TEXT NOT NULL, attempts INTEGER NOT NULL, due_s REAL NOT NULL, sent_s REAL, locations TEXT NOT NULL
);
CREATE INDEX fut_by_state ON fut (state, due_s);
CREATE INDEX fut_by_hub ON fut (hub, state);
CREATE TABLE fut_event (
  id INTEGER PRIMARY KEY, reading TEXT NOT NULL, at_s REAL NOT NULL, event TEXT NOT NULL, state TEXT NOT NULL,
  detail TEXT NOT NULL
);
CREATE INDEX fut_event_by_reading ON fut_event (reading, id);
