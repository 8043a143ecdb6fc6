//! Logical IDs and physical names.

use crate::project::words::letters_and_digits;

/// IAM's limit for the name of a role.
const MAX_ROLE_NAME: usize = 64;

/// `{project}-{stage}-{thing}`.
pub fn physical(project: &str, stage: &str, thing: &str) -> String {
    format!("{project}-{stage}-{thing}")
}

/// `{project}-{stage}-{thing}-{region}`: of what has one name in all regions of the account, as a role has.
/// Without the region a stage that is deployed to a second one would take the first one's over.
///
/// The region is short (`euw1`), and of the longest project and stage together the thing loses its last letter.
pub(super) fn physical_in(project: &str, stage: &str, thing: &str, region: &str) -> String {
    let end = format!("-{}", short(region));
    let mut name = physical(project, stage, thing);
    name.truncate(MAX_ROLE_NAME - end.len());
    name + &end
}

/// A region in as few letters as tell it from all others: those that AWS's own IDs of availability zones
/// start with. `ap-southeast-2` is `apse2`, `us-gov-west-1` is `usgw1`.
fn short(region: &str) -> String {
    let mut parts = region.split('-');
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (first, second) = match part {
            "northeast" => ("n", "e"),
            "northwest" => ("n", "w"),
            "southeast" => ("s", "e"),
            "southwest" => ("s", "w"),
            number if number.chars().all(|c| c.is_ascii_digit()) => (number, ""),
            word => (word.get(..1).unwrap_or_default(), ""),
        };
        short.push_str(first);
        short.push_str(second);
    }
    short
}

/// A logical ID from fixed words and a name of the file: letters and digits only, as CloudFormation
/// wants them. `id("Domain", "acme.co-op.com")` is `DomainAcmeDotCoOpDotCom`.
///
/// Two names of one kind never share one: the project file is refused that has such a pair.
pub fn id(prefix: &str, name: &str) -> String {
    format!("{prefix}{}", letters_and_digits(name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::project::REGIONS;

    #[test]
    fn logical_ids_are_letters_and_digits() {
        assert_eq!(id("Client", "web"), "ClientWeb");
        assert_eq!(id("Domain", "acme.co-op.com"), "DomainAcmeDotCoOpDotCom");
        assert_eq!(id("Group", "read_only"), "GroupReadOnly");
    }

    #[test]
    fn every_region_has_a_short_name_of_its_own() {
        for (region, name) in [
            ("eu-west-1", "euw1"),
            ("ap-southeast-2", "apse2"),
            ("ap-northeast-1", "apne1"),
            ("us-gov-west-1", "usgw1"),
            ("cn-north-1", "cnn1"),
        ] {
            assert_eq!(short(region), name);
        }
        let more = [
            "us-west-1",
            "us-gov-east-1",
            "us-gov-west-1",
            "cn-north-1",
            "cn-northwest-1",
            "ap-southeast-5",
            "ap-southeast-7",
            "ap-east-2",
        ];
        let all: Vec<&str> = REGIONS.iter().copied().chain(more).collect();
        let names: BTreeSet<String> = all.iter().map(|region| short(region)).collect();
        assert_eq!(names.len(), all.len());
        assert!(names.iter().all(|name| name.len() <= 5), "{names:?}");
    }

    #[test]
    fn the_name_of_a_role_fits_and_tells_the_region() {
        let role =
            |project: &str, thing: &str| physical_in(project, "prod", thing, "ap-southeast-2");
        assert_eq!(
            role("acme", "generate-token"),
            "acme-prod-generate-token-apse2"
        );
        let longest = "p".repeat(39);
        let names = ["generate-token", "confirm-user", "sms"].map(|thing| role(&longest, thing));
        for name in &names {
            assert!(name.len() <= 64 && name.ends_with("-apse2"), "{name}");
        }
        assert!(names[0].ends_with("-generate-toke-apse2"), "{}", names[0]);
    }
}
