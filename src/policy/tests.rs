//! Decisions against a small catalog: whole lives of incidents, without I/O.
