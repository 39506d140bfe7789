-- The journal, version 4: what has ended is moved to an archive. Never changed once released: a later version is a script of its own,
-- and a new file is made by all of them in turn.
PRAGMA user_version = 4;

-- Those that have ended are listed, and looked through for the archive, without those that are open.
CREATE INDEX runs_ended ON runs (id) WHERE ended = 1;

-- The archive: runs that have ended, each as it was. Nothing is changed there, and nothing is taken away.
CREATE TABLE archived_runs (
  id      TEXT    NOT NULL PRIMARY KEY,
  machine TEXT    NOT NULL,
  seq     INTEGER NOT NULL,
  format  INTEGER NOT NULL,
  state   TEXT    NOT NULL,
  ended   INTEGER NOT NULL CHECK (ended = 1),
  heard   INTEGER NOT NULL
) STRICT;

CREATE TABLE archived_entries (
  run    TEXT    NOT NULL REFERENCES archived_runs (id),
  seq    INTEGER NOT NULL,
  format INTEGER NOT NULL,
  at     INTEGER NOT NULL,
  event  TEXT    NOT NULL,
  closes INTEGER,
  opens  TEXT    NOT NULL,
  PRIMARY KEY (run, seq)
) STRICT;

-- Only those that were open at the end: nothing follows that would use a number again.
CREATE TABLE archived_ops (
  run     TEXT    NOT NULL REFERENCES archived_runs (id),
  op      INTEGER NOT NULL,
  command TEXT    NOT NULL,
  PRIMARY KEY (run, op)
) STRICT, WITHOUT ROWID;

CREATE TABLE archived_signals (
  run    TEXT    NOT NULL REFERENCES archived_runs (id),
  number INTEGER NOT NULL,
  key    TEXT    NOT NULL,
  at     INTEGER NOT NULL,
  told   TEXT    NOT NULL,
  PRIMARY KEY (run, number),
  UNIQUE (run, key)
) STRICT, WITHOUT ROWID;

-- Only what has ended goes there, as it is: nothing is put in the place of what is there.
CREATE TRIGGER archived_runs_are_moved BEFORE INSERT ON archived_runs
WHEN NOT EXISTS (
  SELECT 1 FROM runs AS it WHERE it.id = NEW.id AND it.ended = 1 AND (it.machine, it.seq, it.format, it.state, it.heard)
    IS (NEW.machine, NEW.seq, NEW.format, NEW.state, NEW.heard))
BEGIN SELECT RAISE(ABORT, 'only what has ended goes to the archive'); END;
CREATE TRIGGER archived_entries_are_moved BEFORE INSERT ON archived_entries
WHEN NOT EXISTS (
  SELECT 1 FROM entries AS it JOIN archived_runs ON id = it.run WHERE it.run = NEW.run AND it.seq = NEW.seq
    AND (it.format, it.at, it.event, it.closes, it.opens) IS (NEW.format, NEW.at, NEW.event, NEW.closes, NEW.opens))
BEGIN SELECT RAISE(ABORT, 'only what has ended goes to the archive'); END;
CREATE TRIGGER archived_signals_are_moved BEFORE INSERT ON archived_signals
WHEN NOT EXISTS (
  SELECT 1 FROM signals AS it JOIN archived_runs ON id = it.run WHERE it.run = NEW.run AND it.number = NEW.number
    AND (it.key, it.at, it.told) = (NEW.key, NEW.at, NEW.told))
BEGIN SELECT RAISE(ABORT, 'only what has ended goes to the archive'); END;

CREATE TRIGGER archived_runs_are_not_changed BEFORE UPDATE ON archived_runs
BEGIN SELECT RAISE(ABORT, 'what is in the archive is never changed'); END;
CREATE TRIGGER archived_runs_are_not_deleted BEFORE DELETE ON archived_runs
BEGIN SELECT RAISE(ABORT, 'what is in the archive is never deleted'); END;
CREATE TRIGGER archived_entries_are_not_changed BEFORE UPDATE ON archived_entries
BEGIN SELECT RAISE(ABORT, 'entries are never changed'); END;
CREATE TRIGGER archived_entries_are_not_deleted BEFORE DELETE ON archived_entries
BEGIN SELECT RAISE(ABORT, 'entries are never deleted'); END;
CREATE TRIGGER archived_signals_are_not_changed BEFORE UPDATE ON archived_signals
BEGIN SELECT RAISE(ABORT, 'signals are never changed'); END;
CREATE TRIGGER archived_signals_are_not_deleted BEFORE DELETE ON archived_signals
BEGIN SELECT RAISE(ABORT, 'signals are never deleted'); END;

-- Only what is in the archive, as it was, goes from where it was before.
DROP TRIGGER entries_are_not_deleted;
CREATE TRIGGER entries_are_not_deleted BEFORE DELETE ON entries
WHEN NOT EXISTS (
  SELECT 1 FROM archived_entries AS it
  WHERE it.run = OLD.run AND it.seq = OLD.seq AND (it.format, it.at, it.event, it.closes, it.opens)
    IS (OLD.format, OLD.at, OLD.event, OLD.closes, OLD.opens))
BEGIN SELECT RAISE(ABORT, 'entries are never deleted'); END;

DROP TRIGGER signals_are_not_deleted;
CREATE TRIGGER signals_are_not_deleted BEFORE DELETE ON signals
WHEN NOT EXISTS (
  SELECT 1 FROM archived_signals AS it
  WHERE it.run = OLD.run AND it.number = OLD.number AND (it.key, it.at, it.told) = (OLD.key, OLD.at, OLD.told))
BEGIN SELECT RAISE(ABORT, 'signals are never deleted'); END;

-- What is read, wherever it is.
CREATE VIEW all_runs AS
SELECT id, machine, seq, format, state, ended, heard FROM runs
UNION ALL SELECT id, machine, seq, format, state, ended, heard FROM archived_runs;

CREATE VIEW all_entries AS
SELECT run, seq, format, at, event, closes, opens FROM entries
UNION ALL SELECT run, seq, format, at, event, closes, opens FROM archived_entries;

CREATE VIEW all_ops AS
SELECT run, op, command FROM ops
UNION ALL SELECT run, op, command FROM archived_ops;

CREATE VIEW all_signals AS
SELECT run, number, key, at, told FROM signals
UNION ALL SELECT run, number, key, at, told FROM archived_signals;
