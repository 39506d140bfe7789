//! Writes the JSON Schemas of the meta repository's documents, of facts and decisions, and of our own predicates, into the folder `schemas` of this crate.

use std::io;
use std::path::Path;

use pathops_core::evidence::predicate_schemas;
use pathops_core::project::{format_schemas, schemas};

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    for (kind, schema) in schemas().into_iter().chain(format_schemas()).chain(predicate_schemas()) {
        std::fs::write(folder.join(format!("{kind}.schema.json")), format!("{:#}\n", schema.as_value()))?;
    }
    Ok(())
}
