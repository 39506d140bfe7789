-- The journal, version 3: what has ended is moved to an archive. Never changed once released: a later version is a script of its own,
-- and new tables are made by all of them in turn.
UPDATE pathops_journal SET version = 3;

-- Those that have ended are listed, and looked through for the archive, without those that are open.
CREATE INDEX pathops_runs_ended ON pathops_runs (id) WHERE ended;

-- The archive: runs that have ended, each as it was. Nothing is changed there, and nothing is taken away.
CREATE TABLE pathops_archived_runs (
  id      text COLLATE "C" PRIMARY KEY,
  machine text NOT NULL,
  seq     bigint NOT NULL,
  format  bigint NOT NULL,
  state   text NOT NULL,
  ended   boolean NOT NULL CHECK (ended),
  heard   bigint NOT NULL
);

CREATE TABLE pathops_archived_entries (
  run    text COLLATE "C" NOT NULL REFERENCES pathops_archived_runs (id),
  seq    bigint NOT NULL,
  format bigint NOT NULL,
  at     bigint NOT NULL,
  event  text NOT NULL,
  closes bigint,
  opens  text NOT NULL,
  PRIMARY KEY (run, seq)
);

-- Only those that were open at the end: nothing follows that would use a number again.
CREATE TABLE pathops_archived_ops (
  run     text COLLATE "C" NOT NULL REFERENCES pathops_archived_runs (id),
  op      bigint NOT NULL,
  command text NOT NULL,
  PRIMARY KEY (run, op)
);

CREATE TABLE pathops_archived_signals (
  run    text COLLATE "C" NOT NULL REFERENCES pathops_archived_runs (id),
  number bigint NOT NULL,
  key    text COLLATE "C" NOT NULL,
  at     bigint NOT NULL,
  told   text NOT NULL,
  PRIMARY KEY (run, number),
  UNIQUE (run, key)
);

CREATE TRIGGER archived_entries_are_not_changed BEFORE UPDATE OR DELETE ON pathops_archived_entries
  FOR EACH ROW EXECUTE FUNCTION pathops_entries_are_not_changed();
CREATE TRIGGER archived_entries_are_not_emptied BEFORE TRUNCATE ON pathops_archived_entries
  FOR EACH STATEMENT EXECUTE FUNCTION pathops_entries_are_not_changed();
CREATE TRIGGER archived_signals_are_not_changed BEFORE UPDATE OR DELETE ON pathops_archived_signals
  FOR EACH ROW EXECUTE FUNCTION pathops_signals_are_not_changed();
CREATE TRIGGER archived_signals_are_not_emptied BEFORE TRUNCATE ON pathops_archived_signals
  FOR EACH STATEMENT EXECUTE FUNCTION pathops_signals_are_not_changed();

-- Only what is in the archive, as it was, goes from where it was before.
CREATE FUNCTION pathops_entries_are_archived() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM pathops_archived_entries AS it WHERE it.run = OLD.run AND it.seq = OLD.seq
    AND (it.format, it.at, it.event, it.closes, it.opens) IS NOT DISTINCT FROM (OLD.format, OLD.at, OLD.event, OLD.closes, OLD.opens);
  IF NOT FOUND THEN
    RAISE EXCEPTION 'entries are never changed or deleted';
  END IF;
  RETURN OLD;
END $$;
DROP TRIGGER entries_are_not_changed ON pathops_entries;
CREATE TRIGGER entries_are_not_changed BEFORE UPDATE ON pathops_entries
  FOR EACH ROW EXECUTE FUNCTION pathops_entries_are_not_changed();
CREATE TRIGGER entries_are_not_deleted BEFORE DELETE ON pathops_entries
  FOR EACH ROW EXECUTE FUNCTION pathops_entries_are_archived();

CREATE FUNCTION pathops_signals_are_archived() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM pathops_archived_signals AS it WHERE it.run = OLD.run AND it.number = OLD.number
    AND (it.key, it.at, it.told) = (OLD.key, OLD.at, OLD.told);
  IF NOT FOUND THEN
    RAISE EXCEPTION 'signals are never changed or deleted';
  END IF;
  RETURN OLD;
