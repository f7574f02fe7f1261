//! Serial ports.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{FlockOperation, Mode, OFlags, flock, fstat, major, open as open_file};
use rustix::io::Errno;
use rustix::termios::{
    ControlModes, InputModes, OptionalActions, QueueSelector, Termios, ioctl_tiocexcl, ioctl_tiocnxcl, tcflush,
    tcgetattr, tcsetattr,
};

use super::PortFault;
use crate::thing::{DataBits, FlowControl, Parity, SerialPort, StopBits};

/// A serial port that this program has for itself.
#[derive(Debug)]
pub(super) struct Serial(File);

impl Serial {
    pub(super) fn file(&self) -> &File {
        &self.0
    }
}

impl Drop for Serial {
    fn drop(&mut self) {
        // Closing waits for bytes that a device does not take; and a port that others have open too would stay closed to
        // everybody. One that was unplugged can do neither, and need not.
        let _ = tcflush(&self.0, QueueSelector::IOFlush);
        let _ = ioctl_tiocnxcl(&self.0);
    }
}

pub(super) fn open(port: &SerialPort) -> Result<Serial, PortFault> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = open_file(&port.path, flags, Mode::empty()).map_err(fault)?;
    // Both: the superuser is let in though it is exclusive, and others may not ask for the lock.
    flock(&fd, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
        Errno::WOULDBLOCK => PortFault::InUse,
        error => fault(error),
    })?;
    let mut settings = tcgetattr(&fd).map_err(|error| match error {
        Errno::NOTTY | Errno::INVAL => PortFault::NotSerial,
        error => fault(error),
    })?;
    if !is_played(&fd) {
        ioctl_tiocexcl(&fd).map_err(fault)?;
    }
    let serial = Serial(fd.into());
    set(&mut settings, port)?;
    tcsetattr(&serial.0, OptionalActions::Flush, &settings).map_err(|error| match error {
        Errno::INVAL => PortFault::Setting { what: format!("{} baud with these settings", port.baud) },
        error => fault(error),
    })?;
    // It succeeds when any of the settings was taken.
    let taken = tcgetattr(&serial.0).map_err(fault)?;
    if is_near(taken.output_speed(), port.baud) {
        Ok(serial)
    } else {
        Err(PortFault::Setting { what: format!("{} baud", port.baud) })
    }
}

/// A divisor seldom gives exactly what was asked for, and what is said of it may be either; 3 % can be read.
fn is_near(speed: u32, baud: u32) -> bool {
    u64::from(speed.abs_diff(baud)) * 100 <= u64::from(baud) * 3
}

/// Whether a program is at the other end. The mark of an exclusive terminal stays for as long as that program has it,
/// also when the one that made the mark was killed.
fn is_played(fd: &OwnedFd) -> bool {
    let majors = 136..=143;
    fstat(fd).is_ok_and(|stat| cfg!(target_os = "linux") && majors.contains(&major(stat.st_rdev)))
}

fn set(settings: &mut Termios, port: &SerialPort) -> Result<(), PortFault> {
    settings.make_raw();
    let control = &mut settings.control_modes;
    control.remove(
        ControlModes::CSIZE
            | ControlModes::PARENB
            | ControlModes::PARODD
            | ControlModes::CSTOPB
            | ControlModes::CRTSCTS,
    );
    control.insert(ControlModes::CREAD | ControlModes::CLOCAL);
    control.insert(match port.data_bits {
        DataBits::Seven => ControlModes::CS7,
        DataBits::Eight => ControlModes::CS8,
    });
    control.insert(match port.parity {
        Parity::None => ControlModes::empty(),
        Parity::Even => ControlModes::PARENB,
        Parity::Odd => ControlModes::PARENB | ControlModes::PARODD,
    });
    if port.stop_bits == StopBits::Two {
        control.insert(ControlModes::CSTOPB);
    }
    let input = &mut settings.input_modes;
    input.remove(InputModes::IXON | InputModes::IXOFF | InputModes::IXANY | InputModes::IGNPAR | InputModes::INPCK);
    if port.parity != Parity::None {
        // A byte that is wrong becomes one that no line has, instead of another.
        input.insert(InputModes::INPCK);
    }
    match port.flow {
        FlowControl::None => {}
        FlowControl::Hardware => settings.control_modes.insert(ControlModes::CRTSCTS),
        FlowControl::Software => settings.input_modes.insert(InputModes::IXON | InputModes::IXOFF),
    }
    settings.set_speed(port.baud).map_err(|_| PortFault::Setting { what: format!("{} baud", port.baud) })
}

fn fault(error: Errno) -> PortFault {
    PortFault::of(&io::Error::from(error))
}

#[cfg(test)]
mod tests {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use rustix::termios::{LocalModes, OutputModes};

    use super::*;
    use crate::thing::Port;

