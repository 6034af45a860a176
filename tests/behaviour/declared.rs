//! What a method that writes declares: entries of other types and functions, and those that its result names.

mod elsewhere;
mod results;
mod updates;
