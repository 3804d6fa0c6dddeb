//! Which Docker Engine is played: versions and the order of events differ.

/// A Docker Engine release line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// 20.10: `die` is logged before the addresses are freed.
    V20_10,
    /// 23.0: addresses are freed first.
    V23,
    /// 28.
    V28,
    /// 29: refuses old clients, health is in the list, no legacy event fields.
    V29,
}

impl Generation {
    /// Every generation.
    pub const ALL: [Self; 4] = [Self::V20_10, Self::V23, Self::V28, Self::V29];

    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::V20_10 => "20.10.24",
            Self::V23 => "23.0.6",
            Self::V28 => "28.5.1",
            Self::V29 => "29.1.0",
        }
    }

    /// Oldest and newest API version, minor numbers of 1.x.
    pub(crate) fn api_window(self) -> (u16, u16) {
        match self {
            Self::V20_10 => (12, 41),
            Self::V23 => (12, 42),
            Self::V28 => (24, 51),
            Self::V29 => (44, 52),
        }
    }

    /// An address is free before `die` is logged.
    pub(crate) fn frees_address_before_die(self) -> bool {
        self != Self::V20_10
    }
}
