//! What a method's name says. Without `#[cache]`, a method is cached only if its name says that it reads, or
//! says nothing about reading and writing.

mod rules;
mod words;

use syn::Error;
use syn::ext::IdentExt as _;

use super::error::at;
use crate::ast::Method;
use rules::{Says, said};

/// Refuses a name that says that a cached answer would be wrong.
pub(super) fn only_reads(method: &Method<'_>) -> Result<(), Error> {
    let name = method.name();
    let has_key = method.args.iter().any(|argument| !argument.skipped);
    match said(&name.unraw().to_string(), has_key) {
        Some(Says::Acts(word)) => Err(at(
            name,
            format!(
                "`{name}` says that it writes or acts (`{word}`), and a cached method runs only once for equal \
                 arguments; add `#[nocache]`, or `#[cache]` if it only reads"
            ),
        )),
        Some(Says::Fleeting(word)) => Err(at(
            name,
            format!(
                "`{name}` asks for what changes by itself (`{word}`), and a cached answer stays as it was; \
                 add `#[nocache]`, or `#[cache(ttl = \"…\")]` if an old answer will do"
            ),
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acts(name: &str) -> bool {
        matches!(said(name, true), Some(Says::Acts(_)))
    }

    fn is_fleeting(name: &str, has_key: bool) -> bool {
        matches!(said(name, has_key), Some(Says::Fleeting(_)))
    }

    /// Real names, each with what its method does, marked by people.
    #[test]
    fn names_of_real_methods_are_read_right() {
        let marked = include_str!("../../testdata/method-names.tsv");
        let names: Vec<_> = marked
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .collect();
        let share = |mark: &str| {
            let of_mark = names.iter().filter(|(_, one)| *one == mark);
            let all = of_mark.clone().count();
            let refused = of_mark.filter(|(name, _)| said(name, true).is_some());
            (refused.count() * 1000 / all, all)
        };
        let (writes, all_writes) = share("writes");
        let (reads, all_reads) = share("reads");
        assert!(all_writes > 200 && all_reads > 200);
        assert!(writes >= 950, "{writes} of 1000 that write are refused");
        assert!(reads <= 10, "{reads} of 1000 that read are refused");
    }

    #[test]
    fn a_verb_counts_wherever_it_stands() {
        for name in [
            "project_delete",
            "ssh_key_delete",
            "edit_member",
            "generate_password_reset_token",
            "charge",
            "register",
            "login",
            "allocate_ip",
            "vpc_create_subnet",
            "try_delete_all",
            "unassign",
            "redeploy_v2",
            "deletes_user",
            "instance_stop",
            "take_snapshot",
            "pop",
            "sign_up",
            "hang_up",
        ] {
            assert!(acts(name), "{name}");
        }
    }

    #[test]
    fn names_that_begin_with_reading_pass_unless_they_go_on() {
        for name in [
            "get",
            "find_deleted",
            "list_delete_tasks",
            "has_update",
            "can_delete",
            "is_locked_by",
            "count_inserts",
            "get_read_and_write_keys",
            "find_by_name_or_email",
            "list_jobs_to_retry",
            "try_get_order",
            "batch_get",
        ] {
            assert_eq!(said(name, true), None, "{name}");
        }
        for name in [
            "get_or_create",
            "find_and_modify",
            "load_and_lock",
            "read_and_clear",
            "first_or_create",
            "fetch_add",
            "list_add",
            "get_for_update",
            "check_in",
            "find_one_and_update",
        ] {
            assert!(acts(name), "{name}");
        }
    }

    #[test]
    fn a_noun_is_no_verb() {
        for name in [
            "order_history",
            "post_by_slug",
            "login_url",
            "last_update",
            "latest_release",
            "updates_since",
            "release_notes",
            "created_at",
            "snapshots_to_delete",
            "exchange_rate",
            "display_name",
            "orders",
            "key_set",
            "dns_record",
        ] {
            assert_eq!(said(name, true), None, "{name}");
        }
    }

    #[test]
    fn what_changes_by_itself_is_seen() {
        for name in [
            "now",
            "utc_now",
            "random",
            "random_page",
            "next_id",
            "ping",
            "health_check",
        ] {
            assert!(is_fleeting(name, true), "{name}");
        }
        for name in [
            "is_connected",
            "is_ready",
            "len",
            "status",
            "queue_len",
            "sync_status",
            "health",
        ] {
            assert!(is_fleeting(name, false), "{name}");
            assert_eq!(said(name, true), None, "{name} of something");
        }
    }
}
