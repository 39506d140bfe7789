//! What is changed, what is refused, and that nothing else changes: the same bytes, and the same values to another parser.

use serde_json::Value;

use super::*;

const MANIFESTS: &str = "\
# Orders, as they run in preflight.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: orders   # the name counts
  labels: {app: orders, \"tier\": 'back'}
spec:
  replicas: 2
  template:
    spec:
      initContainers:
        - name: migrate
          image: registry.example:5000/orders:1.2.2
      containers:
      - name: app
        image: \"registry.example:5000/orders:1.2.2\" # {\"$imagepolicy\": \"shop:orders\"}
        args: [--port, '8080', \"--name=ö\"]
      - {name: proxy, image: proxy:7}
---
apiVersion: v1
kind: Service
metadata:
  name: orders
spec:
  ports:
  - port: 80
";

const VALUES: &str = "\
image:
  registry: registry.example
  repository: shop/orders
  tag: 1.9
  digest: \"\"
  pullPolicy: IfNotPresent
replicaCount: 3
worker:
  replicas: 1
  image: registry.example/shop/worker@sha256:0a
enabled: true
note: |
  image: registry.example/shop/orders:0
empty:
nothing: ~  # yet
";

const KUSTOMIZATION: &str = "\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../base]
images:
  - name: orders
    newName: registry.example/shop/orders
    newTag: '1.2.2'   # by PathOps
  # The next has no version.
  - name: registry.example/shop/web   # bare
  - name: worker
    digest: sha256:0a
  - {name: proxy}
replicas:
- name: orders
  count: 2
- name: web
  count: 1
";

fn change(text: &str) -> Change {
    text.parse().unwrap()
}

fn edited(text: &str, changes: &[&str]) -> Result<String, EditError> {
    edit(text, &changes.iter().map(|it| change(it)).collect::<Vec<_>>())
}

/// That `changes` put `new` in the place of `old`, once, and nothing else.
#[track_caller]
fn assert_puts(text: &str, changes: &[&str], old: &str, new: &str) {
    assert_eq!(text.matches(old).count(), 1, "{old} is not there once");
    assert_eq!(edited(text, changes).unwrap(), text.replace(old, new));
    let carriage = text.replace('\n', "\r\n");
    let (old, new) = (old.replace('\n', "\r\n"), new.replace('\n', "\r\n"));
    assert_eq!(edited(&carriage, changes).unwrap(), carriage.replace(&old, &new));
}

#[test]
fn a_value_is_changed_where_its_path_leads() {
    assert_puts(MANIFESTS, &["spec.replicas=5"], "replicas: 2", "replicas: 5");
    assert_puts(MANIFESTS, &["metadata.labels.app=shop"], "app: orders,", "app: shop,");
    assert_puts(MANIFESTS, &["metadata.labels.tier=front"], "'back'", "'front'");
    assert_puts(MANIFESTS, &["spec.template.spec.containers[name=app].args[1]=9090"], "'8080'", "'9090'");
    assert_puts(MANIFESTS, &["spec.template.spec.containers[1].image=proxy:8"], "proxy:7", "proxy:8");
    assert_puts(MANIFESTS, &["spec.ports[0].port=8080"], "port: 80\n", "port: 8080\n");
    assert_puts(VALUES, &["empty=a b"], "empty:", "empty: \"a b\"");
    assert_puts(VALUES, &["nothing=1"], "nothing: ~ ", "nothing: 1 ");
    assert_puts(VALUES, &["image.digest=sha256:0b"], "digest: \"\"", "digest: \"sha256:0b\"");
}

#[test]
fn a_value_keeps_its_type() {
    for (value, written) in
        [("1.10", "\"1.10\""), ("1.5", "1.5"), ("2", "2"), ("v2", "v2"), ("1e3", "\"1e3\""), ("0x1f", "\"0x1f\"")]
    {
        assert_puts(VALUES, &[&format!("image.tag={value}")], "tag: 1.9", &format!("tag: {written}"));
    }
    for (value, written) in [("false", "false"), ("no", "\"no\""), ("", "\"\""), ("maybe", "maybe")] {
        assert_puts(VALUES, &[&format!("enabled={value}")], "enabled: true", &format!("enabled: {written}"));
    }
    let text = ["12", "true", "null", "2026-11-22", "1_000", "12:30", ".5", "0o7", "- a", "a: b", "a #b", "*x", "{a}", "a\\b\"c"];
    for value in text {
        let written = format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
        let pull = "pullPolicy: IfNotPresent";
        assert_puts(VALUES, &[&format!("image.pullPolicy={value}")], pull, &format!("pullPolicy: {written}"));
    }
    assert_puts(MANIFESTS, &["metadata.labels.tier=it's"], "'back'", "'it''s'");
}

#[test]
fn an_image_is_changed_wherever_it_is_named() {
    let both = edited(MANIFESTS, &["image:registry.example:5000/orders=1.2.3"]).unwrap();
    assert_eq!(both, MANIFESTS.replace("orders:1.2.2", "orders:1.2.3"));
    let digest = edited(MANIFESTS, &["image:registry.example:5000/orders=sha256:0b"]).unwrap();
    assert_eq!(digest, MANIFESTS.replace("orders:1.2.2", "orders@sha256:0b"));
    assert_puts(MANIFESTS, &["image:proxy=8@sha256:0b"], "proxy:7", "proxy:8@sha256:0b");
    assert_puts(VALUES, &["image:registry.example/shop/orders=1.10"], "tag: 1.9", "tag: \"1.10\"");
    assert_puts(VALUES, &["image:registry.example/shop/worker=sha256:0b"], "worker@sha256:0a", "worker@sha256:0b");
    let orders = "image:registry.example/shop/orders=";
    assert_puts(KUSTOMIZATION, &[&format!("{orders}1.10")], "'1.2.2'", "'1.10'");
    assert_puts(KUSTOMIZATION, &[&format!("{orders}sha256:0b")], "newTag: '1.2.2'", "digest: 'sha256:0b'");
    assert_puts(KUSTOMIZATION, &["image:worker=2"], "digest: sha256:0a", "newTag: \"2\"");
    assert_puts(KUSTOMIZATION, &["image:registry.example/shop/web=3.1.4"], "web   # bare", "web   # bare\n    newTag: 3.1.4");
    assert_puts(KUSTOMIZATION, &["image:proxy=8"], "{name: proxy}", "{name: proxy, newTag: \"8\"}");
    assert_puts("images:\n- name: a\nresources: [b]", &["image:a=x"], "name: a", "name: a\n  newTag: x");
}

#[test]
fn replicas_are_changed_in_each_layout() {
    assert_puts(MANIFESTS, &["replicas=5"], "replicas: 2", "replicas: 5");
    assert_puts(MANIFESTS, &["replicas:orders=5"], "replicas: 2", "replicas: 5");
    assert_puts(VALUES, &["replicas:worker=4"], "replicas: 1", "replicas: 4");
    assert_puts(KUSTOMIZATION, &["replicas:web=4"], "count: 1", "count: 4");
}

#[test]
fn several_changes_are_made_together_or_not_at_all() {
    let all = edited(VALUES, &["replicaCount=4", "image:registry.example/shop/orders=2.0.1", "empty=x"]).unwrap();
    let wanted = VALUES.replace("replicaCount: 3", "replicaCount: 4").replace("tag: 1.9", "tag: 2.0.1");
    assert_eq!(all, wanted.replace("empty:", "empty: x"));
    let files = |second: &str| {
        let (one, other) = ([change("replicaCount=4")], [change(second)]);
        edit_files([("values.yaml", VALUES, one.as_slice()), ("kustomization.yaml", KUSTOMIZATION, other.as_slice())])
    };
    assert_eq!(files("replicas:web=4").unwrap().len(), 2);
    assert_eq!(files("replicas:web=1").unwrap().into_keys().collect::<Vec<_>>(), ["values.yaml"]);
    let error = files("replicas:cart=4").unwrap_err().to_string();
    assert_eq!(error, "`kustomization.yaml`: `replicas:cart` is not there");
}

#[test]
fn what_could_mean_two_things_is_refused() {
    let refused = |text: &str, wanted: &str| edited(text, &[wanted]).unwrap_err().to_string();
    let ambiguous = "`metadata.name` is ambiguous: it can be `name` in line 5, `name` in line 23; name the one by its path";
    assert_eq!(refused(MANIFESTS, "metadata.name=x"), ambiguous);
    for (text, wanted) in [
        (VALUES, "replicas=4"),
        (KUSTOMIZATION, "replicas=4"),
        ("a: 1\na: 2\n", "a=3"),
        ("a: {b: 1}\na: {b: 2}\n", "a.b=3"),
        ("x: [{n: 1, v: 1}, {n: 1, v: 2}]\n", "x[n=1].v=3"),
        ("one: {image: 'a:1'}\nother: {image: 'a:2'}\n", "image:a=3"),
    ] {
        assert!(matches!(edited(text, &[wanted]), Err(EditError::Ambiguous { .. })), "{wanted}");
    }
}

#[test]
fn what_cannot_be_changed_alone_is_refused() {
    for (text, wanted, why) in [
        ("a: &x 1\nb: *x\n", "a=2", "aliases repeat it"),
        ("a: &x\n  c: 1\nb: *x\n", "a.c=2", "aliases repeat it"),
        ("a: &x 1\nb: *x\n", "b=2", "it repeats a value"),
        (VALUES, "note=x", "on one line"),
        (VALUES, "image=x", "on one line"),
        (VALUES, "replicaCount=1\n2", "on one line"),
        ("a: &x\n", "a=2", "something else"),
        (
            "image: {repository: a, tag: '1', digest: 'sha256:0a'}\n",
            "image:a=2",
            "the digest that stands there would still count",
        ),
        ("image: {repository: a, tag: '1'}\n", "image:a=sha256:0b", "these values have no `digest`"),
        ("kind: Kustomization\nimages: [{name: a, newTag: b, digest: c}]\n", "image:a=2", "a tag and a digest already"),
    ] {
        let error = edited(text, &[wanted]).unwrap_err();
        assert!(matches!(error, EditError::Refused { .. }) && error.to_string().contains(why), "{wanted}: {error}");
    }
    let twice = edited(VALUES, &["replicaCount=1", "replicas:worker=1", "replicaCount=2"]).unwrap_err();
    assert!(twice.to_string().contains("changes the same place"), "{twice}");
}

#[test]
fn what_is_not_there_or_no_yaml_is_said() {
    for wanted in
        ["spec.replica=1", "spec.ports[4].port=1", "spec.template.spec.containers[name=web].image=a:1", "image:orders=2"]
    {
        assert!(matches!(edited(MANIFESTS, &[wanted]), Err(EditError::NotFound { .. })), "{wanted}");
    }
    for text in ["a: {{ .Values.b }}\n", "a: b: c\n", "a:\n\t- b\n", "a: [\n", &"[".repeat(200), "a: *b\n"] {
        assert!(matches!(edited(text, &["a=1"]), Err(EditError::NoYaml { .. } | EditError::Refused { .. })), "{text}");
    }
    for wanted in [
        "",
        "a",
        "=1",
        ".a=1",
        "a..b=1",
        "a[=1",
        "a[b]=1",
        "a[0]b=1",
        "\"a=1",
        "image:=1",
        "image:a=",
        "image:a=b c",
        "replicas=many",
        "replicas:=1",
        "replicas=-1",
    ] {
        assert!(matches!(wanted.parse::<Change>(), Err(EditError::Change { .. })), "{wanted}");
    }
    assert!(matches!(edited("", &["a=1"]), Err(EditError::NotFound { .. })));
}

/// The path of each scalar, as another parser sees the document.
fn scalars(value: &Value, at: &str, into: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let dot = if at.is_empty() { "" } else { "." };
                scalars(value, &format!("{at}{dot}\"{key}\""), into);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                scalars(item, &format!("{at}[{index}]"), into);
            }
        }
        scalar => into.push((at.to_owned(), scalar.to_string())),
    }
}

