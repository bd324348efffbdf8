//! Writes the memory layout of the machine that the target runs on.

use std::path::PathBuf;
use std::{env, fs};

const MICROBIT: &str = "MEMORY {
    FLASH : ORIGIN = 0x00000000, LENGTH = 256K
    RAM : ORIGIN = 0x20000000, LENGTH = 16K
}";

const MPS2: &str = "MEMORY {
    FLASH : ORIGIN = 0x00000000, LENGTH = 4M
    RAM : ORIGIN = 0x20000000, LENGTH = 4M
}";

/// There is no flash: the code is apart from the data, so that both can be told.
const VIRT: &str = r#"MEMORY {
    FLASH : ORIGIN = 0x80000000, LENGTH = 4M
    RAM : ORIGIN = 0x80400000, LENGTH = 4M
}
REGION_ALIAS("REGION_TEXT", FLASH);
REGION_ALIAS("REGION_RODATA", FLASH);
REGION_ALIAS("REGION_DATA", RAM);
REGION_ALIAS("REGION_BSS", RAM);
REGION_ALIAS("REGION_HEAP", RAM);
REGION_ALIAS("REGION_STACK", RAM);"#;

fn main() {
    let target = env::var("TARGET").unwrap();
    let layout = match target.as_str() {
        "thumbv6m-none-eabi" => MICROBIT,
        target if target.starts_with("thumb") => MPS2,
        _ => VIRT,
    };
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    fs::write(out.join("memory.x"), layout).unwrap();
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-env=BOARD_TARGET={target}");
    println!("cargo:rerun-if-changed=build.rs");
}
