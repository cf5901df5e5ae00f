# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_plimsoll_agent_global_optspecs
    string join \n h/help V/version
end

function __fish_plimsoll_agent_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_plimsoll_agent_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_plimsoll_agent_using_subcommand
    set -l cmd (__fish_plimsoll_agent_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c plimsoll-agent -n "__fish_plimsoll_agent_needs_command" -s h -l help -d 'Print help'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_needs_command" -s V -l version -d 'Print version'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_needs_command" -f -a "run" -d 'Follow files and measure until SIGTERM or SIGINT, then send what is held and end'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_needs_command" -f -a "validate" -d 'Tell every mistake of the configuration, what this machine would refuse to this user, and what the metrics would cost. Sends nothing'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_needs_command" -f -a "doctor" -d 'Look for what keeps the agent from doing its work on this host, and tell the remedy of each: unit, files, disk, other agents, instance metadata, credentials, each call. Changes nothing'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_needs_command" -f -a "bundle" -d 'Gather what someone who helps wants to see into one archive, without secrets and without lines of logs. Sends nothing'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_needs_command" -f -a "status" -d 'Tell how the running agent is: what it ships and how far behind it is, what it lost and why'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_needs_command" -f -a "top" -d 'Show the running agent each second: rates, and how far behind each source is'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_needs_command" -f -a "tap" -d 'Show records of the running agent as they pass, as they will be sent'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_needs_command" -f -a "policy" -d 'Print the rights in AWS that the configuration needs, as a document for IAM; without a configuration, all that the agent can ever need. Changes nothing'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_needs_command" -f -a "migrate" -d 'Write the amazon-cloudwatch-agent\'s configuration as one of this agent, and tell of each of its keys what became of it'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_needs_command" -f -a "dlq" -d 'The events that CloudWatch Logs refused: list them, show them, send them again, purge them'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_needs_command" -f -a "positions" -d 'How far each file has been delivered, and how to set it'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_needs_command" -f -a "seal" -d 'Make a machine ready to be an image: remove what belongs to this one from the state directory. The agent must be stopped'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_needs_command" -f -a "signal" -d 'The signals for Auto Scaling: what they are made of and cost'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_needs_command" -f -a "ctl" -d 'Do what amazon-cloudwatch-agent-ctl does, with the same flags'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_needs_command" -f -a "version" -d 'Print the version'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand run" -l config -d 'The configuration file, or ssm:NAME[,NAME...] for parameters of SSM that are joined; else /etc/plimsoll/agent.toml, or the configurations that `ctl` has fetched where that file is not' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand run" -l cloudwatch-agent-config -d 'The amazon-cloudwatch-agent\'s configuration instead: a JSON file, a directory of them, or ssm:NAME for a parameter of SSM' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand run" -l for -d 'End after this time, such as 30s' -r
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand run" -l dry-run -d 'Print each call that would be made, with size and price; send and write nothing'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand run" -l once -d 'Send what is there now, measure once, and end'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand run" -s h -l help -d 'Print help'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand validate" -l config -d 'The configuration file, or ssm:NAME[,NAME...] for parameters of SSM that are joined; else /etc/plimsoll/agent.toml, or the configurations that `ctl` has fetched where that file is not' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand validate" -l cloudwatch-agent-config -d 'The amazon-cloudwatch-agent\'s configuration instead: a JSON file, a directory of them, or ssm:NAME for a parameter of SSM' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand validate" -l syntax -d 'Read the configuration alone: ask neither this machine nor AWS'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand validate" -s h -l help -d 'Print help'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand doctor" -l config -d 'The configuration file, or ssm:NAME[,NAME...] for parameters of SSM that are joined; else /etc/plimsoll/agent.toml, or the configurations that `ctl` has fetched where that file is not' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand doctor" -l cloudwatch-agent-config -d 'The amazon-cloudwatch-agent\'s configuration instead: a JSON file, a directory of them, or ssm:NAME for a parameter of SSM' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand doctor" -l only -d 'Only one part, by the child that looks as the service does' -r -f -a "rights\t'What the rights of the user decide'
network\t'What the network and AWS say'"
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand doctor" -l json -d 'One JSON object for each look'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand doctor" -l offline -d 'Ask neither instance metadata nor AWS'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand bundle" -l config -d 'The configuration file, or ssm:NAME[,NAME...] for parameters of SSM that are joined; else /etc/plimsoll/agent.toml, or the configurations that `ctl` has fetched where that file is not' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand bundle" -l cloudwatch-agent-config -d 'The amazon-cloudwatch-agent\'s configuration instead: a JSON file, a directory of them, or ssm:NAME for a parameter of SSM' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand bundle" -l output -d 'The archive; else plimsoll-agent-TIME.tar.gz in this directory. An existing file is kept' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand bundle" -s h -l help -d 'Print help'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand status" -l config -d 'The configuration file, or ssm:NAME[,NAME...] for parameters of SSM that are joined; else /etc/plimsoll/agent.toml, or the configurations that `ctl` has fetched where that file is not' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand status" -l cloudwatch-agent-config -d 'The amazon-cloudwatch-agent\'s configuration instead: a JSON file, a directory of them, or ssm:NAME for a parameter of SSM' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand status" -l socket -d 'The agent\'s socket; else what the configuration says, and where it usually is' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand status" -l json -d 'One JSON object, with all that is known'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand status" -s h -l help -d 'Print help'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand top" -l config -d 'The configuration file, or ssm:NAME[,NAME...] for parameters of SSM that are joined; else /etc/plimsoll/agent.toml, or the configurations that `ctl` has fetched where that file is not' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand top" -l cloudwatch-agent-config -d 'The amazon-cloudwatch-agent\'s configuration instead: a JSON file, a directory of them, or ssm:NAME for a parameter of SSM' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand top" -l socket -d 'The agent\'s socket; else what the configuration says, and where it usually is' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand top" -l once -d 'Print one picture, after a second, and end'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand top" -s h -l help -d 'Print help'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand tap" -l config -d 'The configuration file, or ssm:NAME[,NAME...] for parameters of SSM that are joined; else /etc/plimsoll/agent.toml, or the configurations that `ctl` has fetched where that file is not' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand tap" -l cloudwatch-agent-config -d 'The amazon-cloudwatch-agent\'s configuration instead: a JSON file, a directory of them, or ssm:NAME for a parameter of SSM' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand tap" -l socket -d 'The agent\'s socket; else what the configuration says, and where it usually is' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand tap" -l filter -d 'Only records in which this regular expression is found: in the text of events, in the JSON of others' -r
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand tap" -l limit -d 'End after so many records' -r
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand tap" -l json -d 'One JSON object a line'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand tap" -s h -l help -d 'Print help'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand policy" -l config -d 'The configuration file, or ssm:NAME[,NAME...] for parameters of SSM that are joined; else /etc/plimsoll/agent.toml, or the configurations that `ctl` has fetched where that file is not' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand policy" -l cloudwatch-agent-config -d 'The amazon-cloudwatch-agent\'s configuration instead: a JSON file, a directory of them, or ssm:NAME for a parameter of SSM' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand policy" -l account -d 'The account of the resources, twelve digits; else any' -r
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand policy" -l region -d 'Their Region; else any' -r
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand policy" -l partition -d 'Their partition; else that of the Region, or aws' -r
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand policy" -l kms-key -d 'The ARN of a KMS key that parameters of the configuration are encrypted with; may be given several times' -r
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand policy" -l all -d 'Everything that the agent can ever need, whatever is configured'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand policy" -s h -l help -d 'Print help'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand migrate" -l output -d 'Where to write the configuration, which must not exist; else it goes to standard output and the report to standard error' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand migrate" -s h -l help -d 'Print help'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and not __fish_seen_subcommand_from ls show retry purge" -s h -l help -d 'Print help'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and not __fish_seen_subcommand_from ls show retry purge" -f -a "ls" -d 'One line for each event: number, time, reason, group, stream, and how it begins'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and not __fish_seen_subcommand_from ls show retry purge" -f -a "show" -d 'Events with everything that is known of them'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and not __fish_seen_subcommand_from ls show retry purge" -f -a "retry" -d 'Send events again. Those that are accepted are taken out, the rest stays'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and not __fish_seen_subcommand_from ls show retry purge" -f -a "purge" -d 'Throw events away'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from ls" -l config -d 'The configuration file, or ssm:NAME[,NAME...] for parameters of SSM that are joined; else /etc/plimsoll/agent.toml, or the configurations that `ctl` has fetched where that file is not' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from ls" -l cloudwatch-agent-config -d 'The amazon-cloudwatch-agent\'s configuration instead: a JSON file, a directory of them, or ssm:NAME for a parameter of SSM' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from ls" -l group -d 'Only events for this log group' -r
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from ls" -l stream -d 'Only events for this log stream' -r
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from ls" -l reason -d 'Only events that were refused for this: `too_old`, `too_new`, `expired` or `rejected`' -r -f -a "too_old\t''
too_new\t''
expired\t''
rejected\t''"
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from ls" -l since -d 'Only events that happened since then: a time such as 2026-11-24T12:00:00Z, or how long ago, such as 2h' -r
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from ls" -l json -d 'One JSON object a line'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from show" -l config -d 'The configuration file, or ssm:NAME[,NAME...] for parameters of SSM that are joined; else /etc/plimsoll/agent.toml, or the configurations that `ctl` has fetched where that file is not' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from show" -l cloudwatch-agent-config -d 'The amazon-cloudwatch-agent\'s configuration instead: a JSON file, a directory of them, or ssm:NAME for a parameter of SSM' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from show" -l group -d 'Only events for this log group' -r
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from show" -l stream -d 'Only events for this log stream' -r
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from show" -l reason -d 'Only events that were refused for this: `too_old`, `too_new`, `expired` or `rejected`' -r -f -a "too_old\t''
too_new\t''
expired\t''
rejected\t''"
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from show" -l since -d 'Only events that happened since then: a time such as 2026-11-24T12:00:00Z, or how long ago, such as 2h' -r
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from show" -l json -d 'One JSON object a line'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from retry" -l config -d 'The configuration file, or ssm:NAME[,NAME...] for parameters of SSM that are joined; else /etc/plimsoll/agent.toml, or the configurations that `ctl` has fetched where that file is not' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from retry" -l cloudwatch-agent-config -d 'The amazon-cloudwatch-agent\'s configuration instead: a JSON file, a directory of them, or ssm:NAME for a parameter of SSM' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from retry" -l group -d 'Only events for this log group' -r
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from retry" -l stream -d 'Only events for this log stream' -r
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from retry" -l reason -d 'Only events that were refused for this: `too_old`, `too_new`, `expired` or `rejected`' -r -f -a "too_old\t''
too_new\t''
expired\t''
rejected\t''"
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from retry" -l since -d 'Only events that happened since then: a time such as 2026-11-24T12:00:00Z, or how long ago, such as 2h' -r
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from retry" -l json -d 'One JSON object a line'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from retry" -l now -d 'Stamp the events with the time of the retry instead of their own, so that those that are too old are taken'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from retry" -s h -l help -d 'Print help'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l config -d 'The configuration file, or ssm:NAME[,NAME...] for parameters of SSM that are joined; else /etc/plimsoll/agent.toml, or the configurations that `ctl` has fetched where that file is not' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l cloudwatch-agent-config -d 'The amazon-cloudwatch-agent\'s configuration instead: a JSON file, a directory of them, or ssm:NAME for a parameter of SSM' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l group -d 'Only events for this log group' -r
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l stream -d 'Only events for this log stream' -r
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l reason -d 'Only events that were refused for this: `too_old`, `too_new`, `expired` or `rejected`' -r -f -a "too_old\t''
too_new\t''
expired\t''
rejected\t''"
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l since -d 'Only events that happened since then: a time such as 2026-11-24T12:00:00Z, or how long ago, such as 2h' -r
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l json -d 'One JSON object a line'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from purge" -l yes -d 'Throw everything away when nothing is chosen'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand dlq; and __fish_seen_subcommand_from purge" -s h -l help -d 'Print help'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand positions; and not __fish_seen_subcommand_from ls reset" -s h -l help -d 'Print help'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand positions; and not __fish_seen_subcommand_from ls reset" -f -a "ls" -d 'Tell how far each file has been delivered. Works while the agent runs'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand positions; and not __fish_seen_subcommand_from ls reset" -f -a "reset" -d 'Set where reading goes on. The agent must be stopped'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand positions; and __fish_seen_subcommand_from ls" -l config -d 'The configuration file, or ssm:NAME[,NAME...] for parameters of SSM that are joined; else /etc/plimsoll/agent.toml, or the configurations that `ctl` has fetched where that file is not' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand positions; and __fish_seen_subcommand_from ls" -l cloudwatch-agent-config -d 'The amazon-cloudwatch-agent\'s configuration instead: a JSON file, a directory of them, or ssm:NAME for a parameter of SSM' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand positions; and __fish_seen_subcommand_from ls" -l json -d 'One JSON object a line'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand positions; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand positions; and __fish_seen_subcommand_from reset" -l config -d 'The configuration file, or ssm:NAME[,NAME...] for parameters of SSM that are joined; else /etc/plimsoll/agent.toml, or the configurations that `ctl` has fetched where that file is not' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand positions; and __fish_seen_subcommand_from reset" -l cloudwatch-agent-config -d 'The amazon-cloudwatch-agent\'s configuration instead: a JSON file, a directory of them, or ssm:NAME for a parameter of SSM' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand positions; and __fish_seen_subcommand_from reset" -l to -d '`beginning` (everything is sent again), `end` (what is not sent yet never will be), or the offset of the first byte of a line' -r
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand positions; and __fish_seen_subcommand_from reset" -l all -d 'Every file that is followed'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand positions; and __fish_seen_subcommand_from reset" -l json -d 'One JSON object a line'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand positions; and __fish_seen_subcommand_from reset" -s h -l help -d 'Print help'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand seal" -l config -d 'The configuration file, or ssm:NAME[,NAME...] for parameters of SSM that are joined; else /etc/plimsoll/agent.toml, or the configurations that `ctl` has fetched where that file is not' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand seal" -l cloudwatch-agent-config -d 'The amazon-cloudwatch-agent\'s configuration instead: a JSON file, a directory of them, or ssm:NAME for a parameter of SSM' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand seal" -l dry-run -d 'Tell what would be removed, and remove nothing'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand seal" -l discard -d 'Remove also what was not sent yet: refused events, metrics and events of the instance\'s life'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand seal" -s h -l help -d 'Print help'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand signal; and not __fish_seen_subcommand_from list test explain" -s h -l help -d 'Print help'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand signal; and not __fish_seen_subcommand_from list test explain" -f -a "list" -d 'Each signal with its expression and probes, and what all of them cost'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand signal; and not __fish_seen_subcommand_from list test explain" -f -a "test" -d 'What a signal would say if its metrics were as given; it fails when the signal would be withheld'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand signal; and not __fish_seen_subcommand_from list test explain" -f -a "explain" -d 'What a signal is computed from, what withholds it, and the policy that fits it'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand signal; and __fish_seen_subcommand_from list" -l config -d 'The configuration file, or ssm:NAME[,NAME...] for parameters of SSM that are joined; else /etc/plimsoll/agent.toml, or the configurations that `ctl` has fetched where that file is not' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand signal; and __fish_seen_subcommand_from list" -l cloudwatch-agent-config -d 'The amazon-cloudwatch-agent\'s configuration instead: a JSON file, a directory of them, or ssm:NAME for a parameter of SSM' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand signal; and __fish_seen_subcommand_from list" -l json -d 'One JSON object for machines to read'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand signal; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand signal; and __fish_seen_subcommand_from test" -l with -d 'A metric as `explain` prints it, and its value: `--with cpu_usage_active=72`' -r
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand signal; and __fish_seen_subcommand_from test" -l config -d 'The configuration file, or ssm:NAME[,NAME...] for parameters of SSM that are joined; else /etc/plimsoll/agent.toml, or the configurations that `ctl` has fetched where that file is not' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand signal; and __fish_seen_subcommand_from test" -l cloudwatch-agent-config -d 'The amazon-cloudwatch-agent\'s configuration instead: a JSON file, a directory of them, or ssm:NAME for a parameter of SSM' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand signal; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand signal; and __fish_seen_subcommand_from explain" -l config -d 'The configuration file, or ssm:NAME[,NAME...] for parameters of SSM that are joined; else /etc/plimsoll/agent.toml, or the configurations that `ctl` has fetched where that file is not' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand signal; and __fish_seen_subcommand_from explain" -l cloudwatch-agent-config -d 'The amazon-cloudwatch-agent\'s configuration instead: a JSON file, a directory of them, or ssm:NAME for a parameter of SSM' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand signal; and __fish_seen_subcommand_from explain" -s h -l help -d 'Print help'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand ctl" -s a -d 'What to do' -r -f -a "start\t'Start the service, with the built-in configuration if there is none'
stop\t'Stop the service'
status\t'Tell what the service is doing, as JSON'
fetch-config\t'Take this configuration and no other'
append-config\t'Take this configuration besides the others'
remove-config\t'Take this configuration away'
set-log-level\t'Set what the agent says about itself'
set-env\t'Set a variable of the agent'
prep-restart\t'Note that the service runs, before a package replaces it'
cond-restart\t'Start the service if that was noted'
preun\t'Stop the service before a package removes it'"
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand ctl" -s m -d 'Where this host is' -r -f -a "ec2\t'On EC2'
onPremise\t'Elsewhere'
auto\t'Wherever instance metadata says'"
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand ctl" -s c -d '`default`, `ssm:NAME` (a parameter), `file:PATH`, or `all` with remove-config' -r
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand ctl" -s l -d 'INFO, DEBUG, WARN, ERROR or OFF, with set-log-level' -r
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand ctl" -s e -d 'KEY=VALUE, with set-env' -r
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand ctl" -l directory -d 'The directory of configurations' -r -F
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand ctl" -s s -d 'Start the service again afterwards'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand ctl" -s d -d 'Ask endpoints that have IPv6'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand ctl" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c plimsoll-agent -n "__fish_plimsoll_agent_using_subcommand version" -s h -l help -d 'Print help'
