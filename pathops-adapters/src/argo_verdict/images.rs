//! Which images run.

#[cfg(feature = "argocd")]
use pathops_core::Digest;

use super::application::Application;
use super::expected::Expected;
use super::judge::Step;
use super::verdict::{Failed, NotYet, Verdict};
use crate::live::{Image, Parts, parts};

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

    /// Those of this repository, by digest, and the `expected` one whatever it is called.
    #[cfg(feature = "argocd")]
    pub(crate) fn of(&self, repository: &str, expected: Option<Digest>) -> impl Iterator<Item = Digest> {
        digests(&self.0, repository, expected)
    }
}

/// The digests of those references that are of this repository, or `expected`.
#[cfg(feature = "argocd")]
pub(super) fn digests(references: &[String], repository: &str, expected: Option<Digest>) -> impl Iterator<Item = Digest> {
    let wanted = parts(repository).repository;
    references.iter().map(|reference| parts(reference)).filter_map(move |image| {
        let digest: Digest = image.digest?.parse().ok()?;
        (image.repository == wanted || Some(digest) == expected).then_some(digest)
    })
}

/// Whether the expected images run, and no other of the same repository beside them: by the pods, where these are known.
pub(super) fn expected_images_run(expected: &Expected, application: &Application, running: Option<&RunningImages>) -> Step {
    let told = &application.status.summary.images;
    let references = running.map_or(told, |running| &running.0);
    for image in expected.images() {
        let of_it = Of { image: image.parts(), references };
        match (of_it.runs(), of_it.another(expected)) {
            (true, None) => {}
            // Some that the summary names can be gone already, and pods may go: that is waited for and is no failure.
            (true, Some(old)) => return Err(Verdict::NotYet(NotYet::OldImage { running: old.clone() })),
            (false, other) => return Err(missing(image, other.is_some(), told)),
        }
    }
    Ok(())
}

/// What is made of an image that does not run. Pods come and go: it has failed where `another` one of its repository runs in its place,
/// and Argo CD does not say otherwise.
fn missing(image: &Image, another: bool, told: &[String]) -> Verdict {
    let expected = image.to_string();
    let is_told = Of { image: image.parts(), references: told }.runs();
    if is_told || !another {
        Verdict::NotYet(NotYet::NoPod { expected })
    } else {
        Verdict::Failed(Failed::WrongImage { expected })
    }
}

/// What runs of an image.
struct Of<'a> {
    image: Parts<'a>,
    references: &'a [String],
}

impl<'a> Of<'a> {
    fn runs(&self) -> bool {
        self.references.iter().any(|it| has(&self.image, &parts(it)))
    }

    /// One of its repository, or of one that it runs from, that is not expected at all. What runs under a name that is expected is known
    /// by that.
    fn another(&self, expected: &Expected) -> Option<&'a String> {
        let images = || expected.images().iter().map(Image::parts);
        let is_expected = |it: &Parts<'_>| {
            let is_named = images().any(|image| image.repository == it.repository);
            images().any(|image| if is_named { image.is(it) } else { has(&image, it) })
        };
        let own = self.image.repository;
        let elsewhere = self.references.iter().map(|it| parts(it)).filter(|it| it.repository != own && has(&self.image, it));
        // Mostly it runs from its own.
        let is_copied = elsewhere.clone().next().is_some();
        let runs_from = |repository: &str| is_copied && elsewhere.clone().any(|it| it.repository == repository);
        self.references.iter().find(|reference| {
            let it = parts(reference);
            (it.repository == own || runs_from(it.repository)) && !is_expected(&it)
        })
    }
}

/// Whether what runs is this image: nodes and mirrors have other names for the same digest. A tag says something in its repository alone.
fn has(image: &Parts<'_>, running: &Parts<'_>) -> bool {
    if image.digest.is_some() { image.digest == running.digest } else { image.is(running) }
}
