//! The roof: devices, their connections by alias, testbed files, calls side by side.

mod pooled;
