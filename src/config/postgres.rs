//! Where the database is and how to connect to it.
