//! Whether a page can be used by everybody, as far as a program can tell.

use crate::page::Dashboard;

/// The checks, as the body of a function.
const CHECKS: &str = include_str!("check.js");

impl Dashboard {
    /// Complains about what stands in the way of somebody.
    pub(crate) async fn assert_accessible(&self, page: &str) {
        let complaints = self.run(CHECKS, Vec::new()).await;
        let complaints: Vec<String> = serde_json::from_value(complaints).expect("a list");
        assert!(complaints.is_empty(), "{page}:\n{}", complaints.join("\n"));
    }
}
