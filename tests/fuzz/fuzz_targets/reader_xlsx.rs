#![no_main]
#![allow(dead_code, reason = "each binary runs one of the targets")]

#[path = "../targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::reader::run(data));
