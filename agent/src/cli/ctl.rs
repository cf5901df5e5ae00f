//! `plimsoll-agent ctl`: what `amazon-cloudwatch-agent-ctl` is on a host with that agent, for the
//! scripts and documents that call it.
//!
//! Flags, actions, the keys of the status and exit codes (0 done, 1 not) are the original's.
//! Different on purpose: a configuration that cannot be used changes nothing, the set before a
//! change is kept, and no file outside of the directory is removed or renamed.

mod service;
mod set;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use plimsoll_aws::Settings;
use plimsoll_core::cli::{count_mistakes, print, runtime};
use plimsoll_core::config::Problems;

use self::set::{Change, Set, replace};
use super::{BLOCKING_THREADS_MAX, PROGRAM};
use crate::compat::sources::Source;
use crate::compat::surroundings::{ENVIRONMENT, LOG_LEVEL, Surroundings, level, variables};
use crate::config::Dialect;

/// Where the configurations are that the service runs with when it has none of its own.
pub(crate) const DIRECTORY: &str = "/etc/plimsoll/cloudwatch-agent.d";
/// Our own configuration, beside the directory. Where it is, the service reads nothing else.
const OWN: &str = "agent.toml";
/// Tells a package that is being replaced to start the service again.
const RESTART: &str = "restart";
/// The profile of a host that is not on EC2, unless one is named. Source: CloudWatch user guide,
/// "Install the CloudWatch agent on on-premises servers".
const ON_PREMISE_PROFILE: &str = "AmazonCloudWatchAgent";

/// Does what amazon-cloudwatch-agent-ctl does.
#[derive(Debug, Args)]
pub(super) struct CtlArgs {
    /// What to do.
    #[arg(short = 'a', value_name = "ACTION")]
    action: Action,
    /// Where this host is.
    #[arg(short = 'm', value_name = "MODE", default_value = "ec2")]
    mode: Mode,
    /// `default`, `ssm:NAME` (a parameter), `file:PATH`, or `all` with remove-config.
    #[arg(short = 'c', value_name = "SOURCE", default_value = "default")]
    source: String,
    /// Start the service again afterwards.
    #[arg(short = 's')]
    restart: bool,
    /// Ask endpoints that have IPv6.
    #[arg(short = 'd')]
    dual_stack: bool,
    /// INFO, DEBUG, WARN, ERROR or OFF, with set-log-level.
    #[arg(
        short = 'l',
        value_name = "LEVEL",
        required_if_eq("action", "set-log-level")
    )]
    level: Option<String>,
    /// KEY=VALUE, with set-env.
    #[arg(
        short = 'e',
        value_name = "KEY=VALUE",
        required_if_eq("action", "set-env")
    )]
    variable: Option<String>,
    /// The directory of configurations.
    #[arg(long, value_name = "DIRECTORY", default_value = DIRECTORY)]
    directory: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Start the service, with the built-in configuration if there is none.
    Start,
    /// Stop the service.
    Stop,
    /// Tell what the service is doing, as JSON.
    Status,
    /// Take this configuration and no other.
    FetchConfig,
    /// Take this configuration besides the others.
    AppendConfig,
    /// Take this configuration away.
    RemoveConfig,
    /// Set what the agent says about itself.
    SetLogLevel,
    /// Set a variable of the agent.
    SetEnv,
    /// Note that the service runs, before a package replaces it.
    PrepRestart,
    /// Start the service if that was noted.
    CondRestart,
    /// Stop the service before a package removes it.
    Preun,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// On EC2.
    Ec2,
    /// Elsewhere.
    #[value(name = "onPremise", alias = "onPrem")]
    OnPremise,
    /// Wherever instance metadata says.
    Auto,
}

/// Does what was asked for.
pub(super) fn run(args: &CtlArgs) -> Result<(), String> {
    let done = match args.action {
        Action::Start => start(args),
        Action::Stop => stop(),
        Action::Status => status(args),
        Action::FetchConfig | Action::AppendConfig | Action::RemoveConfig => configure(args),
        Action::SetLogLevel => set_log_level(args),
        Action::SetEnv => set_env(args),
        Action::PrepRestart => prep_restart(args),
        Action::CondRestart => cond_restart(args),
        Action::Preun => service::retire(),
    };
    done.map_err(|text| text + "\n")
}

fn home(args: &CtlArgs) -> &Path {
    args.directory.parent().unwrap_or(Path::new("/"))
}

fn is_configured(args: &CtlArgs) -> Result<bool, String> {
    let set = Set::new(args.directory.clone());
    Ok(home(args).join(OWN).exists() || !set.files()?.is_empty())
}

