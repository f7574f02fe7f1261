//! Files that are whole or not there.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file that gets its name only when everything is in it: a full disk leaves nothing behind that looks complete.
///
/// What exists and is no regular file, as a terminal or a pipe, is written to as it is.
#[derive(Debug)]
pub struct Whole {
    path: PathBuf,
    out: BufWriter<Target>,
}

#[derive(Debug)]
enum Target {
    Temporary(NamedTempFile),
    Direct(File),
}

impl Whole {
    /// Begins a file that will have this name.
    pub fn create(path: &Path) -> io::Result<Self> {
        let told = |error| about(path, &error);
        let special = fs::metadata(path).is_ok_and(|found| !found.is_file());
        let target = if special {
            Target::Direct(File::options().write(true).open(path).map_err(told)?)
        } else {
            let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
            Target::Temporary(NamedTempFile::new_in(dir).map_err(told)?)
        };
        Ok(Self { path: path.to_owned(), out: BufWriter::new(target) })
    }

    /// Gives the file its name; one of this name is replaced.
    pub fn finish(self) -> io::Result<()> {
        let Self { path, out } = self;
        let told = |error| about(&path, &error);
        match out.into_inner().map_err(|error| told(error.into_error()))? {
            Target::Temporary(file) => {
                file.as_file().sync_all().map_err(told)?;
                make_readable(file.as_file()).map_err(told)?;
                file.persist(&path).map(|_| ()).map_err(|error| told(error.error))
            }
            Target::Direct(mut file) => file.flush().map_err(told),
        }
    }

    /// Writes a whole file at once.
    pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = Self::create(path)?;
        file.write_all(bytes)?;
        file.finish()
    }
}

impl Write for Whole {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes).map_err(|error| about(&self.path, &error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush().map_err(|error| about(&self.path, &error))
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Temporary(file) => file.write(bytes),
            Self::Direct(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Temporary(file) => file.flush(),
            Self::Direct(file) => file.flush(),
        }
    }
}

/// Temporary files are private; a report is not.
#[cfg(unix)]
fn make_readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &File) -> io::Result<()> {
    Ok(())
}

/// The error with the name of the file.
fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_only_when_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.json");
        let mut file = Whole::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        file.flush().unwrap();
        assert!(!path.exists());
        drop(file);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left of it");
        Whole::write(&path, b"whole").unwrap();
        Whole::write(&path, b"another").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"another");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_with_the_name_of_the_file() {
        let error = Whole::write(Path::new("/dev/full"), b"whole").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(error.to_string().starts_with("cannot write /dev/full: "), "{error}");
        assert!(fs::metadata("/dev/full").is_ok_and(|found| !found.is_file()), "it is still what it was");
    }
}