    /// A terminal, and the path of its other end.
    fn terminal() -> (OwnedFd, SerialPort) {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let port = Port::serial(name.to_str().unwrap());
        (master, port)
    }

    /// What is asked for is set, whatever was set before, and nothing else of what these flags say.
    #[test]
    fn a_port_is_raw_and_as_its_settings_say() {
        let (master, port) = terminal();
        let of_control = ControlModes::CSIZE
            | ControlModes::PARENB
            | ControlModes::PARODD
            | ControlModes::CSTOPB
            | ControlModes::CRTSCTS
            | ControlModes::CREAD
            | ControlModes::CLOCAL;
        let of_input =
            InputModes::IXON | InputModes::IXOFF | InputModes::IXANY | InputModes::IGNPAR | InputModes::INPCK;
        let always = ControlModes::CREAD | ControlModes::CLOCAL;
        let seven = port.clone().data_bits(DataBits::Seven).parity(Parity::Even).stop_bits(StopBits::Two);
        let odd = port.clone().parity(Parity::Odd).flow(FlowControl::Software);
        let cases = [
            (port.clone(), ControlModes::CS8, InputModes::empty()),
            (
                seven.flow(FlowControl::Hardware),
                ControlModes::CS7 | ControlModes::PARENB | ControlModes::CSTOPB | ControlModes::CRTSCTS,
                InputModes::INPCK,
            ),
            (
                odd,
                ControlModes::CS8 | ControlModes::PARENB | ControlModes::PARODD,
                InputModes::INPCK | InputModes::IXON | InputModes::IXOFF,
            ),
        ];
        for (port, control, input) in cases {
            for all in [true, false] {
                let mut settings = tcgetattr(&master).unwrap();
                settings.control_modes.set(of_control, all);
                settings.input_modes.set(of_input | InputModes::ICRNL, all);
                settings.local_modes.set(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG, all);
                settings.output_modes.set(OutputModes::OPOST, all);
                set(&mut settings, &port).unwrap();
                assert_eq!(settings.control_modes & of_control, control | always, "{port:?}");
                assert_eq!(settings.input_modes & (of_input | InputModes::ICRNL), input, "{port:?}");
                let cooked = settings.local_modes & (LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
                assert!(cooked.is_empty() && !settings.output_modes.contains(OutputModes::OPOST), "{port:?}");
                assert_eq!((settings.input_speed(), settings.output_speed()), (port.baud, port.baud));
            }
        }
    }

    #[test]
    fn a_port_is_one_programs_until_that_closes_it() {
        let (_master, port) = terminal();
        let first = open(&port).unwrap();
        assert_eq!(open(&port).unwrap_err(), PortFault::InUse);
        drop(first);
        assert!(open(&port).is_ok());
    }

    #[test]
    fn an_open_port_is_read_from_and_written_to_and_waits_for_nothing() {
        use rustix::fs::fcntl_getfl;
        use rustix::io::{FdFlags, fcntl_getfd};
        let (_master, port) = terminal();
        let serial = open(&port).unwrap();
        let flags = fcntl_getfl(serial.file()).unwrap();
        assert!(flags.contains(OFlags::RDWR | OFlags::NONBLOCK), "{flags:?}");
        assert_eq!(fcntl_getfd(serial.file()).unwrap(), FdFlags::CLOEXEC, "no program of ours has it as well");
    }

    #[test]
    fn a_port_that_is_closed_leaves_nothing_for_who_opens_it_next() {
        use std::io::{Read, Write};

        use rustix::fs::fcntl_setfl;

        let (master, port) = terminal();
        let serial = open(&port).unwrap();
        let next = open_file(&port.path, OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK, Mode::empty()).unwrap();
        File::from(master.try_clone().unwrap()).write_all(b"unheard").unwrap();
        fcntl_setfl(serial.file(), OFlags::empty()).unwrap();
        serial.file().read_exact(&mut [0]).expect("it has arrived");
        drop(serial);
        let error = File::from(next).read(&mut [0; 10]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn a_speed_that_is_three_percent_off_can_be_read() {
        for near in [9600, 9888, 9312] {
            assert!(is_near(near, 9600), "{near}");
        }
        for far in [0, 9889, 9311, 19_200] {
            assert!(!is_near(far, 9600), "{far}");
        }
        assert!(is_near(4_000_000_000, 4_000_000_000));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_terminal_with_a_program_at_its_other_end_is_told_from_a_device() {
        let (_master, port) = terminal();
        let path = |path: &std::path::Path| open_file(path, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        assert!(is_played(&path(&port.path)));
        assert!(!is_played(&path("/dev/null".as_ref())));
    }

    #[test]
    fn what_is_no_port_says_so() {
        assert_eq!(open(&Port::serial("/dev/null")).unwrap_err(), PortFault::NotSerial);
        assert_eq!(open(&Port::serial("/dev/there-is-none")).unwrap_err(), PortFault::Missing);
    }
}
