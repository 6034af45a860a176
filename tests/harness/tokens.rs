//! What an item names, read from its tokens, so that paths within macros count as well.

use std::collections::HashSet;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::spanned::Spanned as _;
use syn::{ItemUse, UseTree};

/// One name of a `use`.
pub(crate) struct Import {
    pub(crate) path: Vec<String>,
    /// What it is called here; `None` for `*`.
    pub(crate) alias: Option<String>,
    pub(crate) line: usize,
    pub(crate) is_public: bool,
}

/// A path of two names or more.
pub(crate) struct Mention {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
}

#[derive(Default)]
pub(crate) struct Mentions {
    pub(crate) paths: Vec<Mention>,
    pub(crate) words: HashSet<String>,
    /// Those of `use` within functions.
    pub(crate) imports: Vec<Import>,
}

/// The tokens but for what stands under `#[cfg(test)]`.
pub(crate) fn without_tests(tokens: TokenStream) -> TokenStream {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if is_cfg_test(&tokens[at..]) {
            at = end_of_item(&tokens, at);
            continue;
        }
        kept.push(match &tokens[at] {
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), without_tests(group.stream()));
                inner.set_span(group.span());
                TokenTree::Group(inner)
            }
            token => token.clone(),
        });
        at += 1;
    }
    kept.into_iter().collect()
}

fn is_cfg_test(tokens: &[TokenTree]) -> bool {
    matches!(tokens, [TokenTree::Punct(hash), TokenTree::Group(group), ..]
        if hash.as_char() == '#' && group.stream().to_string().replace(' ', "") == "cfg(test)")
}

/// The index after the item that begins here, with its attributes.
fn end_of_item(tokens: &[TokenTree], mut at: usize) -> usize {
    while matches!(&tokens[at], TokenTree::Punct(hash) if hash.as_char() == '#') {
        at += 2;
    }
    let ends_with_semicolon = tokens[at..].iter().take(3).any(|token| {
        matches!(token, TokenTree::Ident(word) if ["use", "static", "type", "let"].iter().any(|other| word == other))
    });
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token {
            TokenTree::Punct(end) if end.as_char() == ';' => break,
            TokenTree::Group(body)
                if body.delimiter() == Delimiter::Brace && !ends_with_semicolon =>
            {
                break;
            }
            _ => {}
        }
    }
    at
}

/// The names that a `use` brings.
pub(crate) fn imports(item: &ItemUse, is_public: bool) -> Vec<Import> {
    let mut found = Vec::new();
    if item.leading_colon.is_none() {
        collect(&item.tree, &mut Vec::new(), is_public, &mut found);
    }
    found
}

fn collect(tree: &UseTree, path: &mut Vec<String>, is_public: bool, found: &mut Vec<Import>) {
    let line = tree.span().start().line;
    let mut add = |name: Option<String>, alias: Option<String>| {
        let path = path.iter().cloned().chain(name).collect();
        found.push(Import {
            path,
            alias,
            line,
            is_public,
        });
    };
    match tree {
        UseTree::Name(name) if name.ident == "self" => add(None, path.last().cloned()),
        UseTree::Name(name) => add(Some(name.ident.to_string()), Some(name.ident.to_string())),
        UseTree::Rename(name) => add(Some(name.ident.to_string()), Some(name.rename.to_string())),
        UseTree::Glob(_) => add(None, None),
        UseTree::Path(inner) => {
            path.push(inner.ident.to_string());
            collect(&inner.tree, path, is_public, found);
            path.pop();
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                collect(tree, path, is_public, found);
            }
        }
    }
}

/// What an item other than a `use` names.
pub(crate) fn mentions(item: &impl quote::ToTokens) -> Mentions {
    let mut found = Mentions::default();
    scan(item.to_token_stream(), &mut found);
    found
}

fn scan(tokens: TokenStream, found: &mut Mentions) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Punct(hash) if hash.as_char() == '#' && is_attribute(tokens.get(at + 1)) => {
                at += 1;
            }
            // `pub(in path)`
            TokenTree::Ident(word) if word == "pub" => {
                let is_scope = matches!(tokens.get(at + 1), Some(TokenTree::Group(group))
                    if group.delimiter() == Delimiter::Parenthesis);
                at += usize::from(is_scope);
            }
            TokenTree::Ident(word) if word == "use" => at = scan_use(&tokens, at, found),
            TokenTree::Ident(_) => at = scan_path(&tokens, at, found),
            TokenTree::Group(group) => scan(group.stream(), found),
            _ => {}
        }
        at += 1;
    }
}

fn is_attribute(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket)
}

/// Reads a `use` within a function; the index of its last token.
fn scan_use(tokens: &[TokenTree], at: usize, found: &mut Mentions) -> usize {
    let is_end = |token: &TokenTree| matches!(token, TokenTree::Punct(end) if end.as_char() == ';');
    let Some(length) = tokens[at..].iter().position(is_end) else {
        return at;
    };
    let item: TokenStream = tokens[at..=at + length].iter().cloned().collect();
    if let Ok(item) = syn::parse2(item) {
        found.imports.extend(imports(&item, false));
        return at + length;
    }
    at
}

/// Reads the longest path that begins here; the index of its last token.
fn scan_path(tokens: &[TokenTree], start: usize, found: &mut Mentions) -> usize {
    let mut path = Vec::new();
    let mut at = start;
    loop {
        let TokenTree::Ident(word) = &tokens[at] else {
            unreachable!("a path begins with a name")
        };
        found.words.insert(word.to_string());
        path.push(word.to_string());
        let more = matches!(tokens.get(at + 3), Some(TokenTree::Ident(_)));
        if !(is_colon(tokens.get(at + 1)) && is_colon(tokens.get(at + 2)) && more) {
            break;
        }
        at += 3;
    }
    let is_absolute =
        start >= 2 && is_colon(tokens.get(start - 1)) && is_colon(tokens.get(start - 2));
    if path.len() > 1 && !is_absolute {
        let line = tokens[start].span().start().line;
        found.paths.push(Mention { path, line });
    }
    at
}

fn is_colon(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Punct(colon)) if colon.as_char() == ':')
}
