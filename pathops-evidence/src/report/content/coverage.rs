/// How much of the code ran in tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CoverageReport {
    /// Lines that can run; `None` where nothing was measured.
    pub lines: Option<Covered>,
    /// Branches; `None` where none was measured.
    pub branches: Option<Covered>,
}

/// How many of how many; never more than all, and never of none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Covered {
    hit: u64,
    of: u64,
}

impl Covered {
    /// `hit` of `of`; `None` where that cannot be.
    #[must_use]
    pub fn new(hit: u64, of: u64) -> Option<Self> {
        (of > 0 && hit <= of).then_some(Self { hit, of })
    }

    /// How many ran.
    #[must_use]
    pub fn hit(self) -> u64 {
        self.hit
    }

    /// How many there are.
    #[must_use]
    pub fn of(self) -> u64 {
        self.of
    }

    /// The part that ran, from 0 to 1.
    ///
    /// ```
    /// use pathops_evidence::report::Covered;
    /// assert_eq!(Covered::new(1, 4).unwrap().rate(), 0.25);
    /// assert_eq!((Covered::new(0, 0), Covered::new(2, 1)), (None, None));
    /// ```
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 lines")]
    pub fn rate(self) -> f64 {
        self.hit as f64 / self.of as f64
    }
}
