//! The metrics that the amazon-cloudwatch-agent knows on Linux, by the section that asks for them.
//!
//! Source: its `translator/translate/metrics/config/registered_metrics.go`.

/// A section of `metrics_collected` that measures the host.
#[derive(Debug)]
pub(super) struct Plugin {
    /// The key of the section.
    pub(super) key: &'static str,
    /// What the names of its metrics begin with, before an underscore.
    pub(super) prefix: &'static str,
    /// The scraper that measures it here.
    pub(super) family: &'static str,
    /// Its metrics, without the prefix.
    pub(super) fields: &'static [&'static str],
}

const GPU: &[&str] = &[
    "utilization_gpu",
    "utilization_memory",
    "temperature_gpu",
    "power_draw",
    "fan_speed",
    "memory_total",
    "memory_used",
    "memory_free",
    "pcie_link_gen_current",
    "pcie_link_width_current",
    "encoder_stats_session_count",
    "encoder_stats_average_fps",
    "encoder_stats_average_latency",
    "clocks_current_graphics",
    "clocks_current_sm",
    "clocks_current_memory",
    "clocks_current_video",
];

/// All of them, `procstat` aside.
pub(super) const PLUGINS: &[Plugin] = &[
    Plugin {
        key: "cpu",
        prefix: "cpu",
        family: "cpu",
        fields: &[
            "time_active",
            "time_guest",
            "time_guest_nice",
            "time_idle",
            "time_iowait",
            "time_irq",
            "time_nice",
            "time_softirq",
            "time_steal",
            "time_system",
            "time_user",
            "usage_active",
            "usage_guest",
            "usage_guest_nice",
            "usage_idle",
            "usage_iowait",
            "usage_irq",
            "usage_nice",
            "usage_softirq",
            "usage_steal",
            "usage_system",
            "usage_user",
        ],
    },
    Plugin {
        key: "mem",
        prefix: "mem",
        family: "memory",
        fields: &[
            "active",
            "available",
            "available_percent",
            "buffered",
            "cached",
            "free",
            "inactive",
            "shared",
            "total",
            "used",
            "used_percent",
        ],
    },
    Plugin {
        key: "swap",
        prefix: "swap",
        family: "swap",
        fields: &["free", "used", "used_percent"],
    },
    Plugin {
        key: "disk",
        prefix: "disk",
        family: "disk",
        fields: &[
            "free",
            "inodes_free",
            "inodes_total",
            "inodes_used",
            "total",
            "used",
            "used_percent",
        ],
    },
    Plugin {
        key: "diskio",
        prefix: "diskio",
        family: "diskio",
        fields: &[
            "iops_in_progress",
            "io_time",
            "reads",
            "read_bytes",
            "read_time",
            "writes",
            "write_bytes",
            "write_time",
        ],
    },
    Plugin {
        key: "net",
        prefix: "net",
        family: "net",
        fields: &[
            "bytes_sent",
            "bytes_recv",
            "drop_in",
            "drop_out",
            "err_in",
            "err_out",
            "packets_sent",
            "packets_recv",
        ],
    },
    Plugin {
        key: "netstat",
        prefix: "netstat",
        family: "netstat",
        fields: &[
            "tcp_close",
            "tcp_close_wait",
            "tcp_closing",
            "tcp_established",
            "tcp_fin_wait1",
            "tcp_fin_wait2",
            "tcp_last_ack",
            "tcp_listen",
            "tcp_none",
            "tcp_syn_sent",
            "tcp_syn_recv",
            "tcp_time_wait",
            "udp_socket",
        ],
    },
    Plugin {
        key: "processes",
        prefix: "processes",
        family: "processes",
        fields: &[
            "blocked",
            "dead",
            "idle",
            "paging",
            "running",
            "sleeping",
            "stopped",
            "total",
            "total_threads",
            "wait",
            "zombies",
        ],
    },
    Plugin {
        key: "nvidia_gpu",
        prefix: "nvidia_smi",
        family: "nvidia_gpu",
        fields: GPU,
    },
    Plugin {
        key: "nvidia_smi",
        prefix: "nvidia_smi",
        family: "nvidia_gpu",
        fields: GPU,
    },
];

