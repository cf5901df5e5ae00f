# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_plimsoll_collector_global_optspecs
    string join \n h/help V/version
end

function __fish_plimsoll_collector_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_plimsoll_collector_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_plimsoll_collector_using_subcommand
    set -l cmd (__fish_plimsoll_collector_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c plimsoll-collector -n "__fish_plimsoll_collector_needs_command" -s h -l help -d 'Print help'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_needs_command" -s V -l version -d 'Print version'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_needs_command" -f -a "run" -d 'Read the sources until SIGTERM or SIGINT, then finish what was read and end. SIGHUP has the configuration and the rules read again'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_needs_command" -f -a "validate" -d 'Tell every mistake of the configuration and of the rules, and what this machine would refuse to this user. Sends nothing'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_needs_command" -f -a "doctor" -d 'Look for what keeps the collector from doing its work on this host, and tell the remedy of each: unit, files, rules, disk, clock, instance metadata, credentials, each call. Changes nothing'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_needs_command" -f -a "bundle" -d 'Gather what someone who helps wants to see into one archive, without secrets. Sends nothing'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_needs_command" -f -a "status" -d 'Tell how the running collector is: what it reads and tells, what fails and since when'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_needs_command" -f -a "plan" -d 'Show how alarms and the dashboard differ from what they should be. Changes nothing'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_needs_command" -f -a "policy" -d 'Print the rights in AWS that the configuration needs, as a document for IAM; without a configuration, all that the collector can ever need. Changes nothing'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_needs_command" -f -a "investigate" -d 'Look for attacks in CloudTrail events that lie in files. Calls nothing, and needs no configuration'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_needs_command" -f -a "backtest" -d 'Show what scaling policies would have made of a load that was. Calls nothing'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_needs_command" -f -a "version" -d 'Print the version'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand run" -l config -d 'The configuration file' -r -F
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand run" -l once -d 'Read every source once, send what is to be told, and end'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand run" -s h -l help -d 'Print help'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand validate" -l config -d 'The configuration file' -r -F
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand validate" -l syntax -d 'Read configuration and rules alone: run no tests of rules, and ask for no region'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand validate" -s h -l help -d 'Print help'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand doctor" -l config -d 'The configuration file' -r -F
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand doctor" -l only -d 'Only one part, by the child that looks as the service does' -r -f -a "rights\t'What the rights of the user decide'
network\t'What the network and AWS say'"
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand doctor" -l json -d 'One JSON object for each look'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand doctor" -l offline -d 'Ask neither instance metadata nor AWS'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand doctor" -l paid -d 'Also ask what is paid for: one question to Cost Explorer, US$0.01'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand bundle" -l config -d 'The configuration file' -r -F
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand bundle" -l output -d 'The archive; else plimsoll-collector-TIME.tar.gz in this directory. An existing file is kept' -r -F
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand bundle" -s h -l help -d 'Print help'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand status" -l config -d 'The configuration file' -r -F
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand status" -l socket -d 'The collector\'s socket; else what the configuration says, and where it usually is' -r -F
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand status" -l json -d 'One JSON object, with all that is known'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand status" -s h -l help -d 'Print help'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand plan" -l config -d 'The configuration file' -r -F
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand plan" -s h -l help -d 'Print help'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand policy" -l config -d 'The configuration file; else /etc/plimsoll/collector.toml, if it is there' -r -F
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand policy" -l account -d 'The account of the resources, twelve digits; else any' -r
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand policy" -l region -d 'Their Region; else any' -r
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand policy" -l partition -d 'Their partition; else that of the Region, or aws' -r
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand policy" -l bucket -d 'The bucket of the trail or of findings, with the prefix before `AWSLogs/` if there is one; may be given several times' -r
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand policy" -l kms-key -d 'The ARN of a KMS key that encrypts trail, queues or topics; may be given several times' -r
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand policy" -l all -d 'Everything that the collector can ever need, whatever is configured'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand policy" -l list-bucket -d 'Let buckets be listed, so that an object that is gone is told from one that is denied'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand policy" -s h -l help -d 'Print help'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand investigate" -l rules -d 'Rules of this directory besides those that are built in; one with the id of a built-in rule takes its place' -r -F
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand investigate" -l min-severity -d 'Leave out what is less severe' -r
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand investigate" -l home-region -d 'A Region in use, so that others are new at once; may be given again. Else Regions are learned from the first seven days of the events' -r
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand investigate" -l json -d 'One JSON object for each finding'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand investigate" -s h -l help -d 'Print help'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand backtest" -l scenario -d 'A TOML file with the group and the alternatives; it may name the history' -r -F
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand backtest" -l target -d 'What one instance should carry, in the unit of the history' -r
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand backtest" -l policy -d 'Input of `aws autoscaling put-scaling-policy` with target tracking, each an alternative of its own. None: target tracking at --target, by three signals' -r -F
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand backtest" -l instance-type -d 'Instance type, for its price' -r
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand backtest" -l spot-prices -d 'Output of `aws ec2 describe-spot-price-history`' -r -F
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand backtest" -l min -d 'Fewest instances' -r
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand backtest" -l max -d 'Most instances' -r
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand backtest" -l start-up -d 'From the launch of an instance to its service. Default: 90s' -r
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand backtest" -l warm-up -d 'From service until an instance carries its full share. Default: 60s' -r
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand backtest" -l allow-minutes -d 'Minutes over the target that a suggestion may have. Default: 1 % of the history' -r
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand backtest" -l svg -d 'Write a plot' -r -F
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand backtest" -l per-instance -d 'Values of the history are averages of its instances, with the capacity in a third column'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand backtest" -l suggest -d 'Look for better parameters, and print them as input for the AWS CLI'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand backtest" -l json -d 'Print JSON instead of the table'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand backtest" -s h -l help -d 'Print help'
complete -c plimsoll-collector -n "__fish_plimsoll_collector_using_subcommand version" -s h -l help -d 'Print help'
