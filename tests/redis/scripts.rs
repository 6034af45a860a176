//! The scripts themselves: they load everywhere, every fragment is used, and their text is known.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use redis_func_cache::private::scripts;
use sha1::{Digest as _, Sha1};
use support::{Server, binaries, root};

fn fragments() -> Vec<PathBuf> {
    let root = root().join("lua");
    let mut files = Vec::new();
    for folder in ["shared", "policy", "op"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            files.push(entry.unwrap().path());
        }
    }
    files.sort();
    files
}

#[test]
fn every_script_loads_on_every_server() {
    for binary in binaries() {
        let server = Server::start_on(&binary);
        for (name, text) in scripts() {
            let sha: String = server.query(&["SCRIPT", "LOAD", &text]);
            assert_eq!(sha.len(), 40, "{name} on {binary}");
        }
    }
}

#[test]
fn every_fragment_is_part_of_a_script() {
    let scripts = scripts();
    for file in fragments() {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(
            scripts.iter().any(|(_, script)| script.contains(&text)),
            "{} is an orphan",
            file.display()
        );
    }
}

#[test]
fn fragments_follow_the_rules() {
    for file in fragments() {
        let text = std::fs::read_to_string(&file).unwrap();
        let relative = file.strip_prefix(root()).unwrap().display().to_string();
        assert!(
            text.starts_with(&format!("-- {relative}\n")),
            "{relative} does not begin with its path"
        );
        assert!(text.lines().count() <= 45, "{relative} is long");
        let is_op = relative.contains("/op/");
        let code: Vec<_> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("--"))
            .collect();
        for line in &code {
            let names = line.contains("KEYS") || line.contains("ARGV");
            assert!(
                !names || is_op || relative.ends_with("keys.lua"),
                "{relative}: {line}"
            );
            assert!(
                !line.contains("tostring") && !line.starts_with("function"),
                "{relative}: {line}"
            );
        }
    }
}

/// A changed text is a changed SHA-1, which reviewers shall see.
#[test]
fn the_texts_of_scripts_are_golden() {
    let mut found = String::new();
    for (name, text) in scripts() {
        let sha: String = Sha1::digest(text.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        writeln!(found, "{sha} {name}").unwrap();
    }
    let path = root().join("tests/golden/scripts.sha1");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    assert_eq!(
        found,
        std::fs::read_to_string(path).unwrap(),
        "if this is meant, run with BLESS=1"
    );
}

/// `luac -l` lists accesses to globals; only those of the server may be there.
#[test]
fn scripts_use_no_globals_of_their_own() {
    let Some(luac) = ["luac5.1", "luac"].into_iter().find(|luac| {
        std::process::Command::new(luac)
            .arg("-v")
            .output()
            .is_ok_and(|out| {
                String::from_utf8_lossy(&out.stdout).contains("5.1")
                    || String::from_utf8_lossy(&out.stderr).contains("5.1")
            })
    }) else {
        support::skipped("luac 5.1 is not installed");
        return;
    };
    let known: BTreeSet<_> = [
        "redis", "KEYS", "ARGV", "struct", "math", "string", "ipairs", "unpack", "tonumber",
        "pcall", "error",
    ]
    .into();
    let folder = std::env::temp_dir().join(support::unique("func-cache-lua"));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in scripts() {
        let file = folder.join(&name);
        std::fs::write(&file, text).unwrap();
        let listing = std::process::Command::new(luac)
            .arg("-p")
            .arg("-l")
            .arg(&file)
            .output()
            .unwrap();
        assert!(listing.status.success(), "{name}");
        for line in String::from_utf8_lossy(&listing.stdout).lines() {
            assert!(!line.contains("SETGLOBAL"), "{name}: {line}");
            if line.contains("GETGLOBAL") {
                let global = line.rsplit("; ").next().unwrap().trim();
                assert!(known.contains(global), "{name}: {line}");
            }
        }
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// Its reply was lost, so the process asks `begin` with the token that its claim has set.
#[test]
fn a_build_whose_claim_was_set_is_registered_before_it_begins() {
    let all = scripts();
    let (_, begin) = all.iter().find(|(name, _)| name == "begin").unwrap();
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let (method, token, epoch) = ([7; 8], [9; 16], *b"an epoch");
        let field = [&[1; 16][..], b"mine"].concat();
        let name = [b"m", &method[..]].concat();
        let mut lease = u64::MAX.to_le_bytes().to_vec();
        lease[7] = 0;
        lease.extend_from_slice(&[&token[..], &[0], &epoch, &method].concat());
        let far = u64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
        lease[..8].copy_from_slice(&(far + 1500).to_le_bytes());
        let mut connection = server.connection();
        let mut set = redis::cmd("HSET");
        set.arg("p:2")
            .arg(&name)
            .arg([&epoch[..], b"othr"].concat());
        set.arg(&field).arg(&lease);
        set.exec(&mut connection).unwrap();
        let mut call = redis::cmd("EVAL");
        call.arg(begin).arg(3).arg(&["p:0", "p:1", "p:2"]);
        call.arg(&field).arg(0).arg(&token).arg(2000).arg(1).arg("");
        call.arg(&method).arg(&[5_u8; 8][..]);
        let (_, what, given): (u64, String, Vec<u8>) = call.query(&mut connection).unwrap();
        assert_eq!((&what[..], &given[..]), ("lead", &epoch[..]), "{binary}");
        let mut get = redis::cmd("HGET");
        let state: Vec<u8> = get.arg("p:2").arg(&name).query(&mut connection).unwrap();
        assert_eq!(state, [&epoch[..], b"othrmine"].concat(), "{binary}");
    }
}

/// Where the key of leases is another program's, it is neither removed nor given an end.
#[test]
fn a_foreign_key_of_leases_is_left_alone() {
    let all = scripts();
    let text = |wanted: &str| &all.iter().find(|(name, _)| name == wanted).unwrap().1;
    for binary in binaries() {
        let server = Server::start_on(&binary);
        let _: () = server.query(&["ZADD", "p:0", "1", "field"]);
        let _: () = server.query(&["HSET", "p:1", "field", "entry"]);
        let _: () = server.query(&["SET", "p:2", "mine"]);
        for (name, args) in [("purge", &[][..]), ("touch-lru_t", &["60000", "1"])] {
            let call = [&["EVAL", text(name), "3", "p:0", "p:1", "p:2"][..], args].concat();
            let refused = server.try_query::<redis::Value>(&call).unwrap_err();
            assert!(
                refused.to_string().contains("WRONGTYPE"),
                "{binary} {name}: {refused}"
            );
        }
        assert_eq!(server.query::<String>(&["GET", "p:2"]), "mine", "{binary}");
        for key in ["p:0", "p:1", "p:2"] {
            assert_eq!(server.query::<i64>(&["PTTL", key]), -1, "{binary} {key}");
        }
    }
}
