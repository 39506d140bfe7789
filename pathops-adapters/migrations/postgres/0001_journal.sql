-- The journal, version 1. Never changed once released: a later version is a script of its own.
CREATE TABLE pathops_journal (version integer NOT NULL);
INSERT INTO pathops_journal VALUES (1);

-- Who may write. A row stays when it is given back, so that fences only rise: `owner` is NULL then, and `expires_at` the least
-- number. `machine` is that of the open run of this name, where there is one: what is free of a machine is found by one index.
CREATE TABLE pathops_leases (
  name       text COLLATE "C" PRIMARY KEY,
  owner      text,
  fence      bigint NOT NULL CHECK (fence > 0),
  expires_at bigint NOT NULL,
  machine    text
) WITH (fillfactor = 70);

CREATE INDEX pathops_leases_of_runs ON pathops_leases (machine, expires_at) WHERE machine IS NOT NULL;
CREATE INDEX pathops_leases_by_owner ON pathops_leases (owner) WHERE machine IS NOT NULL;

-- Each run as it stands after its last entry.
CREATE TABLE pathops_runs (
  id      text COLLATE "C" PRIMARY KEY,
  machine text NOT NULL,
  seq     bigint NOT NULL,
  format  bigint NOT NULL,
  state   text NOT NULL,
  ended   boolean NOT NULL
) WITH (fillfactor = 70);

CREATE INDEX pathops_runs_open ON pathops_runs (id) WHERE NOT ended;

-- What happened, for ever. `opens` is a JSON array of {"op", "command"}.
CREATE TABLE pathops_entries (
  run    text COLLATE "C" NOT NULL REFERENCES pathops_runs (id),
  seq    bigint NOT NULL,
  format bigint NOT NULL,
  at     bigint NOT NULL,
  event  text NOT NULL,
  closes bigint,
  opens  text NOT NULL,
  PRIMARY KEY (run, seq)
);

CREATE FUNCTION pathops_entries_are_gap_free() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.seq <> 1 + coalesce((SELECT max(seq) FROM pathops_entries WHERE run = NEW.run), 0) THEN
    RAISE EXCEPTION 'entries of a run are numbered without a gap';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER entries_are_gap_free BEFORE INSERT ON pathops_entries
  FOR EACH ROW EXECUTE FUNCTION pathops_entries_are_gap_free();

CREATE FUNCTION pathops_entries_are_not_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'entries are never changed or deleted';
END $$;
CREATE TRIGGER entries_are_not_changed BEFORE UPDATE OR DELETE ON pathops_entries
  FOR EACH ROW EXECUTE FUNCTION pathops_entries_are_not_changed();
CREATE TRIGGER entries_are_not_emptied BEFORE TRUNCATE ON pathops_entries
  FOR EACH STATEMENT EXECUTE FUNCTION pathops_entries_are_not_changed();

-- The operations that a run ever opened. Closing one takes its command away and keeps its number, which is used up.
CREATE TABLE pathops_ops (
  run     text COLLATE "C" NOT NULL REFERENCES pathops_runs (id),
  op      bigint NOT NULL,
  command text,
  PRIMARY KEY (run, op)
) WITH (fillfactor = 70);

CREATE INDEX pathops_ops_open ON pathops_ops (run, op) WHERE command IS NOT NULL;

-- Adds a transition after the one that its caller has seen, or answers why not, and has then changed nothing. The caller opens
-- no number twice. The run is locked before the lease, by whoever locks both: none waits for another in a circle.
CREATE FUNCTION pathops_append(
  under_name text, under_owner text, under_fence bigint, of_run text, expected bigint,
  new_format bigint, new_at bigint, new_event text, new_state text, new_ended boolean,
  closed bigint, opened text, ops bigint[], commands text[], OUT refusal text, OUT number bigint
) LANGUAGE plpgsql AS $$
DECLARE
  has_ended boolean;
BEGIN
  SELECT seq, ended INTO number, has_ended FROM pathops_runs WHERE id = of_run FOR NO KEY UPDATE;
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
  UPDATE pathops_runs SET seq = number, format = new_format, state = new_state, ended = new_ended WHERE id = of_run;
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
