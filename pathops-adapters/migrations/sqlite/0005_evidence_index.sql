-- The evidence index, version 5: the indices of version 2, and one more in the place of what version 2 said beside the columns.
-- Never changed once released: a later version is a script of its own, and a new file is made by all of them in turn.
PRAGMA user_version = 5;

CREATE UNIQUE INDEX evidence_by_id ON evidence (id, envelope);
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

-- Of a large project, roughly, as in version 3.
DELETE FROM sqlite_stat1 WHERE tbl LIKE 'evidence%' OR tbl LIKE 'subjects%';
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
  ('evidence', 'evidence_by_id', '1000000 2 1'),
  ('evidence', 'evidence_by_time', '1000000 2'),
  ('evidence', 'evidence_by_change_set', '1000000 100 2'),
  ('evidence', 'evidence_by_unit', '1000000 20000 2'),
  ('evidence', 'evidence_by_kind', '1000000 100000 2'),
  ('evidence', 'evidence_by_signer', '1000000 200000 2'),
  ('evidence', 'evidence_by_environment', '1000000 300000 2'),
  ('evidence', 'evidence_by_verdict', '1000000 400000 2'),
  ('subjects', 'subjects', '1000000 400000 4 1');
ANALYZE sqlite_schema;
