//! Tables that are rewritten, and those whose rows can't be replaced.
