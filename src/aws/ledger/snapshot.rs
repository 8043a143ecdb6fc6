//! Snapshots: what a deploy left the stage as. The latest one is read with the ledger, to tell what others changed since; each
//! deploy that got to its end keeps its own, to go back there.
//!
//! An item of DynamoDB holds 400 KB, and a mail's template alone may be that long, so a snapshot is compressed and, where
//! that is not enough, cut into parts.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::{TABLE, number};
use crate::aws::{Aws, Fault, Result};
use saasauth_model::plan::Snapshot;

/// The latest. Sorts behind the records, and so is read with them.
pub(super) const LATEST: &str = "SNAPSHOT#";
/// Of a deploy, by its number. Sorts before them.
const KEPT: &str = "KEPT#";

/// Bytes of a part: an item's limit is 400 KB, names included.
const PART: usize = 350 * 1024;
/// What it may be once it is read: a stage of ten thousand domains takes three megabytes.
const LONGEST: u64 = 64 * 1024 * 1024;

/// The parts of one snapshot, as they are read.
#[derive(Debug, Clone, Default)]
pub(super) struct Parts {
    count: usize,
    bytes: BTreeMap<usize, Vec<u8>>,
}

impl Parts {
    /// Takes an item, if it is a part; what an earlier, longer snapshot left behind is passed over later.
    pub(super) fn take(&mut self, sort: &str, item: &HashMap<String, AttributeValue>) {
        let index = sort.rsplit('#').next().and_then(|index| index.parse().ok());
        let bytes = item.get("bytes").and_then(|value| value.as_b().ok());
        let count = item.get("parts").and_then(|value| value.as_n().ok());
        if let (Some(index), Some(bytes)) = (index, bytes) {
            self.bytes.insert(index, bytes.clone().into_inner());
        }
        if let (Some(0), Some(count)) = (index, count) {
            self.count = count.parse().unwrap_or(0);
        }
    }

    /// The snapshot; none when there is none, or a part is missing.
    pub(super) fn whole(&self) -> Option<Snapshot> {
        if self.count == 0 {
            return None;
        }
        let parts = (0..self.count).map(|index| self.bytes.get(&index));
        let packed: Vec<&Vec<u8>> = parts.collect::<Option<_>>()?;
        let packed = packed.into_iter().flatten().copied().collect::<Vec<u8>>();
        let mut plain = Vec::new();
        let mut unpacked = ZlibDecoder::new(packed.as_slice()).take(LONGEST);
        unpacked.read_to_end(&mut plain).ok()?;
        serde_json::from_slice(&plain).ok()
    }
}

fn pack(snapshot: &Snapshot) -> Result<Vec<u8>> {
    let failed = |error: &dyn std::fmt::Display| {
        Fault::ours(format!("the snapshot could not be written: {error}"))
    };
    let plain = serde_json::to_vec(snapshot).map_err(|error| failed(&error))?;
    let mut packing = ZlibEncoder::new(Vec::new(), Compression::default());
    let packed = packing.write_all(&plain).and_then(|()| packing.finish());
    packed.map_err(|error| failed(&error))
}

fn kept(deploy: u64) -> String {
    format!("{KEPT}{deploy:012}#")
}

impl Aws {
    /// What a deploy left the stage as, by its number; none when it didn't get to its end, or was made by a version that
    /// kept nothing.
    pub async fn read_snapshot(&self, deploy: u64) -> Result<Option<Snapshot>> {
        let items = self
            .ledger_items("begins_with(sk, :sk)", kept(deploy))
            .await?;
        let mut parts = Parts::default();
        for item in items.iter().flatten() {
            let sort = item.get("sk").and_then(|value| value.as_s().ok());
            parts.take(sort.map(String::as_str).unwrap_or_default(), item);
        }
        Ok(parts.whole())
    }

    /// Writes a snapshot as the latest, and to be kept as that of a deploy.
    pub(super) fn put_snapshot(
        &self,
        snapshot: &Snapshot,
        deploy: Option<u64>,
    ) -> Result<Vec<TransactWriteItem>> {
        let packed = pack(snapshot)?;
        let parts: Vec<&[u8]> = packed.chunks(PART).collect();
        let places = std::iter::once(LATEST.to_owned()).chain(deploy.map(kept));
        let mut puts = Vec::new();
        for place in places {
            for (index, bytes) in parts.iter().enumerate() {
                let mut item = self.key(&format!("{place}{index}"));
                let count = u64::try_from(parts.len()).unwrap_or(u64::MAX);
                item.insert("parts".to_owned(), number(count));
                item.insert("bytes".to_owned(), AttributeValue::B(Blob::new(*bytes)));
                let put = Put::builder()
                    .table_name(TABLE)
                    .set_item(Some(item))
                    .build()?;
                puts.push(TransactWriteItem::builder().put(put).build());
            }
        }
        Ok(puts)
    }
}

#[cfg(test)]
mod tests {
    use saasauth_model::plan::snapshot::Declared;
    use serde_json::json;

    use super::*;
    use crate::aws::replay;

    fn snapshot(resources: usize) -> Snapshot {
        // Digests don't compress, as templates do.
        let one = |index: usize| {
            let text = format!(
                "{:x}",
                <sha2::Sha512 as sha2::Digest>::digest(index.to_string())
            );
            let declared = Declared {
                type_name: "AWS::SES::Template".to_owned(),
                properties: json!({ "Template": { "HtmlPart": text } }),
                depends_on: Vec::new(),
                adopted: None,
            };
            (format!("T{index}"), declared)
        };
        Snapshot {
            resources: (0..resources).map(one).collect(),
            ..Snapshot::default()
        }
    }

    fn read(puts: &[TransactWriteItem], place: &str) -> Option<Snapshot> {
        let mut parts = Parts::default();
        for put in puts {
            let item = put.put().expect("a put").item();
            let sort = item["sk"].as_s().expect("text");
            if sort.starts_with(place) {
                parts.take(sort, item);
            }
        }
        parts.whole()
    }

    #[tokio::test]
    async fn a_snapshot_comes_back_whole_however_long_it_is() {
        let (aws, _) = replay::aws([]);
        for (resources, parts) in [(0, 1), (3, 1), (10_000, 3)] {
            let before = snapshot(resources);
            let puts = aws.put_snapshot(&before, Some(7)).expect("written");
            assert_eq!(puts.len(), parts * 2, "{resources}");
            assert_eq!(read(&puts, LATEST).as_ref(), Some(&before));
            assert_eq!(read(&puts, "KEPT#000000000007#").as_ref(), Some(&before));
            assert_eq!(read(&puts, "KEPT#000000000008#"), None);
        }
    }

    #[tokio::test]
    async fn a_part_that_is_missing_or_left_over_makes_no_other_snapshot() {
        let (aws, _) = replay::aws([]);
        let long = aws.put_snapshot(&snapshot(10_000), None).expect("written");
        assert_eq!(read(&long[..2], LATEST), None);
        // A shorter one is written over the first part of a longer one.
        let short = snapshot(3);
        let mut both = long.clone();
        both.extend(aws.put_snapshot(&short, None).expect("written"));
        assert_eq!(read(&both, LATEST), Some(short));
    }
}
