//! The families as the amazon-cloudwatch-agent tells them: its names, units, dimensions and
//! deltas, so that alarms, dashboards and scaling policies that were made for it go on.
//!
//! Only what is told differs. What the host says is read once for both styles, by the same parsers.
//! Counters become what was added since the tick before; the first tick, and one after a counter
//! began anew, give nothing. All names of a family are told; the configuration chooses among them.
//! Families that it does not have are told as always.
//! Source: CloudWatch user guide, "Metrics collected by the CloudWatch agent on Linux".

mod cpu;
mod disk;
mod memory;
mod traffic;

use super::snapshot::{Input, Snapshot};
use super::{Family, ScrapeError, Scraper, Selection};
use crate::sample::{Sample, as_value};

use plimsoll_core::catalog::cwagent as catalog;

/// The scraper of a family in this style; `None` of a family that it does not have.
pub(super) fn scraper(family: Family, selection: &Selection) -> Option<Box<dyn Scraper>> {
    Some(match family {
        Family::Cpu => Box::new(cpu::Cpu::new(selection.cpu)),
        Family::Memory => Box::new(memory::Memory),
        Family::Swap => Box::new(memory::Swap),
        Family::Disk => Box::new(disk::Disk::new(selection.mounts.drop_device)),
        Family::DiskIo => Box::new(traffic::DiskIo::new(selection.devices.clone())),
        Family::Net => Box::new(traffic::Net::new(selection.interfaces.clone())),
        Family::Netstat => Box::new(Netstat),
        Family::Processes => Box::new(Processes),
        _ => return None,
    })
}

/// What the families of this style read; `None` of a family that it does not have.
pub(super) fn inputs(family: Family) -> Option<&'static [Input]> {
    Some(match family {
        Family::Cpu => &[Input::Stat],
        Family::Memory | Family::Swap => &[Input::Meminfo],
        Family::Disk => &[Input::Mounts, Input::DeviceNames],
        Family::DiskIo => &[Input::Diskstats],
        Family::Net => &[Input::NetDev, Input::Interfaces],
        Family::Netstat => &[Input::Sockets],
        Family::Processes => &[Input::Processes],
        _ => return None,
    })
}

/// The family `netstat`: sockets by state. This is the one that costs with the number of sockets.
#[derive(Debug, Default)]
struct Netstat;

impl Scraper for Netstat {
    fn scrape(&mut self, now: &Snapshot, out: &mut Vec<Sample>) -> Result<(), ScrapeError> {
        let sockets = now.sockets()?;
        // In the order of the kernel's numbers, with what is no state first. 12 is a connection
        // that a listener has not accepted, which the kernel itself tells as received.
        let [
            none,
            established,
            syn_sent,
            syn_recv,
            fin_wait1,
            fin_wait2,
            time_wait,
            close,
            close_wait,
            last_ack,
            listen,
            closing,
            new_syn_recv,
        ] = sockets.tcp;
        let told = [
            (&catalog::CW_NETSTAT_TCP_ESTABLISHED, established),
            (&catalog::CW_NETSTAT_TCP_SYN_SENT, syn_sent),
            (&catalog::CW_NETSTAT_TCP_SYN_RECV, syn_recv + new_syn_recv),
            (&catalog::CW_NETSTAT_TCP_FIN_WAIT1, fin_wait1),
            (&catalog::CW_NETSTAT_TCP_FIN_WAIT2, fin_wait2),
            (&catalog::CW_NETSTAT_TCP_TIME_WAIT, time_wait),
            (&catalog::CW_NETSTAT_TCP_CLOSE, close),
            (&catalog::CW_NETSTAT_TCP_CLOSE_WAIT, close_wait),
            (&catalog::CW_NETSTAT_TCP_LAST_ACK, last_ack),
            (&catalog::CW_NETSTAT_TCP_LISTEN, listen),
            (&catalog::CW_NETSTAT_TCP_CLOSING, closing),
            (&catalog::CW_NETSTAT_TCP_NONE, none),
            (&catalog::CW_NETSTAT_UDP_SOCKET, sockets.udp),
        ];
        out.extend(told.map(|(metric, count)| Sample::new(metric, as_value(count))));
        Ok(())
    }
}

/// The family `processes`.
#[derive(Debug, Default)]
struct Processes;

impl Scraper for Processes {
    fn scrape(&mut self, now: &Snapshot, out: &mut Vec<Sample>) -> Result<(), ScrapeError> {
        let counts = now.processes()?;
        let told = [
            (&catalog::CW_PROCESSES_BLOCKED, counts.blocked),
            (&catalog::CW_PROCESSES_DEAD, counts.dead),
            (&catalog::CW_PROCESSES_IDLE, counts.idle),
            (&catalog::CW_PROCESSES_PAGING, counts.paging),
            (&catalog::CW_PROCESSES_RUNNING, counts.running),
            (&catalog::CW_PROCESSES_SLEEPING, counts.sleeping),
            (&catalog::CW_PROCESSES_STOPPED, counts.stopped),
            (&catalog::CW_PROCESSES_TOTAL, counts.total),
            (&catalog::CW_PROCESSES_TOTAL_THREADS, counts.threads),
            (&catalog::CW_PROCESSES_WAIT, 0),
            (&catalog::CW_PROCESSES_ZOMBIES, counts.zombies),
        ];
        out.extend(told.map(|(metric, count)| Sample::new(metric, as_value(count))));
        Ok(())
    }
}
