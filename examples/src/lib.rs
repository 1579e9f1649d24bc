//! What the example programs share: options from the command line and printing.
