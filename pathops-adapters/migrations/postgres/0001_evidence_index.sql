-- The evidence index, version 1. Never changed once released: a later version is a script of its own.
CREATE TABLE pathops_evidence_index (version integer NOT NULL);
INSERT INTO pathops_evidence_index VALUES (1);

-- Each envelope, for ever. `entry` is JSON of what its envelope says, and the columns behind `leaf` are taken from it, to be
-- searched; `at` of what has no time is the least number. `logged` is JSON of the proof that it is in a log, and `leaf` its
-- place in the host's own: they may come later. A missing `signer` is one that whoever added the entry did not know.
CREATE TABLE pathops_evidence (
  number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id          bytea NOT NULL,
  envelope    bytea NOT NULL,
  entry       text NOT NULL,
  logged      text,
  leaf        bigint,
  kind        text NOT NULL,
  signer      bytea,
  change_set  text,
  unit        text,
  environment text,
  verdict     text,
  at          bigint,
  UNIQUE (id, envelope)
);

-- What each is about: found by algorithm and value.
CREATE TABLE pathops_subjects (
  algorithm text NOT NULL,
  value     text NOT NULL,
  number    bigint NOT NULL REFERENCES pathops_evidence (number),
  PRIMARY KEY (algorithm, value, number)
);

CREATE INDEX ON pathops_evidence (at);
CREATE INDEX ON pathops_evidence (kind, at);
CREATE INDEX ON pathops_evidence (signer, at);
CREATE INDEX ON pathops_evidence (change_set, at) WHERE change_set IS NOT NULL;
CREATE INDEX ON pathops_evidence (unit, at) WHERE unit IS NOT NULL;
CREATE INDEX ON pathops_evidence (environment, at) WHERE environment IS NOT NULL;
CREATE INDEX ON pathops_evidence (verdict, at);
-- What cannot be told apart is noticed at once.
CREATE INDEX pathops_evidence_unknown ON pathops_evidence (number) WHERE signer IS NULL;

CREATE FUNCTION pathops_evidence_is_not_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'pathops_evidence'
    AND (NEW.number, NEW.id, NEW.envelope, NEW.kind) = (OLD.number, OLD.id, OLD.envelope, OLD.kind)
    AND (OLD.logged IS NULL OR NEW.logged IS NOT DISTINCT FROM OLD.logged)
    AND (OLD.leaf IS NULL OR NEW.leaf IS NOT DISTINCT FROM OLD.leaf)
    AND (OLD.signer IS NULL OR (NEW.signer, NEW.entry, NEW.verdict, NEW.at, NEW.change_set, NEW.unit, NEW.environment)
      IS NOT DISTINCT FROM (OLD.signer, OLD.entry, OLD.verdict, OLD.at, OLD.change_set, OLD.unit, OLD.environment))
  THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'evidence is never changed or deleted; what is missing is added once';
END $$;
CREATE TRIGGER evidence_is_not_changed BEFORE UPDATE OR DELETE ON pathops_evidence
  FOR EACH ROW EXECUTE FUNCTION pathops_evidence_is_not_changed();
CREATE TRIGGER evidence_is_not_emptied BEFORE TRUNCATE ON pathops_evidence
  FOR EACH STATEMENT EXECUTE FUNCTION pathops_evidence_is_not_changed();
CREATE TRIGGER subjects_are_not_changed BEFORE UPDATE OR DELETE ON pathops_subjects
  FOR EACH ROW EXECUTE FUNCTION pathops_evidence_is_not_changed();
CREATE TRIGGER subjects_are_not_emptied BEFORE TRUNCATE ON pathops_subjects
  FOR EACH STATEMENT EXECUTE FUNCTION pathops_evidence_is_not_changed();
