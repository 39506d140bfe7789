//! What a promotion costs in calls of GitHub's API: `cargo test -p pathops-tests --features github --test calls -- --nocapture`
//! prints them by kind.
//!
//! A project of a hundred apps is on the fake of GitHub, which counts. Each app is taken to production once, so that what never
//! changes is known, and then once more, in a change set of its own; only the second time counts, and of that everything that PathOps
//! asks, besides what is answered with "not modified", which GitHub does not count either. What CI and the GitOps controller ask is
//! theirs.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "test code: a failure is a failed test, and the figures are told")]

mod shop;

use std::collections::BTreeMap;

use shop::Shop;

const APPS: usize = 100;
const ENVIRONMENTS: usize = 2;

/// The most that an app may cost in an environment, on average: in the repository of its desired state, and everywhere.
const IN_DESIRED_STATE: usize = 25;
const EVERYWHERE: usize = 44;

/// Where something is asked, and what: identifiers and names are stars.
type Kind = (&'static str, String);

/// The kind of a call such as `GET /repos/shop/web-src/pulls/7 200`; `None` where it does not count.
fn kind(call: &str) -> Option<Kind> {
    let (asked, status) = call.rsplit_once(' ')?;
    if status == "304" {
        return None;
    }
    let (method, path) = asked.split_once(' ')?;
    let mut parts = path.strip_prefix("/repos/").unwrap_or(path).split('/').skip(1);
    let place = match parts.next()? {
        repo if repo.ends_with("-gitops") => "desired state",
        repo if repo.ends_with("-src") => "source",
        _ => "project",
    };
    let mut words = Vec::new();
    for part in parts {
        let is_id = part.parse::<u64>().is_ok() || part.contains("...") || (part.len() == 40 && !part.contains('-'));
        words.push(if is_id { "*" } else { part });
        if ["heads", "contents", "branches"].contains(&part) {
            words.push("*");
            break;
        }
    }
    Some((place, format!("{method} {}", words.join("/"))))
}

/// For one app and environment, to two places.
fn each(count: usize) -> String {
    let hundredths = (count * 100).div_ceil(APPS * ENVIRONMENTS);
    format!("{:>3}.{:02}", hundredths / 100, hundredths % 100)
}

fn tell(counted: &BTreeMap<Kind, usize>, sums: &BTreeMap<&str, usize>) {
    println!("calls for an app and an environment, of {APPS} apps:");
    for ((place, what), count) in counted {
        println!("  {place:<14} {}  {what}", each(*count));
    }
    for (place, count) in sums {
        println!("{place:<16} {}", each(*count));
    }
}

#[test]
fn a_promotion_of_one_of_a_hundred_apps_costs_no_more_than_is_said() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let taken = runtime.block_on(async {
        let shop = Shop::of(APPS).await;
        for app in &shop.apps {
            shop.promote(app, "first").await;
        }
        shop.taken();
        for app in &shop.apps {
            shop.promote(app, "second").await;
        }
        shop.taken()
    });
    let (mut counted, mut sums) = (BTreeMap::new(), BTreeMap::new());
    for (place, what) in taken.iter().filter_map(|call| kind(call)) {
        *sums.entry(place).or_insert(0) += 1;
        *counted.entry((place, what)).or_insert(0) += 1;
    }
    tell(&counted, &sums);
    let most = |calls: usize| calls * APPS * ENVIRONMENTS;
    assert!(sums["desired state"] <= most(IN_DESIRED_STATE), "{}", each(sums["desired state"]));
    let all: usize = sums.values().sum();
    assert!(all <= most(EVERYWHERE), "{}", each(all));
}
