-- The evidence index, version 2: found by more than subjects. Never changed once released: a later version is a script of its
-- own, and a new file is made by all of them in turn.
PRAGMA user_version = 2;

DROP TRIGGER evidence_is_not_changed;
DROP TRIGGER evidence_is_not_deleted;
DROP TRIGGER subjects_are_not_changed;
DROP TRIGGER subjects_are_not_deleted;
ALTER TABLE evidence RENAME TO evidence_1;
ALTER TABLE subjects RENAME TO subjects_1;

-- Each envelope, for ever, in the order in which they came. `entry` is JSON of what its envelope says, and the columns behind
-- `leaf` are taken from it, to be searched; `at` of what has no time is the least number. Where `signer` is missing, version 1
-- has written it, and its envelope has to be added again. `logged` is JSON of the proof that it is in a log, and `leaf` its
-- place in the host's own: they may come later.
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
  at          INTEGER,
  UNIQUE (id, envelope)
) STRICT;

INSERT INTO evidence (id, envelope, entry, logged, kind)
SELECT unhex(substr(id, 8)), unhex(substr(envelope, 8)), entry, logged, entry ->> '$.predicateType'
FROM evidence_1 ORDER BY id, envelope;

-- What each is about: found by algorithm and value.
CREATE TABLE subjects (
  algorithm TEXT NOT NULL,
  value     TEXT NOT NULL,
  number    INTEGER NOT NULL REFERENCES evidence (number),
  PRIMARY KEY (algorithm, value, number)
) STRICT, WITHOUT ROWID;

INSERT INTO subjects (algorithm, value, number)
SELECT algorithm, value, number FROM subjects_1
JOIN evidence ON evidence.id = unhex(substr(subjects_1.id, 8)) AND evidence.envelope = unhex(substr(subjects_1.envelope, 8));

DROP TABLE subjects_1;
DROP TABLE evidence_1;

CREATE INDEX evidence_by_time ON evidence (at);
CREATE INDEX evidence_by_kind ON evidence (kind, at);
CREATE INDEX evidence_by_signer ON evidence (signer, at);
CREATE INDEX evidence_by_change_set ON evidence (change_set, at) WHERE change_set IS NOT NULL;
CREATE INDEX evidence_by_unit ON evidence (unit, at) WHERE unit IS NOT NULL;
CREATE INDEX evidence_by_environment ON evidence (environment, at) WHERE environment IS NOT NULL;
CREATE INDEX evidence_by_verdict ON evidence (verdict, at);

CREATE TRIGGER evidence_is_not_changed BEFORE UPDATE ON evidence
WHEN NEW.number <> OLD.number OR NEW.id <> OLD.id OR NEW.envelope <> OLD.envelope OR NEW.kind <> OLD.kind
  OR (OLD.logged IS NOT NULL AND NEW.logged IS NOT OLD.logged)
  OR (OLD.leaf IS NOT NULL AND NEW.leaf IS NOT OLD.leaf)
  OR (OLD.signer IS NOT NULL AND (NEW.signer, NEW.entry, NEW.verdict, NEW.at) IS NOT (OLD.signer, OLD.entry, OLD.verdict, OLD.at))
  OR (OLD.signer IS NOT NULL
      AND (NEW.change_set, NEW.unit, NEW.environment) IS NOT (OLD.change_set, OLD.unit, OLD.environment))
BEGIN SELECT RAISE(ABORT, 'evidence is never changed; what is missing is added once'); END;

CREATE TRIGGER evidence_is_not_deleted BEFORE DELETE ON evidence
BEGIN SELECT RAISE(ABORT, 'evidence is never deleted'); END;

CREATE TRIGGER subjects_are_not_changed BEFORE UPDATE ON subjects
BEGIN SELECT RAISE(ABORT, 'subjects are never changed'); END;

CREATE TRIGGER subjects_are_not_deleted BEFORE DELETE ON subjects
BEGIN SELECT RAISE(ABORT, 'subjects are never deleted'); END;
