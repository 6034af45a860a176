//! `label = "{tenant}/{id}"`: what tools show of an entry.

use darling::Result;
use syn::{Expr, ExprLit, Lit, LitStr};

use super::expr::{at, named_values};

/// A format string of arguments.
#[derive(Debug, Clone)]
pub(crate) struct Label {
    pub(crate) text: LitStr,
    /// The arguments that it names, each once.
    pub(crate) names: Vec<String>,
}

named_values! {
    Label r#"label = "{id}""#;
}

impl Label {
    fn read(expr: &Expr) -> Result<Self> {
        let Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) = expr
        else {
            return Err(at(
                expr,
                "`label` must be a text in quotes with arguments in braces, such as `label = \"{id}\"`",
            ));
        };
        if text.value().trim().is_empty() {
            return Err(at(
                expr,
                "`label` is empty; name arguments of the method in it, such as `label = \"{id}\"`, or leave it out",
            ));
        }
        let names = names(&text.value()).map_err(|problem| at(expr, problem))?;
        Ok(Self {
            text: text.clone(),
            names,
        })
    }
}

/// The arguments that a format string names: in braces, and as widths and precisions.
fn names(format: &str) -> std::result::Result<Vec<String>, String> {
    let mut names = Vec::new();
    let mut add = |name: &str| {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    };
    let mut rest = format;
    while let Some(brace) = rest.find(['{', '}']) {
        let (open, behind) = (&rest[brace..=brace], &rest[brace + 1..]);
        if let Some(behind) = behind.strip_prefix(open) {
            rest = behind;
            continue;
        }
        let placeholder = behind.split_once('}').filter(|_| open == "{");
        let Some((placeholder, behind)) = placeholder else {
            return Err(
                "`label` has a brace without its counterpart; write `{{` and `}}` for braces themselves"
                    .to_owned(),
            );
        };
        let (name, spec) = placeholder.split_once(':').unwrap_or((placeholder, ""));
        add(named(name.trim())?);
        for name in counts(spec) {
            add(named(name)?);
        }
        rest = behind;
    }
    Ok(names)
}

/// The widths and precisions that are arguments: `width` in `{id:>width$}`.
fn counts(spec: &str) -> impl Iterator<Item = &str> {
    let before = spec.split('$').rev().skip(1);
    let of_next = spec.contains(".*").then_some("*");
    let names = before.map(|before| {
        let is_name = |c: char| c == '_' || c.is_alphanumeric();
        let start = before.rfind(|c| !is_name(c));
        let name = start.map_or(before, |at| &before[at..]);
        let name = name.trim_start_matches(|c| !is_name(c));
        // A zero in front of it is a flag.
        let is_position = name.chars().all(|c| c.is_ascii_digit());
        if is_position {
            name
        } else {
            name.trim_start_matches('0')
        }
    });
    of_next.into_iter().chain(names)
}

fn named(name: &str) -> std::result::Result<&str, String> {
    let is_name = syn::parse_str::<syn::Ident>(&format!("r#{name}")).is_ok();
    if is_name || name == "self" {
        return Ok(name);
    }
    if name.chars().all(|c| c.is_ascii_digit() || c == '*') {
        return Err("`label` takes no arguments by position; name them, such as `{id}`".to_owned());
    }
    Err(format!(
        "`{{{name}}}` is no name of an argument; a label shows whole arguments, such as `{{id}}`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_braces_and_specifications() {
        for (format, expected) in [
            ("{id}", &["id"][..]),
            ("{tenant}/{id:04}/{id:?}", &["tenant", "id"]),
            ("{{{id}}} {{x}}", &["id"]),
            ("{ id :#?}", &["id"]),
            ("{a:>b$.c$} {d:0b$}", &["a", "c", "b", "d"]),
            ("{r:é^1$}", &[]),
            ("plain", &[]),
            ("{type}", &["type"]),
        ] {
            let found = names(format);
            if format.contains("1$") {
                assert!(found.unwrap_err().contains("by position"));
            } else {
                assert_eq!(found.unwrap(), expected, "{format}");
            }
        }
        for (format, problem) in [
            ("{}", "by position"),
            ("{:?}", "by position"),
            ("{0}", "by position"),
            ("{a:.*}", "by position"),
            ("{a.b}", "whole arguments"),
            ("{a", "counterpart"),
            ("a}", "counterpart"),
        ] {
            let error = names(format).unwrap_err();
            assert!(error.contains(problem), "{format}: {error}");
        }
    }
}
