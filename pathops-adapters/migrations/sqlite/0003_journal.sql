-- The journal, version 3: runs are told things from outside. Never changed once released: a later version is a script of its own, and
-- a new file is made by all of them in turn.
PRAGMA user_version = 3;

-- The last signal that a run has heard; 0 for none.
ALTER TABLE runs ADD COLUMN heard INTEGER NOT NULL DEFAULT 0;

-- What runs were told, for ever, each under a key of who told it. A run need not have begun.
CREATE TABLE signals (
  run    TEXT    NOT NULL,
  number INTEGER NOT NULL,
  key    TEXT    NOT NULL,
  at     INTEGER NOT NULL,
  told   TEXT    NOT NULL,
  PRIMARY KEY (run, number),
  UNIQUE (run, key)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER signals_are_gap_free BEFORE INSERT ON signals
WHEN NEW.number <> 1 + (SELECT coalesce(max(number), 0) FROM signals WHERE run = NEW.run)
BEGIN SELECT RAISE(ABORT, 'signals of a run are numbered without a gap'); END;

CREATE TRIGGER signals_are_not_changed BEFORE UPDATE ON signals
BEGIN SELECT RAISE(ABORT, 'signals are never changed'); END;

CREATE TRIGGER signals_are_not_deleted BEFORE DELETE ON signals
BEGIN SELECT RAISE(ABORT, 'signals are never deleted'); END;
