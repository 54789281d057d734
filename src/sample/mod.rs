//! Deterministic sample workbooks.
