//! The sources of a crate as a graph: which file uses an item that another file defines.
//!
//! Modules are found where the compiler finds them, and names are followed through re-exports to the file that defines
//! the item. Code under `#[cfg(test)]` is left out.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::{Item, Visibility};

use crate::tokens::{Import, Mention, imports, mentions, without_tests};

/// One file that names an item of another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrow {
    /// Paths from the folder of the sources.
    pub(crate) from: String,
    pub(crate) to: String,
    /// Where, and the path as it is written there.
    pub(crate) line: usize,
    pub(crate) path: String,
    /// Only handed on by `pub use`, and not used by the file itself.
    pub(crate) is_reexport: bool,
}

/// A named item with its file; types are what `struct`, `enum`, `trait`, `type` and `union` define.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) is_type: bool,
}

pub(crate) struct Graph {
    /// Every file that is compiled outside tests.
    pub(crate) files: BTreeSet<String>,
    pub(crate) arrows: Vec<Arrow>,
    pub(crate) definitions: Vec<Definition>,
}

impl Graph {
    /// Reads a crate whose root is `lib.rs` in this folder.
    pub(crate) fn read(folder: &Path) -> Self {
        let mut sources = Sources {
            folder: folder.to_owned(),
            modules: Vec::new(),
            definitions: Vec::new(),
        };
        sources.read_file(Path::new("lib.rs"), None, Path::new(""));
        let arrows = sources.arrows();
        Self {
            files: sources
                .modules
                .into_iter()
                .map(|module| module.file)
                .collect(),
            arrows,
            definitions: sources.definitions,
        }
    }

    /// Sets of files that use each other, directly or by way of others; the largest first.
    pub(crate) fn circles(&self) -> Vec<BTreeSet<&str>> {
        let reached: BTreeMap<&str, BTreeSet<&str>> = self
            .files
            .iter()
            .map(|file| (file.as_str(), self.reached_from(file)))
            .collect();
        let mut circles: BTreeSet<BTreeSet<&str>> = BTreeSet::new();
        for (file, others) in &reached {
            let circle = others.iter().filter(|other| reached[*other].contains(file));
            circles.insert(circle.copied().collect());
        }
        let mut circles: Vec<_> = circles.into_iter().filter(|one| one.len() > 1).collect();
        circles.sort_by_key(|circle| std::cmp::Reverse(circle.len()));
        circles
    }

    fn reached_from<'a>(&'a self, file: &str) -> BTreeSet<&'a str> {
        let mut reached = BTreeSet::new();
        let mut next = vec![file];
        while let Some(file) = next.pop() {
            let used = self.arrows.iter().filter(|arrow| arrow.from == file);
            for arrow in used.filter(|arrow| !arrow.is_reexport) {
                if reached.insert(arrow.to.as_str()) {
                    next.push(&arrow.to);
                }
            }
        }
        reached
    }
}

struct Sources {
    folder: PathBuf,
    modules: Vec<Module>,
    definitions: Vec<Definition>,
}

/// A module, in a file of its own or within another's.
struct Module {
    file: String,
    parent: Option<usize>,
    names: HashMap<String, Vec<Name>>,
    imports: Vec<Import>,
    mentions: Vec<Mention>,
    words: HashSet<String>,
}

enum Name {
    Module(usize),
    Item,
    Import(Vec<String>),
}

/// What a path leads to.
#[derive(Clone, Copy)]
enum Target {
    Module(usize),
    ItemOf(usize),
}

impl Sources {
    /// Reads a file and the modules that it declares, whose files are in `children`.
    fn read_file(&mut self, file: &Path, parent: Option<usize>, children: &Path) -> usize {
        let path = self.folder.join(file);
        let text =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let tokens = text
            .parse()
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let parsed: syn::File = syn::parse2(without_tests(tokens))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self.read_module(file.to_str().unwrap(), parent, children, &parsed.items)
    }

    fn read_module(
        &mut self,
        file: &str,
        parent: Option<usize>,
        children: &Path,
        items: &[Item],
    ) -> usize {
        let id = self.modules.len();
        self.modules.push(Module {
            file: file.to_owned(),
            parent,
            names: HashMap::new(),
            imports: Vec::new(),
            mentions: Vec::new(),
            words: HashSet::new(),
        });
        for item in items {
            match item {
                Item::Mod(child) => self.read_child(id, child, children),
                Item::Use(item) => self.import(
                    id,
                    imports(item, !matches!(item.vis, Visibility::Inherited)),
                ),
                item => self.read_item(id, item),
            }
        }
        id
    }

    fn read_child(&mut self, parent: usize, child: &syn::ItemMod, folder: &Path) {
        let name = child.ident.to_string();
        let inner = folder.join(&name);
        let id = match &child.content {
            Some((_, items)) => {
                let file = self.modules[parent].file.clone();
                self.read_module(&file, Some(parent), &inner, items)
            }
            None => self.read_file(&inner.with_extension("rs"), Some(parent), &inner),
        };
        self.define(parent, name, Name::Module(id));
    }

