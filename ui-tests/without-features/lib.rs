//! Nothing: the cases in the folder are compiled by `ui.rs`.