fn start(args: &CtlArgs) -> Result<(), String> {
    if service::state()?.running {
        print("the agent has already been started\n");
        return Ok(());
    }
    if !is_configured(args)? {
        print("the agent is not configured; it starts with the built-in configuration\n");
        let text = read(args, &Source::Default)?;
        let set = Set::new(args.directory.clone());
        set.change(Change::Only("default", &text), check)?;
    }
    service::restart()
}

fn stop() -> Result<(), String> {
    if !service::state()?.running {
        print("the agent has already been stopped\n");
        return Ok(());
    }
    service::stop()
}

fn status(args: &CtlArgs) -> Result<(), String> {
    let state = service::state()?;
    let word = |yes, no, is: bool| if is { yes } else { no };
    let configured = word("configured", "not configured", is_configured(args)?);
    // By hand, because scripts compare the original's text line by line.
    print(&format!(
        "{{\n  \"status\": \"{}\",\n  \"starttime\": \"{}\",\n  \"configstatus\": \"{configured}\",\n  \
         \"version\": \"{}\"\n}}\n",
        word("running", "stopped", state.running),
        state.started,
        env!("CARGO_PKG_VERSION")
    ));
    Ok(())
}

fn configure(args: &CtlArgs) -> Result<(), String> {
    let own = home(args).join(OWN);
    if own.exists() {
        return Err(format!(
            "{} is what the service runs with; move it away to use configurations of \
             amazon-cloudwatch-agent",
            own.display()
        ));
    }
    let set = Set::new(args.directory.clone());
    let removes = args.action == Action::RemoveConfig;
    if args.source == "all" && !removes {
        return Err("all can only be removed: use it with -a remove-config".to_owned());
    }
    if args.source == "all" {
        set.change(Change::Empty, check)?;
    } else {
        let source: Source = args.source.parse()?;
        let name = source.file_name(set.directory());
        let text = if removes {
            String::new()
        } else {
            read(args, &source)?
        };
        let change = match args.action {
            Action::RemoveConfig => Change::Without(&name),
            Action::AppendConfig => Change::With(&name, &text),
            _ => Change::Only(&name, &text),
        };
        set.change(change, check)?;
    }
    if set.files()?.is_empty() {
        print("all configurations have been removed\n");
        return if args.restart { stop() } else { Ok(()) };
    }
    print("Configuration validation succeeded\n");
    if args.restart {
        service::restart()
    } else {
        Ok(())
    }
}

/// The text of a source, asked for as `common-config.toml` says.
fn read(args: &CtlArgs, source: &Source) -> Result<String, String> {
    let mut settings = Settings {
        app_name: PROGRAM.to_owned(),
        use_dualstack: args.dual_stack.then_some(true),
        ..Settings::default()
    };
    if matches!(source, Source::Ssm(_)) {
        let around = Surroundings::beside(&args.directory).map_err(told)?;
        around.reach(&mut settings).map_err(told)?;
        if args.mode == Mode::OnPremise && settings.profile.is_none() {
            settings.profile = Some(ON_PREMISE_PROFILE.to_owned());
        }
    }
    let runtime = runtime(PROGRAM, BLOCKING_THREADS_MAX)?;
    let text = runtime.block_on(source.read(&settings));
    runtime.shutdown_background();
    text
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err gives")]
fn told(problems: Problems) -> String {
    problems.to_string()
}

/// Whether the agent could run with the directory.
fn check(directory: &Path) -> Result<(), String> {
    // What is told is told of the place that it is for.
    let at_home = |text: String| text.replace(".d.new/", ".d/");
    match Dialect::CloudWatchAgent.load(directory) {
        Ok(config) => {
            for remark in &config.remarks {
                print(&format!("warning: {}\n", at_home(remark.clone())));
            }
            Ok(())
        }
        Err(problems) => Err(at_home(count_mistakes(&problems.0)).trim_end().to_owned()),
    }
}

fn set_log_level(args: &CtlArgs) -> Result<(), String> {
    let word = args.level.as_deref().unwrap_or_default();
    if level(word).is_none() {
        return Err(format!(
            "{word} is no level: expected INFO, DEBUG, WARN, ERROR or OFF"
        ));
    }
    put_variable(args, LOG_LEVEL, word)?;
    print(&format!("Set {LOG_LEVEL} to {word}\n"));
    reload_if_running();
    Ok(())
}

fn set_env(args: &CtlArgs) -> Result<(), String> {
    let text = args.variable.as_deref().unwrap_or_default();
    let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.is_empty()) else {
        return Err(format!("{text} is no variable: expected KEY=VALUE"));
    };
    put_variable(args, name, value)?;
    print(&format!(
        "Set {name}; it takes effect when the agent starts again\n"
    ));
    Ok(())
}

