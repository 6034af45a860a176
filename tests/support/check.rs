//! What must hold for every pair on a server, whatever happened to it.

use std::collections::BTreeSet;

use crate::Server;

const SCRIPT: &str = include_str!("check_pair.lua");

/// Panics with a list of the damage unless every pair on the server is sound.
///
/// A pair is two keys with one stem: its ranking `<stem>:0` and its values `<stem>:1`. Sound means: both have their
/// type, neither exists alone, both hold the same fields, they expire together, and scores are exact integers.
pub fn check_pairs(server: &Server) {
    check_pairs_except(server, &[]);
}

/// [`check_pairs`] without the pairs of some stems, which hold foreign data.
pub fn check_pairs_except(server: &Server, skipped_stems: &[&str]) {
    let keys = server.raw_keys();
    let stems: BTreeSet<&[u8]> = keys
        .iter()
        .filter_map(|key| key.strip_suffix(b":0").or(key.strip_suffix(b":1")))
        .filter(|stem| {
            !skipped_stems
                .iter()
                .any(|skipped| skipped.as_bytes() == *stem)
        })
        .collect();
    let mut connection = server.connection();
    let damage: Vec<String> = stems
        .iter()
        .flat_map(|stem| {
            check_pair(server, &mut connection, stem)
                .into_iter()
                .map(|fault| format!("{}: {fault}", stem.escape_ascii()))
        })
        .collect();
    assert!(
        damage.is_empty(),
        "damaged pairs on {} ({} looked at):\n  {}",
        server.binary(),
        stems.len(),
        damage.join("\n  ")
    );
}

fn check_pair(server: &Server, connection: &mut redis::Connection, stem: &[u8]) -> Vec<String> {
    // Only the first is refused when the script would write.
    let read_only = server.binary().version >= (7, 0, 0);
    redis::cmd(if read_only { "EVAL_RO" } else { "EVAL" })
        .arg(SCRIPT)
        .arg(2)
        .arg([stem, b":0"].concat())
        .arg([stem, b":1"].concat())
        .query(connection)
        // Such as two keys of a pair in different slots.
        .unwrap_or_else(|error| vec![error.to_string()])
}
