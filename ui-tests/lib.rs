//! Nothing: the cases in the folders are compiled by `ui.rs`.
