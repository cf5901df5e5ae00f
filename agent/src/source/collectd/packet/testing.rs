//! Writes packets, for tests.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::super::secret::output_feedback;
use super::*;

/// A packet in the making.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packet(pub(crate) Vec<u8>);

impl Packet {
    pub(crate) fn part(mut self, kind: u16, content: &[u8]) -> Self {
        let length = u16::try_from(HEADER_BYTES + content.len()).unwrap();
        self.0.extend_from_slice(&kind.to_be_bytes());
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(content);
        self
    }

    fn text(self, kind: u16, text: &str) -> Self {
        self.part(kind, &[text.as_bytes(), b"\0"].concat())
    }

    /// Host, plugin, its instance, type, its instance.
    pub(crate) fn names(self, names: [&str; 5]) -> Self {
        let kinds = [HOST, PLUGIN, PLUGIN_INSTANCE, TYPE, TYPE_INSTANCE];
        let pairs = kinds.into_iter().zip(names);
        pairs.fold(self, |packet, (kind, name)| packet.text(kind, name))
    }

    pub(crate) fn time(self, seconds: u64) -> Self {
        self.part(TIME_HR, &(seconds << 30).to_be_bytes())
            .part(INTERVAL_HR, &(10_u64 << 30).to_be_bytes())
    }

    pub(crate) fn values(self, values: &[Value]) -> Self {
        let mut content = u16::try_from(values.len()).unwrap().to_be_bytes().to_vec();
        let pairs = values.iter().map(|value| match value {
            Value::Counter(number) => (0, number.to_be_bytes()),
            Value::Gauge(number) => (1, number.to_le_bytes()),
            Value::Derive(number) => (2, number.to_be_bytes()),
            Value::Absolute(number) => (3, number.to_be_bytes()),
        });
        let pairs: Vec<(u8, [u8; 8])> = pairs.collect();
        content.extend(pairs.iter().map(|(kind, _)| kind));
        content.extend(pairs.iter().flat_map(|(_, bytes)| bytes));
        self.part(VALUES, &content)
    }

    pub(crate) fn signed(self, user: &str, password: &str) -> Self {
        let mac = Hmac::<Sha256>::new_from_slice(password.as_bytes()).unwrap();
        let mac = mac.chain_update(user).chain_update(&self.0);
        let signature = mac.finalize().into_bytes();
        let mut all = Self::default().part(SIGNATURE, &[&signature, user.as_bytes()].concat());
        all.0.extend(self.0);
        all
    }

    pub(crate) fn encrypted(self, user: &str, password: &str) -> Self {
        let iv = [7; IV_BYTES];
        let text = [Sha1::digest(&self.0).as_slice(), &self.0].concat();
        let secret = output_feedback(password.as_bytes(), &iv, &text);
        let length = u16::try_from(user.len()).unwrap().to_be_bytes();
        let content = [&length, user.as_bytes(), &iv, &secret].concat();
        Self::default().part(ENCRYPTION, &content)
    }
}
