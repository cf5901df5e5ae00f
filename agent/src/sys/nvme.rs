//! A log page of an NVMe device, by `NVME_IOCTL_ADMIN_CMD`.
//!
//! The kernel lets only who has `CAP_SYS_ADMIN` send such a command.
//! Source: Linux, `include/uapi/linux/nvme_ioctl.h`; NVM Express Base Specification 2.0, section
//! 5.16, Get Log Page.
#![expect(unsafe_code, reason = "ioctl has no safe wrapper")]

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// `_IOWR('N', 0x41, struct nvme_admin_cmd)`.
const NVME_IOCTL_ADMIN_CMD: libc::c_ulong = 0xc048_4e41;
const GET_LOG_PAGE: u8 = 0x02;
/// EC2 gives each volume a controller with this one namespace.
const NAMESPACE: u32 = 1;
/// How long the kernel waits for the device.
const TIMEOUT_MS: u32 = 1000;

/// `struct nvme_admin_cmd`.
#[repr(C)]
#[derive(Default)]
struct AdminCommand {
    opcode: u8,
    flags: u8,
    reserved: u16,
    nsid: u32,
    cdw2: u32,
    cdw3: u32,
    metadata: u64,
    addr: u64,
    metadata_len: u32,
    data_len: u32,
    cdw10: u32,
    cdw11: u32,
    cdw12: u32,
    cdw13: u32,
    cdw14: u32,
    cdw15: u32,
    timeout_ms: u32,
    result: u32,
}

/// Reads the log page `page` of a device. `out` is a whole number of words of four bytes.
///
/// # Errors
/// `EACCES` or `EPERM` without `CAP_SYS_ADMIN`; `InvalidData` when the device refuses.
pub(crate) fn log_page(device: impl AsFd, page: u8, out: &mut [u8]) -> io::Result<()> {
    let length = u32::try_from(out.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // The number of words is counted from zero, and its lower half stands here.
    let words = (length / 4)
        .checked_sub(1)
        .filter(|words| u16::try_from(*words).is_ok())
        .ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = AdminCommand {
        opcode: GET_LOG_PAGE,
        nsid: NAMESPACE,
        addr: u64::try_from(out.as_mut_ptr().addr()).map_err(|_| io::ErrorKind::InvalidInput)?,
        data_len: length,
        cdw10: u32::from(page) | words << 16,
        timeout_ms: TIMEOUT_MS,
        ..AdminCommand::default()
    };
    out.as_mut_ptr().expose_provenance();
    // SAFETY: the descriptor is open while the device is borrowed. The command has the layout that
    // the kernel expects and outlives the call, and so does the memory that it points to, which is
    // as long as it says.
    let answer = unsafe {
        libc::ioctl(
            device.as_fd().as_raw_fd(),
            NVME_IOCTL_ADMIN_CMD as _,
            &raw mut command,
        )
    };
    match answer {
        0 => Ok(()),
        // A status of the device.
        1.. => Err(io::ErrorKind::InvalidData.into()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn the_command_is_as_long_as_the_kernels() {
        // The third byte of the number of the request says so.
        assert_eq!(size_of::<AdminCommand>(), 0x48);
    }

    #[test]
    fn what_is_no_such_device_refuses_and_a_bad_length_is_not_asked_for() {
        let file = File::open("/dev/null").unwrap();
        assert!(log_page(&file, 0xd0, &mut [0; 4096]).is_err());
        for length in [0, 3, 4 * (usize::from(u16::MAX) + 2)] {
            let error = log_page(&file, 0xd0, &mut vec![0; length]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{length}");
        }
    }
}
