//! The guide: where to start from what you know, and what people trip over.
//!
//! - [`from_pyats`]: each call of pyATS beside the one here
//! - [`from_pools`]: what is different for those who know deadpool or bb8
//! - [`reaching`]: logins, keys, agents, jump hosts, `ssh_config`, old devices
//! - [`when_not`]: when something simpler does
//! - [`outside_the_lock`]: what a lock does not protect
//! - [`futurelock`]: futures that are kept and not polled, and the way out
//! - [`platforms`]: teaching it a device that it does not know
//! - [`testing`]: simulated, recorded and self-made stand-ins for devices

#[doc = include_str!("from_pyats.md")]
pub mod from_pyats {}

#[doc = include_str!("from_pools.md")]
pub mod from_pools {}

#[doc = include_str!("reaching.md")]
pub mod reaching {}

#[doc = include_str!("when_not.md")]
pub mod when_not {}

#[doc = include_str!("outside_the_lock.md")]
pub mod outside_the_lock {}

#[doc = include_str!("futurelock.md")]
pub mod futurelock {}

#[doc = include_str!("platforms.md")]
pub mod platforms {}

#[doc = include_str!("testing.md")]
pub mod testing {}
