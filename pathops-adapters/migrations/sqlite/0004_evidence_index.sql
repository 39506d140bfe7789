-- The evidence index, version 4: the tables alone, without what finds anything in them. What is made anew is written into these,
-- and gets its indices at its end, each in its order; no index is ever left at this version. Never changed once released: a later
-- version is a script of its own, and a new file is made by all of them in turn.
PRAGMA user_version = 4;

DROP TRIGGER evidence_is_not_changed;
DROP TRIGGER evidence_is_not_deleted;
DROP TRIGGER subjects_are_not_changed;
DROP TRIGGER subjects_are_not_deleted;
DROP INDEX evidence_by_time;
DROP INDEX evidence_by_kind;
DROP INDEX evidence_by_signer;
DROP INDEX evidence_by_change_set;
DROP INDEX evidence_by_unit;
DROP INDEX evidence_by_environment;
DROP INDEX evidence_by_verdict;
ALTER TABLE evidence RENAME TO evidence_3;
ALTER TABLE subjects RENAME TO subjects_3;

-- The columns are those of version 2.
CREATE TABLE evidence (
  number      INTEGER PRIMARY KEY,
  id          BLOB NOT NULL,
  envelope    BLOB NOT NULL,
  entry       TEXT NOT NULL,
  logged      TEXT,
  leaf        INTEGER,
  kind        TEXT NOT NULL,
  signer      BLOB,
  change_set  TEXT,
  unit        TEXT,
  environment TEXT,
  verdict     TEXT,
  at          INTEGER
) STRICT;

INSERT INTO evidence (number, id, envelope, entry, logged, leaf, kind, signer, change_set, unit, environment, verdict, at)
SELECT number, id, envelope, entry, logged, leaf, kind, signer, change_set, unit, environment, verdict, at
FROM evidence_3 ORDER BY number;

CREATE TABLE subjects (
  algorithm TEXT NOT NULL,
  value     TEXT NOT NULL,
  number    INTEGER NOT NULL REFERENCES evidence (number),
  PRIMARY KEY (algorithm, value, number)
) STRICT, WITHOUT ROWID;

INSERT INTO subjects (algorithm, value, number) SELECT algorithm, value, number FROM subjects_3 ORDER BY 1, 2, 3;

DROP TABLE subjects_3;
DROP TABLE evidence_3;