fn read(text: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (number, value) in serde_saphyr::from_multiple::<Value>(text).unwrap().iter().enumerate() {
        let mut own = Vec::new();
        scalars(value, "", &mut own);
        all.extend(own.into_iter().map(|(path, text)| (format!("{number}/{path}"), text)));
    }
    all
}

/// The bytes before and behind what differs are the same, and what differs lies on one line.
fn differs_on_one_line(old: &str, new: &str) -> bool {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
    old.len() == new.len() && old.iter().zip(&new).filter(|(old, new)| old != new).count() <= 1
}

#[test]
fn whatever_is_changed_everything_else_is_as_it_was() {
    let values = [
        "x",
        "7",
        "1.10",
        "",
        "no",
        "a: b",
        "# c",
        "'",
        "\"",
        "\\",
        "ö",
        "[",
        "- d",
        " e ",
        "@f",
        "2026-01-01",
        "~",
        "<<",
        "?",
        "!g",
    ];
    let more = "a: [1, {b: c}, 'd']\n? e\n: f\n\"g h\": !!str 5\n  # end\n";
    let mut changed = 0;
    for text in [MANIFESTS, VALUES, KUSTOMIZATION, more, "- 1\n- - 2\n  - x: 3\n"] {
        for text in [text.to_owned(), text.replace('\n', "\r\n")] {
            let before = read(&text);
            for ((name, _), value) in before.iter().flat_map(|it| values.iter().map(move |value| (it, value))) {
                let path: Path = name.split_once('/').unwrap().1.parse().unwrap();
                let change = Change::Value { path, value: (*value).to_owned() };
                let Ok(new) = edit(&text, &[change]) else { continue };
                changed += 1;
                assert!(differs_on_one_line(&text, &new), "{name} = {value}:\n{new}");
                let after = read(&new);
                let others = |all: &[(String, String)]| all.iter().filter(|(it, _)| it != name).cloned().collect::<Vec<_>>();
                assert_eq!(others(&before), others(&after), "{name} = {value}:\n{new}");
                let (_, now) = after.iter().find(|(it, _)| it == name).unwrap();
                let as_text = Value::String((*value).to_owned()).to_string();
                assert!([as_text.as_str(), value].contains(&now.as_str()), "{name} = {value} reads {now}:\n{new}");
            }
        }
    }
    assert!(changed > 1_500, "only {changed}");
}

#[test]
fn no_text_makes_it_panic() {
    let changes = ["spec.replicas=5", "image:registry.example:5000/orders=1.2.3", "replicas=1", "images[0].newTag=x"].map(change);
    for text in [MANIFESTS, VALUES, KUSTOMIZATION] {
        for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            let (before, behind) = text.split_at(at);
            for damaged in
                [before.to_owned(), format!("{before}{{{behind}"), format!("{before}\n{behind}"), format!("{before}&a {behind}")]
            {
                for change in &changes {
                    let Ok(new) = edit(&damaged, std::slice::from_ref(change)) else { continue };
                    assert!(new.len() < damaged.len() + 80, "{new}");
                }
            }
        }
    }
}
