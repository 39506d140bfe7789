-- The evidence index, version 3: looked up by the narrowest condition. Never changed once released: a later version is a script
-- of its own, and a new file is made by all of them in turn.
PRAGMA user_version = 3;

-- How many rows there are, and how many have one value: of a large project, roughly. Without this SQLite takes all indices for
-- equally good, and goes through everything of an app to find what one change set has of it.
ANALYZE sqlite_schema;
DELETE FROM sqlite_stat1 WHERE tbl IN ('evidence', 'subjects');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
  ('evidence', 'sqlite_autoindex_evidence_1', '1000000 2 1'),
  ('evidence', 'evidence_by_time', '1000000 2'),
  ('evidence', 'evidence_by_change_set', '1000000 100 2'),
  ('evidence', 'evidence_by_unit', '1000000 20000 2'),
  ('evidence', 'evidence_by_kind', '1000000 100000 2'),
  ('evidence', 'evidence_by_signer', '1000000 200000 2'),
  ('evidence', 'evidence_by_environment', '1000000 300000 2'),
  ('evidence', 'evidence_by_verdict', '1000000 400000 2'),
  ('subjects', 'subjects', '1000000 400000 4 1');
ANALYZE sqlite_schema;
