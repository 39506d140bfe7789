use std::fmt::Debug;

/// The only source of randomness: fresh identifiers, as the host passes them in.
#[cfg_attr(feature = "mockall", mockall::automock)]
pub trait IdSource: Debug + Send + Sync + 'static {
    /// 128 bits that no other call on any machine gets; unpredictable enough that they do not collide by chance.
    /// A seeded source gives the same sequence for the same seed.
    fn fresh(&self) -> u128;
}
