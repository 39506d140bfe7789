//! What is closed when, against answers that were computed with another implementation of the rules and of the zones
//! (python-dateutil, and the zoneinfo of Python).

use pathops_core::UnixMillis;
use pathops_core::policy::{Freeze, FreezeState, Occurrences};

use super::at;

struct Case {
    name: &'static str,
    zone: &'static str,
    first: (&'static str, &'static str),
    repeat: Option<&'static str>,
    except: &'static [&'static str],
    /// Closed times that follow each other without another one between.
    closed: &'static [(&'static str, &'static str)],
}

const CASES: &[Case] = &[
    Case {
        name: "a weekend in Berlin, over both changes",
        zone: "Europe/Berlin",
        first: ("2026-01-02T16:00", "2026-01-05T08:00"),
        repeat: Some("FREQ=WEEKLY;BYDAY=FR"),
        except: &[],
        closed: &[
            ("2026-03-13T15:00:00Z", "2026-03-16T07:00:00Z"),
            ("2026-03-20T15:00:00Z", "2026-03-23T07:00:00Z"),
            ("2026-03-27T15:00:00Z", "2026-03-30T06:00:00Z"),
        ],
    },
    Case {
        name: "the same in autumn",
        zone: "Europe/Berlin",
        first: ("2026-01-02T16:00", "2026-01-05T08:00"),
        repeat: Some("FREQ=WEEKLY;BYDAY=FR"),
        except: &[],
        closed: &[
            ("2026-10-16T14:00:00Z", "2026-10-19T06:00:00Z"),
            ("2026-10-23T14:00:00Z", "2026-10-26T07:00:00Z"),
            ("2026-10-30T15:00:00Z", "2026-11-02T07:00:00Z"),
        ],
    },
    Case {
        name: "the last Friday of a month in New York",
        zone: "America/New_York",
        first: ("2026-01-30T12:00", "2026-01-31T00:00"),
        repeat: Some("FREQ=MONTHLY;BYDAY=-1FR"),
        except: &[],
        closed: &[
            ("2026-01-30T17:00:00Z", "2026-01-31T05:00:00Z"),
            ("2026-02-27T17:00:00Z", "2026-02-28T05:00:00Z"),
            ("2026-03-27T16:00:00Z", "2026-03-28T04:00:00Z"),
            ("2026-04-24T16:00:00Z", "2026-04-25T04:00:00Z"),
        ],
    },
    Case {
        name: "the last working day of a month",
        zone: "America/New_York",
        first: ("2026-01-30T17:00", "2026-01-31T09:00"),
        repeat: Some("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"),
        except: &[],
        closed: &[
            ("2026-01-30T22:00:00Z", "2026-01-31T14:00:00Z"),
            ("2026-02-27T22:00:00Z", "2026-02-28T14:00:00Z"),
            ("2026-03-31T21:00:00Z", "2026-04-01T13:00:00Z"),
            ("2026-04-30T21:00:00Z", "2026-05-01T13:00:00Z"),
            ("2026-05-29T21:00:00Z", "2026-05-30T13:00:00Z"),
        ],
    },
    Case {
        name: "Christmas every year",
        zone: "Europe/Berlin",
        first: ("2020-12-24T12:00", "2020-12-27T08:00"),
        repeat: Some("FREQ=YEARLY"),
        except: &[],
        closed: &[
            ("2026-12-24T11:00:00Z", "2026-12-27T07:00:00Z"),
            ("2027-12-24T11:00:00Z", "2027-12-27T07:00:00Z"),
            ("2028-12-24T11:00:00Z", "2028-12-27T07:00:00Z"),
        ],
    },
    Case {
        name: "leap days",
        zone: "UTC",
        first: ("2024-02-29T00:00", "2024-03-01T00:00"),
        repeat: Some("FREQ=YEARLY"),
        except: &[],
        closed: &[("2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z"), ("2032-02-29T00:00:00Z", "2032-03-01T00:00:00Z")],
    },
    Case {
        name: "the 31st, where there is one",
        zone: "UTC",
        first: ("2026-01-31T00:00", "2026-02-01T00:00"),
        repeat: Some("FREQ=MONTHLY"),
        except: &[],
        closed: &[
            ("2026-01-31T00:00:00Z", "2026-02-01T00:00:00Z"),
            ("2026-03-31T00:00:00Z", "2026-04-01T00:00:00Z"),
            ("2026-05-31T00:00:00Z", "2026-06-01T00:00:00Z"),
            ("2026-07-31T00:00:00Z", "2026-08-01T00:00:00Z"),
        ],
    },
    Case {
        name: "half an hour of summer time on Lord Howe",
        zone: "Australia/Lord_Howe",
        first: ("2026-04-04T01:45", "2026-04-04T02:15"),
        repeat: Some("FREQ=DAILY"),
        except: &[],
        closed: &[
            ("2026-04-03T14:45:00Z", "2026-04-03T15:15:00Z"),
            ("2026-04-04T14:45:00Z", "2026-04-04T15:45:00Z"),
            ("2026-04-05T15:15:00Z", "2026-04-05T15:45:00Z"),
            ("2026-04-06T15:15:00Z", "2026-04-06T15:45:00Z"),
        ],
    },
    Case {
        name: "and back",
        zone: "Australia/Lord_Howe",
        first: ("2026-10-02T02:10", "2026-10-02T02:50"),
        repeat: Some("FREQ=DAILY"),
        except: &[],
        closed: &[
            ("2026-10-02T15:40:00Z", "2026-10-02T16:20:00Z"),
            ("2026-10-03T15:40:00Z", "2026-10-03T15:50:00Z"),
            ("2026-10-04T15:10:00Z", "2026-10-04T15:50:00Z"),
        ],
    },
    Case {
        name: "a skipped time in New York",
        zone: "America/New_York",
        first: ("2026-03-06T02:30", "2026-03-06T04:00"),
        repeat: Some("FREQ=DAILY"),
        except: &[],
        closed: &[
            ("2026-03-07T07:30:00Z", "2026-03-07T09:00:00Z"),
            ("2026-03-08T07:30:00Z", "2026-03-08T08:00:00Z"),
            ("2026-03-09T06:30:00Z", "2026-03-09T08:00:00Z"),
        ],
    },
    Case {
        name: "a time that New York has twice",
        zone: "America/New_York",
        first: ("2026-10-30T01:30", "2026-10-30T01:45"),
        repeat: Some("FREQ=DAILY"),
        except: &[],
        closed: &[
            ("2026-10-31T05:30:00Z", "2026-10-31T05:45:00Z"),
            ("2026-11-01T05:30:00Z", "2026-11-01T05:45:00Z"),
            ("2026-11-02T06:30:00Z", "2026-11-02T06:45:00Z"),
        ],
    },
    Case {
        name: "midnight that Beirut skips",
        zone: "Asia/Beirut",
        first: ("2026-03-27T00:00", "2026-03-27T06:00"),
        repeat: Some("FREQ=DAILY"),
        except: &[],
        closed: &[
            ("2026-03-27T22:00:00Z", "2026-03-28T04:00:00Z"),
            ("2026-03-28T22:00:00Z", "2026-03-29T03:00:00Z"),
            ("2026-03-29T21:00:00Z", "2026-03-30T03:00:00Z"),
            ("2026-03-30T21:00:00Z", "2026-03-31T03:00:00Z"),
        ],
    },
    Case {
        name: "midnight that Beirut has twice",
        zone: "Asia/Beirut",
        first: ("2026-10-23T23:30", "2026-10-24T00:30"),
        repeat: Some("FREQ=DAILY"),
        except: &[],
        closed: &[
            ("2026-10-23T20:30:00Z", "2026-10-23T21:30:00Z"),
            ("2026-10-24T20:30:00Z", "2026-10-24T22:30:00Z"),
            ("2026-10-25T21:30:00Z", "2026-10-25T22:30:00Z"),
            ("2026-10-26T21:30:00Z", "2026-10-26T22:30:00Z"),
        ],
    },
    Case {
        name: "a day that Apia skipped",
        zone: "Pacific/Apia",
        first: ("2011-12-28T08:00", "2011-12-28T12:00"),
        repeat: Some("FREQ=DAILY;BYHOUR=8,16"),
        except: &[],
        closed: &[
            ("2011-12-29T18:00:00Z", "2011-12-29T22:00:00Z"),
            ("2011-12-30T02:00:00Z", "2011-12-30T06:00:00Z"),
            ("2011-12-30T18:00:00Z", "2011-12-30T22:00:00Z"),
            ("2011-12-31T02:00:00Z", "2011-12-31T06:00:00Z"),
            ("2011-12-31T18:00:00Z", "2011-12-31T22:00:00Z"),
        ],
    },
    Case {
        name: "Saturdays and Sundays are one closed time",
        zone: "Europe/Berlin",
        first: ("2026-01-03T00:00", "2026-01-04T00:00"),
        repeat: Some("FREQ=WEEKLY;BYDAY=SA,SU"),
        except: &[],
        closed: &[
            ("2026-01-02T23:00:00Z", "2026-01-04T23:00:00Z"),
            ("2026-01-09T23:00:00Z", "2026-01-11T23:00:00Z"),
            ("2026-01-16T23:00:00Z", "2026-01-18T23:00:00Z"),
        ],
    },
    Case {
        name: "every other week, from Sunday on",
        zone: "UTC",
        first: ("2026-01-04T10:00", "2026-01-04T12:00"),
        repeat: Some("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,SA;WKST=SU"),
        except: &[],
        closed: &[
            ("2026-01-04T10:00:00Z", "2026-01-04T12:00:00Z"),
            ("2026-01-10T10:00:00Z", "2026-01-10T12:00:00Z"),
            ("2026-01-18T10:00:00Z", "2026-01-18T12:00:00Z"),
            ("2026-01-24T10:00:00Z", "2026-01-24T12:00:00Z"),
        ],
    },
    Case {
        name: "every other week, from Monday on",
        zone: "UTC",
        first: ("2026-01-04T10:00", "2026-01-04T12:00"),
        repeat: Some("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,SA"),
        except: &[],
        closed: &[
            ("2026-01-04T10:00:00Z", "2026-01-04T12:00:00Z"),
            ("2026-01-17T10:00:00Z", "2026-01-17T12:00:00Z"),
            ("2026-01-18T10:00:00Z", "2026-01-18T12:00:00Z"),
            ("2026-01-31T10:00:00Z", "2026-01-31T12:00:00Z"),
        ],
    },
    Case {
        name: "the last week of a year",
        zone: "UTC",
        first: ("2020-12-28T00:00", "2020-12-29T00:00"),
        repeat: Some("FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO,FR"),
        except: &[],
        closed: &[
            ("2021-01-01T00:00:00Z", "2021-01-02T00:00:00Z"),
            ("2026-12-28T00:00:00Z", "2026-12-29T00:00:00Z"),
            ("2027-01-01T00:00:00Z", "2027-01-02T00:00:00Z"),
        ],
    },
    Case {
        name: "the hundredth day",
        zone: "UTC",
        first: ("2026-04-10T00:00", "2026-04-11T00:00"),
        repeat: Some("FREQ=YEARLY;BYYEARDAY=100,-1"),
        except: &[],
        closed: &[
            ("2026-04-10T00:00:00Z", "2026-04-11T00:00:00Z"),
            ("2026-12-31T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("2027-04-10T00:00:00Z", "2027-04-11T00:00:00Z"),
            ("2027-12-31T00:00:00Z", "2028-01-01T00:00:00Z"),
            ("2028-04-09T00:00:00Z", "2028-04-10T00:00:00Z"),
        ],
    },
    Case {
        name: "three times",
        zone: "Europe/Berlin",
        first: ("2026-03-27T22:00", "2026-03-28T06:00"),
        repeat: Some("FREQ=DAILY;COUNT=3"),
        except: &[],
        closed: &[
            ("2026-03-27T21:00:00Z", "2026-03-28T05:00:00Z"),
            ("2026-03-28T21:00:00Z", "2026-03-29T04:00:00Z"),
            ("2026-03-29T20:00:00Z", "2026-03-30T04:00:00Z"),
        ],
    },
    Case {
        name: "until an instant, which is included",
        zone: "Europe/Berlin",
        first: ("2026-03-27T22:00", "2026-03-28T06:00"),
        repeat: Some("FREQ=DAILY;UNTIL=20260329T200000Z"),
        except: &[],
        closed: &[
            ("2026-03-27T21:00:00Z", "2026-03-28T05:00:00Z"),
            ("2026-03-28T21:00:00Z", "2026-03-29T04:00:00Z"),
            ("2026-03-29T20:00:00Z", "2026-03-30T04:00:00Z"),
        ],
    },
    Case {
        name: "until the instant before",
        zone: "Europe/Berlin",
        first: ("2026-03-27T22:00", "2026-03-28T06:00"),
        repeat: Some("FREQ=DAILY;UNTIL=20260329T195959Z"),
        except: &[],
        closed: &[("2026-03-27T21:00:00Z", "2026-03-28T05:00:00Z"), ("2026-03-28T21:00:00Z", "2026-03-29T04:00:00Z")],
    },
    Case {
        name: "a week that is left out",
        zone: "Europe/Berlin",
        first: ("2026-01-02T16:00", "2026-01-05T08:00"),
        repeat: Some("FREQ=WEEKLY;COUNT=3"),
        except: &["2026-01-09T16:00"],
        closed: &[("2026-01-02T15:00:00Z", "2026-01-05T07:00:00Z"), ("2026-01-16T15:00:00Z", "2026-01-19T07:00:00Z")],
    },
    Case {
        name: "the first one left out",
        zone: "Europe/Berlin",
        first: ("2026-01-02T16:00", "2026-01-05T08:00"),
        repeat: Some("FREQ=WEEKLY;COUNT=3"),
        except: &["2026-01-02T16:00"],
        closed: &[("2026-01-09T15:00:00Z", "2026-01-12T07:00:00Z"), ("2026-01-16T15:00:00Z", "2026-01-19T07:00:00Z")],
    },
    Case {
        name: "long windows that overlap",
        zone: "UTC",
        first: ("2026-01-01T00:00", "2026-01-15T00:00"),
        repeat: Some("FREQ=WEEKLY;COUNT=4"),
        except: &[],
        closed: &[("2026-01-01T00:00:00Z", "2026-02-05T00:00:00Z")],
    },
    Case {
        name: "once",
        zone: "Europe/Berlin",
        first: ("2026-03-29T02:30", "2026-03-29T04:00"),
        repeat: None,
        except: &[],
        closed: &[("2026-03-29T01:30:00Z", "2026-03-29T02:00:00Z")],
    },
    Case {
        name: "two times that the change of the clocks puts into the other order",
        zone: "Europe/Berlin",
        first: ("2026-03-28T02:45", "2026-03-28T02:55"),
        repeat: Some("FREQ=DAILY;BYHOUR=2,3;BYMINUTE=15,45;BYSETPOS=2,3"),
        except: &[],
        closed: &[
            ("2026-03-28T01:45:00Z", "2026-03-28T01:55:00Z"),
            ("2026-03-28T02:15:00Z", "2026-03-28T02:25:00Z"),
            ("2026-03-29T01:15:00Z", "2026-03-29T01:25:00Z"),
            ("2026-03-29T01:45:00Z", "2026-03-29T01:55:00Z"),
            ("2026-03-30T00:45:00Z", "2026-03-30T00:55:00Z"),
            ("2026-03-30T01:15:00Z", "2026-03-30T01:25:00Z"),
        ],
    },
];

fn read(case: &Case) -> Occurrences {
    let (from, until) = case.first;
    let window = Freeze {
        time_zone: case.zone.to_owned(),
        from: from.to_owned(),
        until: until.to_owned(),
        repeat: case.repeat.map(str::to_owned),
        except: case.except.iter().map(ToString::to_string).collect(),
    };
    window.occurrences().unwrap_or_else(|error| panic!("{}: {error}", case.name))
}

#[test]
fn each_closed_time_begins_and_ends_where_it_should() {
    for case in CASES {
        let occurrences = read(case);
        let mut before: Option<UnixMillis> = None;
        for (since, until) in case.closed.iter().map(|(since, until)| (at(since), at(until))) {
            let ask = |instant: i64| occurrences.at(UnixMillis(instant)).unwrap();
            let name = format!("{}, closed since {since}", case.name);
            assert_eq!(ask(since.0 - 1), FreezeState::Open { until: Some(since) }, "{name}");
            if let Some(before) = before {
                assert_eq!(ask(before.0), FreezeState::Open { until: Some(since) }, "{name}: when the one before has ended");
            }
            for instant in [since.0, (since.0 + until.0) / 2, until.0 - 1] {
                let FreezeState::Closed { since: begin, until: end, .. } = ask(instant) else { panic!("{name}: {instant}") };
                assert_eq!((begin, end), (since, until), "{name}: {instant}");
            }
            let FreezeState::Closed { next, .. } = ask(since.0) else { panic!("{name}") };
            assert_eq!(ask(until.0), FreezeState::Open { until: next }, "{name}");
            before = Some(until);
        }
    }
}

#[test]
fn what_has_ended_never_closes_again() {
    for name in ["three times", "until the instant before", "a week that is left out", "once"] {
        let case = CASES.iter().find(|case| case.name == name).unwrap();
        let (since, until) = case.closed.last().unwrap();
        let occurrences = read(case);
        let last = FreezeState::Closed { since: at(since), until: at(until), next: None };
        assert_eq!(occurrences.at(at(since)), Ok(last), "{name}");
        assert_eq!(occurrences.at(at("2099-01-01T00:00:00Z")), Ok(FreezeState::Open { until: None }), "{name}");
    }
}