/// What the section `diskio` may ask of `NVMe` devices as well.
pub(super) const NVME: Plugin = Plugin {
    key: "diskio",
    prefix: "diskio",
    family: "nvme",
    fields: &[
        "ebs_total_read_ops",
        "ebs_total_write_ops",
        "ebs_total_read_bytes",
        "ebs_total_write_bytes",
        "ebs_total_read_time",
        "ebs_total_write_time",
        "ebs_volume_performance_exceeded_iops",
        "ebs_volume_performance_exceeded_tp",
        "ebs_ec2_instance_performance_exceeded_iops",
        "ebs_ec2_instance_performance_exceeded_tp",
        "ebs_volume_queue_length",
        "instance_store_total_read_ops",
        "instance_store_total_write_ops",
        "instance_store_total_read_bytes",
        "instance_store_total_write_bytes",
        "instance_store_total_read_time",
        "instance_store_total_write_time",
        "instance_store_performance_exceeded_iops",
        "instance_store_performance_exceeded_tp",
        "instance_store_volume_queue_length",
    ],
};

/// What a section `procstat` may ask for.
pub(super) const PROCSTAT: Plugin = Plugin {
    key: "procstat",
    prefix: "procstat",
    family: "procstat",
    fields: &[
        "cpu_time",
        "cpu_time_guest",
        "cpu_time_guest_nice",
        "cpu_time_idle",
        "cpu_time_iowait",
        "cpu_time_irq",
        "cpu_time_nice",
        "cpu_time_soft_irq",
        "cpu_time_steal",
        "cpu_time_stolen",
        "cpu_time_system",
        "cpu_time_user",
        "cpu_usage",
        "involuntary_context_switches",
        "memory_data",
        "memory_locked",
        "memory_rss",
        "memory_stack",
        "memory_swap",
        "memory_vms",
        "nice_priority",
        "num_fds",
        "num_threads",
        "pid",
        "pid_count",
        "read_bytes",
        "read_count",
        "realtime_priority",
        "rlimit_cpu_time_hard",
        "rlimit_cpu_time_soft",
        "rlimit_file_locks_hard",
        "rlimit_file_locks_soft",
        "rlimit_memory_data_hard",
        "rlimit_memory_data_soft",
        "rlimit_memory_locked_hard",
        "rlimit_memory_locked_soft",
        "rlimit_memory_rss_hard",
        "rlimit_memory_rss_soft",
        "rlimit_memory_stack_hard",
        "rlimit_memory_stack_soft",
        "rlimit_memory_vms_hard",
        "rlimit_memory_vms_soft",
        "rlimit_nice_priority_hard",
        "rlimit_nice_priority_soft",
        "rlimit_num_fds_hard",
        "rlimit_num_fds_soft",
        "rlimit_realtime_priority_hard",
        "rlimit_realtime_priority_soft",
        "rlimit_signals_pending_hard",
        "rlimit_signals_pending_soft",
        "signals_pending",
        "voluntary_context_switches",
        "write_bytes",
        "write_count",
    ],
};

impl Plugin {
    /// The section of that key.
    pub(super) fn of(key: &str) -> Option<&'static Self> {
        PLUGINS.iter().find(|plugin| plugin.key == key)
    }

    /// The field that a name asks for, with or without the prefix.
    pub(super) fn field(&self, name: &str) -> Option<&'static str> {
        let known = |name: &str| self.fields.iter().copied().find(|field| *field == name);
        let bare = name
            .strip_prefix(self.prefix)
            .and_then(|rest| rest.strip_prefix('_'));
        known(name).or_else(|| known(bare?))
    }

    /// The name that CloudWatch gets. Source: the amazon-cloudwatch-agent's `internal/metric`.
    pub(super) fn metric(&self, field: &str) -> String {
        let field = if (self.key, field) == ("procstat", "pid_count") {
            "lookup_pid_count"
        } else {
            field
        };
        format!("{}_{field}", self.prefix)
    }
}
