//! Pure data that travels between the stages.
