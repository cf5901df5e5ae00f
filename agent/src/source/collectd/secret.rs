//! Who sends packets of collectd, and what only they could have sent.
//!
//! Signed packets carry HMAC-SHA-256 over the user's name and what follows. Encrypted ones carry
//! AES-256 in OFB mode, with the SHA-256 of the password as key and a SHA-1 of the text inside.
//! Source: collectd's wiki, "Binary protocol" and "Networking introduction", Cryptographic setup.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use aes::Aes256;
use aes::cipher::{Array, BlockCipherEncrypt as _, KeyInit as _};
use hmac::{Hmac, Mac as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::packet::Malformed;
use crate::config::CollectdSecurity;

/// SHA-1.
const CHECKSUM_BYTES: usize = 20;

/// The passwords of users, and what is asked of packets.
#[derive(Clone, Default)]
pub(crate) struct Secrets {
    level: CollectdSecurity,
    passwords: HashMap<Vec<u8>, Vec<u8>>,
}

impl std::fmt::Debug for Secrets {
    /// Tells no password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets")
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

impl Secrets {
    /// Packets have to be proven by `level`. `text` has a line `user: password` for each user.
    pub(crate) fn new(level: CollectdSecurity, text: &str) -> Self {
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let pairs = lines.filter_map(|line| line.split_once(':'));
        let pairs = pairs.map(|(user, password)| (user.trim().into(), password.trim().into()));
        Self {
            level,
            passwords: pairs.collect(),
        }
    }

    /// Reads the file of users. Without it nobody is known.
    ///
    /// # Errors
    /// When it cannot be read; without a `level` that needs it, nothing is known and that is no
    /// error.
    pub(crate) fn read(level: CollectdSecurity, path: &Path) -> io::Result<Self> {
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Self::new(level, &text)),
            Err(_) if level == CollectdSecurity::None => Ok(Self::new(level, "")),
            Err(error) => Err(error),
        }
    }

    /// Whether values with this proof are believed.
    pub(super) fn suffices(&self, proof: CollectdSecurity) -> bool {
        let rank = |level| match level {
            CollectdSecurity::None => 0,
            CollectdSecurity::Sign => 1,
            CollectdSecurity::Encrypt => 2,
        };
        rank(proof) >= rank(self.level)
    }

    /// Whether the user has signed what follows the signature. `false` if that is not known and
    /// does not matter.
    pub(super) fn is_signed(
        &self,
        user: &[u8],
        signature: &[u8],
        rest: &[u8],
    ) -> Result<bool, Malformed> {
        let Some(password) = self.passwords.get(user) else {
            return match self.level {
                CollectdSecurity::None => Ok(false),
                _ => Err(Malformed::Refused),
            };
        };
        let mac = Hmac::<Sha256>::new_from_slice(password).map_err(|_| Malformed::Refused)?;
        let mac = mac.chain_update(user).chain_update(rest);
        mac.verify_slice(signature)
            .map_err(|_| Malformed::Refused)?;
        Ok(true)
    }

    /// What the user has encrypted.
    pub(super) fn decrypt(
        &self,
        user: &[u8],
        iv: &[u8; 16],
        secret: &[u8],
    ) -> Result<Vec<u8>, Malformed> {
        let password = self.passwords.get(user).ok_or(Malformed::Refused)?;
        let text = output_feedback(password, iv, secret);
        let (checksum, plain) = text
            .split_at_checked(CHECKSUM_BYTES)
            .ok_or(Malformed::Shape)?;
        // It only tells a wrong password from a right one; it is no signature, and needs no
        // comparison in constant time.
        if Sha1::digest(plain).as_slice() != checksum {
            return Err(Malformed::Refused);
        }
        Ok(plain.to_vec())
    }
}

/// AES-256 in OFB mode, which is its own inverse. Source: NIST SP 800-38A, section 6.4.
pub(super) fn output_feedback(password: &[u8], iv: &[u8; 16], text: &[u8]) -> Vec<u8> {
    let cipher = Aes256::new(&Sha256::digest(password));
    let mut stream = Array::from(*iv);
    let mut out = Vec::with_capacity(text.len());
    for block in text.chunks(stream.len()) {
        cipher.encrypt_block(&mut stream);
        out.extend(block.iter().zip(&stream).map(|(text, key)| text ^ key));
    }
    out
}
