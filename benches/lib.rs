//! Nothing: the benchmarks of this package are programs of their own.
