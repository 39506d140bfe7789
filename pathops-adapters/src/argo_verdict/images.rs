//! Which images run.

use super::application::Application;
use super::expected::Expected;
use super::judge::Step;
use super::verdict::{Failed, NotYet, Verdict};
use crate::live::parts;

/// The images that Argo CD names can hold some that are gone already; so one of the same repository beside the expected one
/// is waited for and is no failure.
pub(super) fn expected_images_run(expected: &Expected, application: &Application) -> Step {
    for image in expected.images() {
        let wanted = image.parts();
        let running = || application.status.summary.images.iter().filter(|it| parts(it).repository == wanted.repository);
        if !running().any(|it| wanted.is(&parts(it))) {
            return Err(Verdict::Failed(Failed::WrongImage { expected: image.to_string() }));
        }
        if let Some(old) = running().find(|it| !expected.images().iter().any(|image| image.parts().is(&parts(it)))) {
            return Err(Verdict::NotYet(NotYet::OldImage { running: old.clone() }));
        }
    }
    Ok(())
}
