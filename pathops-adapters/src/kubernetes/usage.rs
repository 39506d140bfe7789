//! What containers use, where the cluster measures it.

use pathops_core::adapter::{Collected, Sample};
use pathops_core::evidence::AbsenceKind;
use pathops_core::{ErrorKind, Result, UnixMillis};
use serde::Deserialize;

use super::list::Place;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Measured {
    metadata: Name,
    timestamp: Option<String>,
    containers: Vec<Container>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Name {
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Container {
    name: String,
    usage: Usage,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Usage {
    cpu: Option<String>,
    memory: Option<String>,
}

pub(super) async fn read(place: &Place<'_>, since: UnixMillis) -> Result<Collected<Vec<Sample>>> {
    let selector = place.workload.pods();
    let api = ("/apis/metrics.k8s.io/v1beta1", "pods");
    let measured = match place.list("list pods.metrics.k8s.io", api, Some(&selector), Some::<Measured>).await {
        Ok((measured, _)) => measured,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let why = "the cluster has no API `metrics.k8s.io`: nothing there measures what containers use";
            return Ok(Collected::absent(AbsenceKind::NotConfigured, format!("{}: {why}", place.workload)));
        }
        Err(error) => return Err(error),
    };
    let samples = measured.iter().flat_map(samples).filter(|sample| sample.at >= since);
    let mut samples: Vec<Sample> = samples.collect();
    samples.sort_by_key(|sample| sample.at);
    if samples.is_empty() {
        return Ok(Collected::absent(
            AbsenceKind::NothingThere,
            format!("nothing was measured since {since} of a pod {}", place.workload),
        ));
    }
    Ok(Collected::Present(samples))
}

fn samples(pod: &Measured) -> Vec<Sample> {
    let Some(at) = pod.timestamp.as_ref().and_then(|at| at.parse().ok()) else { return Vec::new() };
    let of = |container: &Container| {
        let labels = format!("{{pod={:?},container={:?}}}", pod.metadata.name, container.name);
        let measured = [("cpu_cores", &container.usage.cpu), ("memory_bytes", &container.usage.memory)];
        measured.map(|(metric, quantity)| {
            let value = quantity_of(quantity.as_deref()?)?;
            Some(Sample { metric: format!("{metric}{labels}"), at, value })
        })
    };
    pod.containers.iter().flat_map(of).flatten().collect()
}

/// A quantity of Kubernetes as a number: `250m`, `128Mi`, `1e3`.
fn quantity_of(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 15] = [
        ("Ki", 1_024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("Ei", 1_152_921_504_606_846_976.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("E", 1e18),
    ];
    let unit = UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (number, factor) = unit.unwrap_or((text, 1.0));
    let is_plain = number.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    let value = number.parse::<f64>().ok().filter(|_| is_plain)? * factor;
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::quantity_of;

    #[test]
    fn quantities_are_read_and_nothing_else_is() {
        for (text, value) in
            [("0", 0.0), ("250m", 0.25), ("1500000n", 0.0015), ("128Mi", 134_217_728.0), ("1e3", 1e3), ("2E", 2e18), ("1.5", 1.5)]
        {
            assert_eq!(quantity_of(text), Some(value), "{text}");
        }
        for text in ["", "m", "Mi", "NaN", "inf", "-inf", "1x", "1 Mi", "1e999", "é"] {
            assert_eq!(quantity_of(text), None, "{text}");
        }
    }
}
