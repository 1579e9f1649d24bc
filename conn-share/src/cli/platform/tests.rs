//! Of the built-in platforms.

use super::*;

fn mode(platform: &str, line: &str) -> Option<String> {
    Platform::named(platform).and_then(|platform| platform.mode_of(line).map(str::to_owned))
}

#[test]
fn modes_are_told_by_their_prompts() {
    assert_eq!(mode("frr", "r1> ").as_deref(), Some("exec"));
    assert_eq!(mode("frr", "r1# ").as_deref(), Some("enable"));
    assert_eq!(mode("frr", "r1(config)# ").as_deref(), Some("config"));
    assert_eq!(mode("frr", "r1(config-router-af)# ").as_deref(), Some("config"));
    assert_eq!(mode("cisco_ios", "sw-1.lab#").as_deref(), Some("enable"));
    assert_eq!(mode("cisco_ios", "sw(config-if)#").as_deref(), Some("config"));
    for line in ["*> ", "*>", "# ", ">", "", "route # ", " r1# ", "% r1#", "r1#  "] {
        assert_eq!(mode("frr", line), None, "{line:?}");
    }
}

#[test]
fn modes_of_other_vendors() {
    assert_eq!(mode("cisco_xr", "RP/0/RP0/CPU0:r1#").as_deref(), Some("enable"));
    assert_eq!(mode("cisco_xr", "RP/0/RP0/CPU0:r1(config-if)#").as_deref(), Some("config"));
    assert_eq!(mode("cisco_nxos", "n9k# ").as_deref(), Some("enable"));
    assert_eq!(mode("cisco_nxos", "n9k(config-if)# ").as_deref(), Some("config"));
    assert_eq!(mode("arista_eos", "leaf1>").as_deref(), Some("exec"));
    assert_eq!(mode("arista_eos", "leaf1(config-if-Et1)#").as_deref(), Some("config"));
    assert_eq!(mode("juniper_junos", "ada@mx1> ").as_deref(), Some("operational"));
    assert_eq!(mode("juniper_junos", "ada@mx1# ").as_deref(), Some("configuration"));
    assert_eq!(mode("juniper_junos", "ada@mx1% ").as_deref(), Some("shell"));
}

#[test]
fn what_stands_above_a_prompt() {
    let junos = Platform::named("juniper_junos").expect("built in");
    for line in ["[edit]", "[edit interfaces ge-0/0/0]", "{master}", "{master:0}[edit]", "", "  "] {
        assert!(junos.may_stand_above_prompt(line), "{line:?}");
    }
    assert!(!junos.may_stand_above_prompt("edit]") && junos.is_pager("---(more 42%)---"));
    let generic = Platform::named("generic").expect("built in");
    for (line, alone) in [(" --More-- ", true), ("<--- More --->", true), ("see --More--", false), ("More", false)] {
        assert_eq!(generic.is_pager_alone(line), alone, "{line:?}");
    }
    assert!(!Platform::named("frr").expect("built in").may_stand_above_prompt(""));
}

#[test]
fn pagers_of_many_devices() {
    let generic = Platform::named("generic").expect("built in");
    for line in [
        " --More-- ",
        "--More-- or (q)uit",
        "---(more)---",
        "---(more 34%)---",
        "--More-- (12%)",
        "--More--(12%)",
        "Press any key to continue (Q to quit)",
        "-More-",
    ] {
        assert!(generic.is_pager(line), "{line:?}");
    }
    for line in ["", "(12%)", "disk used (12%)", "more", "r1#"] {
        assert!(!generic.is_pager(line), "{line:?}");
    }
}

#[test]
fn ways_are_found() {
    let frr = Platform::named("frr").expect("built in");
    assert_eq!(frr.step_towards("exec", "config"), Some("enable"));
    assert_eq!(frr.step_towards("enable", "config"), Some("configure terminal"));
    assert_eq!(frr.step_towards("config", "enable"), Some("end"));
    assert_eq!(frr.step_towards("config", "nowhere"), None);
}

#[test]
fn all_names_are_known() {
    for name in Platform::BUILT_IN {
        assert_eq!(Platform::named(name).expect("built in").name(), name);
    }
    assert!(Platform::named("nonesuch").is_none());
}

#[test]
fn what_leaves_nothing_behind() {
    let frr = Platform::named("frr").expect("built in");
    assert!(frr.is_harmless("show version"));
    for command in ["terminal length 24", "showcase", "do show version", " show version", "configure terminal"] {
        assert!(!frr.is_harmless(command), "{command}");
    }
    assert!(!Platform::named("generic").expect("built in").is_harmless("show version"));
    let nxos = Platform::named("cisco_nxos").expect("built in");
    assert!(nxos.is_harmless("show clock"));
    assert!(!nxos.is_harmless("show clock ; terminal monitor"));
}

#[test]
fn refusals() {
    let frr = Platform::named("frr").expect("built in");
    assert_eq!(frr.refusal_in("% [ZEBRA] Unknown command: bogus"), Some("% [ZEBRA] Unknown command: bogus"));
    assert_eq!(frr.refusal_in("a\n% Network not in table"), None);
}