END $$;
DROP TRIGGER signals_are_not_changed ON pathops_signals;
CREATE TRIGGER signals_are_not_changed BEFORE UPDATE ON pathops_signals
  FOR EACH ROW EXECUTE FUNCTION pathops_signals_are_not_changed();
CREATE TRIGGER signals_are_not_deleted BEFORE DELETE ON pathops_signals
  FOR EACH ROW EXECUTE FUNCTION pathops_signals_are_archived();

-- What is read, wherever it is.
CREATE VIEW pathops_all_runs AS
SELECT id, machine, seq, format, state, ended, heard FROM pathops_runs
UNION ALL SELECT id, machine, seq, format, state, ended, heard FROM pathops_archived_runs;

CREATE VIEW pathops_all_entries AS
SELECT run, seq, format, at, event, closes, opens FROM pathops_entries
UNION ALL SELECT run, seq, format, at, event, closes, opens FROM pathops_archived_entries;

CREATE VIEW pathops_all_ops AS
SELECT run, op, command FROM pathops_ops
UNION ALL SELECT run, op, command FROM pathops_archived_ops;

CREATE VIEW pathops_all_signals AS
SELECT run, number, key, at, told FROM pathops_signals
UNION ALL SELECT run, number, key, at, told FROM pathops_archived_signals;

-- Moves what has ended before an instant to the archive, and names it. Those who do so at once move others. What a run was told in the
-- moment in which it ended may come after it was moved, and stays where it is.
CREATE FUNCTION pathops_archive(before bigint, most bigint) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
  ids text[];
BEGIN
  SELECT coalesce(array_agg(id), '{}') INTO ids FROM (
    SELECT run.id FROM pathops_runs AS run JOIN pathops_entries AS entry ON entry.run = run.id AND entry.seq = run.seq
    WHERE run.ended AND entry.at < before ORDER BY run.id LIMIT most FOR UPDATE OF run SKIP LOCKED) AS those;
  INSERT INTO pathops_archived_runs SELECT id, machine, seq, format, state, ended, heard FROM pathops_runs WHERE id = ANY (ids);
  INSERT INTO pathops_archived_entries SELECT run, seq, format, at, event, closes, opens FROM pathops_entries WHERE run = ANY (ids);
  INSERT INTO pathops_archived_ops SELECT run, op, command FROM pathops_ops WHERE run = ANY (ids) AND command IS NOT NULL;
  INSERT INTO pathops_archived_signals SELECT run, number, key, at, told FROM pathops_signals WHERE run = ANY (ids);
  DELETE FROM pathops_signals AS it USING pathops_archived_signals AS moved
    WHERE it.run = ANY (ids) AND moved.run = it.run AND moved.number = it.number;
  DELETE FROM pathops_ops WHERE run = ANY (ids);
  DELETE FROM pathops_entries WHERE run = ANY (ids);
  DELETE FROM pathops_runs WHERE id = ANY (ids);
  RETURN ids;
END $$;

-- Stores a signal, and gives its number; where one is there under the key, that one's number and what was told. Those who tell one run
-- take turns, so that its numbers have no gap.
CREATE OR REPLACE FUNCTION pathops_tell(
  of_run text, under_key text, told_at bigint, new_told text, OUT refusal text, OUT number bigint, OUT known text
) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(1348554608, hashtext(of_run));
  SELECT signal.number, signal.told INTO number, known FROM pathops_all_signals AS signal
    WHERE signal.run = of_run AND signal.key = under_key;
  IF FOUND THEN
    RETURN;
  END IF;
  PERFORM FROM pathops_all_runs WHERE id = of_run AND ended;
  IF FOUND THEN
    refusal := 'ended';
    RETURN;
  END IF;
  SELECT 1 + coalesce(max(signal.number), 0) INTO number FROM pathops_all_signals AS signal WHERE signal.run = of_run;
  INSERT INTO pathops_signals VALUES (of_run, number, under_key, told_at, new_told);
  PERFORM pg_notify('pathops_journal', of_run);
END $$;
