//! How sources are called, and which of them is meant.

use super::*;

/// The ready state with this setting of its source, as it was asked for and compared.
fn with_source(field: &str, value: &Value) -> Value {
    ["/spec/source", "/status/sync/comparedTo/source"]
        .iter()
        .fold(ready(), |state, place| put(state, &format!("{place}/{field}"), value.clone()))
}

#[test]
fn a_repository_is_known_however_it_is_written() {
    for (wanted, written) in [
        (REPO, "https://Git.Example/shop/Orders-gitops.git"),
        ("git@git.example:shop/orders-gitops.git", "ssh://git@git.example/shop/orders-gitops"),
    ] {
        let expected = Expected::new(ExpectedSource::git(wanted, PATH, commit('b')), at(5).parse().unwrap());
        assert_eq!(verdict(&expected, &with_source("repoURL", &json!(written))), Verdict::Ready, "{wanted} {written}");
    }
    assert_eq!(verdict(&expected(), &with_source("path", &json!("envs//preflight"))), Verdict::Ready);
    // Versions are those of one repository.
    let state = with_chart("https://charts.example/Shop", "1.2.3");
    for (repo, reason) in [("https://charts.example/Shop/", "ready"), ("https://charts.example/shop", "not-yet no-such-source")] {
        assert_eq!(reason_of(&verdict(&chart(repo, "1.2.3"), &state)), reason, "{repo}");
    }
}

fn with_chart(repo: &str, version: &str) -> Value {
    let source = json!({"repoURL": repo, "chart": "app", "targetRevision": version});
    let state = put(put(ready(), "/spec/source", source.clone()), "/status/sync/comparedTo/source", source);
    ["/status/sync/revision", "/status/operationState/syncResult/revision"]
        .iter()
        .fold(state, |state, place| put(state, place, json!(version)))
}

fn chart(repo: &str, version: &str) -> Expected {
    Expected::new(ExpectedSource::chart(repo, "app", version), at(5).parse().unwrap())
}

/// Where Argo CD has found one it tells which. A range that stands there says that it has not.
#[test]
fn what_stands_for_several_versions_is_none() {
    let repo = "https://charts.example";
    for version in ["1.2.3", "v1.2.3", "1.2", "2026.11.22", "1.2.3-rc.1+x.5", "1.0.0-x"] {
        assert_eq!(verdict(&chart(repo, version), &with_chart(repo, version)), Verdict::Ready, "{version}");
    }
    for range in
        ["*", "1.2.*", "1.x", "v1.2.X", ">1.2", "<2", "1 <2", "^1.2", "~1.2", "1 || 2", "1.2 - 1.4", "=1.2", "latest", "vlatest"]
    {
        let said = verdict(&chart(repo, range), &with_chart(repo, range));
        assert_eq!(reason_of(&said), "not-yet no-revision", "{range}");
    }
    // Of an artifact it tells the digest.
    let registry = "oci://registry.example/shop/orders";
    let digest = format!("sha256:{}", "1".repeat(64));
    for (revision, reason) in [(digest.as_str(), "ready"), ("latest", "not-yet no-revision"), ("1.*", "not-yet no-revision")] {
        let oci = Expected::new(ExpectedSource::oci(registry, PATH, revision), at(5).parse().unwrap());
        let state = put(with_source("repoURL", &json!(registry)), "/status/sync/revision", json!(revision));
        assert_eq!(reason_of(&verdict(&oci, &state)), reason, "{revision}");
    }
}

/// A folder, and sources beside it that others refer to, each with its name, where it is held and its commit; a file is read of one.
fn beside(folder: Option<(&str, char)>, referred_to: &[(&str, &str, char)], read: &str) -> Value {
    let of_folder = folder.map(|(branch, found)| {
        (json!({"repoURL": REPO, "path": PATH, "targetRevision": branch, "helm": {"valueFiles": [read]}}), found)
    });
    let chart =
        (json!({"repoURL": "oci://charts", "chart": "app", "targetRevision": "1.2.3", "helm": {"valueFiles": [read]}}), 'f');
    let referred_to = referred_to
        .iter()
        .map(|(name, held_at, found)| (json!({"repoURL": REPO, "targetRevision": held_at, "ref": name}), *found));
    let all: Vec<(Value, char)> = std::iter::once(of_folder.unwrap_or(chart)).chain(referred_to).collect();
    let sources: Vec<&Value> = all.iter().map(|(source, _)| source).collect();
    let revisions: Vec<CommitId> = all.iter().map(|(_, found)| commit(*found)).collect();
    let mut state = ready();
    for place in ["/spec", "/status/sync/comparedTo", "/status/operationState/syncResult"] {
        state = put(put(state, &format!("{place}/source"), json!(null)), &format!("{place}/sources"), json!(sources));
    }
    for place in ["/status/sync", "/status/operationState/syncResult"] {
        state = put(state, &format!("{place}/revisions"), json!(revisions));
    }
    state
}

