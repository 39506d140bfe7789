//! Which images run.

#[cfg(feature = "argocd")]
use pathops_core::Digest;

use super::application::Application;
use super::expected::Expected;
use super::judge::Step;
use super::verdict::{Failed, NotYet, Verdict};
use crate::live::{Image, parts};

/// The images that containers of pods run now, as their nodes tell it. An `Application` says no such thing: its summary names what
/// pods were made of, may still name some that are gone, and is as old as the last comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunningImages(Vec<String>);

impl RunningImages {
    /// The `imageID` of each container that runs: `repository@sha256:…`, whether or not a runtime writes its name before it
    /// (`docker-pullable://`). Where an image is expected by its tag alone, with that: `repository:tag@sha256:…`.
    pub fn new<I: Into<String>>(references: impl IntoIterator<Item = I>) -> Self {
        let bare = |reference: String| match reference.split_once("://") {
            Some((_, bare)) => bare.to_owned(),
            None => reference,
        };
        Self(references.into_iter().map(|reference| bare(reference.into())).collect())
    }

    /// Those of this repository, by digest.
    #[cfg(feature = "argocd")]
    pub(crate) fn of(&self, repository: &str) -> impl Iterator<Item = Digest> {
        digests(&self.0, repository)
    }
}

/// The digests of those references that are of this repository.
#[cfg(feature = "argocd")]
pub(super) fn digests(references: &[String], repository: &str) -> impl Iterator<Item = Digest> {
    let wanted = parts(repository).repository;
    let images = references.iter().map(|reference| parts(reference)).filter(move |image| image.repository == wanted);
    images.filter_map(|image| image.digest?.parse().ok())
}

/// Whether the expected images run, and no other of the same repository beside them: by the pods, where these are known.
pub(super) fn expected_images_run(expected: &Expected, application: &Application, running: Option<&RunningImages>) -> Step {
    let told = &application.status.summary.images;
    let references = running.map_or(told, |running| &running.0);
    for image in expected.images() {
        let of_it = Of { image, references };
        match (of_it.runs(), of_it.another(expected)) {
            (true, None) => {}
            // Some that the summary names can be gone already, and pods may go: that is waited for and is no failure.
            (true, Some(old)) => return Err(Verdict::NotYet(NotYet::OldImage { running: old.clone() })),
            (false, other) => return Err(missing(image, other.is_some(), told, running.is_some())),
        }
    }
    Ok(())
}

/// What is made of an image that does not run. Pods come and go: it has failed where they run `another` one of its repository, and Argo
/// CD does not say otherwise.
fn missing(image: &Image, another: bool, told: &[String], by_pods: bool) -> Verdict {
    let expected = image.to_string();
    let is_told = Of { image, references: told }.runs();
    if by_pods && (is_told || !another) {
        return Verdict::NotYet(NotYet::NoPod { expected });
    }
    Verdict::Failed(Failed::WrongImage { expected })
}

/// What runs of the repository of an image.
struct Of<'a> {
    image: &'a Image,
    references: &'a [String],
}

impl<'a> Of<'a> {
    fn all(&self) -> impl Iterator<Item = &'a String> {
        let repository = self.image.parts().repository;
        self.references.iter().filter(move |it| parts(it).repository == repository)
    }

    fn runs(&self) -> bool {
        self.all().any(|it| self.image.parts().is(&parts(it)))
    }

    /// One that is not expected at all.
    fn another(&self, expected: &Expected) -> Option<&'a String> {
        self.all().find(|it| !expected.images().iter().any(|image| image.parts().is(&parts(it))))
    }
}
