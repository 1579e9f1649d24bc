//! A simulated router, served over SSH and Telnet.
