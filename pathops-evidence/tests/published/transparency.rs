//! Examples in C2SP's texts on logs, and what the tests of transparency-dev's formats hold: real notes and keys among them.

use pathops_evidence::ledger::{AddCheckpoint, CosignatureRequest, LogIdentity, LogKey, NoteError, Witness};

use super::*;

/// The blocks of a text in Markdown, fenced or indented, that have something in them.
fn blocks(text: &str, with: &str) -> Vec<String> {
    let mut found: Vec<_> = text.split("```\n").skip(1).step_by(2).map(str::to_owned).collect();
    let lines: Vec<_> = text.lines().collect();
    for block in lines.split(|line| !line.is_empty() && !line.starts_with("    ")) {
        let block: String = block.iter().map(|line| format!("{}\n", line.trim_start())).collect();
        found.push(format!("{}\n", block.trim()));
    }
    found.retain(|block| block.contains(with));
    found
}

/// Keys as logs and witnesses give themselves out: name, the four bytes that name the key, and the key with its kind before it.
fn verifier_keys(text: &str) -> Vec<(String, String, Vec<u8>)> {
    let words = text.split(|c: char| c.is_whitespace() || "\"`".contains(c));
    let parts = words.filter_map(|word| {
        let (name, rest) = word.split_once('+')?;
        let (id, key) = rest.split_once('+')?;
        let is_id = id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        Some((name.to_owned(), id.to_owned(), BASE64.decode(key).ok().filter(|_| is_id)?))
    });
    parts.collect()
}

/// Their keys are not told, so that form, name and size are what can be held against them.
#[test]
fn the_examples_of_checkpoints_have_our_form() {
    let Some(clone) = clone_of("C2SP/C2SP") else { return };
    let log = LogKey::new("example.com/behind-the-sofa", &[7; 32]).unwrap().identity();
    for file in ["tlog-checkpoint.md", "tlog-cosignature.md"] {
        let text = std::fs::read_to_string(clone.join(file)).unwrap();
        let mut notes = blocks(&text, "example.com/behind-the-sofa\n20852163\n");
        // What a witness signs has a line before it.
        notes.retain(|it| it.starts_with("example.com/"));
        assert!(!notes.is_empty(), "{file}");
        for note in notes {
            assert_eq!(log.verify(&note), Err(NoteError::Signature), "{file}: {note}");
        }
    }
}

#[test]
fn the_example_of_a_request_to_a_witness() {
    let Some(clone) = clone_of("C2SP/C2SP") else { return };
    let text = std::fs::read_to_string(clone.join("tlog-witness.md")).unwrap();
    let bodies: Vec<_> = blocks(&text, "old 20852014\n").into_iter().filter(|block| block.starts_with("old ")).collect();
    let [body] = bodies.as_slice() else { panic!("{bodies:?}") };
    let AddCheckpoint { old, proof, note } = AddCheckpoint::parse(body).unwrap();
    assert_eq!((old, proof.len()), (20_852_014, 4));
    assert!(note.starts_with("example.com/behind-the-sofa\n20852163\n"), "{note}");
    assert_eq!(CosignatureRequest { old, proof, note: &note }.to_string(), *body);
}

#[test]
fn keys_of_logs_have_the_names_that_others_give_them() {
    let Some(clone) = clone_of("transparency-dev/formats") else { return };
    let (mut logs, mut witnesses) = (0, 0);
    for file in files(&clone, "go") {
        for (name, id, key) in verifier_keys(&std::fs::read_to_string(file).unwrap()) {
            let text = format!("{name}+{id}+{}", BASE64.encode(&key));
            let Some((kind, Ok(bytes))) = key.split_first().map(|(kind, key)| (*kind, <&[u8; 32]>::try_from(key))) else {
                assert_eq!(Witness::from_verifier_key(&text), Err(NoteError::Key), "{text}");
                continue;
            };
            if kind == 4 {
                assert_eq!(Witness::from_verifier_key(&text).unwrap().name(), name);
                witnesses += 1;
            } else if kind == 1 && name != "KEY" {
                assert_eq!(Witness::from_verifier_key(&text), Err(NoteError::Key), "a log's key is none of a witness: {text}");
                let own = LogIdentity::new(&name, bytes).unwrap().id();
                let own: String = own[..4].iter().map(|byte| format!("{byte:02x}")).collect();
                logs += 1;
                assert_eq!(own, id, "{text}");
            }
        }
    }
    eprintln!("{logs} keys of logs, {witnesses} of witnesses");
    assert!(logs >= 12 && witnesses >= 1, "{logs}, {witnesses}");
}

/// The log of Go's modules signs with a key that is not named like it. Here a log's key has the log's name, so that one key is
/// of one log: such a checkpoint is refused, and not as one that was forged.
#[test]
fn a_checkpoint_by_a_key_of_another_name_is_of_another_log() {
    let Some(clone) = clone_of("transparency-dev/formats") else { return };
    let text = std::fs::read_to_string(clone.join("log/note_test.go")).unwrap();
    let note = text.split('`').find(|it| it.starts_with("go.sum database tree\n") && it.contains("— sum.golang.org")).unwrap();
    let (name, _, key) = verifier_keys(&text).into_iter().find(|(name, ..)| name == "sum.golang.org").unwrap();
    let key: [u8; 32] = key[1..].try_into().unwrap();
    let of = |name: &str| LogIdentity::new(name, &key).map(|log| log.verify(note));
    assert_eq!(of(&name), Ok(Err(NoteError::AnotherLog)));
    assert_eq!(of("go.sum database tree"), Err(NoteError::Origin), "its name has spaces");
}
