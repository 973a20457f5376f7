//! Values with a mark: whoever writes at the server without the master key writes nothing that is believed.

use eventlog::Sealer;

/// A value at its place, and up to which position of the `control` log it holds at least.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) key: &'a str,
    pub(super) field: &'a str,
    pub(super) position: u64,
    pub(super) text: &'a str,
}

impl Said<'_> {
    /// What is marked. The lengths keep one part from running into the next.
    fn message(&self) -> Vec<u8> {
        let Self { key, field, position, text } = self;
        format!("redis model\0{} {} {position}\0{key}{field}{text}", key.len(), field.len()).into_bytes()
    }

    pub(super) fn write(&self, sealer: &Sealer) -> String {
        format!("{} {} {}", hex::encode(sealer.mark(&self.message())), self.position, self.text)
    }
}

/// The text of a value and its position; none where it was not written for this place with this master key.
pub(super) fn read<'v>(sealer: &Sealer, key: &str, field: &str, value: &'v str) -> Option<(u64, &'v str)> {
    let (mark, rest) = value.split_once(' ')?;
    let (position, text) = rest.split_once(' ')?;
    let said = Said { key, field, position: position.parse().ok()?, text };
    let mark = hex::decode(mark).ok()?;
    sealer.is_marked(&said.message(), &mark).then_some((said.position, text))
}
