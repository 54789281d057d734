//! What tests share: the throw-away server, databases, the program under test.
