//! Hashes that Traefik makes its choices and its cookies with.

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// FNV-1, 64 bits, in hexadecimal digits without leading zeros.
pub(super) fn fnv1_hex(text: &str) -> String {
    let hash = text.bytes().fold(OFFSET, |hash, byte| {
        hash.wrapping_mul(PRIME) ^ u64::from(byte)
    });
    format!("{hash:x}")
}

/// Rendezvous hashing: how much `name` is the one for `client`. The highest wins;
/// among many clients the shares are as the weights.
pub(super) fn random_weight(client: &str, name: &str, weight: u32) -> f64 {
    let hash = client
        .bytes()
        .chain(name.bytes())
        .fold(OFFSET, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(PRIME)
        });
    let hash = scattered(hash);
    // 53 bits are all that a fraction can tell apart; never 0, never 1.
    let high = u32::try_from(hash >> 32).unwrap_or(u32::MAX);
    let low = u32::try_from(hash & 0xffff_ffff).unwrap_or(u32::MAX);
    let fraction = (f64::from(high) * TWO_32 + f64::from(low)) / (TWO_32 * TWO_32);
    f64::from(weight) / -fraction.clamp(f64::MIN_POSITIVE, 1.0 - f64::EPSILON).ln()
}

/// FNV hardly moves the high bits for names that differ in their last letter alone,
/// which would give one of them every client. The finisher of MurmurHash3.
fn scattered(mut hash: u64) -> u64 {
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        hash ^= hash >> 33;
        hash = hash.wrapping_mul(factor);
    }
    hash ^ (hash >> 33)
}

const TWO_32: f64 = 4_294_967_296.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv_1_is_that_of_the_books() {
        assert_eq!(fnv1_hex(""), "cbf29ce484222325");
        assert_eq!(fnv1_hex("a"), "af63bd4c8601b7be");
        assert_eq!(fnv1_hex("foobar"), "340d8765a4dda9c2");
    }

    #[test]
    fn the_highest_weight_wins_its_share() {
        let mut wins = [0_u32; 2];
        for client in 0..4000 {
            let client = format!("10.0.{}.{}", client / 256, client % 256);
            let [a, b] =
                [("x", 3), ("y", 1)].map(|(name, weight)| random_weight(&client, name, weight));
            wins[usize::from(b > a)] += 1;
        }
        assert!((2800..3200).contains(&wins[0]), "{wins:?}");
    }
}
