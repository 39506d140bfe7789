-- The journal, version 2: what is free is claimed. Never changed once released: a later version is a script of its own, and a
-- new file is made by all of them in turn.
PRAGMA user_version = 2;

-- `machine` is that of the open run of this name, where there is one: what is free of a machine is found by one index. A lease
-- that was given back has expired at the least number.
ALTER TABLE leases ADD COLUMN machine TEXT;

UPDATE leases SET expires_at = -9223372036854775808 WHERE owner IS NULL;

INSERT INTO leases (name, fence, expires_at, machine) SELECT id, 1, -9223372036854775808, machine FROM runs WHERE ended = 0
ON CONFLICT (name) DO UPDATE SET machine = excluded.machine;

CREATE INDEX leases_of_runs ON leases (machine, expires_at) WHERE machine IS NOT NULL;
CREATE INDEX leases_by_owner ON leases (owner) WHERE machine IS NOT NULL;
