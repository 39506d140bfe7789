-- Adding transitions, as one statement: all of them are there with all that belongs to them, or nothing is. A view and triggers of the
-- connection, none of the file: what they refuse they say in one word.
CREATE TEMP VIEW transitions (lease, owner, fence, run, expected, format, at, event, state, closes, hears, opens, ends)
AS SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL;

CREATE TEMP TRIGGER transitions_are_added INSTEAD OF INSERT ON transitions
BEGIN
  SELECT RAISE(ABORT, 'fence')
  WHERE NOT EXISTS (SELECT 1 FROM leases WHERE name = NEW.lease AND owner = NEW.owner AND fence = NEW.fence);
  SELECT RAISE(ABORT, 'place')
  WHERE NOT EXISTS (SELECT 1 FROM runs WHERE id = NEW.run AND seq = NEW.expected AND NOT ended);
  SELECT RAISE(ABORT, 'unheard')
  WHERE NEW.hears IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM runs JOIN signals ON run = id WHERE id = NEW.run AND number = NEW.hears AND number = heard + 1);
  SELECT RAISE(ABORT, 'closed')
  WHERE NEW.closes IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM ops WHERE run = NEW.run AND op = NEW.closes AND command IS NOT NULL);

  INSERT INTO entries (run, seq, format, at, event, closes, opens)
  VALUES (NEW.run, NEW.expected + 1, NEW.format, NEW.at, NEW.event, NEW.closes, NEW.opens);
  UPDATE runs
  SET seq = NEW.expected + 1, format = NEW.format, state = NEW.state, ended = NEW.ends, heard = coalesce(NEW.hears, heard)
  WHERE id = NEW.run;
  UPDATE ops SET command = NULL WHERE run = NEW.run AND op = NEW.closes;
  INSERT INTO ops (run, op, command)
  SELECT NEW.run, value ->> 'op', value -> 'command' FROM json_each(NEW.opens);
  UPDATE leases SET machine = NULL WHERE name = NEW.run AND NEW.ends;
END;

CREATE TEMP TRIGGER numbers_are_used_once BEFORE INSERT ON ops
WHEN EXISTS (SELECT 1 FROM ops WHERE run = NEW.run AND op = NEW.op)
BEGIN SELECT RAISE(ABORT, 'used'); END;
