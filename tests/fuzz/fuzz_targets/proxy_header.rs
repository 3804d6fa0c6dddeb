//! Any bytes as the beginning of a connection: a PROXY header is found whole or not at
//! all, and what follows it changes nothing.

#![no_main]

use fairway_proxy::proxy_header;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let found = proxy_header(bytes);
    if let Ok(Some((length, _))) = &found {
        let length = *length;
        assert!(length <= bytes.len() && length <= 16 + 4096);
        assert_eq!(proxy_header(&bytes[..length]), found);
        assert_eq!(proxy_header(&bytes[..length - 1]), Ok(None));
    }
});
