//! Which images run.

use pathops_core::Digest;

use super::Step;
use super::expected::Expected;
use super::objects::Objects;
use super::reason::{Failed, NotYet, Verdict};
use crate::live::parts;

impl Objects {
    /// The images that its workloads are made of.
    fn all_images(&self) -> impl Iterator<Item = &str> {
        self.workloads.iter().flat_map(|workload| workload.images())
    }

    /// Those of this repository.
    fn images<'a>(&'a self, repository: &'a str) -> impl Iterator<Item = &'a str> {
        self.all_images().filter(move |image| parts(image).repository == repository)
    }

    /// Which images of this repository run, by digest.
    #[must_use]
    pub fn running(&self, repository: &str) -> Vec<Digest> {
        self.images(repository).filter_map(|image| parts(image).digest?.parse().ok()).collect()
    }
}

/// Each workload is rolled out, the expected images run, and no other of their repositories. What is rolled out has no pods of
/// before, so another image is no leftover.
pub(super) fn images_run(expected: &Expected, objects: &Objects) -> Step {
    if !expected.expects_images() {
        return Ok(());
    }
    for reference in objects.workloads_named() {
        match objects.workloads.iter().find(|workload| workload.is(&reference)) {
            Some(workload) => workload.is_rolled_out()?,
            None => return Err(Verdict::NotYet(NotYet::Missing { what: reference.to_string() })),
        }
    }
    for image in &expected.images {
        let wanted = image.parts();
        let is_one = |it: &&str| expected.images.iter().any(|image| image.parts().is(&parts(it)));
        let repository = match wanted.repository {
            // A digest alone: where it is from.
            "" => objects.all_images().map(parts).find(|it| wanted.is(it)).map_or("", |it| it.repository),
            named => named,
        };
        let other = objects.images(repository).find(|it| !is_one(it));
        let runs = objects.images(repository).any(|it| wanted.is(&parts(it)));
        if other.is_some() || (!runs && !objects.workloads.is_empty()) {
            let running = other.map(str::to_owned);
            return Err(Verdict::Failed(Failed::WrongImage { expected: image.to_string(), running }));
        }
        if !runs {
            return Err(Verdict::NotYet(NotYet::NotTold { expected: image.to_string() }));
        }
    }
    Ok(())
}
