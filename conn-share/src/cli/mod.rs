//! From bytes to commands and replies: plain values, no I/O, no clock.
