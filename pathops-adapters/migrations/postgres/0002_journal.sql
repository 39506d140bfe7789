-- The journal, version 2: runs are told things from outside. Never changed once released: a later version is a script of its own, and
-- new tables are made by all of them in turn.
UPDATE pathops_journal SET version = 2;

-- The last signal that a run has heard; 0 for none.
ALTER TABLE pathops_runs ADD COLUMN heard bigint NOT NULL DEFAULT 0;

-- What runs were told, for ever, each under a key of who told it. A run need not have begun.
CREATE TABLE pathops_signals (
  run    text COLLATE "C" NOT NULL,
  number bigint NOT NULL,
  key    text COLLATE "C" NOT NULL,
  at     bigint NOT NULL,
  told   text NOT NULL,
  PRIMARY KEY (run, number),
  UNIQUE (run, key)
);

CREATE FUNCTION pathops_signals_are_not_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'signals are never changed or deleted';
END $$;
CREATE TRIGGER signals_are_not_changed BEFORE UPDATE OR DELETE ON pathops_signals
  FOR EACH ROW EXECUTE FUNCTION pathops_signals_are_not_changed();
CREATE TRIGGER signals_are_not_emptied BEFORE TRUNCATE ON pathops_signals
  FOR EACH STATEMENT EXECUTE FUNCTION pathops_signals_are_not_changed();

-- Stores a signal, and gives its number; where one is there under the key, that one's number and what was told. Those who tell one run
-- take turns, so that its numbers have no gap.
CREATE FUNCTION pathops_tell(
  of_run text, under_key text, told_at bigint, new_told text, OUT refusal text, OUT number bigint, OUT known text
) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(1348554608, hashtext(of_run));
  SELECT signal.number, signal.told INTO number, known FROM pathops_signals AS signal
    WHERE signal.run = of_run AND signal.key = under_key;
  IF FOUND THEN
    RETURN;
  END IF;
  PERFORM FROM pathops_runs WHERE id = of_run AND ended;
  IF FOUND THEN
    refusal := 'ended';
    RETURN;
  END IF;
  SELECT 1 + coalesce(max(signal.number), 0) INTO number FROM pathops_signals AS signal WHERE signal.run = of_run;
  INSERT INTO pathops_signals VALUES (of_run, number, under_key, told_at, new_told);
  PERFORM pg_notify('pathops_journal', of_run);
END $$;

DROP FUNCTION pathops_append(
  text, text, bigint, text, bigint, bigint, bigint, text, text, boolean, bigint, text, bigint[], text[]
);

-- Adds a transition after the one that its caller has seen, or answers why not, and has then changed nothing. The caller opens
-- no number twice. The run is locked before the lease, by whoever locks both: none waits for another in a circle.
CREATE FUNCTION pathops_append(
  under_name text, under_owner text, under_fence bigint, of_run text, expected bigint,
  new_format bigint, new_at bigint, new_event text, new_state text, new_ended boolean,
  closed bigint, opened text, ops bigint[], commands text[], hears bigint, OUT refusal text, OUT number bigint
) LANGUAGE plpgsql AS $$
DECLARE
  has_ended boolean;
  last_heard bigint;
BEGIN
  SELECT seq, ended, heard INTO number, has_ended, last_heard FROM pathops_runs WHERE id = of_run FOR NO KEY UPDATE;
  PERFORM FROM pathops_leases WHERE name = under_name AND owner = under_owner AND fence = under_fence FOR SHARE;
  IF NOT FOUND THEN
    refusal := 'fence';
  ELSIF number IS NULL THEN
    refusal := 'unknown';
  ELSIF number <> expected THEN
    refusal := 'moved';
  ELSIF has_ended THEN
    refusal := 'ended';
  END IF;
  IF refusal IS NULL AND cardinality(ops) > 0 THEN
    SELECT op INTO number FROM pathops_ops WHERE run = of_run AND op = ANY (ops) LIMIT 1;
    IF FOUND THEN
      refusal := 'used';
    END IF;
  END IF;
  IF refusal IS NULL AND hears IS NOT NULL THEN
    PERFORM FROM pathops_signals AS signal WHERE signal.run = of_run AND signal.number = hears AND hears = last_heard + 1;
    IF NOT FOUND THEN
      number := hears;
      refusal := 'unheard';
    END IF;
  END IF;
  IF refusal IS NULL AND closed IS NOT NULL THEN
    number := closed;
    UPDATE pathops_ops SET command = NULL WHERE run = of_run AND op = closed AND command IS NOT NULL;
    IF NOT FOUND THEN
      refusal := 'not-open';
    END IF;
  END IF;
  IF refusal IS NOT NULL THEN
    RETURN;
  END IF;
  number := expected + 1;
  INSERT INTO pathops_entries VALUES (of_run, number, new_format, new_at, new_event, closed, opened);
  UPDATE pathops_runs SET seq = number, format = new_format, state = new_state, ended = new_ended,
    heard = coalesce(hears, heard) WHERE id = of_run;
  INSERT INTO pathops_ops SELECT of_run, * FROM unnest(ops, commands);
  IF new_ended THEN
    UPDATE pathops_leases SET machine = NULL WHERE name = of_run AND machine IS NOT NULL;
  ELSIF expected = 0 THEN
    INSERT INTO pathops_leases AS lease (name, fence, expires_at, machine)
      SELECT of_run, 1, -9223372036854775808, run.machine FROM pathops_runs AS run WHERE run.id = of_run
      ON CONFLICT (name) DO UPDATE SET machine = excluded.machine;
    NOTIFY pathops_journal;
  END IF;
END $$;
