//! Nothing: the tests of this package are binaries of their own.
