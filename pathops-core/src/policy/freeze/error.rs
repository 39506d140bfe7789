/// What is wrong with a freeze window.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FreezeError {
    /// No such time zone in the bundled database.
    #[error("there is no time zone `{0}`; use an IANA name such as `Europe/Berlin`")]
    TimeZone(String),
    /// Not a local date and time.
    #[error("`{0}` is not a local date and time; write for example `2026-12-20T16:00`")]
    DateTime(String),
    /// It ends before it begins.
    #[error("it ends ({until}) before it begins ({from})")]
    Order {
        /// Begin.
        from: String,
        /// End.
        until: String,
    },
    /// Not a rule.
    #[error("`{rule}` is not a recurrence rule of RFC 5545: {problem}; write for example `FREQ=WEEKLY;BYDAY=FR`")]
    Rule {
        /// The rule.
        rule: String,
        /// What is wrong, in words.
        problem: String,
    },
    /// It repeats within a day other than by naming the hours.
    #[error("`FREQ={0}` repeats more often than daily; write `FREQ=DAILY`, with `BYHOUR` for several times of a day")]
    Frequency(String),
    /// Too many times in one day.
    #[error("it repeats {0} times a day, and 24 is the limit")]
    Often(usize),
    /// `UNTIL` that is no instant, or lies before the first occurrence.
    #[error("`UNTIL={0}` is no instant in UTC from the first occurrence on; write for example `UNTIL=20271231T230000Z`")]
    Until(String),
    /// `COUNT` that the calendar does not hold.
    #[error("`COUNT={0}` takes more than 100 years; write a lower one, `UNTIL`, or neither")]
    Count(u32),
    /// The rule does not name the first occurrence, and RFC 5545 does not say what it means then.
    #[error("the rule does not name the first occurrence ({0}); let `from` be a time that it names")]
    First(String),
    /// Nothing to take out.
    #[error("no repetition closes at `{0}`, so there is nothing to except; name the local time at which one does")]
    Except(String),
    /// Closed for ever, as far as can be told.
    #[error("more than 1000 closed times run into each other; let it open in between, or write one long window")]
    Limit,
    /// Outside of what calendars can say.
    #[error("the instant is outside of the calendar's range")]
    Range,
}
