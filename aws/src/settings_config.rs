//! Reads the `[aws]` table of both services' configuration into [`Settings`].
//!
//! Both services have the same keys with the same meaning, so they are read in one place. Every
//! mistake is reported at its place in the file; nothing is looked up in the network.

use std::path::PathBuf;

use plimsoll_core::config::Section;

use crate::settings::{AssumeRole, Service, Settings};

/// More would hold up the start for longer than a minute.
const IMDS_ATTEMPTS_MAX: u64 = 10;

impl Settings {
    /// Takes the keys of the `[aws]` table; `None` for a file without the table. The caller
    /// finishes the section. Every mistake is reported there.
    #[must_use]
    pub fn take(section: Option<&mut Section<'_>>, app_name: &str) -> Self {
        let mut settings = Self {
            app_name: app_name.to_owned(),
            ..Self::default()
        };
        let Some(section) = section else {
            return settings;
        };
        settings.region = take(section, "region");
        settings.profile = take(section, "profile");
        settings.credentials_file = take(section, "credentials_file").map(PathBuf::from);
        settings.endpoint_url = take(section, "endpoint_url");
        settings.take_endpoints(section);
        settings.take_role(section);
        settings.proxy = take(section, "proxy");
        settings.no_proxy = take(section, "no_proxy");
        settings.ca_bundle = take(section, "ca_bundle").map(PathBuf::from);
        settings.use_fips = section.take_bool("fips");
        settings.use_dualstack = section.take_bool("dual_stack");
        settings.imds_attempts = section
            .take_integer("imds_attempts", 1..=IMDS_ATTEMPTS_MAX)
            .and_then(|attempts| u32::try_from(attempts).ok());
        for bad in settings.check() {
            if !bad.setting.starts_with("endpoint_urls.") {
                section.report(key_of(&bad.setting), &bad.why, "", None);
            }
        }
        settings
    }

    fn take_endpoints(&mut self, section: &mut Section<'_>) {
        let Some(mut urls) = section.take_section("endpoint_urls") else {
            return;
        };
        for service in Service::ALL {
            if let Some(url) = take(&mut urls, service.name()) {
                self.endpoint_urls.insert(service, url);
            }
        }
        for bad in self.check() {
            if let Some(service) = bad.setting.strip_prefix("endpoint_urls.") {
                urls.report(service, &bad.why, "", None);
            }
        }
        urls.finish();
    }

    fn take_role(&mut self, section: &mut Section<'_>) {
        let arn = take(section, "role_arn");
        let external_id = take(section, "external_id");
        if arn.is_none() && external_id.is_some() {
            section.report_missing("role_arn", "expected the role that external_id belongs to");
        }
        self.role = arn.map(|arn| AssumeRole {
            arn,
            external_id,
            session_name: None,
        });
    }
}

fn take(section: &mut Section<'_>, key: &'static str) -> Option<String> {
    section.take_name(key).map(|field| field.value)
}

/// The key under which a field of [`Settings`] stands in the file.
fn key_of(setting: &str) -> &str {
    match setting {
        "role.arn" => "role_arn",
        "use_fips" => "fips",
        "use_dualstack" => "dual_stack",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_core::config::{Document, Problems};

    fn read(text: &str) -> Result<Settings, Problems> {
        Document::from_text("agent.toml", text).parse(|root| {
            let mut section = root.take_section("aws");
            let settings = Settings::take(section.as_mut(), "plimsoll-test");
            if let Some(section) = section {
                section.finish();
            }
            Some(settings)
        })
    }

    #[test]
    fn every_key_of_the_table_is_read() {
        let text = "[aws]\nregion = \"eu-west-1\"\nprofile = \"p\"\nendpoint_url = \"http://h:1\"\n\
                    endpoint_urls = { logs = \"http://h:2\" }\n\
                    role_arn = \"arn:aws:iam::123456789012:role/r\"\nexternal_id = \"e\"\n\
                    proxy = \"http://h:3\"\nno_proxy = \"x\"\nfips = false\n\
                    dual_stack = false\n";
        let settings = read(text).unwrap();
        assert_eq!(settings.region.as_deref(), Some("eu-west-1"));
        assert_eq!(settings.endpoint_urls[&Service::Logs], "http://h:2");
        assert_eq!(settings.role.unwrap().external_id.as_deref(), Some("e"));
        assert_eq!(
            (settings.use_fips, settings.use_dualstack),
            (Some(false), Some(false))
        );
        let fips = read("[aws]\nfips = true\ndual_stack = true\n").unwrap();
        assert_eq!(
            (fips.use_fips, fips.use_dualstack),
            (Some(true), Some(true))
        );
        assert_eq!(read("").unwrap().app_name, "plimsoll-test");
    }

    #[test]
    fn what_cannot_work_is_told_at_its_place() {
        let cases = [
            (
                "[aws]\nregion = \"eu-wset-1\"\n",
                "agent.toml:2:10: aws.region: `eu-wset-1`",
            ),
            (
                "[aws.endpoint_urls]\nsqs = \"x\"\n",
                ":2:7: aws.endpoint_urls.sqs: `x`",
            ),
            ("[aws]\nrole_arn = \"r\"\n", ":2:12: aws.role_arn: `r`"),
            ("[aws]\nexternal_id = \"e\"\n", "aws.role_arn: missing"),
            (
                "[aws]\nendpoint_urls = { sqs = \"http://h\" }\nfips = true\n",
                ":3:8: aws.fips: FIPS endpoints cannot be chosen while the endpoint of `sqs` is set",
            ),
        ];
        for (text, expected) in cases {
            let told = read(text).unwrap_err().to_string();
            assert!(told.contains(expected), "{text}: {told}");
        }
    }
}
