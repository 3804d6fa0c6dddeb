//! Any text as the path of a request: it is refused, or it has one form, and that form
//! has no second reading.

#![no_main]

use fairway_proxy::fuzz;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Some((path, routing)) = fuzz::path(text) else {
        return;
    };
    assert!(path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(!path.contains(['\\', '#', '?', '"', '<', '>']));
    let mut segments: Vec<&str> = path.split('/').skip(1).collect();
    let last = segments.pop().unwrap_or_default();
    assert!(!matches!(last, "." | ".."));
    assert!(segments.iter().all(|segment| !matches!(*segment, "" | "." | "..")));
    // What is escaped stays so for those who decode once more: no slash, no dots.
    for escape in ["%2F", "%5C", "%00", "%2E", "%41"] {
        assert!(!path.contains(escape), "{path}");
    }
    assert_eq!(fuzz::path(&path), Some((path.clone(), routing.clone())));
    assert_eq!(routing.matches('/').count(), path.matches('/').count());
});
