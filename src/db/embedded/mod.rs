//! The private server: a real PostgreSQL in the user's own directory.
