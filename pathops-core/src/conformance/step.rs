//! What the suites of all adapters but the Git host's share.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

use super::{Outcome, ensure};

/// A future in a box, as fixtures hand them on.
pub(super) type Pinned<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Ends the case unless the adapter declares the capabilities that it is tested for.
pub(super) fn declares<C: Debug + PartialEq>(declared: &C, tested: &C) -> Outcome {
    ensure!(declared == tested, "it declares {declared:?} and is tested for {tested:?}");
    Ok(())
}
