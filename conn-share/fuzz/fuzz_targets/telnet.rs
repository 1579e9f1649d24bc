#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| conn_share::fuzzed::telnet(data));