/// Beside the folder, a source of the same repository may be held at a tag. It counts where it follows the folder's branch, and where
/// the folder is read of it.
#[test]
fn what_is_held_elsewhere_is_not_the_folder() {
    let tag = "$values/shared/values.yaml";
    for (branch, found, values, read, reason) in [
        ("main", 'b', ("v1", 'a'), tag, "ready"),
        ("main", 'b', ("main", 'b'), tag, "ready"),
        ("main", 'a', ("v1", 'b'), tag, "not-yet not-seen"),
        ("main", 'b', ("main", 'a'), tag, "not-yet not-seen"),
        ("main", 'b', ("refs/heads/main", 'a'), tag, "not-yet not-seen"),
        ("main", 'b', ("HEAD", 'a'), tag, "not-yet not-seen"),
        ("", 'b', ("main", 'a'), tag, "not-yet not-seen"),
        ("main", 'b', ("v1", 'a'), "$values/envs/preflight/values.yaml", "not-yet not-seen"),
        ("main", 'b', ("v1", 'b'), "$values/envs/preflight/values.yaml", "ready"),
    ] {
        let state = beside(Some((branch, found)), &[("values", values.0, values.1)], read);
        assert_eq!(reason_of(&verdict(&expected(), &state)), reason, "{branch} {found} {values:?} {read}");
    }
    // Both are expected, each at its own.
    let both = expected().and(ExpectedSource::git(REPO, "shared", commit('a')));
    assert_eq!(verdict(&both, &beside(Some(("main", 'b')), &[("values", "v1", 'a')], tag)), Verdict::Ready);
    assert_eq!(reason_of(&verdict(&both, &beside(Some(("main", 'b')), &[("values", "v1", 'e')], tag))), "not-yet not-seen");
}

/// Where no source has the folder, one that others refer to is meant: that of which the folder is read, or else any, with all that
/// follow its branch.
#[test]
fn of_several_that_are_referred_to_one_has_to_be_there() {
    let (own, other) = ("$values/envs/preflight/values.yaml", "$values/shared/values.yaml");
    for (referred_to, read, reason) in [
        (&[("values", "main", 'b'), ("more", "v1", 'a')], own, "ready"),
        (&[("values", "main", 'a'), ("more", "v1", 'b')], own, "not-yet not-seen"),
        (&[("more", "v1", 'a'), ("values", "main", 'b')], other, "ready"),
        (&[("more", "v1", 'a'), ("values", "main", 'a')], other, "not-yet not-seen"),
        (&[("more", "main", 'a'), ("values", "main", 'b')], other, "not-yet not-seen"),
        (&[("more", "main", 'a'), ("values", "HEAD", 'b')], other, "not-yet not-seen"),
    ] {
        let state = beside(None, referred_to, read);
        assert_eq!(reason_of(&verdict(&expected(), &state)), reason, "{referred_to:?} {read}");
        #[cfg(feature = "argocd")]
        {
            let live = Application::from_value(&state).unwrap();
            assert_eq!(live.applied(&ExpectedSource::git(REPO, PATH, commit('b'))), Some(commit(referred_to[0].2)));
        }
    }
    // Of the folder itself, not of what lies before it, the commit is told that is live.
    #[cfg(feature = "argocd")]
    {
        let mut state = beside(Some(("main", 'b')), &[("values", "v1", 'a')], other);
        for place in ["/spec/sources", "/status/sync/comparedTo/sources", "/status/sync/revisions"] {
            state.pointer_mut(place).unwrap().as_array_mut().unwrap().reverse();
        }
        let live = Application::from_value(&state).unwrap();
        assert_eq!(live.applied(&ExpectedSource::git(REPO, PATH, commit('b'))), Some(commit('b')));
    }
}