    fn read_item(&mut self, module: usize, item: &Item) {
        if let Some((name, is_type)) = name_of(item) {
            self.definitions.push(Definition {
                name: name.clone(),
                file: self.modules[module].file.clone(),
                is_type,
            });
            self.define(module, name, Name::Item);
        }
        let found = mentions(item);
        self.modules[module].mentions.extend(found.paths);
        self.modules[module].words.extend(found.words);
        self.import(module, found.imports);
    }

    fn import(&mut self, module: usize, imports: Vec<Import>) {
        for import in &imports {
            if let Some(alias) = &import.alias {
                self.define(module, alias.clone(), Name::Import(import.path.clone()));
            }
        }
        self.modules[module].imports.extend(imports);
    }

    fn define(&mut self, module: usize, name: String, what: Name) {
        self.modules[module]
            .names
            .entry(name)
            .or_default()
            .push(what);
    }

    fn arrows(&self) -> Vec<Arrow> {
        let mut arrows: BTreeMap<(String, String, bool), Arrow> = BTreeMap::new();
        for (id, module) in self.modules.iter().enumerate() {
            let imports = module.imports.iter().map(|import| {
                let used = import
                    .alias
                    .as_ref()
                    .is_some_and(|alias| module.words.contains(alias));
                (&import.path, import.line, import.is_public && !used)
            });
            let mentions = module
                .mentions
                .iter()
                .map(|mention| (&mention.path, mention.line, false));
            for (path, line, is_reexport) in imports.chain(mentions) {
                for to in self.files_of(id, path) {
                    let from = module.file.clone();
                    if to != from {
                        let key = (from.clone(), to.clone(), is_reexport);
                        let path = path.join("::");
                        arrows.entry(key).or_insert(Arrow {
                            from,
                            to,
                            line,
                            path,
                            is_reexport,
                        });
                    }
                }
            }
        }
        arrows.into_values().collect()
    }

    /// The files that define what a path names; none for what other crates define.
    fn files_of(&self, module: usize, path: &[String]) -> Vec<String> {
        let targets = self.resolve(module, path, &mut Vec::new());
        let items = targets
            .iter()
            .filter(|target| matches!(target, Target::ItemOf(_)));
        let chosen: Vec<_> = if items.clone().next().is_some() {
            items.collect()
        } else {
            targets.iter().collect()
        };
        let files = chosen.into_iter().map(|target| match target {
            Target::Module(id) | Target::ItemOf(id) => self.modules[*id].file.clone(),
        });
        files.collect()
    }

    fn resolve(
        &self,
        module: usize,
        path: &[String],
        under_way: &mut Vec<(usize, String)>,
    ) -> Vec<Target> {
        let mut module = module;
        let mut targets = vec![];
        for (index, name) in path.iter().enumerate() {
            targets = match name.as_str() {
                "crate" if index == 0 => vec![Target::Module(0)],
                "self" if index == 0 => vec![Target::Module(module)],
                "super" => vec![Target::Module(self.modules[module].parent.unwrap_or(0))],
                // `use a::{self}`
                "self" => vec![Target::Module(module)],
                name => self.look_up(module, name, under_way),
            };
            let inner = targets.iter().find_map(|target| match target {
                Target::Module(id) => Some(*id),
                Target::ItemOf(_) => None,
            });
            match inner {
                Some(inner) => module = inner,
                // What a macro defines is as good as in the module's own file.
                None if targets.is_empty() && index > 0 => return vec![Target::Module(module)],
                // A variant or an associated item, if there is more; or a name of another crate.
                None => return targets,
            }
        }
        targets
    }

    fn look_up(
        &self,
        module: usize,
        name: &str,
        under_way: &mut Vec<(usize, String)>,
    ) -> Vec<Target> {
        let key = (module, name.to_owned());
        if under_way.contains(&key) {
            return vec![];
        }
        under_way.push(key);
        let mut targets = Vec::new();
        for known in self.modules[module].names.get(name).into_iter().flatten() {
            match known {
                Name::Module(id) => targets.push(Target::Module(*id)),
                Name::Item => targets.push(Target::ItemOf(module)),
                Name::Import(path) => targets.extend(self.resolve(module, path, under_way)),
            }
        }
        if targets.is_empty() {
            let globs = self.modules[module]
                .imports
                .iter()
                .filter(|import| import.alias.is_none());
            for glob in globs {
                for target in self.resolve(module, &glob.path, under_way) {
                    if let Target::Module(id) = target {
                        targets.extend(self.look_up(id, name, under_way));
                    }
                }
            }
        }
        under_way.pop();
        targets
    }
}

/// The name of an item, and whether it is that of a type.
fn name_of(item: &Item) -> Option<(String, bool)> {
    let (name, is_type) = match item {
        Item::Struct(item) => (&item.ident, true),
        Item::Enum(item) => (&item.ident, true),
        Item::Trait(item) => (&item.ident, true),
        Item::Type(item) => (&item.ident, true),
        Item::Union(item) => (&item.ident, true),
        Item::Const(item) => (&item.ident, false),
        Item::Static(item) => (&item.ident, false),
        Item::Fn(item) => (&item.sig.ident, false),
        Item::Macro(item) => (item.ident.as_ref()?, false),
        _ => return None,
    };
    Some((name.to_string(), is_type))
}
