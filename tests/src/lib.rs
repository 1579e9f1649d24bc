//! The servers that the whole-system tests play against.
