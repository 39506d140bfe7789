-- The evidence index, version 1. Never changed once released: a later version is a script of its own.
-- 1348552054 is "PaEv" in ASCII; it tells an evidence index from a journal and from another program's database.
PRAGMA application_id = 1348552054;
PRAGMA user_version = 1;

-- Each envelope, for ever. `entry` is JSON of all there is to know of it but `logged`, which is JSON of the proof that it is
-- in a log, and may come later.
CREATE TABLE evidence (
  id       TEXT NOT NULL,
  envelope TEXT NOT NULL,
  entry    TEXT NOT NULL,
  logged   TEXT,
  PRIMARY KEY (id, envelope)
) STRICT, WITHOUT ROWID;

-- What each is about: found by algorithm and value.
CREATE TABLE subjects (
  algorithm TEXT NOT NULL,
  value     TEXT NOT NULL,
  id        TEXT NOT NULL,
  envelope  TEXT NOT NULL,
  PRIMARY KEY (algorithm, value, id, envelope),
  FOREIGN KEY (id, envelope) REFERENCES evidence (id, envelope)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER evidence_is_not_changed BEFORE UPDATE ON evidence
WHEN OLD.logged IS NOT NULL OR NEW.id <> OLD.id OR NEW.envelope <> OLD.envelope OR NEW.entry <> OLD.entry
BEGIN SELECT RAISE(ABORT, 'evidence is never changed; a proof is added once'); END;

CREATE TRIGGER evidence_is_not_deleted BEFORE DELETE ON evidence
BEGIN SELECT RAISE(ABORT, 'evidence is never deleted'); END;

CREATE TRIGGER subjects_are_not_changed BEFORE UPDATE ON subjects
BEGIN SELECT RAISE(ABORT, 'subjects are never changed'); END;

CREATE TRIGGER subjects_are_not_deleted BEFORE DELETE ON subjects
BEGIN SELECT RAISE(ABORT, 'subjects are never deleted'); END;