fn put_variable(args: &CtlArgs, name: &str, value: &str) -> Result<(), String> {
    let path = home(args).join(ENVIRONMENT);
    let text = if path.exists() {
        std::fs::read_to_string(&path)
            .map_err(|error| format!("{} cannot be read: {error}", path.display()))?
    } else {
        String::new()
    };
    let mut all = variables(&path, &text).map_err(told)?;
    all.insert(name.to_owned(), value.to_owned());
    let text = serde_json::to_string_pretty(&all).map_err(|error| error.to_string())? + "\n";
    // What would be refused at the next start is refused now.
    variables(&path, &text).map_err(told)?;
    replace(&path, &text).map_err(|error| format!("{} cannot be written: {error}", path.display()))
}

/// The level is taken at once where that is possible, and at the next start otherwise.
fn reload_if_running() {
    if service::state().is_ok_and(|state| state.running)
        && let Err(error) = service::reload()
    {
        print(&format!(
            "it takes effect when the agent starts again: {error}\n"
        ));
    }
}

fn prep_restart(args: &CtlArgs) -> Result<(), String> {
    let path = home(args).join(RESTART);
    if service::state()?.running {
        let written = replace(&path, "");
        return written.map_err(|error| format!("{} cannot be written: {error}", path.display()));
    }
    Ok(())
}

fn cond_restart(args: &CtlArgs) -> Result<(), String> {
    let path = home(args).join(RESTART);
    if !path.exists() {
        return Ok(());
    }
    start(args)?;
    std::fs::remove_file(&path)
        .map_err(|error| format!("{} cannot be removed: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn parse(args: &[&str]) -> Result<CtlArgs, String> {
        let args = ["plimsoll-agent", "ctl"].iter().chain(args);
        match Cli::try_parse_from(args)
            .map_err(|error| error.to_string())?
            .command
        {
            Command::Ctl(args) => Ok(args),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn the_flags_are_those_of_the_original() {
        let args = parse(&["-a", "fetch-config", "-m", "onPrem", "-s", "-c", "ssm:x"]).unwrap();
        assert_eq!(
            (args.action, args.mode, args.restart),
            (Action::FetchConfig, Mode::OnPremise, true)
        );
        assert_eq!(args.source, "ssm:x");
        let args = parse(&["-sda", "append-config", "-m", "auto", "-cfile:/x"]).unwrap();
        assert_eq!((args.action, args.mode), (Action::AppendConfig, Mode::Auto));
        assert!(args.restart && args.dual_stack);
        let args = parse(&["-a", "status"]).unwrap();
        assert_eq!((args.mode, args.source.as_str()), (Mode::Ec2, "default"));
        for wrong in [
            &["-a", "fly"] as &[&str],
            &["-a", "start", "-m", "moon"],
            &["-a", "set-log-level"],
            &["-a", "set-env"],
            &[],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn configurations_are_refused_where_the_agent_has_its_own() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join(OWN), "").unwrap();
        let directory = home.path().join("d").display().to_string();
        let directory = directory.replace("/d", "/cloudwatch-agent.d");
        let args = parse(&["-a", "fetch-config", "--directory", &directory]).unwrap();
        assert!(
            run(&args)
                .unwrap_err()
                .contains("agent.toml is what the service runs with")
        );
        assert!(!Path::new(&directory).exists());
    }

    #[test]
    fn variables_are_kept_beside_each_other_and_a_bad_one_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("agent.d").display().to_string();
        let told = |args: &[&str]| {
            let args: Vec<&str> = args
                .iter()
                .copied()
                .chain(["--directory", &directory])
                .collect();
            run(&parse(&args).unwrap())
        };
        told(&["-a", "set-env", "-e", "HTTPS_PROXY=http://p:1"]).unwrap();
        told(&["-a", "set-log-level", "-l", "WARN"]).unwrap();
        assert!(told(&["-a", "set-log-level", "-l", "LOUD"]).is_err());
        assert!(told(&["-a", "set-env", "-e", "CWAGENT_LOG_LEVEL=LOUD"]).is_err());
        assert!(told(&["-a", "set-env", "-e", "=x"]).is_err());
        let path = home.path().join(ENVIRONMENT);
        let all = variables(&path, &std::fs::read_to_string(&path).unwrap()).unwrap();
        let all: Vec<(&str, &str)> = all.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(
            all,
            [("CWAGENT_LOG_LEVEL", "WARN"), ("HTTPS_PROXY", "http://p:1")]
        );
    }
}
